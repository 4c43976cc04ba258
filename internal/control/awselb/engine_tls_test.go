package awselb

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// serveTLS answers HTTP over TLS with the instance's name, in those versions.
func (w *world) serveTLS(id string, issued *testca.Issued, newest uint16) uint16 {
	w.t.Helper()
	host, _, _ := w.instances.Lookup(id)
	l := listenAt(w.t, host, 0)
	s := &http.Server{
		Handler:  http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, id) }),
		ErrorLog: log.New(io.Discard, "", 0), // handshakes that fail are wanted
	}
	go func() {
		_ = s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{issued.TLS}, MinVersion: tls.VersionTLS10, MaxVersion: newest}))
	}()
	w.t.Cleanup(func() { _ = s.Close() })
	return portOf(l)
}

// createTLS makes a load balancer with an HTTPS listener before a port that speaks HTTPS, and a health check of that port.
func (w *world) createTLS(ca *testca.Authority, port uint16) {
	w.t.Helper()
	issued := ca.IssueFor(w.t, testca.Request{Names: []string{"web.example"}})
	certificate, err := certs.Parse(issued.Chain, issued.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	holder, _ := w.certificates.Holder(rigARN)
	holder.Replace(certs.NewSet([]*certs.Certificate{certificate}))
	w.asks("Action=CreateLoadBalancer&LoadBalancerName=web&AvailabilityZones.member.1=us-west-2a&Listeners.member.1.Protocol=HTTPS"+
		"&Listeners.member.1.LoadBalancerPort=%d&Listeners.member.1.InstanceProtocol=HTTPS&Listeners.member.1.InstancePort=%d"+
		"&Listeners.member.1.SSLCertificateId=%s", portHTTP, port, rigARN)
	w.asks("Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target=HTTPS:%d/&HealthCheck.Interval=300&HealthCheck.Timeout=60"+
		"&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=2", port)
}

// getTLS makes a request of web.example and returns the answer and the version of TLS.
func (w *world) getTLS(ca *testca.Authority) (status int, body string, version uint16) {
	w.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), ServerName: "web.example"}}
	client := http.Client{Timeout: lulltest.Patience, Transport: transport}
	response, err := client.Get(fmt.Sprintf("https://%s:%d/", w.node(0), portHTTP))
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text), response.TLS.Version
}

// TestEngineTLS: clients get the ARN's certificate by the default policy; instances are spoken to without a look at theirs, in
// whatever version they speak.
func TestEngineTLS(t *testing.T) {
	t.Parallel()
	for name, newest := range map[string]uint16{"TLSv1": tls.VersionTLS10, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, ca := newWorld(t), testca.NewFor(t)
			foreign := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"elsewhere"}, NotAfter: time.Now().Add(-time.Minute)})
			w.createTLS(ca, w.serveTLS("i-1", foreign, newest))
			w.register("i-1")
			if status, body, version := w.getTLS(ca); status != http.StatusOK || body != "i-1" || version != tls.VersionTLS12 {
				t.Errorf("got %d %q in %s, want 200 from i-1 in TLS 1.2", status, body, tls.VersionName(version))
			}
		})
	}
}

// TestEngineBackendAuthentication: an instance must have the key that the policy of its port names. One with another gets nothing
// and fails health checks of that port.
func TestEngineBackendAuthentication(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		right  bool
		target string
		health string
		want   int
	}{
		"right":            {true, "HTTPS:%d/", saysUp, http.StatusOK},
		"wrong":            {false, "HTTPS:%d/", saysNeverUp, http.StatusServiceUnavailable},
		"wrong_not_probed": {false, "TCP:%d", saysUp, http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, ca := newWorld(t), testca.NewFor(t)
			trusted, own := ca.IssueFor(t, testca.Request{Names: []string{"trusted"}}), ca.IssueFor(t, testca.Request{Names: []string{"own"}})
			if c.right {
				own = trusted
			}
			port := w.serveTLS("i-1", own, tls.VersionTLS13)
			w.createTLS(ca, port)
			w.asks("Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target="+c.target+"&HealthCheck.Interval=300&HealthCheck.Timeout=60"+
				"&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=2", port)
			key := url.QueryEscape(base64.StdEncoding.EncodeToString(trusted.TLS.Leaf.RawSubjectPublicKeyInfo))
			const create = "Action=CreateLoadBalancerPolicy&LoadBalancerName=web&PolicyName=%s&PolicyTypeName=%s&PolicyAttributes.member.1.AttributeName=%s&PolicyAttributes.member.1.AttributeValue=%s"
			w.asks(create, "key", typePublicKey, attributePublicKey, key)
			w.asks(create, "auth", typeBackendAuthentication, attributePublicKeyPolicy, "key")
			w.asks("Action=SetLoadBalancerPoliciesForBackendServer&LoadBalancerName=web&InstancePort=%d&PolicyNames.member.1=auth", port)
			w.do(registration("i-1"))
			w.awaitHealth([]string{"i-1"}, c.health)
			if status, _, _ := w.getTLS(ca); status != c.want {
				t.Errorf("got %d, want %d", status, c.want)
			}
		})
	}
}

// TestEngineProxyProtocol: the policy of an instance port puts a header before what a TCP listener's clients send, from the next
// connection on, and a probe has none.
func TestEngineProxyProtocol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1")
	w.create(b, "us-west-2a")
	w.register("i-1")
	const create = "Action=CreateLoadBalancerPolicy&LoadBalancerName=web&PolicyName=proxy&PolicyTypeName=%s&PolicyAttributes.member.1.AttributeName=%s&PolicyAttributes.member.1.AttributeValue=true"
	w.asks(create, typeProxyProtocol, attributeProxyProtocol)
	w.asks("Action=SetLoadBalancerPoliciesForBackendServer&LoadBalancerName=web&InstancePort=%d&PolicyNames.member.1=proxy", b.tcp)
	c := w.dial(w.node(0))
	from, to := c.LocalAddr().(*net.TCPAddr), netip.AddrPortFrom(w.node(0), portTCP)
	want := fmt.Sprintf("PROXY TCP4 %s %s %d %d\r\n", from.IP, to.Addr(), from.Port, to.Port())
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	if line, err := c.reader.ReadString('\n'); line != want {
		t.Errorf("the backend got %q, %v; want %q", line, err, want)
	}
	c.echo()
	if status, body := w.get(w.node(0), "/"); status != http.StatusOK || body != "i-1" {
		t.Errorf("HTTP on the other port: got %d %q", status, body)
	}
}
