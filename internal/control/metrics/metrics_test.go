package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lull/internal/control/logdelivery"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/health"
)

// fixed is a data plane whose counters stand still.
type fixed stats.Snapshot

func (f fixed) Stats() stats.Snapshot { return stats.Snapshot(f) }

func (f fixed) TakePeaks() stats.Peaks { return stats.Peaks{} }

func sample() fixed {
	listener := func(name string, accepted, up, down, idle, reset uint64) stats.ListenerTotals {
		l := stats.ListenerTotals{Key: plan.ListenerKey{LoadBalancer: "web", Name: name}, Accepted: accepted, BytesUp: up, BytesDown: down}
		l.Closes[reason.TunnelIdle], l.Closes[reason.ClientReset] = idle, reset
		return l
	}
	backend := func(host string, up bool) stats.BackendTotals {
		key := plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: "app"}, Host: host, Port: 5432}
		return stats.BackendTotals{Key: key, Up: up, Active: 3, Conns: 7, ClosedIdle: 5, Connects: 20, ConnectFails: 2}
	}
	web := func(times uint64) stats.ListenerTotals {
		l := stats.ListenerTotals{Key: plan.ListenerKey{LoadBalancer: "web", Name: "front"}, Protocol: plan.HTTP, Accepted: times}
		l.HTTPTotals = stats.HTTPTotals{Requests: 10 * times, Reused: 11 * times, Retries: 12 * times, RetriesRefused: 13 * times,
			Noncompliant: 14 * times, Queued: 15 * times}
		l.Ends[reason.Completed], l.Ends[reason.ResponseIdle], l.PoolCloses[reason.BackendClosedIdle] = 16*times, 17*times, 18*times
		l.BackendStatus[2], l.BackendStatus[5], l.OwnStatus[5] = 19*times, 20*times, 21*times
		l.Routed = 25 * times
		l.Latency.Counts[stats.LatencyBucket(int64(time.Millisecond))] = 26 * times
		l.Latency.Counts[stats.LatencyBuckets-1] = times
		l.Latency.Sum = time.Duration(times) * time.Second
		l.Gaps[stats.Waiting].Counts[10], l.Gaps[stats.Waiting].Counts[23] = 27*times, times
		l.Gaps[stats.Waiting].Sum = time.Duration(times) * time.Minute
		l.Secure = times == 1 // it was plain before, and those counters are there while its connections are
		l.TLSTotals = stats.TLSTotals{Handshakes: 30 * times, Resumed: 22 * times, Untrusted: 28 * times, BackHandshakes: 50 * times, BackResumed: 23 * times, BackFailed: 24 * times}
		return l
	}
	return fixed{
		// pg was removed and added again while connections were open: two sets of counters under one name.
		Listeners:      []stats.ListenerTotals{listener("pg", 10, 100, 1000, 4, 1), listener("mq", 5, 50, 500, 0, 0), listener("pg", 1, 1, 1, 1, 0), web(1), web(100)},
		Backends:       []stats.BackendTotals{backend("db1", true), backend("2001:db8::1", false)},
		Loops:          []stats.LoopTotals{{Loop: 0, Active: 3, AcceptPauses: 1, AcceptErrors: 2, HandedToOthers: 3, Turns: 4}, {Loop: 1}},
		ConnectionsMax: 1000, Connections: 3, PlanRevision: 7, Pooled: 4,
	}
}

