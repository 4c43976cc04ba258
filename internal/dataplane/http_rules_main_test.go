package dataplane_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The http_rules_*_test.go files hold the timeout rules for HTTP and upgraded connections against real sockets, in the
// manner of rules_*_test.go: the id of a rule is in the name of its test, times are measured at the sockets of the peers,
// and what a busy machine may have delayed is judged by lull's own records, which say when each timer was due.

// site is an engine with one HTTP listener before one backend, whose connections the test holds.
type site struct {
	*lulltest.Engine
	t        *testing.T
	plan     *plan.Plan
	backend  *lulltest.Server
	accepted <-chan *lulltest.Conn
}

// newSite starts a site with the model's defaults, as set changes them.
func newSite(t *testing.T, loops int, m timeout.Model, set func(*timeout.Settings)) *site {
	t.Helper()
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(m, backend.Addr)
	set(&lulltest.Listener(p).Timeouts)
	return &site{startHTTP(t, loops, p), t, p, backend, accepted}
}

// startHTTP is start for an engine that remembers every exchange.
func startHTTP(t *testing.T, loops int, p *plan.Plan) *lulltest.Engine {
	t.Helper()
	e := start(t, loops, p)
	e.FollowExchanges()
	return e
}

// idleOf sets the idle timeout.
func idleOf(d time.Duration) func(*timeout.Settings) {
	return func(s *timeout.Settings) { s.Idle = d }
}

// everyIdle sets every time that a connection or a direction of it may be idle.
func everyIdle(d time.Duration) func(*timeout.Settings) {
	return func(s *timeout.Settings) {
		if s.Idle = d; s.Model == timeout.Directional {
			s.FrontKeepalive, s.BackKeepalive = d, d
		}
	}
}

// onModels runs a test in both timeout models.
func onModels(t *testing.T, body func(t *testing.T, m timeout.Model)) {
	t.Helper()
	for _, m := range []timeout.Model{timeout.Shared, timeout.Directional} {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			body(t, m)
		})
	}
}

// failed is the status for a backend that closed: 504 on AWS, 502 on OCI (SH-12).
func failed(m timeout.Model) int {
	if m == timeout.Directional {
		return 502
	}
	return 504
}

// dialog is a client's conversation with the backend. The instants of ends are those of its last byte.
type dialog struct {
	ends
	s *site
	c *lulltest.HTTPConn // the client's end
	b *lulltest.HTTPConn // the backend's; nil until it is known
}

// dial opens a client's connection. idle is how long the test's own steps may be apart.
func (s *site) dial(idle time.Duration) *dialog {
	s.t.Helper()
	d := &dialog{s: s, ends: ends{t: s.t, idle: idle, last: now()}}
	d.c = s.DialHTTP()
	d.client = d.c.Conn
	return d
}

// say sends something as the client, and leaves open when lull has it.
func (d *dialog) say(text string) {
	d.t.Helper()
	d.sending(d.c, text)
}

// tell is say for the backend.
func (d *dialog) tell(text string) {
	d.t.Helper()
	d.sending(d.b, text)
}

func (d *dialog) sending(from *lulltest.HTTPConn, text string) {
	d.t.Helper()
	d.punctual(d.last, d.idle)
	sent := now()
	_, err := from.Write([]byte(text))
	d.moved(sent, err)
	d.heard = time.Time{}
}

// punctual skips the test if its next step, meant to come within limit of an instant, comes too late to tell anything.
func (d *dialog) punctual(from instant, limit time.Duration) {
	d.t.Helper()
	if took := time.Since(from.at); took >= limit {
		d.t.Skipf("the machine is too busy: a step meant to come within %v came after %v", limit, took)
	}
}

// hear notes that the last byte sent has arrived on the other side.
func (d *dialog) hear() { d.heard = time.Now() }

// meet takes the backend's connection, if this is the first request.
func (d *dialog) meet() *lulltest.HTTPConn {
	d.t.Helper()
	if d.b == nil {
		d.hurried()
		d.b = lulltest.TakeHTTP(d.t, d.s.accepted)
		d.backend = d.b.Conn
		d.t.Cleanup(d.s.backend.Stop) // or lull would try its luck there again when this connection ends with the test
	}
	return d.b
}

