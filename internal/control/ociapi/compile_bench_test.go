package ociapi

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"lull/internal/control/ociapi/wire"
	"lull/internal/lulltest/testca"
)

// large returns a load balancer with 16 listeners over TLS, before as many backend sets of 32 backends each.
func large(tb testing.TB) *document {
	tb.Helper()
	issued := testca.NewFor(tb).IssueFor(tb, testca.Request{Names: []string{"web.test"}, RSA: true})
	chain, key, path := string(issued.Chain), wire.Secret(issued.Key), "/health"
	d := newDocument("ocid1.loadbalancer.oc1..a")
	d.PlanName, d.State, d.Addresses = "web", stateActive, []netip.Addr{netip.MustParseAddr("127.9.0.1")}
	d.Certificates["c"] = wire.CertificateDetails{CertificateName: "c", PublicCertificate: &chain, PrivateKey: &key}
	for i := range backendSetsMax {
		set := wire.BackendSetDetails{Policy: "ROUND_ROBIN", HealthChecker: wire.HealthChecker{
			Protocol: wire.ProtocolHTTP, URLPath: &path, ReturnCode: 200, Retries: 3, TimeoutInMillis: 3000, IntervalInMillis: 10_000, ResponseBodyRegex: "^ok$",
		}}
		for j := range backendsMax / backendSetsMax {
			set.Backends = append(set.Backends, wire.BackendDetails{IPAddress: fmt.Sprintf("10.0.%d.%d", i, j), Port: 8080, Weight: 1})
		}
		name := fmt.Sprintf("set%d", i)
		d.BackendSets[name] = set
		c, port := "c", 8000+i
		d.Listeners[fmt.Sprintf("listener%d", i)] = wire.ListenerDetails{
			DefaultBackendSetName: name, Port: port, Protocol: wire.ProtocolHTTP, ConnectionConfiguration: &wire.ConnectionConfiguration{IdleTimeout: 60},
			SSLConfiguration: &wire.SSLConfiguration{CertificateName: &c, CipherSuiteName: "oci-default-ssl-cipher-suite-v1", Protocols: []string{"TLSv1.2"}},
		}
	}
	return d
}

// BenchmarkCompile is what a change of the largest load balancer costs, twice: its certificates are there already.
func BenchmarkCompile(b *testing.B) {
	s := &Service{o: Options{Log: slog.New(slog.DiscardHandler)}}
	d := large(b)
	kept, err := s.compile(d)
	if err != nil || len(kept.Listeners) != listenersMax {
		b.Fatalf("got %d listeners and %v", len(kept.Listeners), err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.compile(d); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if again, err := s.compile(d); err != nil || again.Listeners[0].TLS.Certificates != kept.Listeners[0].TLS.Certificates {
		b.Errorf("the certificate was read again: %v", err)
	}
}
