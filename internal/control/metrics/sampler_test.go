package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// plane is a data plane whose counters a test moves.
type plane struct {
	listeners map[string]*stats.ListenerTotals // by load balancer/listener
	backends  map[string]*stats.BackendTotals  // by load balancer/set/host:port
	peaks     stats.Peaks
}

func (p *plane) Stats() (s stats.Snapshot) {
	for _, name := range slices.Sorted(maps.Keys(p.listeners)) {
		s.Listeners = append(s.Listeners, *p.listeners[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.backends)) {
		s.Backends = append(s.Backends, *p.backends[name])
	}
	return s
}

func (p *plane) TakePeaks() stats.Peaks {
	taken := p.peaks
	p.peaks = stats.Peaks{Latency: map[plan.ListenerKey]time.Duration{}, Queued: map[string]int{}}
	return taken
}

// listener returns a listener's counters, which are made when they are asked for first.
func (p *plane) listener(lb, name string, protocol plan.Protocol) *stats.ListenerTotals {
	l := p.listeners[lb+"/"+name]
	if l == nil {
		l = &stats.ListenerTotals{Key: plan.ListenerKey{LoadBalancer: lb, Name: name}, Protocol: protocol}
		p.listeners[lb+"/"+name] = l
	}
	return l
}

func (p *plane) backend(lb, set, host string, port uint16) *stats.BackendTotals {
	key := plan.BackendKey{Set: plan.SetKey{LoadBalancer: lb, Name: set}, Host: host, Port: port}
	b := p.backends[key.String()]
	if b == nil {
		b = &stats.BackendTotals{Key: key, Up: true}
		p.backends[key.String()] = b
	}
	return b
}

// observe counts a latency, as the data plane does.
func (p *plane) observe(l *stats.ListenerTotals, d time.Duration) {
	l.Routed++
	l.Latency.Counts[stats.LatencyBucket(int64(d))]++
	l.Latency.Sum += d
	p.peaks.Latency[l.Key] = max(p.peaks.Latency[l.Key], d)
}

// classics is who knows the load balancers of a test.
type classics []ClassicLoadBalancer

func (c classics) LoadBalancers() []ClassicLoadBalancer { return c }

// watched is a sampler and what it looks at.
type watched struct {
	*plane
	s   *sampler
	out elbPeriods
	now int64
}

func watch(list ...ClassicLoadBalancer) *watched {
	w := &watched{plane: &plane{listeners: map[string]*stats.ListenerTotals{}, backends: map[string]*stats.BackendTotals{}}, now: 1}
	w.TakePeaks()
	w.s = newSampler(w.plane, &w.out)
	w.know(list...)
	return w
}

func (w *watched) know(list ...ClassicLoadBalancer) {
	c := Classic(classics(list))
	w.out.classic.Store(&c)
}

// look has the sampler look, and lets the time until the next look pass.
func (w *watched) look() {
	w.s.look(w.now)
	w.now += int64(elbLook)
}

//nolint:gochecknoglobals // compiled once, read only
var fqName = regexp.MustCompile(`fqName: "aws_elb_([a-z0-9_]+)"`)

// said returns the series of the last period, without "aws_elb_".
func (w *watched) said() map[string]float64 {
	said := map[string]float64{}
	if period := w.out.last.Load(); period != nil {
		for _, v := range *period {
			name := fmt.Sprintf("%s{%s,%s}", fqName.FindStringSubmatch(v.metric.desc.String())[1], v.name, v.zone)
			if _, twice := said[name]; twice {
				said[name+" twice"] = v.value
			}
			said[name] = v.value
		}
	}
	return said
}

// check compares the series whose names begin with one of the prefixes, or all.
func (w *watched) check(t *testing.T, want map[string]float64, prefixes ...string) {
	t.Helper()
	got := w.said()
	maps.DeleteFunc(got, func(name string, _ float64) bool {
		return len(prefixes) > 0 && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
	for name, value := range want {
		if g, ok := got[name]; !ok || g < value*0.999 || g > value*1.001 {
			t.Errorf("%s: %v %t, want %v", name, g, ok, value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("besides: %v", got)
	}
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	w := watch(ClassicLoadBalancer{Name: "web"})
	other := w.listener("file", "http-80.us-east-1a", plan.HTTP) // of lull.yaml: not theirs
	http := w.listener("web", "http-80.us-east-1a", plan.HTTP)
	https := w.listener("web", "https-443.us-east-1a", plan.HTTP)
	tcp := w.listener("web", "tcp-25.us-east-1b", plan.TCP)
	w.look()
	w.check(t, nil) // nothing is whole yet
	w.observe(other, time.Second)
	for range 99 {
		w.observe(http, 10*time.Millisecond)
	}
	w.observe(https, 3*time.Second)
	w.observe(tcp, time.Millisecond)
	http.BackendStatus = [6]uint64{2: 90, 3: 5, 4: 4, 1: 7}
	https.BackendStatus[5] = 1
	http.OwnStatus, http.Unheard = [6]uint64{4: 6, 5: 9}, 2
	http.Noncompliant, http.Ends[reason.QueueFull] = 10, 11
	w.backend("web", "http-80.us-east-1a", "10.0.0.1", 80).ConnectFails = 8
	w.backend("web", "http-80.us-east-1a", "10.0.0.1", 80).ProbeFails = 4
	w.backend("web", "tcp-25.us-east-1b", "10.0.0.1", 25).ConnectFails = 13
	w.backend("file", "app", "10.0.0.1", 80).ConnectFails = 14
	w.peaks.Queued["web"] = 15
	for range 3 {
		w.look()
	}
	w.check(t, nil)
	w.look()
	const a, b, all = "{web,us-east-1a}", "{web,us-east-1b}", "{web,}"
	w.check(t, map[string]float64{
		"request_count_sum" + a: 100, "request_count_sum" + b: 1,
		"latency_average" + a: (99*0.01 + 3) / 100, "latency_maximum" + a: 3, "latency_average" + b: 0.001, "latency_maximum" + b: 0.001,
		"httpcode_backend_2_xx_sum" + a: 90, "httpcode_backend_3_xx_sum" + a: 5, "httpcode_backend_4_xx_sum" + a: 4, "httpcode_backend_5_xx_sum" + a: 1,
		"httpcode_elb_4_xx_sum" + a: 8, "httpcode_elb_5_xx_sum" + a: 9,
		"desync_mitigation_mode_non_compliant_request_count_sum" + a: 10,
		"spillover_count_sum" + a:                                    11, "spillover_count_sum" + b: 0,
		"backend_connection_errors_sum" + a: 12, "backend_connection_errors_sum" + b: 13,
		"surge_queue_length_maximum" + all: 15,
	}, "request", "latency_average", "latency_maximum", "httpcode", "desync", "spill", "backend", "surge")
	for name, limits := range map[string][2]float64{"latency_p50" + a: {0.008, 0.0125}, "latency_p90" + a: {0.008, 0.0125},
		"latency_p99" + a: {0.008, 0.0125}, "latency_p50" + b: {0.0008, 0.001}, "latency_p99" + b: {0.0008, 0.001}} {
		if got := w.said()[name]; got < limits[0] || got > limits[1] {
			t.Errorf("%s: %v, want %v to %v", name, got, limits[0], limits[1])
		}
	}

	w.observe(http, 20*time.Millisecond) // the next period has what is new in it, and no latency where there was none
	for range 4 {
		w.look()
	}
	w.check(t, map[string]float64{
		"request_count_sum" + a: 1, "request_count_sum" + b: 0, "latency_average" + a: 0.02, "latency_maximum" + a: 0.02,
		"httpcode_backend_2_xx_sum" + a: 0, "httpcode_backend_3_xx_sum" + a: 0, "httpcode_backend_4_xx_sum" + a: 0, "httpcode_backend_5_xx_sum" + a: 0,
		"httpcode_elb_4_xx_sum" + a: 0, "httpcode_elb_5_xx_sum" + a: 0,
		"surge_queue_length_maximum" + all: 0, "backend_connection_errors_sum" + a: 0, "backend_connection_errors_sum" + b: 0,
	}, "request", "latency_average", "latency_maximum", "httpcode", "surge", "backend")
}

func TestHostCounts(t *testing.T) {
	t.Parallel()
	w := watch(ClassicLoadBalancer{Name: "off"}, ClassicLoadBalancer{Name: "on", CrossZone: true}, ClassicLoadBalancer{Name: "empty"})
	w.listener("empty", "http-80.a", plan.HTTP)
	for _, lb := range []string{"off", "on"} {
		for _, set := range []string{"http-80.a", "tcp-25.a", "http-80.b"} {
			for _, host := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} { // every set has every instance
				b := w.backend(lb, set, host, 80)
				away := strings.HasSuffix(set, ".a") != (host != "10.0.0.3") // 1 and 2 are in zone a, 3 is in b
				b.Withheld = lb == "off" && away
			}
		}
		w.backend(lb, "http-80.a", "10.0.0.9", 80).Withheld = true // of a zone that is not enabled
	}
	w.look()
	w.backend("off", "tcp-25.a", "10.0.0.2", 80).Up = false // down for one of its listeners
	w.backend("on", "http-80.b", "10.0.0.3", 80).Up = false
	w.look()
	w.look()
	w.backend("on", "http-80.b", "10.0.0.3", 80).Up = true
	w.look()
	w.look()
	counts := func(place string, healthy, unhealthy [3]float64) map[string]float64 {
		return map[string]float64{
			"healthy_host_count_average" + place: healthy[0], "healthy_host_count_minimum" + place: healthy[1], "healthy_host_count_maximum" + place: healthy[2],
			"un_healthy_host_count_average" + place: unhealthy[0], "un_healthy_host_count_minimum" + place: unhealthy[1], "un_healthy_host_count_maximum" + place: unhealthy[2],
		}
	}
	want := counts("{off,a}", [3]float64{1.2, 1, 2}, [3]float64{0.8, 0, 1})
	maps.Copy(want, counts("{off,b}", [3]float64{1, 1, 1}, [3]float64{0, 0, 0}))
	maps.Copy(want, counts("{on,}", [3]float64{2.6, 2, 3}, [3]float64{0.4, 0, 1}))
	w.check(t, want, "healthy", "un_healthy")
	for range 4 {
		w.look()
	}
	want = counts("{off,a}", [3]float64{1, 1, 1}, [3]float64{1, 1, 1})
	maps.Copy(want, counts("{off,b}", [3]float64{1, 1, 1}, [3]float64{0, 0, 0}))
	maps.Copy(want, counts("{on,}", [3]float64{3, 3, 3}, [3]float64{0, 0, 0}))
	w.check(t, want, "healthy", "un_healthy")
}

// TestCountersThatEnd: load balancers and listeners come and go, and what is told of others is right all the same.
func TestCountersThatEnd(t *testing.T) {
	t.Parallel()
	minute := func(w *watched) {
		for range 4 {
			w.look()
		}
	}
	requests := func(w *watched) float64 { return w.said()["request_count_sum{web,a}"] }
	w := watch(ClassicLoadBalancer{Name: "web"})
	w.look()
	w.listener("web", "http-80.a", plan.HTTP).Routed = 1000
	w.listener("web", "http-81.a", plan.HTTP).Routed = 10
	if minute(w); requests(w) != 1010 {
		t.Errorf("a new load balancer: %v requests, want 1010", requests(w))
	}
	delete(w.listeners, "web/http-80.a") // removed
	w.listener("web", "http-81.a", plan.HTTP).Routed += 5
	if minute(w); requests(w) != 5 {
		t.Errorf("beside a removed listener: %v requests, want 5", requests(w))
	}
	w.listener("web", "http-80.a", plan.HTTP).Routed = 7 // added again
	if minute(w); requests(w) != 7 {
		t.Errorf("a listener added again: %v requests, want 7", requests(w))
	}
	w.observe(w.listener("web", "http-80.a", plan.HTTP), time.Minute)
	minute(w)
	w.listener("web", "http-80.a", plan.HTTP).Routed = 3 // the counters of one that had been removed are gone
	w.listener("web", "http-80.a", plan.HTTP).Latency = stats.LatencyTotals{}
	w.observe(w.listener("web", "http-80.a", plan.HTTP), time.Second)
	if minute(w); requests(w) != 0 {
		t.Errorf("counters that have become less: %v requests, want 0", requests(w))
	}
	for name, value := range w.said() {
		if strings.HasPrefix(name, "latency") {
			t.Errorf("counters that have become less: %s %v, want none", name, value)
		}
	}
	w.know()
	if w.look(); w.out.last.Load() != nil {
		t.Errorf("no load balancer any more: %v", w.said())
	}
	w.know(ClassicLoadBalancer{Name: "web"})
	if w.look(); len(w.said()) != 0 {
		t.Errorf("before a minute is over: %v", w.said())
	}
	w.out.classic.Store(nil)
	w.look()
	w.know(ClassicLoadBalancer{Name: "mail", Zone: func(string) string { return "here" }})
	w.look()
	w.listener("mail", "smtp", plan.TCP).Routed = 3
	if minute(w); w.said()["request_count_sum{mail,here}"] != 3 || requests(w) != 0 {
		t.Errorf("a zone of its own: %v", w.said())
	}
}

// TestClassicScrape: the series are there under their names, and gone with the load balancers.
func TestClassicScrape(t *testing.T) {
	t.Parallel()
	var s Server // without a sampler, which would find no load balancers
	s.elb.last.Store(&[]elbValue{{elbRequests, "web", "us-east-1a", 42}, {elbRequests, "web\xff", "", 1}, {elbBackend[2], "web", "us-east-1a", 7}})
	answer := httptest.NewRecorder()
	s.handler(sample()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	status, body := answer.Code, answer.Body.String()
	want := []string{
		`aws_elb_httpcode_backend_2_xx_sum{availability_zone="us-east-1a",load_balancer_name="web"} 7`,
		`aws_elb_request_count_sum{availability_zone="",load_balancer_name="web` + "\uFFFD" + `"} 1`,
		`aws_elb_request_count_sum{availability_zone="us-east-1a",load_balancer_name="web"} 42`,
	}
	got := append(series(body, "aws_elb_httpcode_backend_2_xx_sum"), series(body, "aws_elb_request_count_sum")...)
	if status != http.StatusOK || !slices.Equal(got, want) || !strings.Contains(body, "# TYPE aws_elb_request_count_sum gauge\n") {
		t.Errorf("status %d\n got %q\nwant %q", status, got, want)
	}
	s.SetClassic(classics{{Name: "web"}})
	if c := s.elb.classic.Load(); c == nil || len((*c).LoadBalancers()) != 1 {
		t.Error("the load balancers are not known")
	}
	if s.SetClassic(nil); s.elb.classic.Load() != nil {
		t.Error("the load balancers are still known")
	}
}

// TestExporterNames makes the names of CloudWatch's metrics as prometheus/cloudwatch_exporter does.
func TestExporterNames(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`([a-z0-9])([A-Z])`)
	want := map[string]bool{}
	for name, statistics := range map[string]string{
		"RequestCount": "Sum", "Latency": "Average Maximum p50 p90 p99", "HealthyHostCount": "Average Minimum Maximum",
		"UnHealthyHostCount": "Average Minimum Maximum", "BackendConnectionErrors": "Sum", "SpilloverCount": "Sum", "SurgeQueueLength": "Maximum",
		"HTTPCode_Backend_2XX": "Sum", "HTTPCode_Backend_3XX": "Sum", "HTTPCode_Backend_4XX": "Sum", "HTTPCode_Backend_5XX": "Sum",
		"HTTPCode_ELB_4XX": "Sum", "HTTPCode_ELB_5XX": "Sum", "DesyncMitigationMode_NonCompliant_Request_Count": "Sum",
	} {
		for statistic := range strings.FieldsSeq(statistics) {
			want[strings.ToLower(words.ReplaceAllString(name, "${1}_$2")+"_"+statistic)] = true
		}
	}
	got := map[string]bool{}
	for _, m := range elbDescribed {
		got[fqName.FindStringSubmatch(m.desc.String())[1]] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("names\n%v, want\n%v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// BenchmarkLook is a look, and the end of a period, at 1,000 load balancers with two listeners in two zones and 10 instances.
func BenchmarkLook(b *testing.B) {
	var list []ClassicLoadBalancer
	p := watch().plane
	for i := range 1000 {
		lb := fmt.Sprintf("lb-%d", i)
		list = append(list, ClassicLoadBalancer{Name: lb})
		for _, name := range []string{"http-80.a", "http-80.b", "http-81.a", "http-81.b"} {
			p.listener(lb, name, plan.HTTP)
			for host := range 10 {
				p.backend(lb, name, fmt.Sprintf("10.0.0.%d", host), 80)
			}
		}
	}
	w := watch(list...)
	fixed := fixed(p.Stats())
	for name, step := range map[string]int64{"hosts": 0, "period": int64(elbPeriod)} {
		b.Run(name, func(b *testing.B) {
			s := newSampler(fixed, &w.out)
			now := int64(1)
			for b.Loop() {
				s.look(now)
				now += step
			}
		})
	}
}