// hurried skips the test if lull has given up on the backend because the machine had no processor for the handshake, which is
// part of a connect: that has the idle time at most.
func (d *dialog) hurried() {
	d.t.Helper()
	if !lulltest.WireOf(d.t).Back() {
		return
	}
	gaveUp := func() bool {
		return slices.ContainsFunc(lulltest.Recorded(&d.s.Exchanges().Ring), func(x record.Exchange) bool {
			return x.Reason == reason.ConnectTimeout && d.c.IsOf(&x.Ends)
		})
	}
	lulltest.Eventually(func() bool { return len(d.s.accepted) > 0 || gaveUp() })
	if stalled := stalls() - d.last.stalls; stalled > d.idle/2 && gaveUp() {
		d.t.Skipf("the machine is too busy: no handshake with the backend within %v, of which tasks waited %v for a processor", d.idle, stalled)
	}
}

// ask sends a request and reads it at the backend.
func (d *dialog) ask(method, body string) lulltest.Received {
	d.t.Helper()
	d.say(lulltest.Request(method, "/", body))
	got := d.meet().Request()
	d.hear()
	if got.Method != method || string(got.Data) != body {
		d.t.Fatalf("backend: got %s with %q, want %s with %q", got.Method, got.Data, method, body)
	}
	return got
}

// answer answers a GET and reads the answer at the client.
func (d *dialog) answer(lines ...string) lulltest.Answer {
	d.t.Helper()
	d.tell(lulltest.Response("hello", lines...))
	a := d.c.ExpectAnswer("hello")
	d.hear()
	return a
}

// exchange is a GET and its answer.
func (d *dialog) exchange() {
	d.t.Helper()
	d.ask("GET", "")
	d.answer()
}

// pass sends one byte from one end and reads it at the other.
func (d *dialog) pass(from, to *lulltest.HTTPConn) {
	d.t.Helper()
	d.punctual(d.last, d.idle)
	sent := now()
	_, err := from.Write([]byte("x"))
	if err == nil {
		_ = to.SetReadDeadline(time.Now().Add(lulltest.Patience))
		_, err = to.Read(make([]byte, 1))
	}
	d.moved(sent, err)
}

// upgrade makes the conversation a tunnel.
func (d *dialog) upgrade() {
	d.t.Helper()
	d.say("GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if r := d.meet().Request(); r.Header.Get("Upgrade") != "websocket" {
		d.t.Fatalf("backend: got %v, want an upgrade to websocket", r.Header)
	}
	d.tell("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if a := d.c.Answer("GET"); a.StatusCode != 101 || a.Header.Get("Upgrade") != "websocket" {
		d.t.Fatalf("client: got %s with %v, want 101 and websocket", a.Status, a.Header)
	}
	d.hear()
}

// watchHTTP is watch for what has not been read as HTTP.
func watchHTTP(c *lulltest.HTTPConn) <-chan ending {
	seen := make(chan ending, 1)
	go func() {
		how, data := c.End()
		seen <- ending{how, data, time.Now()}
	}()
	return seen
}

// gone checks that the backend's connection ends no sooner than want after the last byte, and not much later. Whether the
// backend sees a FIN or an RST is left open where it is in the middle of an exchange.
func (d *dialog) gone(seen <-chan ending, want time.Duration) {
	d.t.Helper()
	got := <-seen
	if got.how == "reset" {
		got.how = "eof"
	}
	got.within(d.t, "backend", "eof", d.last, want)
	if bytes.Contains(got.data, []byte("0\r\n\r\n")) {
		d.t.Errorf("backend: got %q, which ends a request of which not all had come", got.data)
	}
}

// refused reads a response that lull has made itself, no sooner than want after the last byte, and the connection's end.
func (d *dialog) refused(method string, status int, want time.Duration) {
	d.t.Helper()
	a := d.c.Answer(method)
	for a.StatusCode < 200 { // interim ones are the backend's
		a = d.c.Answer(method)
	}
	ending{"eof", nil, time.Now()}.within(d.t, fmt.Sprintf("client, %d", a.StatusCode), "eof", d.last, want)
	checkOwn(d.t, a, method, status)
	got := <-watchHTTP(d.c)
	got.within(d.t, "client", "eof", d.last, want)
	if len(got.data) > 0 {
		d.t.Errorf("client: got %q behind the response, want nothing", got.data)
	}
}

