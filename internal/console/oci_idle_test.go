package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/record"
)

// idleNow returns the idle timeout of a listener, as the API tells it.
func (r *ociRig) idleNow(listener string) int {
	r.t.Helper()
	return r.listener(listener).ConnectionConfiguration.IdleTimeout
}

// ofListener returns open connections of one of web's listeners in the plan, of which one has been quiet for longer than the next.
func ofListener(listener string, n int) []record.Live {
	list := others(n)
	for i := range list {
		list[i].Ends.Listener = listener
	}
	return list
}

// TestOCIIdleTimeout is the way that the OCI documentation describes (book O8): the load balancer, Listeners, Edit listener, Idle timeout in
// seconds, save. Before it is saved the page says what it closes, and how the oci command does the same.
func TestOCIIdleTimeout(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	r.change(http.MethodPut, "/loadBalancers/"+r.id+"/listeners/http", `{"defaultBackendSetName":"app","port":80,"protocol":"HTTP","hostnameNames":["www"],"connectionConfiguration":{"idleTimeout":60}}`)
	waiting := live(7777, 65*time.Second, 50*time.Second)
	waiting.Timer, waiting.Ends.Listener = "front_keepalive", "http:80"
	all := append(ofListener("http:80", 1180), ofListener("tcp", 9)...)
	r.engine.set(func() { r.engine.conns = append(all, waiting) })
	b := r.loggedIn(adminID)
	list := b.get("/console/").want(http.StatusOK)
	one := b.get(list.linkTo("web")).want(http.StatusOK)
	listeners := b.get(one.linkTo("Listeners")).want(http.StatusOK)
	form := b.get(listeners.linkTo("Edit")).want(http.StatusOK)
	for planned, name := range map[string]string{"tcp": "tcp", "http:80": "http"} { // an HTTP port is the listener's that has it alone
		shown := b.get(to("listener", "load_balancer", "web", "listener", planned)).want(http.StatusOK)
		if got := shown.linkTo("Edit idle timeout"); got != "/console/oci-listener?load_balancer=web&name_of="+name {
			t.Errorf("the page of listener %s leads to %q", planned, got)
		}
		if got := shown.linkTo("Show them"); got != to("connections", "load_balancer", "web", "listener", name) {
			t.Errorf("the connections of listener %s are at %q", planned, got)
		}
	}
	if got := text(form.one("h1")); got != "Edit listener" {
		t.Errorf("got heading %q", got)
	}
	if got := text(form.one("label[for=f-" + ociIdle + "]")); got != "Idle timeout in seconds" || attr(form.fieldOf(ociIdle), "value") != "60" {
		t.Errorf("got label %q", got)
	}
	inline(t, "listener", form.tree())
	typed := sent(form, map[string]string{ociIdle: "30"})
	const want = "It closes 581 of 1,181 open connections now."
	command := `oci lb listener update --load-balancer-id ` + r.id + ` --listener-name http --connection-configuration-idle-timeout 30 --default-backend-set-name app ` +
		`--hostname-names '["www"]' --port 80 --protocol HTTP --force --endpoint http://127.0.0.1:8440/20170115`
	asked := b.do(http.MethodPost, "/console/oci-listener-preview", typed, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
	if got := text(asked.all("p")[0]); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := text(asked.one("pre")); got != command {
		t.Errorf("got  %s\nwant %s", got, command)
	}
	whole := b.do(http.MethodPost, "/console/oci-listener-preview", typed).want(http.StatusOK)
	if got := text(whole.one("div#impact")); got != want || text(whole.one("pre")) != command {
		t.Errorf("without scripts: got %q", got)
	}
	if r.idleNow("http") != 60 {
		t.Fatal("a look ahead has changed something")
	}
	saved := b.do(http.MethodPost, "/console/oci-listener", sent(whole, nil)).want(http.StatusSeeOther)
	if l := r.listener("http"); r.idleNow("http") != 30 || len(l.HostnameNames) != 1 {
		t.Errorf("saved: got %+v", l)
	}
	after := b.get(saved.Header().Get("Location")).want(http.StatusOK)
	if got := text(after.one("p.flash")); got != "The listener http has been saved. "+want {
		t.Errorf("got %q", got)
	}
	if got := text(after.one("table")); !strings.Contains(got, "30 seconds") {
		t.Errorf("got %q", got)
	}
}
