package awselb

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/control/awselb/query"
	"lull/internal/control/store"
	"lull/internal/dataplane"
)

// tenInstances is a load balancer of the size that lull is measured with.
func tenInstances(name string, address netip.Addr) *document {
	d := newDocument(name)
	d.HealthCheck.Interval = 300
	d.Nodes = []node{{Zone: "us-west-2a", Address: address}}
	d.Listeners = []listener{{Protocol: "HTTP", Port: portHTTP, InstanceProtocol: "HTTP", InstancePort: 80}}
	for i := range 10 {
		d.Instances = append(d.Instances, instance{ID: fmt.Sprintf("127.0.0.%d", 100+i)})
	}
	return d
}

func BenchmarkCompile(b *testing.B) {
	s := &Service{o: Options{Instances: newFakeInstances(), Certificates: &fakeCertificates{}}}
	d := tenInstances("web", netip.MustParseAddr("127.0.0.16"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.compile(d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkThousand changes one of 1,000 load balancers with ten instances each, before a real data plane. It reports the time to start
// with them (start-ms) and until a change is in force (visible-ms); ns/op has the store's fsync in it.
func BenchmarkThousand(b *testing.B) {
	const balancers = 1000
	loud := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // 10,000 backends are down, each of which is worth a line
	defer slog.SetDefault(loud)
	e, err := dataplane.New(dataplane.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := &world{engine: e, applier: apply.New(e)}
	defer e.Close()
	defer w.applier.Close()
	st, err := store.Open(b.TempDir()+"/state.db", store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	first := block()
	for i := range balancers {
		four := first.As4()
		four[2], four[3] = byte(i/250), byte(1+i%250)
		d := tenInstances(fmt.Sprintf("lb-%d", i), netip.AddrFrom4(four))
		value, err := d.encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := st.Commit(context.Background(), store.Txn{Puts: []store.Put{{Key: keyPrefix + d.Name, Value: value}}}); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	s, err := New(Options{Store: st, Runtime: w, Instances: newFakeInstances(), Certificates: &fakeCertificates{}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	started := time.Since(began)
	var visible time.Duration
	n := 0
	for b.Loop() {
		n++
		asked := time.Now()
		request := &query.ModifyLoadBalancerAttributesRequest{LoadBalancerName: fmt.Sprintf("lb-%d", n%balancers),
			LoadBalancerAttributes: query.Attributes{ConnectionSettings: &query.ConnectionSettings{IdleTimeout: int32(61 + n%1000)}}}
		if _, err := s.Do(context.Background(), request); err != nil {
			b.Fatal(err)
		}
		visible += time.Unix(0, w.applied.Load()).Sub(asked)
	}
	b.ReportMetric(float64(started.Milliseconds()), "start-ms")
	b.ReportMetric(float64(visible.Microseconds())/float64(n)/1000, "visible-ms")
}
