package ociapi_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
)

// fakeHealth says of each backend, by host, what the codes are that its probers have found.
type fakeHealth struct {
	plan  func() *plan.Plan
	mu    sync.Mutex
	found map[string][]string
}

func (f *fakeHealth) set(host string, codes ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found[host] = codes
}

func (f *fakeHealth) Results(key plan.BackendKey) []ociapi.ProbeResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []ociapi.ProbeResult
	for _, code := range f.found[key.Host] {
		if code == notYetProbed {
			list = append(list, ociapi.ProbeResult{Code: "UNKNOWN"})
			continue
		}
		list = append(list, ociapi.ProbeResult{Code: code, At: probedAt, Up: code == "OK"})
	}
	return list
}

// Tally counts what Results says of a set's backends in the plan.
func (f *fakeHealth) Tally(set plan.SetKey) (n ociapi.Tally) {
	for _, lb := range f.plan().LoadBalancers {
		for _, s := range lb.BackendSets {
			for i := range s.Backends {
				if s.Key == set {
					f.count(&n, &s.Backends[i])
				}
			}
		}
	}
	return n
}

func (f *fakeHealth) count(n *ociapi.Tally, b *plan.Backend) {
	f.mu.Lock()
	defer f.mu.Unlock()
	codes := f.found[b.Key.Host]
	switch unknown := len(codes) < 2 || slices.Contains(codes, notYetProbed); {
	case b.Offline:
		n.NotOK++
	case unknown:
	case codes[0] == "OK" && codes[1] == "OK":
		n.OK++
	default:
		n.NotOK++
	}
}

// notYetProbed stands for a prober that has not looked yet.
const notYetProbed = "-"

var probedAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// healthRig returns a rig whose health checks say what the test wants.
func healthRig(t *testing.T) (*rig, *fakeHealth) {
	t.Helper()
	r := newRig(t)
	f := &fakeHealth{plan: r.run.Plan, found: map[string][]string{}}
	r.o.Health = f
	r.restart()
	return r, f
}

const checker = `"healthChecker":{"protocol":"TCP"}`

// backends returns the JSON of backends at hosts.
func backends(hosts ...string) string {
	list := make([]string, len(hosts))
	for i, h := range hosts {
		list[i] = fmt.Sprintf(`{"ipAddress":"%s","port":80}`, h)
	}
	return `"backends":[` + strings.Join(list, ",") + `]`
}

func set(hosts ...string) string {
	return `{"policy":"ROUND_ROBIN",` + checker + `,` + backends(hosts...) + `}`
}

func listenerTo(set string, port int) string {
	return fmt.Sprintf(`{"protocol":"HTTP","port":%d,"defaultBackendSetName":"%s"}`, port, set)
}

// TestBackendHealth_HLT_05_HLT_06: the state of a backend is made of what two probers have found last; every code is told as it is.
func TestBackendHealth_HLT_05_HLT_06(t *testing.T) {
	t.Parallel()
	r, health := healthRig(t)
	path := r.balancer("web", `"backendSets":{"a":`+set("10.0.0.1")+`},"listeners":{"l":`+listenerTo("a", 80)+`}`)
	for _, c := range []struct {
		found []string
		want  string
	}{
		{nil, "UNKNOWN"},
		{[]string{"OK"}, "UNKNOWN"},
		{[]string{"CONNECT_FAILED"}, "UNKNOWN"},
		{[]string{"OK", "OK"}, "OK"},
		{[]string{"OK", "INVALID_STATUS_CODE"}, "WARNING"},
		{[]string{"TIMED_OUT", "OK"}, "WARNING"},
		{[]string{"REGEX_MISMATCH", "CONNECT_FAILED"}, "CRITICAL"},
		{[]string{"IO_ERROR", "IO_ERROR"}, "CRITICAL"},
		{[]string{"UNKNOWN", "OK"}, "UNKNOWN"},
		{[]string{notYetProbed, "OK"}, "UNKNOWN"},
		{[]string{notYetProbed, notYetProbed}, "UNKNOWN"},
		{[]string{"CONNECT_FAILED", "UNKNOWN"}, "UNKNOWN"},
	} {
		health.set("10.0.0.1", c.found...)
		got := r.must("GET", path+"/backendSets/a/backends/10.0.0.1%3A80/health", "").Result.(wire.BackendHealth)
		var codes []string
		for _, result := range got.HealthCheckResults {
			codes = append(codes, result.HealthCheckStatus)
			if !result.Timestamp.Equal(probedAt) || result.SourceIPAddress == "" {
				t.Errorf("%v: got a result of %s from %q", c.found, result.Timestamp, result.SourceIPAddress)
			}
		}
		told := slices.DeleteFunc(slices.Clone(c.found), func(code string) bool { return code == notYetProbed })
		if got.Status != c.want || !slices.Equal(codes, told) {
			t.Errorf("%v: got %s of %v, want %s", c.found, got.Status, codes, c.want)
		}
	}
}

