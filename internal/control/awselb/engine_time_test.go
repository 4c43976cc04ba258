package awselb

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// changeLate is what TO-06 allows between a change and what follows from it.
const changeLate = 100 * time.Millisecond

// stalls reads how long tasks of this machine have waited for a processor; 0 if the kernel does not count. Where a machine is too
// busy to run lull, lull is late and that says nothing of it: that wait is granted on top of what a test allows.
func stalls() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	_, total, _ := strings.Cut(line, "total=")
	micros, _ := strconv.ParseInt(total, 10, 64)
	return time.Duration(micros) * time.Microsecond
}

// pass lets time go by, in which connections are idle.
func pass(d time.Duration) { <-time.After(d) }

// dialHTTP makes a request to the HTTP listener and keeps the connection.
func (w *world) dialHTTP(node netip.Addr) net.Conn {
	w.t.Helper()
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(node, portHTTP).String(), lulltest.Patience)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: web\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return c
}

// TestEngineIdleModifiedTO_06 changes the idle timeout from 30 s to 1 s: it is in the data plane within 100 ms, connections that are
// idle for longer end within as much, and others when they have been idle for the new time.
func TestEngineIdleModifiedTO_06(t *testing.T) {
	t.Parallel()
	const idle = time.Second
	w := newWorld(t)
	w.create(w.newBackends("i-1"), "us-west-2a")
	w.register("i-1")
	w.modify("ConnectionSettings.IdleTimeout=30")
	aged, kept := w.dial(w.node(0)), w.dialHTTP(w.node(0))
	pass(idle + 200*time.Millisecond)
	fresh := w.dial(w.node(0))
	moved := time.Now()
	fresh.echo()

	stalled, asked := stalls(), time.Now()
	w.modify("ConnectionSettings.IdleTimeout=1")
	applied := time.Unix(0, w.applied.Load())
	if took := applied.Sub(asked); took > changeLate+stalls()-stalled {
		t.Errorf("in force after %v, want %v", took, changeLate)
	}
	for _, l := range w.Plan().LoadBalancers[0].Listeners {
		if l.Timeouts.Idle != idle {
			t.Errorf("%s: the idle timeout is %v, want %v", l.Key, l.Timeouts.Idle, idle)
		}
	}
	for client, why := range map[net.Conn]reason.Reason{aged.Conn: reason.TunnelIdle, kept: reason.ClientIdle} {
		r := w.closeOf(client)
		if late := r.Closed.Sub(applied); r.Reason != why || r.Setting != idle || late > changeLate+stalls()-stalled {
			t.Errorf("idle for longer: ended %v after the change by %v=%v, want %v within %v", late, r.Reason, r.Setting, why, changeLate)
		}
	}
	fresh.ended()
	if took := time.Since(moved); took < idle {
		t.Errorf("not idle for as long: ended after %v, want %v", took, idle)
	}
	if r := w.closeOf(fresh.Conn); r.Reason != reason.TunnelIdle || r.Late > changeLate+stalls()-stalled {
		t.Errorf("not idle for as long: ended by %v, %v late, want %v", r.Reason, r.Late, reason.TunnelIdle)
	}
}

// answered is how a request has ended.
type answered struct {
	status int
	body   string
	err    error
}

// slow makes a request that the backend answers when the test wants, and waits until the backend has it.
func (w *world) slow(b *backends) <-chan answered {
	w.t.Helper()
	result, node := make(chan answered, 1), w.node(0)
	go func() {
		status, body, err := fetch(node, "/slow")
		result <- answered{status, body, err}
	}()
	b.await(w.t)
	return result
}

// TestEngineDraining: with connection draining, what is under way when an instance is deregistered ends by itself, and the instance
// is in service until then.
func TestEngineDraining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1", "i-2")
	w.create(b, "us-west-2a")
	w.register("i-1")
	w.modify("ConnectionDraining.Enabled=true")
	open, request := w.dial(w.node(0)), w.slow(b)
	w.do(deregistration("i-1"))
	w.awaitHealth([]string{"i-1"}, saysLeaving)
	if status, _ := w.get(w.node(0), "/"); status != http.StatusServiceUnavailable {
		t.Errorf("a new request: got %d, want 503", status)
	}
	open.echo()
	_ = open.Close()
	w.awaitHealth([]string{"i-1"}, saysLeaving)
	close(b.answer)
	if got := <-request; got.status != http.StatusOK || got.body != "i-1" || got.err != nil {
		t.Errorf("the request under way: got %+v, want its answer", got)
	}
	w.awaitHealth([]string{"i-1"}, saysGone)
}

// TestEngineNoDraining: without it, what is under way is cut off.
func TestEngineNoDraining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1")
	w.create(b, "us-west-2a")
	w.register("i-1")
	open, request := w.dial(w.node(0)), w.slow(b)
	stalled := stalls()
	w.do(deregistration("i-1"))
	applied := time.Unix(0, w.applied.Load())
	if got := w.health("i-1"); got[0] != "i-1"+saysGone {
		t.Errorf("got %q, want it gone", got)
	}
	open.ended()
	if r := w.closeOf(open.Conn); r.Reason != reason.DrainTimeout || r.Closed.Sub(applied) > changeLate+stalls()-stalled {
		t.Errorf("got %v after %v, want %v at once", r.Reason, r.Closed.Sub(applied), reason.DrainTimeout)
	}
	if got := <-request; got.err == nil && got.status < http.StatusInternalServerError {
		t.Errorf("the request under way: got %+v, want it cut off", got)
	}
}

// TestEngineDrainingEnds: draining has an end, and an instance that is registered again before it keeps its connections.
func TestEngineDrainingEnds(t *testing.T) {
	t.Parallel()
	const drain = time.Second
	w := newWorld(t)
	w.create(w.newBackends("i-1", "i-2"), "us-west-2a")
	w.register("i-1")
	w.modify("ConnectionDraining.Enabled=true&LoadBalancerAttributes.ConnectionDraining.Timeout=1")
	leaving := w.dial(w.node(0))
	w.register("i-2")
	staying := w.dial(w.node(0))
	for staying.host != "i-2" {
		staying = w.dial(w.node(0))
	}
	stalled, began := stalls(), time.Now()
	w.do(deregistration("i-1", "i-2"))
	w.do(registration("i-2"))
	leaving.echo()
	leaving.ended()
	if took := time.Since(began); took < drain {
		t.Errorf("cut off after %v, want %v", took, drain)
	}
	if r := w.closeOf(leaving.Conn); r.Reason != reason.DrainTimeout || r.Closed.Sub(began) > drain+changeLate+stalls()-stalled {
		t.Errorf("got %v after %v, want %v after %v", r.Reason, r.Closed.Sub(began), reason.DrainTimeout, drain)
	}
	w.awaitHealth([]string{"i-1"}, saysGone)
	pass(200 * time.Millisecond)
	staying.echo()
}
