package awselb

import (
	"reflect"
	"testing"
	"time"
)

func TestViews(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.Summaries(); len(got) != 0 {
		t.Errorf("got %+v without any load balancer", got)
	}
	r.have("web", func(d *document) {
		d.Nodes = append(d.Nodes, node{Zone: "us-west-2c", Address: d.Nodes[0].Address.Next()})
		d.Instances = []instance{{"i-1"}}
		d.Draining = []draining{{"i-2", r.clock.Now().Add(time.Minute)}}
		d.Listeners = append(d.Listeners, listener{Protocol: "SSL", Port: 443, InstanceProtocol: "TCP", InstancePort: 80, CertificateID: rigARN})
	})
	r.have("app", nil)
	want := []Summary{
		{Name: "app", PlanName: r.document("app").planName(), Zones: []string{"us-west-2a"}},
		{Name: "web", PlanName: r.document("web").planName(), Zones: []string{"us-west-2a", "us-west-2c"}},
	}
	if got := r.Summaries(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, s := range want {
		if r.running(s.PlanName) == nil {
			t.Errorf("no load balancer %s runs", s.PlanName)
		}
	}
	r.checkUser("certificate", r.CertificateUser, rigARN, "listener 443 of load balancer web")
	r.checkUser("certificate", r.CertificateUser, rigARN2, "")
	r.checkUser("no certificate", r.CertificateUser, "", "") // a plain listener has none
	r.checkUser("instance", r.InstanceUser, "i-1", "load balancer web")
	r.checkUser("draining", r.InstanceUser, "i-2", "load balancer web")
	r.checkUser("unused", r.InstanceUser, "i-3", "")
	r.clock.advance(time.Minute)
	r.checkUser("drained", r.InstanceUser, "i-2", "")
}

// checkUser compares who uses something.
func (r *rig) checkUser(what string, user func(string) (string, bool), id, want string) {
	r.t.Helper()
	if by, used := user(id); by != want || used != (want != "") {
		r.t.Errorf("%s %q: got %q and %v, want %q", what, id, by, used, want)
	}
}