func serve(t *testing.T, source Source) *Server {
	t.Helper()
	s, err := Serve("127.0.0.1:0", source, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestScrape is the counters' part of TO-07: each end is counted under its reason and side.
func TestScrape(t *testing.T) {
	t.Parallel()
	_, body := get(t, serve(t, sample()), "/metrics")
	var got []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "lull_") && !strings.Contains(line, "_bucket{") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		`lull_accept_errors_total{loop="0"} 2`,
		`lull_accept_errors_total{loop="1"} 0`,
		`lull_accept_pauses_total{loop="0"} 1`,
		`lull_accept_pauses_total{loop="1"} 0`,
		`lull_requests_total{listener="web/front"} 1010`,
		`lull_requests_reused_total{listener="web/front"} 1111`,
		`lull_requests_retried_total{listener="web/front"} 1212`,
		`lull_requests_retries_refused_total{listener="web/front"} 1313`,
		`lull_requests_noncompliant_total{listener="web/front"} 1414`,
		`lull_requests_queued_total{listener="web/front"} 1515`,
		`lull_exchange_ends_total{listener="web/front",reason="completed",side="lull"} 1616`,
		`lull_exchange_ends_total{listener="web/front",reason="response-idle",side="back-end"} 1717`,
		`lull_pool_closes_total{listener="web/front",reason="backend-closed-idle",side="back-end"} 1818`,
		`lull_responses_total{by="backend",class="2xx",listener="web/front"} 1919`,
		`lull_responses_total{by="backend",class="5xx",listener="web/front"} 2020`,
		`lull_responses_total{by="lull",class="5xx",listener="web/front"} 2121`,
		`lull_connections_accepted_total{listener="web/front"} 101`,
		`lull_tls_handshakes_total{listener="web/front",resumed="false",side="front"} 808`,
		`lull_tls_handshakes_total{listener="web/front",resumed="true",side="front"} 2222`,
		`lull_tls_handshakes_total{listener="web/front",resumed="false",side="back"} 2727`,
		`lull_tls_handshakes_total{listener="web/front",resumed="true",side="back"} 2323`,
		`lull_tls_clients_untrusted_total{listener="web/front"} 2828`,
		`lull_tls_backend_handshake_failures_total{listener="web/front"} 2424`,
		`lull_bytes_total{direction="down",listener="web/front"} 0`,
		`lull_bytes_total{direction="up",listener="web/front"} 0`,
		`lull_pooled_connections 4`,
		`lull_routed_total{listener="web/front"} 2525`,
		`lull_routed_total{listener="web/mq"} 0`,
		`lull_routed_total{listener="web/pg"} 0`,
		`lull_backend_latency_seconds_count{listener="web/front"} 2727`,
		`lull_backend_latency_seconds_sum{listener="web/front"} 101`,
		`lull_gap_seconds_count{listener="web/front",phase="waiting"} 2828`,
		`lull_gap_seconds_sum{listener="web/front",phase="waiting"} 6060`,
		`lull_backend_http_connections_open{backend="[2001:db8::1]:5432",backend_set="web/app"} 7`,
		`lull_backend_http_connections_open{backend="db1:5432",backend_set="web/app"} 7`,
		`lull_backend_closed_idle_total{backend="[2001:db8::1]:5432",backend_set="web/app"} 5`,
		`lull_backend_closed_idle_total{backend="db1:5432",backend_set="web/app"} 5`,
		`lull_backend_connect_failures_total{backend="[2001:db8::1]:5432",backend_set="web/app"} 2`,
		`lull_backend_connect_failures_total{backend="db1:5432",backend_set="web/app"} 2`,
		`lull_backend_connections_active{backend="[2001:db8::1]:5432",backend_set="web/app"} 3`,
		`lull_backend_connections_active{backend="db1:5432",backend_set="web/app"} 3`,
		`lull_backend_connects_total{backend="[2001:db8::1]:5432",backend_set="web/app"} 20`,
		`lull_backend_connects_total{backend="db1:5432",backend_set="web/app"} 20`,
		`lull_backend_up{backend="[2001:db8::1]:5432",backend_set="web/app"} 0`,
		`lull_backend_up{backend="db1:5432",backend_set="web/app"} 1`,
		`lull_bytes_total{direction="down",listener="web/mq"} 500`,
		`lull_bytes_total{direction="down",listener="web/pg"} 1001`,
		`lull_bytes_total{direction="up",listener="web/mq"} 50`,
		`lull_bytes_total{direction="up",listener="web/pg"} 101`,
		`lull_closes_total{listener="web/pg",reason="client-reset",side="front-end"} 1`,
		`lull_closes_total{listener="web/pg",reason="tunnel-idle",side="lull"} 5`,
		`lull_connections_accepted_total{listener="web/mq"} 5`,
		`lull_connections_accepted_total{listener="web/pg"} 11`,
		`lull_connections_active 3`,
		`lull_connections_max 1000`,
		`lull_loop_connections_active{loop="0"} 3`,
		`lull_loop_connections_active{loop="1"} 0`,
		`lull_loop_handed_to_others_total{loop="0"} 3`,
		`lull_loop_handed_to_others_total{loop="1"} 0`,
		`lull_loop_turns_total{loop="0"} 4`,
		`lull_loop_turns_total{loop="1"} 0`,
		`lull_plan_revision 7`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if !strings.Contains(body, "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestAccessLogIsCounted(t *testing.T) {
	t.Parallel()
	var log record.Log
	w, err := accesslog.Open(&log, new(record.Exchanges), nil, filepath.Join(t.TempDir(), "access.log"), accesslog.Text, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log.Append(make([]record.Close, 3))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := serve(t, sample())
	s.SetAccessLog(w)
	_, body := get(t, s, "/metrics")
	for _, want := range []string{"lull_access_log_records_total 3", "lull_access_log_lost_total 0", "lull_access_log_write_errors_total 0"} {
		if !strings.Contains(body, "\n"+want+"\n") {
			t.Errorf("%q is missing", want)
		}
	}
	s.SetAccessLog(nil)
	if _, body = get(t, s, "/metrics"); strings.Contains(body, "lull_access_log") {
		t.Error("an access log that is not written is counted")
	}
}

// lagging is a checker that is behind.
type lagging health.Lag

func (l lagging) Lag() health.Lag { return health.Lag(l) }

// TestLagIsCounted: how far health checks are behind is told, and nothing of it where none are made.
func TestLagIsCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, sample())
	s.SetChecks(lagging{Missed: 7, Waiting: 8})
	_, body := get(t, s, "/metrics")
	for _, want := range []string{"\nlull_health_checks_missed_total 7\n", "\nlull_health_checks_waiting 8\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	s.SetChecks(nil)
	if _, body = get(t, s, "/metrics"); strings.Contains(body, "lull_health_checks") {
		t.Error("checks that are not made are counted")
	}
}

// delivered is a delivery whose counters stand still.
type delivered logdelivery.Counters

func (d delivered) Counters() logdelivery.Counters { return logdelivery.Counters(d) }

// TestDeliveryIsCounted: each counter of the delivery of access logs is told, and none where nothing delivers them.
func TestDeliveryIsCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, sample())
	s.SetDelivery(delivered{Lines: 1, Missed: 2, Lost: 3, Files: 4, Failures: 5, Dropped: 6, Waiting: 7, SpoolBytes: 8})
	_, body := get(t, s, "/metrics")
	for i, want := range []string{"lines_total", "missed_total", "lines_lost_total", "files_total", "failures_total", "files_dropped_total", "files_waiting", "spool_bytes"} {
		if !strings.Contains(body, fmt.Sprintf("\nlull_access_log_delivery_%s %d\n", want, i+1)) {
			t.Errorf("%s: %d is missing", want, i+1)
		}
	}
	s.SetDelivery(nil)
	if _, body = get(t, s, "/metrics"); strings.Contains(body, "lull_access_log_delivery") {
		t.Error("a delivery that is not there is counted")
	}
}

