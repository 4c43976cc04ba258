package file

import (
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlspolicy"
)

// good loads a file of testdata/good as if it lay among the certificates that it names.
func good(t *testing.T, name string) *Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/good", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, faults := parseIn(tlsDir(t), data)
	if faults != "" {
		t.Fatalf("%s: got faults, want none:\n%s", name, faults)
	}
	return c
}

// TestContractExample compiles the example of the reference: everything written in it must arrive in the plan.
func TestContractExample(t *testing.T) {
	t.Parallel()
	got := good(t, "contract")
	if n := len(got.Certificates); n != 4 {
		t.Errorf("got %d sources of certificates to watch, want one of https, one of the other two listeners, and two of authorities", n)
	}
	want := Config{
		Path:        got.Path,
		AdminSocket: "./lull.sock",
		Metrics:     "127.0.0.1:9440",
		AccessLog:   AccessLog{Path: "/dev/stdout", Format: "text"},
		API: &API{
			Address: "127.0.0.1:8440", Data: "./lull-data", Region: "us-east-1", Account: "000000000000",
			Zones:       []string{"us-east-1a", "us-east-1b", "us-east-1c"},
			Addresses:   []AddressRange{{netip.MustParseAddr("127.0.0.16"), netip.MustParseAddr("127.255.255.254")}},
			Certificate: got.API.Certificate,
			DNS:         &DNS{Address: "127.0.0.1:8453", TTL: time.Minute},
			AccessLogs: AccessLogs{
				Directory: "./lull-data/access-logs",
				S3:        &S3{Endpoint: "http://127.0.0.1:9000", Region: "us-east-1", AccessKeyID: "AKIDEXAMPLE", SecretKey: s3Secret},
			},
		},
		Instances: []Instance{{ID: "i-0abc", Host: "10.0.0.5", Zone: "us-east-1a"}},
		HeadMax:   plan.HeadMaxDefault, Plan: got.Plan, Certificates: got.Certificates,
		PublicKeys: map[plan.SetKey][]string{{LoadBalancer: "web", Name: "queue"}: {filepath.Join(filepath.Dir(got.Path), "backend.pub")}},
	}
	compare(t, "process settings", *got, want)
	web := got.Plan.LoadBalancers[0]
	checkContractTLS(t, web)
	app, postgres, queue := contractApp(), contractPostgres(), contractQueue(web.BackendSets[2])
	if body := web.BackendSets[0].HealthCheck.Body; body == nil || body.String() != "up|ready" {
		t.Errorf("health check: got the expression %v, want up|ready", body)
	} else {
		app.HealthCheck.Body = body
	}
	times := timeout.Settings{
		Model: timeout.Directional, Idle: 30 * time.Second, FrontKeepalive: 65 * time.Second,
		FrontRequestsMax: 10000, BackKeepalive: 300 * time.Second, Connect: 10 * time.Second,
		Handshake: 10 * time.Second, RequestHead: 60 * time.Second, Drain: 30 * time.Second,
	}
	whole := times
	whole.Idle = 60 * time.Second
	compare(t, "load balancer", web, &plan.LoadBalancer{
		Name: "web", Origin: want.Path, BackendSets: []*plan.BackendSet{app, postgres, queue},
		Listeners: []*plan.Listener{
			{
				Key:        plan.ListenerKey{LoadBalancer: "web", Name: "http"},
				Protocol:   plan.HTTP,
				Address:    netip.MustParseAddrPort("127.0.0.10:8080"),
				BackendSet: app, Timeouts: times, HeadMax: 65536, StaleRetry: true,
			},
			{
				Key:        plan.ListenerKey{LoadBalancer: "web", Name: "db"},
				Address:    netip.MustParseAddrPort("127.0.0.10:5432"),
				BackendSet: postgres, Timeouts: whole, ProxySend: 2,
			},
			{
				Key:        plan.ListenerKey{LoadBalancer: "web", Name: "https"},
				Protocol:   plan.HTTP,
				Address:    netip.MustParseAddrPort("127.0.0.10:8443"),
				BackendSet: app, Timeouts: whole, HeadMax: 65536, StaleRetry: true, TLS: web.Listeners[2].TLS,
			},
			{
				Key:        plan.ListenerKey{LoadBalancer: "web", Name: "queue"},
				Address:    netip.MustParseAddrPort("127.0.0.10:5671"),
				BackendSet: queue, Timeouts: whole, TLS: web.Listeners[3].TLS,
			},
		},
	})
	if web.Listeners[0].BackendSet != web.BackendSets[0] {
		t.Error("the listener's backend set is a copy, want the load balancer's own")
	}
	compare(t, "stickiness of the second", got.Plan.LoadBalancers[1].BackendSets[0].Stickiness,
		&plan.Stickiness{Cookie: "AWSELB", Follow: "JSESSIONID", Path: "/"})
}

