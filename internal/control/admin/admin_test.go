package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/clock"
	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// serve answers for the engine on a socket of its own until the test ends.
func serve(t *testing.T, engine Engine) (*Server, string) {
	t.Helper()
	path := filepath.Join(shortDir(t), "s")
	version := Version{Version: "1.2.3", Commit: "abc", Go: "go1.26", PID: 42, Started: admintest.Opened}
	s, err := Serve(path, engine, version, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Lstat(path); err == nil { // not closed by the test
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s, path
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// lives returns n open connections with the ids 1 … n.
func lives(n int) []record.Live {
	out := make([]record.Live, n)
	for i := range out {
		out[i] = admintest.Live(uint64(i + 1))
	}
	return out
}

// get asks with plain HTTP and returns status and body.
func get(t *testing.T, path, target string) (int, string) {
	t.Helper()
	return do(t, path, http.MethodGet, target)
}

func do(t *testing.T, path, method, target string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) },
	}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://lull"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
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

func TestConns(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Open: lives(1300)}
	engine.Open[700].Ends.Listener = "other"
	_, path := serve(t, engine)
	c := dial(t, path)
	var ids []uint64
	collect := func(conn *Conn) error { ids = append(ids, conn.ID); return nil }
	if err := c.Conns(t.Context(), Filter{}, collect); err != nil {
		t.Fatal(err)
	}
	if len(ids) != 1300 || !slices.IsSorted(ids) || ids[0] != 1 || ids[1299] != 1300 {
		t.Errorf("%d connections, want 1 to 1300", len(ids))
	}
	ids = nil
	if err := c.Conns(t.Context(), Filter{Listener: "web/other"}, collect); err != nil || len(ids) != 1 || ids[0] != 701 {
		t.Errorf("filtered: %v, %v, want 701", ids, err)
	}
	ids = nil
	if err := c.Conns(t.Context(), Filter{Backend: "nowhere"}, collect); err != nil || ids != nil {
		t.Errorf("filtered to nothing: %v, %v, want none", ids, err)
	}
	if err := c.Conns(t.Context(), Filter{Client: "nobody"}, collect); err == nil || !strings.HasPrefix(err.Error(), `client "nobody": must be`) {
		t.Errorf("a bad filter: %v, want lull's own words", err)
	}
}

func TestConnsDocument(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{Open: lives(1)})
	const want = `[{"id":1,"kind":"connection","state":"relaying","protocol":"tcp","load_balancer":"web","listener":"pg","client":"198.51.100.7:41234",` +
		`"peer":"198.51.100.7:41234","local":"192.0.2.10:5432","backend_set":"app","backend":"db1:5432","backend_address":"10.0.0.1:5432",` +
		`"age_s":180,"bytes_up":8200,"bytes_down":1048576,"quiet_up_s":47.6,"quiet_down_s":49,"first_up_s":0.001069,"first_down_s":0.002,` +
		`"connect_tries":1,"connect_s":0.000412,"connected_at_s":0.00045,"exchanges":0,"unsent_up_bytes":0,"unsent_down_bytes":0,` +
		`"timer":"idle","setting_s":60,"closes_as":"tunnel-idle","closes_in_s":12.4}` + "\n]\n"
	if status, body := get(t, path, "/lull/v1/conns"); status != http.StatusOK || body != want {
		t.Errorf("%d\n got %s\nwant %s", status, body, want)
	}
	if status, body := get(t, path, "/lull/v1/conns?listener=none"); status != http.StatusOK || body != "[]\n" {
		t.Errorf("%d %q, want 200 and an empty array", status, body)
	}
}

// TestConnsThatBreakOff: an error after the first batch must not look like a short list.
func TestConnsThatBreakOff(t *testing.T) {
	t.Parallel()
	fault := errors.New("the data plane has stopped")
	_, path := serve(t, &admintest.Engine{Open: lives(600), Fault: fault})
	err := dial(t, path).Conns(t.Context(), Filter{}, func(*Conn) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("after some: %v, want that the list broke off", err)
	}
	_, path = serve(t, &admintest.Engine{Fault: fault})
	err = dial(t, path).Conns(t.Context(), Filter{}, func(*Conn) error { return nil })
	if err == nil || err.Error() != fault.Error() {
		t.Errorf("before any: %v, want %v", err, fault)
	}
}

// TestConnsOfAFullProcess holds the promise of `lull conns`: 9,000 pairs in under a second. The race detector slows
// everything by an order of magnitude, so the bound is loose; the benchmark says how fast it is.
func TestConnsOfAFullProcess(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{Open: lives(9000)})
	begin := time.Now()
	n := 0
	if err := dial(t, path).Conns(t.Context(), Filter{}, func(*Conn) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); n != 9000 || took > 30*time.Second {
		t.Errorf("%d connections in %s, want 9000 in well under 30 s", n, took)
	}
}