// TestHistograms: each bucket has what those below it have, those that are in none are counted all the same, and what nobody
// observed has no series.
func TestHistograms(t *testing.T) {
	t.Parallel()
	_, body := get(t, serve(t, sample()), "/metrics")
	for _, tt := range []struct {
		name, listener string
		buckets        int
		lines          []string
	}{
		{"lull_backend_latency_seconds_bucket", "web/front", 22, []string{`le="0.000512"} 0`, `le="0.001024"} 2626`, `le="4294.967296"} 2626`, `le="+Inf"} 2727`}},
		{"lull_gap_seconds_bucket", "web/front", 24, []string{`le="0.001"} 0`, `le="0.512"} 0`, `le="1.024"} 2727`, `le="4194.304"} 2727`, `le="+Inf"} 2828`}},
		{"lull_backend_latency_seconds_bucket", "web/pg", 0, nil},
		{"lull_gap_seconds_bucket", "web/pg", 0, nil},
	} {
		var got []string
		for _, line := range series(body, tt.name) {
			if strings.Contains(line, tt.listener) {
				got = append(got, line)
			}
		}
		if len(got) != tt.buckets {
			t.Errorf("%s of %s: %d buckets, want %d", tt.name, tt.listener, len(got), tt.buckets)
		}
		for _, want := range tt.lines {
			if !slices.ContainsFunc(got, func(line string) bool { return strings.HasSuffix(line, want) }) {
				t.Errorf("%s of %s: no bucket %s in\n%s", tt.name, tt.listener, want, strings.Join(got, "\n"))
			}
		}
	}
}

// known is who knows the certificates of a test.
type known []Certificate

func (k known) Certificates() []Certificate { return k }

// series returns the lines of one metric, sorted.
func series(body, name string) []string {
	var got []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, name+"{") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(got)
	return got
}