func contractApp() *plan.BackendSet {
	key := plan.SetKey{LoadBalancer: "web", Name: "app"}
	return &plan.BackendSet{
		Key:    key,
		Policy: plan.LeastOutstanding,
		Backends: []plan.Backend{
			{Key: plan.BackendKey{Set: key, Host: "127.0.0.1", Port: 9001}, Weight: 1},
			{Key: plan.BackendKey{Set: key, Host: "app.internal", Port: 9001}, Weight: 1, Backup: true},
		},
		HealthCheck: &plan.HealthCheck{
			Protocol: plan.CheckHTTP, Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 3,
			Path: "/", Status: 200,
		},
		Stickiness: &plan.Stickiness{Cookie: "X-Oracle-BMC-LBS-Route", Domain: "app.example.com", Path: "/", HTTPOnly: true},
	}
}

func contractPostgres() *plan.BackendSet {
	key := plan.SetKey{LoadBalancer: "web", Name: "postgres"}
	return &plan.BackendSet{
		Key:      key,
		Backends: []plan.Backend{{Key: plan.BackendKey{Set: key, Host: "127.0.0.1", Port: 9432}, Weight: 1}},
		HealthCheck: &plan.HealthCheck{
			Protocol: plan.CheckHTTP, Port: 8008, Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 3,
			Path: "/primary", Status: 200,
		},
	}
}

// contractQueue has the TLS settings of the set that it is compared with: checkContractTLS looks at those.
func contractQueue(got *plan.BackendSet) *plan.BackendSet {
	key := plan.SetKey{LoadBalancer: "web", Name: "queue"}
	return &plan.BackendSet{
		Key:      key,
		Backends: []plan.Backend{{Key: plan.BackendKey{Set: key, Host: "127.0.0.1", Port: 9671}, Weight: 1}},
		HealthCheck: &plan.HealthCheck{
			Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 3, TLS: got.HealthCheck.TLS,
		},
		TLS: got.TLS,
	}
}

// checkContractTLS checks what the example says of TLS, as far as it can be told from pointers and parsed certificates.
func checkContractTLS(t *testing.T, web *plan.LoadBalancer) {
	t.Helper()
	https, ssl, queue := web.Listeners[2], web.Listeners[3], web.BackendSets[2]
	if got, want := leaves(https), "app.example.com other.example.com"; got != want {
		t.Errorf("certificates: got %s, want %s", got, want)
	}
	if got := https.TLS; got.Policy != tlspolicy.Default || got.ClientAuth != plan.ClientCertOptional || got.ClientRoots == nil ||
		got.SubjectHeader != "X-Client-Subject" || !slices.Equal(got.ALPN, []string{"http/1.1"}) || got.NoResumption {
		t.Errorf("https: got %+v", got)
	}
	if got := ssl.TLS; leaves(ssl) != "app.example.com" || !slices.Equal(got.ALPN, []string{"amqp"}) {
		t.Errorf("ssl: got %+v", got)
	}
	got := queue.TLS
	if !got.Verify || got.ServerName != "queue.internal" || got.Roots == nil || len(got.PublicKeys) != 1 || got.Policy.Min != tls.VersionTLS13 {
		t.Errorf("backend set: got %+v", got)
	}
	compare(t, "TLS of the health check", queue.HealthCheck.TLS, got)
}

// compare fails the test unless the two are the same all the way down.
func compare(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ") // for people: pointers in %+v are addresses
		w, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("%s:\ngot %s\nwant %s", what, g, w)
	}
}