// TestOfflineHealth_POL_07: a backend that is offline is told so, however well it is and before anybody has looked.
func TestOfflineHealth_POL_07(t *testing.T) {
	t.Parallel()
	r, health := healthRig(t)
	path := r.balancer("web", `"backendSets":{"a":{"policy":"ROUND_ROBIN",`+checker+`,"backends":[{"ipAddress":"10.0.0.1","port":80,"offline":true}]}}`)
	for _, found := range [][]string{nil, {"OK", "OK"}} {
		health.set("10.0.0.1", found...)
		got := r.must("GET", path+"/backendSets/a/backends/10.0.0.1%3A80/health", "").Result.(wire.BackendHealth)
		if len(got.HealthCheckResults) != 2 || got.HealthCheckResults[0].HealthCheckStatus != "OFFLINE" || got.Status != "CRITICAL" {
			t.Errorf("with %v: got %+v", found, got)
		}
	}
}

// states are what probers may find, by the state of the backend that comes of it.
var states = map[byte][]string{'o': {"OK", "OK"}, 'w': {"OK", "TIMED_OUT"}, 'c': {"TIMED_OUT", "TIMED_OUT"}, 'u': nil}

// TestBackendSetHealth_HLT_07_HLT_09: each case is the states of the backends of a set, o being OK; only the others are named.
func TestBackendSetHealth_HLT_07_HLT_09(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ backends, want string }{
		{"", "UNKNOWN"},
		{"o", "OK"},
		{"ooo", "OK"},
		{"w", "CRITICAL"},
		{"c", "CRITICAL"},
		{"u", "UNKNOWN"},
		{"oc", "WARNING"},
		{"ow", "WARNING"},
		{"ou", "WARNING"},
		{"occ", "CRITICAL"},
		{"ooc", "WARNING"},
		{"oowc", "WARNING"},
		{"owwc", "CRITICAL"},
		{"ccu", "CRITICAL"},
		{"cu", "CRITICAL"},
		{"cuu", "UNKNOWN"},
		{"ouu", "UNKNOWN"},
		{"oocuu", "CRITICAL"},
	} {
		t.Run("of-"+c.backends, func(t *testing.T) {
			t.Parallel()
			r, health := healthRig(t)
			var hosts []string
			named := map[byte][]string{'w': {}, 'c': {}, 'u': {}}
			for i := range len(c.backends) {
				host := fmt.Sprintf("10.0.0.%d", i+1)
				hosts = append(hosts, host)
				health.set(host, states[c.backends[i]]...)
				if list, named2 := named[c.backends[i]]; named2 {
					named[c.backends[i]] = append(list, host+":80")
				}
			}
			path := r.balancer("web", `"backendSets":{"a":`+set(hosts...)+`},"listeners":{"l":`+listenerTo("a", 80)+`}`)
			got := r.must("GET", path+"/backendSets/a/health", "").Result.(wire.BackendSetHealth)
			if got.Status != c.want || got.TotalBackendCount != len(c.backends) {
				t.Errorf("got %s of %d, want %s of %d", got.Status, got.TotalBackendCount, c.want, len(c.backends))
			}
			for state, list := range map[byte][]string{'w': got.WarningStateBackendNames, 'c': got.CriticalStateBackendNames, 'u': got.UnknownStateBackendNames} {
				if !slices.Equal(list, named[state]) {
					t.Errorf("in state %c: got %v, want %v", state, list, named[state])
				}
			}
		})
	}
}

// TestUnattachedSetHealth_HLT_07: a set that no listener sends anything is unknown, however well its backends are; one to which a
// listener's routes lead is not.
func TestUnattachedSetHealth_HLT_07(t *testing.T) {
	t.Parallel()
	r, health := healthRig(t)
	health.set("10.0.0.1", states['o']...)
	sets := `"backendSets":{"a":` + set("10.0.0.1") + `,"b":` + set("10.0.0.1") + `}`
	routes := `"pathRouteSets":{"p":{"pathRoutes":[{"path":"/b","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"b"}]}}`
	for _, c := range []struct{ more, a, b string }{
		{sets, "UNKNOWN", "UNKNOWN"},
		{sets + `,"listeners":{"l":` + listenerTo("a", 80) + `}`, "OK", "UNKNOWN"},
		{sets + `,` + routes + `,"listeners":{"l":` + listenerTo("a", 80) + `}`, "OK", "UNKNOWN"},
		{sets + `,` + routes + `,"listeners":{"l":{"protocol":"HTTP","port":80,"defaultBackendSetName":"a","pathRouteSetName":"p"}}`, "OK", "OK"},
	} {
		path := r.balancer("web", c.more)
		for name, want := range map[string]string{"a": c.a, "b": c.b} {
			if got := r.must("GET", path+"/backendSets/"+name+"/health", "").Result.(wire.BackendSetHealth); got.Status != want {
				t.Errorf("%s of %s: got %s, want %s", name, c.more, got.Status, want)
			}
		}
		r.done("DELETE", path, "")
	}
}