// checkOwn checks a response that lull has made itself, after which it closes.
func checkOwn(t *testing.T, a lulltest.Answer, method string, status int) {
	t.Helper()
	if a.StatusCode != status || a.How != "whole" || a.Proto != "HTTP/1.1" || a.Status == fmt.Sprint(status) {
		t.Errorf("client: got %s %q and %s, want HTTP/1.1 %d with its phrase, whole", a.Proto, a.Status, a.How, status)
	}
	if !a.Close || a.Header.Get("Content-Type") == "" || (len(a.Data) == 0) != (method == "HEAD") {
		t.Errorf("client: got Connection %q, Content-Type %q and %d bytes; want close, a type and a body unless for HEAD",
			a.Header.Get("Connection"), a.Header.Get("Content-Type"), len(a.Data))
	}
}

// verdict is what the records of an exchange must say.
type verdict struct {
	why     reason.Reason
	timer   string
	setting time.Duration
	status  int // what the client got
}

// judged checks the records of the client's exchange of that number and of its connection, which ended together.
func (d *dialog) judged(number int, want verdict) (record.Exchange, record.Close) {
	d.t.Helper()
	x := d.judgedExchange(number, want)
	r := d.judge(d.s.Engine, want.why, want.setting)
	if r.Timer != want.timer || r.Exchanges != number {
		d.t.Errorf("record: got %q and %d exchanges, want %q and %d", r.Timer, r.Exchanges, want.timer, number)
	}
	return x, r
}

// judgedExchange checks the record of an exchange that a timer has ended: judge does so for its connection.
func (d *dialog) judgedExchange(number int, want verdict) record.Exchange {
	d.t.Helper()
	x := d.s.ExchangeOf(d.c, number)
	due := x.Ended.Add(-x.Late)
	if x.Reason != want.why || x.Timer != want.timer || x.Setting != want.setting || x.Status != want.status {
		d.t.Errorf("exchange: got %v by %s=%v with %d, want %v by %s=%v with %d",
			x.Reason, x.Timer, x.Setting, x.Status, want.why, want.timer, want.setting, want.status)
	}
	if x.Late < 0 || due.Before(d.last.at.Add(want.setting)) {
		d.t.Errorf("exchange: was due %v after the last byte was sent, want %v", due.Sub(d.last.at), want.setting)
	}
	if !d.heard.IsZero() && due.After(d.heard.Add(want.setting+want.setting/4)) {
		d.t.Errorf("exchange: was due %v after the last byte had arrived, want about %v", due.Sub(d.heard), want.setting)
	}
	return x
}

// completed checks the record of an exchange that went well.
func (d *dialog) completed(number int) record.Exchange {
	d.t.Helper()
	x := d.s.ExchangeOf(d.c, number)
	if x.Reason != reason.Completed || x.Status != 200 || x.BackendStatus != 200 || x.Timer != "" {
		d.t.Errorf("exchange %d: got %v with %d from %d by %q; want completed with 200 from 200", number, x.Reason, x.Status, x.BackendStatus, x.Timer)
	}
	return x
}

// httpTotals returns the counters of the listener of lulltest.HTTPPlan.
func httpTotals(e *lulltest.Engine) (totals struct{ Retries, Refused, Reused, Requests uint64 }) {
	l, _ := totalsOf(e, lulltest.HTTPKey)
	totals.Retries, totals.Refused, totals.Reused, totals.Requests = l.Retries, l.RetriesRefused, l.Reused, l.Requests
	return totals
}

// exchangeReasons returns the reasons of a client's exchanges, in their order.
func exchangeReasons(e *lulltest.Engine, c *lulltest.HTTPConn) (all []reason.Reason) {
	mine := slices.DeleteFunc(lulltest.Recorded(&e.Exchanges().Ring), func(x record.Exchange) bool {
		return !c.IsOf(&x.Ends)
	})
	slices.SortFunc(mine, func(a, b record.Exchange) int { return a.Number - b.Number })
	for i := range mine {
		all = append(all, mine[i].Reason)
	}
	return all
}