// TestContractHasEveryKey keeps the example of the reference complete.
func TestContractHasEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/good/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range settings {
		if _, key := splitPath(settings[i].path); !strings.Contains(string(text), key+":") {
			t.Errorf("%s is not in the example", settings[i].path)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := good(t, "minimal")
	if c.AdminSocket != "./lull.sock" || c.Metrics != "" || c.AccessLog != (AccessLog{}) || c.Loops != 0 || c.ConnectionsMax != 0 {
		t.Errorf("process settings: got %+v", c)
	}
	l := c.Plan.LoadBalancers[0].Listeners[0]
	want := timeout.Settings{
		Model: timeout.Shared, Idle: timeout.IdleDefaultShared, Connect: timeout.ConnectDefault,
		Handshake: timeout.HandshakeDefault, RequestHead: timeout.RequestHeadDefault, Drain: timeout.DrainDefault,
	}
	if l.Timeouts != want {
		t.Errorf("timeouts: got %+v, want %+v", l.Timeouts, want)
	}
	if got, want := l.Address.String(), "0.0.0.0:80"; got != want {
		t.Errorf("address: got %s, want %s", got, want)
	}
	if l.BackendSet.Policy != plan.RoundRobin || l.BackendSet.HealthCheck != nil || l.BackendSet.Backends[0].Weight != 1 {
		t.Errorf("backend set: got %+v", l.BackendSet)
	}
}

// TestDefaultsDirectional covers the default of DI-13, 300 seconds on a TCP listener, and an empty health_check.
func TestDefaultsDirectional(t *testing.T) {
	t.Parallel()
	l := good(t, "defaults-directional").Plan.LoadBalancers[0].Listeners[0]
	want := timeout.Settings{
		Model: timeout.Directional, Idle: timeout.IdleDefaultDirectionalTCP, FrontKeepalive: timeout.FrontKeepaliveDefault,
		FrontRequestsMax: timeout.FrontRequestsMaxDefault, BackKeepalive: timeout.BackKeepaliveDefault,
		Connect: timeout.ConnectDefault, Handshake: timeout.HandshakeDefault, RequestHead: timeout.RequestHeadDefault,
		Drain: timeout.DrainDefault,
	}
	if l.Timeouts != want {
		t.Errorf("timeouts: got %+v, want %+v", l.Timeouts, want)
	}
	check := plan.HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 3}
	if got := *l.BackendSet.HealthCheck; got != check {
		t.Errorf("health check: got %+v, want %+v", got, check)
	}
	if got, want := l.Address.String(), "[::1]:80"; got != want {
		t.Errorf("address: got %s, want %s", got, want)
	}
	if got, want := l.BackendSet.Backends[0].Key.Endpoint(), "[::1]:9001"; got != want {
		t.Errorf("backend: got %s, want %s", got, want)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	for i, want := range []time.Duration{4000 * time.Second, time.Second} {
		l := good(t, "aliases").Plan.LoadBalancers[i].Listeners[0]
		if l.Timeouts.Idle != want || l.Timeouts.Connect != 1500*time.Millisecond || len(l.BackendSet.Backends) != 2 {
			t.Errorf("load balancer %d: got %+v with %d backends, want idle %v", i, l.Timeouts, len(l.BackendSet.Backends), want)
		}
	}
}

// TestEveryKey sets each key to something other than its default, at the ends of ranges.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	c := good(t, "everything-else")
	process := Config{
		Path: c.Path, AdminSocket: "/run/lull.sock", Metrics: "127.0.0.1:9440",
		AccessLog: AccessLog{Path: "/dev/stdout", Format: "aws"}, Loops: 256, ConnectionsMax: 1000000, HeadMax: plan.HeadMaxDefault, Plan: c.Plan,
	}
	compare(t, "process settings", *c, process)
	a := c.Plan.LoadBalancers[1]
	times := timeout.Settings{
		Model: timeout.Shared, Idle: 4000 * time.Second, Connect: time.Millisecond, Handshake: 600 * time.Second,
		AgeMax: 365 * 24 * time.Hour,
	}
	one := *a.Listeners[0]
	want := plan.Listener{
		Key: plan.ListenerKey{LoadBalancer: "a", Name: "one"}, Address: netip.MustParseAddrPort("127.0.0.1:1"),
		BackendSet: one.BackendSet, Timeouts: times, ProxyAccept: true, ProxySend: 2, ResetOnIdle: true,
	}
	if !reflect.DeepEqual(one, want) {
		t.Errorf("listener: got %+v, want %+v", one, want)
	}
	backend := plan.Backend{
		Key:    plan.BackendKey{Set: one.BackendSet.Key, Host: "A_b.example.", Port: 65535},
		Weight: 100, ConnectionsMax: 1000000, Backup: true, Drain: true, Offline: true,
	}
	if got := one.BackendSet.Backends[0]; got != backend {
		t.Errorf("backend: got %+v, want %+v", got, backend)
	}
	check := plan.HealthCheck{Port: 65535, Interval: 1800 * time.Second, Timeout: 600 * time.Second, Healthy: 10, Unhealthy: 1}
	if got := *one.BackendSet.HealthCheck; got != check {
		t.Errorf("health check: got %+v, want %+v", got, check)
	}
	if got := a.BackendSets[1].HealthCheck.Timeout; got != 100*time.Millisecond {
		t.Errorf("timeout of a health check with only an interval: got %v, want the interval, 100ms", got)
	}
}