func TestCertificateExpiry(t *testing.T) {
	t.Parallel()
	const metric = "lull_certificate_expiry_timestamp_seconds"
	at := time.Unix(1800000000, 999)
	s := serve(t, sample())
	for _, tt := range []struct {
		name string
		list Certificates
		want []string
	}{
		{"nobody-knows", nil, nil},
		{"none", known{}, nil},
		{"two-names", known{{"/etc/a.pem", []string{"www.example.com", "example.com"}, at}}, []string{
			metric + `{certificate="/etc/a.pem",name="www.example.com"} 1.8e+09`,
		}},
		{"no-name", known{{"/etc/a.pem", nil, at}}, []string{metric + `{certificate="/etc/a.pem",name=""} 1.8e+09`}},
		{"one-file-for-two-listeners", known{{"a", []string{"w"}, at.Add(time.Hour)}, {"a", []string{"w"}, at}, {"a", []string{"w"}, at.Add(time.Minute)}}, []string{
			metric + `{certificate="a",name="w"} 1.8e+09`,
		}},
		{"two-in-one-file", known{{"a", []string{"w"}, at}, {"a", []string{"x"}, at.Add(time.Second)}}, []string{
			metric + `{certificate="a",name="w"} 1.8e+09`, metric + `{certificate="a",name="x"} 1.800000001e+09`,
		}},
		{"before-1970", known{{"a", nil, time.Unix(-5, 0)}}, []string{metric + `{certificate="a",name=""} -5`}},
		{"not-utf8-made-equal", known{{"a\xff", nil, at}, {"a\xfe", nil, at}}, []string{metric + "{certificate=\"a\uFFFD\",name=\"\"} 1.8e+09"}},
		{"hostile", known{{"a\"\n\\", []string{"w\n\"} 1\nlull_x 1"}, at}}, []string{metric + `{certificate="a\"\n\\",name="w\n\"} 1\nlull_x 1"} 1.8e+09`}},
		{"long", known{{"a", []string{strings.Repeat("w", 100<<10)}, at}}, []string{metric + `{certificate="a",name="` + strings.Repeat("w", nameMax) + `"} 1.8e+09`}},
	} {
		s.SetCertificates(tt.list)
		status, body := get(t, s, "/metrics")
		if got := series(body, metric); status != http.StatusOK || !slices.Equal(got, tt.want) {
			t.Errorf("%s: status %d, %.500q, want %.500q", tt.name, status, got, tt.want)
		}
	}
	many := make(known, certificatesMost+5)
	for i := range many {
		many[i] = Certificate{strconv.Itoa(i), nil, at}
	}
	s.SetCertificates(many)
	if _, body := get(t, s, "/metrics"); len(series(body, metric)) != certificatesMost {
		t.Errorf("%d series, want %d", len(series(body, metric)), certificatesMost)
	}
}

// TestBadNamesDoNotCostTheScrape: names are validated before they come here; should that fail, one label suffers.
func TestBadNamesDoNotCostTheScrape(t *testing.T) {
	t.Parallel()
	f := sample()
	f.Listeners[1].Key.Name = "m\xffq"
	status, body := get(t, serve(t, f), "/metrics")
	if status != http.StatusOK || !strings.Contains(body, "lull_connections_accepted_total{listener=\"web/m\uFFFDq\"} 5\n") {
		t.Errorf("status %d, want 200 and the name with a replacement character", status)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	s := serve(t, sample())
	check := func(path string, want int) {
		t.Helper()
		if got, body := get(t, s, path); got != want {
			t.Errorf("%s: %d %s, want %d", path, got, body, want)
		}
	}
	check("/healthz", http.StatusOK)
	check("/readyz", http.StatusServiceUnavailable)
	s.SetReady(true)
	check("/readyz", http.StatusOK)
	s.SetReady(false)
	check("/readyz", http.StatusServiceUnavailable)
	check("/healthz", http.StatusOK)
	check("/nothing", http.StatusNotFound)
}

func TestServeRefusesATakenAddress(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s, err := Serve(ln.Addr().String(), sample(), slog.New(slog.DiscardHandler))
	if err == nil {
		_ = s.Close()
		t.Fatal("served on a taken address")
	}
	if want := "metrics.address " + ln.Addr().String() + ": cannot listen: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q, want it to begin with %q", err, want)
	}
}

// TestReferenceNamesEveryMetric holds docs/reference/metrics.md against the table, both ways.
func TestReferenceNamesEveryMetric(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, known []string
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:lull|aws_elb|oci_lbaas)_[A-Za-z0-9_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1])
	}
	name := regexp.MustCompile(`fqName: "([A-Za-z0-9_]+)"`)
	out := make(chan *prometheus.Desc, len(described)+len(elbDescribed)+len(ociDescribed))
	new(collector).Describe(out)
	close(out)
	for desc := range out {
		known = append(known, name.FindStringSubmatch(desc.String())[1])
	}
	slices.Sort(documented)
	slices.Sort(known)
	if !slices.Equal(documented, known) {
		t.Errorf("docs/reference/metrics.md has rows for\n%v, want\n%v", documented, known)
	}
}

func BenchmarkScrape(b *testing.B) {
	f := sample()
	s, err := Serve("127.0.0.1:0", f, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		resp, err := http.Get("http://" + s.Addr().String() + "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
