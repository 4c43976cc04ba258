package file

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// parse compiles a file that must be sound.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("lull.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\ngot faults, want none:\n%v", text, err)
	}
	return c
}

// TestHTTPDefaults: what an http listener is told by default, in either model. DI-09, DI-10 and DI-11 name the directional
// figures, SH-09 the retry.
func TestHTTPDefaults(t *testing.T) {
	t.Parallel()
	shared := timeout.Settings{
		Model: timeout.Shared, Idle: 60 * time.Second, Connect: 10 * time.Second, Handshake: 10 * time.Second,
		RequestHead: 60 * time.Second, Drain: 30 * time.Second,
	}
	directional := shared
	directional.Model = timeout.Directional
	directional.FrontKeepalive, directional.FrontRequestsMax, directional.BackKeepalive = 65*time.Second, 10000, 300*time.Second
	for model, want := range map[string]plan.Listener{
		"shared":      {Timeouts: shared, QueueMax: 1024},
		"directional": {Timeouts: directional},
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			c := parse(t, "load_balancers: [{name: a, timeouts: {model: "+model+"}, listeners: [{name: l, protocol: http, port: 80, "+
				"backend_set: s}], backend_sets: [{name: s}]}]")
			got := *c.Plan.LoadBalancers[0].Listeners[0]
			want.Key, want.Protocol, want.Address, want.BackendSet = got.Key, plan.HTTP, got.Address, got.BackendSet
			want.Desync, want.HeadMax, want.StaleRetry = http1.Defensive, 64<<10, true
			compare(t, "listener", got, want)
			if s := got.BackendSet.Stickiness; s != nil {
				t.Errorf("stickiness: got %+v, want none", s)
			}
		})
	}
}

// TestHTTPEveryKey sets each key of HTTP to something other than its default, at the ends of ranges.
func TestHTTPEveryKey(t *testing.T) {
	t.Parallel()
	c := parse(t, `limits: {head_bytes: 1048576}
load_balancers:
  - name: a
    timeouts: {model: directional, idle: 2h, front_keepalive: 7200, front_requests_max: 1000000, back_keepalive: 1s,
      active_transfer_rearms: true, request_head: 0, stale_retry: false}
    listeners:
      - {name: l, protocol: http, port: 80, backend_set: s, desync_mitigation_mode: strictest, proxy_protocol: {accept: true}, rst: true}
      - {name: m, protocol: http, port: 81, backend_set: s, desync_mitigation_mode: monitor, idle: 1}
      - {name: tcp, protocol: tcp, port: 82, backend_set: t}
    backend_sets:
      - name: s
        protocol: http
        policy: source_ip_hash
        health_check: {protocol: http, path: "/health?deep=1;a", status: 599, port: 65535}
        stickiness: {cookie: "!#$%&'*+-.^_`+"`"+`|~09azAZ", duration: 34560000, fallback: false, domain: .example.com, path: "/app?", secure: false, http_only: true}
      - name: t
        protocol: tcp
        health_check: {protocol: http, status: 204}
      - name: followed
        stickiness: {follow: "*", duration: 0s, cookie: mine, secure: true}
`)
	lb := c.Plan.LoadBalancers[0]
	times := timeout.Settings{
		Model: timeout.Directional, Idle: 7200 * time.Second, FrontKeepalive: 7200 * time.Second, FrontRequestsMax: 1000000,
		BackKeepalive: time.Second, ActiveTransferRearm: true, Connect: 10 * time.Second, Handshake: 10 * time.Second,
		Drain: 30 * time.Second,
	}
	for i, want := range []plan.Listener{
		{Protocol: plan.HTTP, Desync: http1.Strictest, HeadMax: 1 << 20, ProxyAccept: true, ResetOnIdle: true},
		{Protocol: plan.HTTP, Desync: http1.Monitor, HeadMax: 1 << 20},
		{Protocol: plan.TCP},
	} {
		got := *lb.Listeners[i]
		want.Key, want.Address, want.BackendSet, want.Timeouts = got.Key, got.Address, got.BackendSet, times
		if got.Key.Name == "m" {
			want.Timeouts.Idle = time.Second
		}
		compare(t, "listener "+got.Key.Name, got, want)
	}
	check := plan.HealthCheck{
		Protocol: plan.CheckHTTP, Port: 65535, Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 3,
		Path: "/health?deep=1;a", Status: 599,
	}
	compare(t, "health check", *lb.BackendSets[0].HealthCheck, check)
	check.Port, check.Path, check.Status = 0, "/", 204
	compare(t, "health check of a tcp set", *lb.BackendSets[1].HealthCheck, check)
	compare(t, "stickiness", lb.BackendSets[0].Stickiness, &plan.Stickiness{
		Cookie: "!#$%&'*+-.^_`|~09azAZ", Duration: 400 * 24 * time.Hour, NoFallback: true, Domain: "example.com", Path: "/app?",
		HTTPOnly: true,
	})
	compare(t, "stickiness that follows", lb.BackendSets[2].Stickiness,
		&plan.Stickiness{Cookie: "mine", Follow: "*", Path: "/", Secure: true})
}