// TestIdleRange is this front door's half of SH-10 and DI-14: the ranges of the two models, and nothing but an error,
// so nothing to apply, outside them.
func TestIdleRange(t *testing.T) {
	t.Parallel()
	cases := []struct {
		model, idle string
		ok          bool
	}{
		{"shared", "1", true}, {"shared", "1s", true}, {"shared", "1000ms", true}, {"shared", "4000", true},
		{"shared", "66m40s", true}, {"shared", "0", false}, {"shared", "0s", false}, {"shared", "4001", false},
		{"shared", "-1", false}, {"shared", "999ms", false}, {"shared", "1.5", false}, {"shared", "1.5s", false},
		{"shared", "4000.5s", false}, {"shared", "60 s", false}, {"shared", "sixty", false}, {"shared", "~", false},
		{"directional", "1", true}, {"directional", "7200", true}, {"directional", "2h", true},
		{"directional", "0", false}, {"directional", "7201", false}, {"directional", "-60s", false},
		{"directional", "999ms", false}, {"directional", "60.5", false},
	}
	for _, c := range cases {
		t.Run(c.model+"/"+c.idle, func(t *testing.T) {
			t.Parallel()
			balancer := "load_balancers: [{name: a, timeouts: {model: " + c.model + ", idle: " + c.idle + "}, listeners: [" +
				"{name: l, protocol: PROTO, port: 1, backend_set: s}], backend_sets: [{name: s}]}]"
			listener := "load_balancers: [{name: a, timeouts: {model: " + c.model + "}, listeners: [" +
				"{name: l, protocol: PROTO, port: 1, backend_set: s, idle: " + c.idle + "}], backend_sets: [{name: s}]}]"
			for _, where := range []string{
				strings.ReplaceAll(balancer, "PROTO", "tcp"), strings.ReplaceAll(balancer, "PROTO", "http"),
				strings.ReplaceAll(listener, "PROTO", "tcp"), strings.ReplaceAll(listener, "PROTO", "http"),
			} {
				got, err := Parse("lull.yaml", []byte(where))
				if (err == nil) != c.ok || (got != nil) != c.ok {
					t.Errorf("%s: got %v, %v, want accepted %v", where, got, err, c.ok)
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const file = `load_balancers:
  - name: a
    timeouts: {idle: 5, connection_age_max: 4}
    listeners:
      - {name: l, protocol: tcp, port: 1, backend_set: used}
      - {name: quick, protocol: tcp, port: 2, backend_set: gone, idle: 60}
    backend_sets:
      - name: used
        backends: [{address: 127.0.0.1, port: 1}]
        health_check: {interval: 400s, timeout: 6s, unhealthy: 2}
      - {name: gone, backends: [{address: 127.0.0.1, port: 1, offline: true}, {address: 127.0.0.1, port: 2, drain: true}]}
      - {name: spare}
  - name: b
`
	c, err := Parse("lull.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a/l: connect 10s is not below idle 5s: an attempt to connect ends after 5s",
		"a/l: connection_age_max 4s is not above idle 5s: the age ends quiet connections before idle can",
		"a/l: health_check.timeout 6s of backend set used is above connect 5s: a backend this slow passes its probes and yet gets no connection",
		"a/quick: connection_age_max 4s is not above idle 60s: the age ends quiet connections before idle can",
		"a/used: a backend that fails is noticed after 800s (interval 400s, unhealthy 2)",
		"a/gone: every backend is drain or offline, so its connections are closed at once",
		"a/spare: no listener uses this backend set",
		"a/spare: has no backends, so its connections are closed at once",
		"b: has no listeners, so nothing can connect to it",
	}
	if got := c.Warnings(); !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := good(t, "contract").Warnings(); got != nil {
		t.Errorf("the contract's example: got %q, want none", got)
	}
}

// FuzzParse checks that no file makes Parse panic, and that whatever it accepts keeps the promises of a plan.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	name := filepath.Join(tlsDir(f), "lull.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(name, data)
		if err != nil {
			checkErrors(t, name, err)
			if c != nil {
				t.Fatalf("got both a configuration and %v", err)
			}
			return
		}
		checkPlan(t, c.Plan)
		checkAPI(t, c)
		c.Warnings()
		again, err := Parse(name, data)
		if err != nil {
			t.Fatalf("the second reading ends with %v", err)
		}
		cutTLS(c)
		cutTLS(again)
		compare(t, "the second reading", again, c)
	})
}

func checkErrors(t *testing.T, name string, err error) {
	t.Helper()
	errs, ok := err.(Errors) //nolint:errorlint // the documented type, not a wrapped one
	if !ok || len(errs) == 0 || len(errs) > faultsMax+1 {
		t.Fatalf("got %T with %d faults", err, len(errs))
	}
	for _, e := range errs {
		if text := e.Error(); strings.ContainsAny(text, "\n\r\x1b") || !strings.HasPrefix(text, name+":") {
			t.Fatalf("not one clean line: %q", text)
		}
	}
}

func checkPlan(t *testing.T, p *plan.Plan) {
	t.Helper()
	if p.Revision != 0 {
		t.Fatalf("got %+v", p)
	}
	sockets := map[netip.AddrPort]bool{}
	for _, lb := range p.LoadBalancers {
		own := map[*plan.BackendSet]bool{}
		for _, set := range lb.BackendSets {
			own[set] = true
			checkSet(t, set)
		}
		speaks := map[*plan.BackendSet]plan.Protocol{}
		for _, l := range lb.Listeners {
			if !own[l.BackendSet] || sockets[l.Address] || !l.Address.IsValid() || l.Address.Port() == 0 || l.ProxySend > 2 {
				t.Fatalf("listener %+v", l)
			}
			sockets[l.Address] = true
			checkTimeouts(t, &l.Timeouts)
			checkHTTP(t, l)
			checkServerTLS(t, l)
			if other, ok := speaks[l.BackendSet]; ok && other != l.Protocol {
				t.Fatalf("backend set %v speaks both", l.BackendSet.Key)
			}
			speaks[l.BackendSet] = l.Protocol
		}
	}
}

func checkAPI(t *testing.T, c *Config) {
	t.Helper()
	a := c.API
	if a == nil {
		if len(c.Plan.LoadBalancers) == 0 {
			t.Fatal("there is neither a load balancer nor an api")
		}
		return
	}
	if a.Address == "" || a.Data == "" || a.Region == "" || len(a.Account) != 12 || len(a.Zones) == 0 || len(a.Addresses) == 0 || a.AccessLogs.Directory == "" {
		t.Fatalf("api %+v lacks something", a)
	}
	if a.Certificate == nil && !a.Insecure && !isLoopback(a.Address) {
		t.Fatalf("api at %s is open", a.Address)
	}
	for i, r := range a.Addresses {
		if r.Last.Less(r.First) || slices.ContainsFunc(a.Addresses[:i], r.overlaps) {
			t.Fatalf("addresses %v", a.Addresses)
		}
	}
	ids := map[string]bool{}
	for _, one := range c.Instances {
		if ids[one.ID] || one.Host == "" || one.Zone != "" && !slices.Contains(a.Zones, one.Zone) {
			t.Fatalf("instances %v", c.Instances)
		}
		ids[one.ID] = true
	}
}

// cutTLS cuts off what reflect.DeepEqual cannot compare: pools of certificates have functions in them.
func cutTLS(c *Config) {
	c.Certificates = nil
	if c.API != nil {
		c.API.Certificate = nil
	}
	for _, lb := range c.Plan.LoadBalancers {
		for _, l := range lb.Listeners {
			if l.TLS != nil {
				l.TLS.Certificates, l.TLS.ClientRoots = nil, nil
			}
		}
		for _, set := range lb.BackendSets {
			for _, t := range []*plan.ClientTLS{set.TLS, checkTLS(set.HealthCheck)} {
				if t != nil {
					t.Roots = nil
				}
			}
		}
	}
}

func checkTLS(hc *plan.HealthCheck) *plan.ClientTLS {
	if hc == nil {
		return nil
	}
	return hc.TLS
}

// checkServerTLS wants whatever speaks TLS to have what a handshake needs.
func checkServerTLS(t *testing.T, l *plan.Listener) {
	t.Helper()
	if s := l.TLS; s != nil && (len(s.Certificates.Set().All()) == 0 || s.Policy == nil || s.Policy.Max < s.Policy.Min ||
		(s.ClientAuth == plan.ClientCertNone) != (s.ClientRoots == nil) || s.SubjectHeader != "" && (s.ClientRoots == nil || l.Protocol != plan.HTTP)) {
		t.Fatalf("listener %v: TLS %+v", l.Key, s)
	}
}

// checkHTTP wants http listeners to have what they need, and no other listener to have any of it.
func checkHTTP(t *testing.T, l *plan.Listener) {
	t.Helper()
	rest := *l
	rest.Desync, rest.HeadMax, rest.StaleRetry, rest.QueueMax = 0, 0, false, 0
	switch st := l.BackendSet.Stickiness; {
	case l.Protocol == plan.TCP && (!reflect.DeepEqual(*l, rest) || st != nil):
		t.Fatalf("tcp listener %+v with stickiness %+v", l, st)
	case l.Protocol == plan.HTTP && (l.HeadMax < 4096 || l.ProxySend != 0 || st != nil && st.Secure && l.TLS == nil ||
		(l.QueueMax == 0) != (l.Timeouts.Model == timeout.Directional)):
		t.Fatalf("http listener %+v with stickiness %+v", l, st)
	}
}

func checkSet(t *testing.T, set *plan.BackendSet) {
	t.Helper()
	seen := map[plan.BackendKey]bool{}
	for _, b := range set.Backends {
		if b.Key.Host == "" || b.Key.Port == 0 || b.Weight < 1 || b.Weight > 100 || b.ConnectionsMax < 0 || seen[b.Key] {
			t.Fatalf("backend %+v", b)
		}
		seen[b.Key] = true
	}
	for _, c := range []*plan.ClientTLS{set.TLS, checkTLS(set.HealthCheck)} {
		if c != nil && (c.Policy == nil || c.Roots != nil && !c.Verify) {
			t.Fatalf("TLS to backends %+v", c)
		}
	}
	if hc := set.HealthCheck; hc != nil && (hc.Timeout <= 0 || hc.Timeout > hc.Interval || hc.Healthy < 1 || hc.Unhealthy < 1) {
		t.Fatalf("health check %+v", hc)
	} else if hc != nil && (hc.Protocol == plan.CheckHTTP) != (hc.Status != 0 && strings.HasPrefix(hc.Path, "/")) {
		t.Fatalf("health check %+v", hc)
	}
	if st := set.Stickiness; st != nil {
		line := st.Cookie + "=0; Path=" + st.Path + "; Domain=" + st.Domain
		if st.Cookie == "" || strings.Count(line, ";") != 2 || strings.Count(line, "=") < 3 || strings.ContainsAny(line+st.Follow, "\r\n\x00") ||
			st.Follow != "" && st.Duration != 0 || st.Duration < 0 {
			t.Fatalf("stickiness %+v", st)
		}
	}
}

func checkTimeouts(t *testing.T, s *timeout.Settings) {
	t.Helper()
	r := timeout.IdleRange(s.Model)
	if s.Idle < r.Min || s.Idle > r.Max || s.Idle%time.Second != 0 {
		t.Fatalf("idle %v in %+v", s.Idle, s)
	}
	if s.Connect <= 0 || s.Handshake <= 0 || s.RequestHead < 0 || s.AgeMax < 0 || s.Drain < 0 {
		t.Fatalf("timeouts %+v", s)
	}
}
