package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/file"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/lulltest/testca"
)

// clouded is an instance that serves the APIs, in a directory of its own, with 16 addresses that no other process's has.
type clouded struct {
	*instance
	t    *testing.T
	path string // of the file
	log  *logged
}

// startClouded starts one, with what more the file is to say.
func startClouded(t *testing.T, more ...string) *clouded {
	t.Helper()
	dir := t.TempDir()
	s := &clouded{t: t, path: filepath.Join(dir, "lull.yaml")}
	writeFiles(t, dir, map[string][]byte{"lull.yaml": fmt.Appendf(nil, `admin: {socket: %[1]s/s}
api: {data: %[1]s/data, addresses: [127.93.%[2]d.16/28]}
%[3]s`, dir, os.Getpid()%256, strings.Join(more, ""))})
	s.start()
	t.Cleanup(func() { s.close() })
	return s
}

// start starts it, once more if it was closed.
func (s *clouded) start() {
	s.t.Helper()
	c, err := file.Load(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	c.API.Address, s.log = "127.0.0.1:0", &logged{}
	if c.Metrics != "" {
		c.Metrics = "127.0.0.1:0"
	}
	if s.instance, err = startInstance(c, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		s.t.Fatal(err)
	}
}

// lose ends it, and starts it without what is stored below a prefix.
func (s *clouded) lose(prefix string) {
	s.t.Helper()
	data := s.config.API.Data
	s.close()
	kept, err := store.Open(filepath.Join(data, stateFile), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	entries, _ := kept.List(prefix)
	txn := store.Txn{}
	for _, e := range entries {
		txn.Deletes = append(txn.Deletes, e.Key)
	}
	if _, err = kept.Commit(s.t.Context(), txn); err != nil || len(entries) == 0 {
		s.t.Fatalf("%d entries: %v", len(entries), err)
	}
	if err = kept.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// elb asks the Classic ELB API.
func (s *clouded) elb(request any) {
	s.t.Helper()
	if _, err := s.cloud.elb.Load().Do(s.t.Context(), request); err != nil {
		s.t.Fatal(err)
	}
}

// oci asks the OCI API for a change, and waits until it is made.
func (s *clouded) oci(method, target string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.cloud.askOCI(method, target, text)
	if err != nil {
		s.t.Fatal(err)
	}
	work := "/loadBalancerWorkRequests/" + answer.WorkRequestID
	for end := time.Now().Add(ociPatience); time.Now().Before(end); runtime.Gosched() {
		answer, err = s.cloud.askOCI(http.MethodGet, work, nil)
		w, _ := answer.Result.(wire.WorkRequest)
		switch {
		case err != nil || w.LifecycleState == wire.WorkFailed:
			s.t.Fatalf("%s %s: %v, %v", method, target, err, w.ErrorDetails)
		case w.LifecycleState == wire.WorkSucceeded:
			return
		}
	}
	s.t.Fatalf("%s %s: not done after %v", method, target, ociPatience)
}

// open says which ports of the load balancers can be reached, as "web:8443": with a handshake if they have TLS.
func (s *clouded) open() string {
	s.t.Helper()
	var names []string
	for _, lb := range s.applier.Plan().LoadBalancers {
		for _, l := range lb.Listeners {
			var c net.Conn
			var err error
			if l.TLS == nil {
				c, err = net.Dial("tcp", l.Address.String())
			} else {
				c, err = tls.Dial("tcp", l.Address.String(), &tls.Config{InsecureSkipVerify: true}) // whose it is does not matter
			}
			if err != nil {
				s.t.Errorf("%s: %v", l.Key, err)
				continue
			}
			_ = c.Close()
			names = append(names, fmt.Sprintf("%s:%d", lb.Name, l.Address.Port()))
		}
	}
	return strings.Join(names, " ")
}

// TestCertificateGone: without the certificate of a listener everything else starts and serves, the log says what to do, and either API
// serves that listener again once the certificate is imported again or it has another one.
func TestCertificateGone(t *testing.T) {
	t.Parallel()
	const arn, other = "arn:aws:iam::000000000000:server-certificate/web", "arn:aws:iam::000000000000:server-certificate/other"
	s, ca := startClouded(t), testca.NewFor(t)
	bring := func(arn string) {
		t.Helper()
		pair := ca.IssueFor(t, testca.Request{Names: []string{"a.test"}, RSA: true}) // Oracle's default suite has no ciphers for others
		if _, err := s.cloud.certs.Import(context.Background(), arn, pair.Chain, pair.Key); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when, want string) {
		t.Helper()
		if got := s.open(); got != want {
			t.Fatalf("%s: got %q, want %q", when, got, want)
		}
	}
	bring(arn)
	certificate, plain := arn, "HTTP"
	s.elb(&query.CreateLoadBalancerRequest{LoadBalancerName: "web", AvailabilityZones: []string{"us-east-1a"}, Listeners: []query.Listener{
		{Protocol: "HTTP", LoadBalancerPort: 8080, InstanceProtocol: &plain, InstancePort: 80},
		{Protocol: "HTTPS", LoadBalancerPort: 8443, InstanceProtocol: &plain, InstancePort: 80, SSLCertificateID: &certificate},
	}})
	secured := map[string]any{"port": 8443, "protocol": "HTTP", "defaultBackendSetName": "app", "sslConfiguration": map[string]any{"certificateIds": []string{arn}}}
	id, err := s.cloud.createOCI(map[string]any{
		"compartmentId": s.cloud.tenancy(), "displayName": "oci", "shapeName": "flexible", "subnetIds": []string{"ocid1.subnet.oc1..a"},
		"shapeDetails": map[string]any{"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100},
		"backendSets":  map[string]any{"app": map[string]any{"policy": "ROUND_ROBIN", "healthChecker": map[string]any{"protocol": "TCP"}}},
		"listeners": map[string]any{"secured": secured,
			"plain": map[string]any{"port": 8080, "protocol": "HTTP", "defaultBackendSetName": "app"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const all = "web:8080 web:8443 oci:8080 oci:8443"
	want("at first", all)

	s.lose("certificates/")
	want("without the certificate", "web:8080 oci:8080")
	for _, words := range []string{"load_balancer=web listener=https-8443 port=8443 certificate=" + arn,
		"load_balancer=oci id=" + id + " listener=secured port=8443 certificate=" + arn, "lull certs import", "give it another one"} {
		if !strings.Contains(s.log.String(), words) {
			t.Errorf("the log does not say %q:\n%s", words, s.log)
		}
	}
	bring(arn)
	want("once it is imported again", all)

	s.lose("certificates/")
	bring(other)
	want("with another one that nobody uses", "web:8080 oci:8080")
	s.elb(&query.SetLoadBalancerListenerSSLCertificateRequest{LoadBalancerName: "web", LoadBalancerPort: 8443, SSLCertificateID: other})
	secured["sslConfiguration"] = map[string]any{"certificateIds": []string{other}}
	s.oci(http.MethodPut, "/loadBalancers/"+id+"/listeners/secured", secured)
	want("with the listeners changed to the other one", all)
}

// TestRenewedOnSharedPort: clients get the renewed certificate also where listeners share a port, and with it a set that is made of theirs.
func TestRenewedOnSharedPort(t *testing.T) {
	t.Parallel()
	s, ca := startClouded(t), testca.NewFor(t)
	bring := func(name string) (serial string) {
		t.Helper()
		pair := ca.IssueFor(t, testca.Request{Names: []string{name + ".test"}, RSA: true})
		if _, err := s.cloud.certs.Import(context.Background(), name, pair.Chain, pair.Key); err != nil {
			t.Fatal(err)
		}
		return pair.TLS.Leaf.SerialNumber.String()
	}
	listener := func(name string) map[string]any {
		return map[string]any{"port": 8443, "protocol": "HTTP", "defaultBackendSetName": "app", "hostnameNames": []string{name},
			"sslConfiguration": map[string]any{"certificateIds": []string{"arn:aws:iam::000000000000:server-certificate/" + name}}}
	}
	bring("a")
	bring("b")
	_, err := s.cloud.createOCI(map[string]any{
		"compartmentId": s.cloud.tenancy(), "displayName": "oci", "shapeName": "flexible", "subnetIds": []string{"ocid1.subnet.oc1..a"},
		"shapeDetails": map[string]any{"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100},
		"backendSets":  map[string]any{"app": map[string]any{"policy": "ROUND_ROBIN", "healthChecker": map[string]any{"protocol": "TCP"}}},
		"hostnames":    map[string]any{"a": map[string]any{"name": "a", "hostname": "a.test"}, "b": map[string]any{"name": "b", "hostname": "b.test"}},
		"listeners":    map[string]any{"a": listener("a"), "b": listener("b")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		renewed := bring(name)
		c, err := tls.Dial("tcp", s.applier.Plan().LoadBalancers[0].Listeners[0].Address.String(), &tls.Config{RootCAs: ca.Pool(), ServerName: name + ".test"})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].SerialNumber.String(); got != renewed {
			t.Errorf("%s: got the certificate %s, want the renewed one, %s", name, got, renewed)
		}
		_ = c.Close()
	}
}

// TestHeadBytes: the file's bound for heads holds for load balancers of the Classic ELB API, from the start and when it is changed.
func TestHeadBytes(t *testing.T) {
	t.Parallel()
	s := startClouded(t)
	plain := "HTTP"
	s.limit(8192)
	s.close()
	s.start()
	s.elb(&query.CreateLoadBalancerRequest{LoadBalancerName: "web", AvailabilityZones: []string{"us-east-1a"}, Listeners: []query.Listener{
		{Protocol: "HTTP", LoadBalancerPort: 8080, InstanceProtocol: &plain, InstancePort: 80},
	}})
	address := s.applier.Plan().LoadBalancers[0].Listeners[0].Address.String()
	answer := func(size int) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range size / 1024 {
			req.Header.Add("X-Filling", strings.Repeat("x", 1000))
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	want := func(bound int) {
		t.Helper()
		small, large := answer(bound-4096), answer(bound+4096)
		if small != http.StatusServiceUnavailable || large != http.StatusRequestHeaderFieldsTooLarge && large != http.StatusBadRequest {
			t.Errorf("with %d bytes allowed: got %d for a smaller head and %d for a larger one", bound, small, large)
		}
	}
	want(8192)
	s.limit(32768)
	s.reloadFile(s.path)
	want(32768)
	s.elb(&query.DeleteLoadBalancerRequest{LoadBalancerName: "web"})
}

// TestOthersAreCounted: the metrics of an instance that serves the APIs have the delivery of access logs, and how health checks keep up.
func TestOthersAreCounted(t *testing.T) {
	t.Parallel()
	s := startClouded(t, "metrics: {address: 127.0.0.1:9440}\n")
	resp, err := http.Get("http://" + s.metrics.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	for _, want := range []string{"\nlull_access_log_delivery_files_waiting 0\n", "\nlull_health_checks_missed_total 0\n"} {
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%v: the metrics do not have %q", err, want)
		}
	}
}

// limit writes how large a head may be into the file.
func (s *clouded) limit(size int) {
	s.t.Helper()
	text, err := os.ReadFile(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte("limits:"))
	if err = os.WriteFile(s.path, fmt.Appendf(text, "limits: {head_bytes: %d}\n", size), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