// TestSetDefaults: what depends on model and protocol together, where the protocol may come from the set or its listener.
func TestSetDefaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, model, listener, set string
		idle                       time.Duration
		policy                     plan.Policy
	}{
		{"shared_tcp", "shared", "tcp", "", 60 * time.Second, plan.RoundRobin},
		{"shared_tcp_said", "shared", "tcp", "protocol: tcp", 60 * time.Second, plan.RoundRobin},
		{"shared_http", "shared", "http", "", 60 * time.Second, plan.LeastOutstanding},
		{"shared_http_said", "shared", "http", "protocol: http", 60 * time.Second, plan.LeastOutstanding},
		{"shared_http_policy", "shared", "http", "policy: round_robin", 60 * time.Second, plan.RoundRobin},
		{"directional_tcp_DI_13", "directional", "tcp", "", 300 * time.Second, plan.RoundRobin},
		{"directional_http", "directional", "http", "", 60 * time.Second, plan.RoundRobin},
		{"directional_http_policy", "directional", "http", "policy: least_outstanding", 60 * time.Second, plan.LeastOutstanding},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.set != "" {
				c.set = ", " + c.set
			}
			got := parse(t, fmt.Sprintf("load_balancers: [{name: a, timeouts: {model: %s}, listeners: [{name: l, protocol: %s, port: 80, "+
				"backend_set: s}], backend_sets: [{name: s%s}]}]", c.model, c.listener, c.set)).Plan.LoadBalancers[0].Listeners[0]
			if got.Timeouts.Idle != c.idle || got.BackendSet.Policy != c.policy || got.Protocol.String() != c.listener {
				t.Errorf("got %v, idle %v, policy %v, want %s, %v, %v", got.Protocol, got.Timeouts.Idle, got.BackendSet.Policy,
					c.listener, c.idle, c.policy)
			}
		})
	}
}

// TestUnusedSets: a set that no listener uses has its own word, and without one the defaults of tcp.
func TestUnusedSets(t *testing.T) {
	t.Parallel()
	sets := parse(t, "load_balancers: [{name: a, backend_sets: [{name: s, protocol: http}, {name: t}, "+
		"{name: u, stickiness: {}}]}]").Plan.LoadBalancers[0].BackendSets
	if got, want := sets[0].Policy, plan.LeastOutstanding; got != want {
		t.Errorf("policy of an http set: got %v, want %v", got, want)
	}
	if got, want := sets[1].Policy, plan.RoundRobin; got != want {
		t.Errorf("policy of a set without protocol: got %v, want %v", got, want)
	}
	compare(t, "empty stickiness", sets[2].Stickiness, &plan.Stickiness{Cookie: "AWSELB", Path: "/"})
}

func TestCookieDefaults(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]string{"shared": "AWSELB", "directional": "X-Oracle-BMC-LBS-Route"} {
		sets := parse(t, "load_balancers: [{name: a, timeouts: {model: "+model+"}, backend_sets: [{name: s, stickiness: {}}]}]").
			Plan.LoadBalancers[0].BackendSets
		if got := sets[0].Stickiness.Cookie; got != want {
			t.Errorf("%s: got cookie %q, want %q", model, got, want)
		}
	}
}

func TestDesyncWords(t *testing.T) {
	t.Parallel()
	for _, w := range byPath["load_balancers[].listeners[].desync_mitigation_mode"].words {
		if m, ok := plan.ParseDesync(w); !ok || m.String() != w {
			t.Errorf("desync_mitigation_mode %q: got %v, %v", w, m, ok)
		}
	}
}