// events follows the stream on a goroutine; next returns one line at a time.
func events(t *testing.T, c *Client, q EventQuery) (next func() string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	lines := make(chan string, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Events(ctx, q, func(line []byte) error { lines <- string(line); return nil })
		close(lines)
	}()
	next = func() string {
		t.Helper()
		select {
		case line, ok := <-lines:
			if !ok {
				return "ended"
			}
			return line
		case <-time.After(5 * time.Second):
			t.Fatal("no event within 5 s")
			return ""
		}
	}
	stop = func() error { cancel(); return <-ended }
	return next, stop
}

func idOf(t *testing.T, line string) uint64 {
	t.Helper()
	var e Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return e.ID
}

func appendCloses(log *record.Log, ids ...uint64) {
	for _, id := range ids {
		log.Append([]record.Close{admintest.Close(id)})
	}
}

func TestEventsSince(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	now := clock.Wall(clock.Now())
	for id := range uint64(5) { // ended 50, 40, 30, 20 and 10 minutes ago
		c := admintest.Close(id + 1)
		c.Closed = now.Add(-time.Duration(50-10*id) * time.Minute)
		engine.Ended.Append([]record.Close{c})
	}
	_, path := serve(t, engine)
	c := dial(t, path)
	for since, want := range map[string]uint64{"all": 1, "2": 3, "35m": 3, "1h": 1} {
		next, stop := events(t, c, EventQuery{Since: since})
		if got := idOf(t, next()); got != want {
			t.Errorf("since %s begins with %d, want %d", since, got, want)
		}
		if err := stop(); err != nil {
			t.Errorf("since %s: %v", since, err)
		}
	}
	for since, want := range map[string]string{
		"77":   "since 77: that connection is not among the last 16384 that ended",
		"77/1": "since 77/1: that exchange is not remembered: unless an access log is written", "12/0": "must be now, all", "yesterday": "must be now, all", "-5m": "must be now, all",
	} {
		if err := c.Events(t.Context(), EventQuery{Since: since}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("since %s: %v, want %q", since, err, want)
		}
	}
}

// TestEventsFollow is the event stream's part of TO-07: what ends while a reader is there reaches it, with its reason.
func TestEventsFollow(t *testing.T) {
	t.Parallel()
	for _, since := range []string{"", "now", "2", "1ns"} {
		engine := &admintest.Engine{}
		appendCloses(&engine.Ended, 1, 2)
		_, path := serve(t, engine)
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /lull/v1/events?since=%s HTTP/1.1\r\nHost: lull\r\n\r\n", since)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		appendCloses(&engine.Ended, 3) // the head is here, so the stream's place in the log is taken
		var e Event
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.ID != 3 || e.Reason != "tunnel-idle" {
			t.Errorf("since %q: %+v, %v, want id 3 with its reason", since, e, err)
		}
		_ = conn.Close()
	}
}