// TestLoadBalancerHealth_HLT_08_HLT_09: each case is the states of the backend sets, each with one backend.
func TestLoadBalancerHealth_HLT_08_HLT_09(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sets, want string }{
		{"", "UNKNOWN"},
		{"o", "OK"},
		{"oo", "OK"},
		{"oc", "CRITICAL"},
		{"cuuu", "CRITICAL"},
		{"ow", "WARNING"},
		{"owuuu", "WARNING"},
		{"wc", "CRITICAL"},
		{"u", "UNKNOWN"},
		{"ouu", "UNKNOWN"},
		{"ou", "OK"},
		{"oou", "OK"},
	} {
		t.Run("of-"+c.sets, func(t *testing.T) {
			t.Parallel()
			r, health := healthRig(t)
			var sets, listeners []string
			var want wire.LoadBalancerHealth
			for i := range len(c.sets) {
				name, host, other := fmt.Sprintf("s%d", i), fmt.Sprintf("10.0.0.%d", i+1), fmt.Sprintf("10.0.1.%d", i+1)
				health.set(host, states[c.sets[i]]...)
				health.set(other, states['o']...)
				switch c.sets[i] {
				case 'o':
					sets = append(sets, `"`+name+`":`+set(host))
				case 'w': // half of two
					health.set(host, states['c']...)
					sets = append(sets, `"`+name+`":`+set(host, other))
					want.WarningStateBackendSetNames = append(want.WarningStateBackendSetNames, name)
				case 'c':
					sets = append(sets, `"`+name+`":`+set(host))
					want.CriticalStateBackendSetNames = append(want.CriticalStateBackendSetNames, name)
				case 'u':
					sets = append(sets, `"`+name+`":`+set(host))
					want.UnknownStateBackendSetNames = append(want.UnknownStateBackendSetNames, name)
				}
				listeners = append(listeners, fmt.Sprintf(`"l%d":`, i)+listenerTo(name, 8000+i))
			}
			path := r.balancer("web", `"backendSets":{`+strings.Join(sets, ",")+`},"listeners":{`+strings.Join(listeners, ",")+`}`)
			want.Status, want.TotalBackendSetCount = c.want, len(c.sets)
			if got := r.must("GET", path+"/health", "").Result.(wire.LoadBalancerHealth); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			list := r.must("GET", "/loadBalancerHealths?compartmentId="+compartment, "").Result.([]wire.LoadBalancerHealthSummary)
			if len(list) != 1 || list[0].Status != c.want || "/loadBalancers/"+list[0].LoadBalancerID != path {
				t.Errorf("of the compartment: got %+v, want one that is %s", list, c.want)
			}
		})
	}
}

// TestInactiveHealth_HLT_08: a load balancer that is not active is unknown.
func TestInactiveHealth_HLT_08(t *testing.T) {
	t.Parallel()
	r, health := healthRig(t)
	health.set("10.0.0.1", states['o']...)
	path := r.balancer("web", `"backendSets":{"a":`+set("10.0.0.1")+`},"listeners":{"l":`+listenerTo("a", 80)+`}`)
	hold := make(chan struct{})
	r.run.mu.Lock()
	r.run.hold = hold
	r.run.mu.Unlock()
	gone := r.must("DELETE", path, "").WorkRequestID
	if got := r.must("GET", path+"/health", "").Result.(wire.LoadBalancerHealth); got.Status != "UNKNOWN" {
		t.Errorf("while it is deleted: got %+v", got)
	}
	close(hold)
	r.await(gone)
}

// TestHealthPages: pages of a compartment's load balancers go by id and leave out those of others.
func TestHealthPages(t *testing.T) {
	t.Parallel()
	r, _ := healthRig(t)
	want := map[string]bool{}
	for i := range 5 {
		want[strings.TrimPrefix(r.balancer(fmt.Sprintf("web%d", i), ""), "/loadBalancers/")] = true
	}
	page := ""
	for pages := 1; ; pages++ {
		a := r.must("GET", "/loadBalancerHealths?compartmentId="+compartment+"&limit=2&page="+page, "")
		for _, one := range a.Result.([]wire.LoadBalancerHealthSummary) {
			if !want[one.LoadBalancerID] {
				t.Errorf("page %d: %s is unknown or there twice", pages, one.LoadBalancerID)
			}
			delete(want, one.LoadBalancerID)
		}
		if page = a.NextPage; page == "" {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("missing: %v", want)
	}
}

// TestMissingHealth_API_08: the health of a child that is not there is refused in the words that clients look for.
func TestMissingHealth_API_08(t *testing.T) {
	t.Parallel()
	r, _ := healthRig(t)
	path := r.balancer("web", `"backendSets":{"a":`+set()+`}`)
	for target, text := range map[string]string{
		"/backendSets/b/health":                        "has no backend set named 'b'",
		"/backendSets/b/backends/10.0.0.1%3A80/health": "has no backend set named 'b'",
		"/backendSets/a/backends/10.0.0.1%3A80/health": "has no backend named '10.0.0.1:80'",
	} {
		if got := r.refused(wire.NotFound, "GET", path+target, ""); !strings.Contains(got, text) {
			t.Errorf("%s: got %q, want %q in it", target, got, text)
		}
	}
}