// TestTokens holds the token characters against RFC 9110 §5.6.2, byte by byte. None of them could end a cookie's name, a
// Set-Cookie line or the head around it.
func TestTokens(t *testing.T) {
	t.Parallel()
	const delimiters = "\"(),/:;<=>?@[\\]{}"
	for c := range rune(256) {
		want := c > ' ' && c < 0x7f && !strings.ContainsRune(delimiters, c)
		if got := isTokenChar(c); got != want {
			t.Errorf("isTokenChar(%q): got %v, want %v", c, got, want)
		}
		path := "/" + string(c)
		if got, want := pathChars.MatchString(path), c > ' ' && c < 0x7f && c != '#'; got != want {
			t.Errorf("path %q: got accepted %v, want %v", path, got, want)
		}
	}
}

func TestHTTPWarnings(t *testing.T) {
	t.Parallel()
	c := parse(t, `load_balancers:
  - name: aws
    timeouts: {idle: 20, connection_age_max: 20}
    listeners: [{name: l, protocol: http, port: 80, backend_set: s}]
    backend_sets:
      - name: s
        backends: [{address: 10.0.0.1, port: 80, drain: true}]
        health_check: {protocol: http, interval: 30s, timeout: 21s}
        stickiness: {fallback: false, duration: 86401}
      - {name: t, protocol: http, stickiness: {fallback: false, duration: 86400}, backends: [{address: 10.0.0.1, port: 80}],
         health_check: {path: /, status: 204, port: 81}}
  - name: oci
    timeouts: {model: directional, idle: 100, front_keepalive: 30s, connection_age_max: 30s}
    listeners:
      - {name: l, protocol: http, port: 81, backend_set: s}
      - {name: ok, protocol: http, port: 82, backend_set: t}
      - {name: tcp, protocol: tcp, port: 83, backend_set: db, idle: 20} # an http check of a tcp service ends nobody's request
    backend_sets:
      - {name: s}
      - {name: t, backends: [{address: 10.0.0.1, port: 80}], health_check: {protocol: http, interval: 100s, timeout: 100s}}
      - {name: db, backends: [{address: 10.0.0.1, port: 80}], health_check: {protocol: http, interval: 21s, timeout: 21s}}
`)
	want := strings.Join([]string{
		"aws/t: health_check.path is not used: a tcp probe asks for nothing, only one with protocol http or https does",
		"aws/t: health_check.status is not used: a tcp probe asks for nothing, only one with protocol http or https does",
		"aws/l: connection_age_max 20s is not above idle 20s: the age ends connections that wait for a request before idle can",
		"aws/l: health_check.timeout 21s of backend set s is above idle 20s: a backend this slow passes its probes and yet its requests end in 504",
		"aws/s: every backend is drain or offline, so its requests are answered with 503",
		"aws/s: without stickiness.fallback, a client whose backend is gone is answered 502 for up to 86401s, its duration",
		"aws/t: no listener uses this backend set",
		"oci/l: connection_age_max 30s is not above front_keepalive 30s: the age ends connections that wait for a request before front_keepalive can",
		"oci/ok: connection_age_max 30s is not above front_keepalive 30s: the age ends connections that wait for a request before front_keepalive can",
		"oci/s: has no backends, so its requests are answered with 503",
	}, "\n")
	if got := strings.Join(c.Warnings(), "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	again := c.Warnings()
	if len(again) != 10 || len(c.unused) != 2 {
		t.Errorf("asked twice: got %d warnings of which %d are kept, want 10 and 2", len(again), len(c.unused))
	}
}

// TestHealthCheckBody: the body's expression is the plan's, lookahead and all; without one any body does, and a probe that asks for nothing has none.
func TestHealthCheckBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ check, want string }{
		{"protocol: http", ""},
		{"protocol: http, body: 'up'", "up"},
		{"protocol: https, body: '^((?!false).|\\s)*$'", `^((?!false).|\s)*$`},
		{"protocol: tcp, body: 'up'", ""},
	} {
		c := parse(t, "load_balancers: [{name: a, backend_sets: [{name: s, health_check: {"+tt.check+"}}]}]")
		got := ""
		if body := c.Plan.LoadBalancers[0].BackendSets[0].HealthCheck.Body; body != nil {
			got = body.String()
		}
		if got != tt.want {
			t.Errorf("%s: got the expression %q, want %q", tt.check, got, tt.want)
		}
	}
}