func TestEventsFilter(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	for id, why := range []reason.Reason{reason.TunnelIdle, reason.ClientClosed, reason.ClientReset, reason.TunnelIdle} {
		c := admintest.Close(uint64(id + 1))
		endedBy(&c, why)
		if id == 3 {
			c.Ends.Listener = "other"
		}
		engine.Ended.Append([]record.Close{c})
	}
	_, path := serve(t, engine)
	c := dial(t, path)
	for _, tt := range []struct {
		name string
		q    EventQuery
		want []uint64
	}{
		{"reasons", EventQuery{Since: "all", Reasons: []string{"tunnel-idle", "client-reset"}}, []uint64{1, 3, 4}},
		{"listener", EventQuery{Since: "all", Filter: Filter{Listener: "pg"}}, []uint64{1, 2, 3}},
		{"both", EventQuery{Since: "all", Filter: Filter{Listener: "web/other"}, Reasons: []string{"tunnel-idle"}}, []uint64{4}},
	} {
		next, stop := events(t, c, tt.q)
		for _, want := range tt.want {
			if got := idOf(t, next()); got != want {
				t.Errorf("%s: id %d, want %d", tt.name, got, want)
			}
		}
		if err := stop(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, q := range []EventQuery{{Reasons: []string{"bored"}}, {Reasons: []string{"none"}}, {Filter: Filter{Client: "x"}}} {
		if err := c.Events(t.Context(), q, nil); err == nil || !strings.Contains(err.Error(), "must be") && !strings.Contains(err.Error(), "is not one of") {
			t.Errorf("%+v: %v, want a refusal", q, err)
		}
	}
	if status, body := get(t, path, "/lull/v1/events?format=xml"); status != http.StatusBadRequest || !strings.Contains(body, "must be json or text") {
		t.Errorf("format xml: %d %s, want 400", status, body)
	}
}

func TestEventsAsText(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	appendCloses(&engine.Ended, 12)
	_, path := serve(t, engine)
	next, stop := events(t, dial(t, path), EventQuery{Since: "all", Text: true})
	if got := next(); !strings.HasPrefix(got, "2026-03-01T10:01:12.135Z 12 198.51.100.7:41234 -> web/pg -> db1:5432 72.012s ") {
		t.Errorf("%q, want the access log's line", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestEventsTellWhatIsLost stalls a reader while more connections end than the log remembers.
func TestEventsTellWhatIsLost(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	appendCloses(&engine.Ended, 1)
	_, path := serve(t, engine)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /lull/v1/events?since=all HTTP/1.1\r\nHost: lull\r\n\r\n")
	// Twice what the log remembers cannot all lie in socket buffers: some of it must be lost.
	many := make([]record.Close, record.Remembered)
	for i := range many {
		many[i] = admintest.Close(uint64(i))
	}
	engine.Ended.Append(many)
	engine.Ended.Append(many)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(resp.Body)
	seen, lost := uint64(0), uint64(0)
	for total := engine.Ended.Next(); seen+lost < total; {
		// For each anew: a busy machine takes its time for all of them, but not so long for one.
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var e Event
		if err := dec.Decode(&e); err != nil {
			t.Fatalf("after %d events and %d lost of %d: %v", seen, lost, total, err)
		}
		if lost += e.Lost; e.Lost == 0 {
			seen++
		}
	}
	if lost == 0 {
		t.Errorf("%d events, none lost, want some lost and said", seen)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Open: lives(700)}
	appendCloses(&engine.Ended, 1001)
	_, path := serve(t, engine)
	c := dial(t, path)
	ended, err := c.Explain(t.Context(), 1001, 0)
	if err != nil {
		t.Fatal(err)
	}
	if ended.Open || ended.Conn != nil || ended.Event == nil || ended.Event.Reason != "tunnel-idle" || len(ended.Story) < 5 {
		t.Errorf("ended: %+v, want its record and its story", ended)
	}
	open, err := c.Explain(t.Context(), 650, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !open.Open || open.Event != nil || open.Conn == nil || open.Conn.ID != 650 || len(open.Story) < 5 {
		t.Errorf("open: %+v, want its snapshot and its story", open)
	}
	_, err = c.Explain(t.Context(), 12345, 0)
	if want := "no connection 12345 is open, and it is not among the last 16384 that ended"; err == nil || err.Error() != want {
		t.Errorf("unknown: %v, want %q", err, want)
	}
	if status, _ := get(t, path, "/lull/v1/explain/12345"); status != http.StatusNotFound {
		t.Errorf("unknown: status %d, want 404", status)
	}
	for _, id := range []string{"x", "-1", "99999999999999999999"} {
		if status, body := get(t, path, "/lull/v1/explain/"+id); status != http.StatusBadRequest || !strings.Contains(body, "must be a connection's number or an exchange's such as 12/3") {
			t.Errorf("id %s: %d %s, want 400", id, status, body)
		}
	}
}

// TestExplainBetweenOpenAndEnded: a connection that ends while the open ones are searched is still found.
func TestExplainBetweenOpenAndEnded(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Open: lives(1)}
	engine.Between = func(int) { appendCloses(&engine.Ended, 50) }
	_, path := serve(t, engine)
	e, err := dial(t, path).Explain(t.Context(), 50, 0)
	if err != nil || e.Event == nil {
		t.Errorf("%+v, %v, want the ended connection", e, err)
	}
}

func TestExplainWhenTheEngineFails(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{Fault: errors.New("the data plane has stopped")})
	if _, err := dial(t, path).Explain(t.Context(), 1, 0); err == nil || err.Error() != "the data plane has stopped" {
		t.Errorf("%v, want the engine's error", err)
	}
}

func TestStatsAndVersion(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{Counters: sampleStats()})
	c := dial(t, path)
	s, err := c.Stats(t.Context())
	if err != nil || s.Connections != 4 || s.Listeners[0].Closes["tunnel-idle"] != 3 {
		t.Errorf("stats %+v, %v, want the sample", s, err)
	}
	v, err := c.Version(t.Context())
	if err != nil || v.Version != "1.2.3" || v.PID != 42 || !v.Started.Equal(admintest.Opened) {
		t.Errorf("version %+v, %v, want the one given to Serve", v, err)
	}
}

func TestUnknownRequests(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{})
	for _, tt := range []struct {
		method, target, want string
		status               int
	}{
		{"GET", "/", "no / here; there are conns, events", 404},
		{"GET", "/lull/v1/con", "no /lull/v1/con here", 404},
		{"GET", "/lull/v1/explain/", "no /lull/v1/explain/ here", 404},
		{"POST", "/lull/v1/conns", "method POST: must be GET", 405},
		{"DELETE", "/lull/v1/explain/1", "method DELETE: must be GET", 405},
	} {
		status, body := do(t, path, tt.method, tt.target)
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: %d %s, want %d and %q", tt.method, tt.target, status, body, tt.status, tt.want)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	_, path := serve(t, engine)
	c := dial(t, path)
	appendCloses(&engine.Ended, 1)
	var stops []func() error
	for range streamsMax {
		next, stop := events(t, c, EventQuery{Since: "all"})
		next() // it is under way
		stops = append(stops, stop)
	}
	if err := c.Events(t.Context(), EventQuery{}, nil); err == nil || !strings.Contains(err.Error(), "64 conns and events requests are under way") {
		t.Errorf("stream %d: %v, want a refusal", streamsMax+1, err)
	}
	if _, err := c.Explain(t.Context(), 1, 0); err != nil {
		t.Errorf("explain beside %d streams: %v", streamsMax, err)
	}
	var wait sync.WaitGroup
	for _, stop := range stops {
		wait.Go(func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	deadline := time.Now().Add(5 * time.Second)
	for { // the server learns a moment later that the readers have gone
		err := c.Conns(t.Context(), Filter{}, func(*Conn) error { return nil })
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("places were not given back: %v", err)
		}
	}
}

// TestCloseEndsStreams: what ended before Close reaches the readers, who then see an orderly end.
func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	appendCloses(&engine.Ended, 1)
	s, path := serve(t, engine)
	next, stop := events(t, dial(t, path), EventQuery{Since: "all"})
	next()
	appendCloses(&engine.Ended, 2)
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > closeLimit {
		t.Errorf("Close took %s", took)
	}
	if got := idOf(t, next()); got != 2 {
		t.Errorf("id %d, want 2", got)
	}
	if got := next(); got != "ended" {
		t.Errorf("%q after Close, want the end", got)
	}
	if err := stop(); err != nil {
		t.Errorf("the stream ended with %v, want an orderly end", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file is still there: %v", err)
	}
}

// TestCloseDoesNotWaitForSlowReaders has a reader that takes nothing.
func TestCloseDoesNotWaitForSlowReaders(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Open: lives(9000)}
	blocked := make(chan struct{})
	engine.Between = func(sent int) {
		if sent == 0 { // the first batch already is more than a socket takes
			close(blocked)
		}
	}
	s, path := serve(t, engine)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /lull/v1/conns HTTP/1.1\r\nHost: lull\r\n\r\n")
	<-blocked
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 2*closeLimit {
		t.Errorf("Close took %s, want about %s", took, closeLimit)
	}
}

func TestDialWithoutALull(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	left := filepath.Join(dir, "left")
	stale(t, left)
	for _, path := range []string{left, filepath.Join(dir, "never"), filepath.Join(dir, "no", "directory")} {
		want := "no lull answers on " + path + ": is it running? name its socket with --socket"
		if _, err := Dial(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestDialSomethingElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = other.Serve(ln) }()
	defer other.Close()
	if _, err := dial(t, path).Stats(t.Context()); err == nil || !strings.Contains(err.Error(), "is it a lull?") {
		t.Errorf("%v, want the question whether it is a lull", err)
	}
}

func TestServeRefusesALiveSocket(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{})
	s, err := Serve(path, &admintest.Engine{}, Version{}, slog.New(slog.DiscardHandler))
	if err == nil {
		_ = s.Close()
		t.Fatal("two answer on one socket")
	}
	if !strings.Contains(err.Error(), "another process answers on it") {
		t.Errorf("%v, want that another process answers", err)
	}
	dial(t, path)
}

func BenchmarkConns(b *testing.B) {
	engine := &admintest.Engine{Open: lives(9000)}
	dir := b.TempDir()
	s, err := Serve(filepath.Join(dir, "s"), engine, Version{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c, err := Dial(filepath.Join(dir, "s"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Conns(b.Context(), Filter{}, func(*Conn) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
