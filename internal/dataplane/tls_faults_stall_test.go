package dataplane_test

import (
	"context"
	"crypto/tls"
	"io"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// point is where in its handshake a client stops: after that many writes, each of which is a flight, and that many bytes of
// the next.
type point struct {
	name    string
	version uint16
	open    int
	extra   int
}

//nolint:gochecknoglobals // a constant table
var points = []point{
	{"nothing", tls.VersionTLS13, 0, 0},
	{"one-byte", tls.VersionTLS13, 0, 1},
	{"half-hello", tls.VersionTLS13, 0, 100},
	{"server-flight-1.2", tls.VersionTLS12, 1, 0},
	{"server-flight-1.3", tls.VersionTLS13, 1, 0},
	{"half-flight-1.2", tls.VersionTLS12, 1, 20},
	{"half-flight-1.3", tls.VersionTLS13, 1, 20},
	{"before-finished-1.2", tls.VersionTLS12, 1, 48}, // key exchange and change of cipher spec
	{"before-finished-1.3", tls.VersionTLS13, 1, 6},  // change of cipher spec
}

// dawdler is a client that has stopped in its handshake.
type dawdler struct {
	*valve
	began instant
	seen  chan ending // how it ended
}

// stall opens a client's connection that stops at a point.
func (f *fort) stall(key plan.ListenerKey, p point) *dawdler {
	f.t.Helper()
	d := &dawdler{began: now(), seen: make(chan ending, 1)}
	raw := f.knock(key)
	d.valve = &valve{HTTPConn: raw, open: p.open, extra: p.extra}
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	go func() {
		c := tls.Client(d.valve, f.trust(p.version))
		_, err := io.ReadAll(c) // after the handshake
		how := lulltest.Closed(err)
		if err == nil || err == io.ErrUnexpectedEOF { //nolint:errorlint // that is what crypto/tls returns
			how = "eof"
		}
		d.seen <- ending{how: how, at: time.Now()}
	}()
	return d
}

// stalled is stall that waits until lull has got as far as it will: the client has all that it gets without saying more.
func (f *fort) stalled(key plan.ListenerKey, p point) *dawdler {
	f.t.Helper()
	d := f.stall(key, p)
	f.WaitState(d.HTTPConn, "handshake")
	if !lulltest.Eventually(func() bool { return d.stopped(p) }) {
		f.t.Fatalf("the client did not get to its point: %d bytes are held", len(d.held))
	}
	return d
}

// stopped reports whether the client has come to where it stops.
func (v *valve) stopped(p point) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open == 0 && v.extra == 0 && len(v.held) > 0 || p.open == 0 && p.extra == 0
}

// onPoints runs a test for every point and both listeners.
func onPoints(t *testing.T, body func(t *testing.T, key plan.ListenerKey, p point)) {
	t.Helper()
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) { body(t, key, p) })
		})
	}
}

// TestTLSStallTO_05: a handshake that stalls, wherever it does, ends at its own limit and not before, however short the idle
// timeout is.
func TestTLSStallTO_05(t *testing.T) {
	t.Parallel()
	const limit, idle = 900 * time.Millisecond, 300 * time.Millisecond
	onPoints(t, func(t *testing.T, key plan.ListenerKey, p point) {
		f := newFort(t, 1, func(f *fort) {
			f.each(func(l *plan.Listener) { l.Timeouts.Idle, l.Timeouts.Handshake = idle, limit })
		})
		d := f.stall(key, p)
		got := <-d.seen
		got.within(t, "client", "eof", d.began, limit)
		_ = d.Close()
		r := f.ended(d.HTTPConn, reason.HandshakeTimeout)
		due := r.Closed.Add(-r.Late)
		if r.Timer != "handshake" || r.Setting != limit || r.Late < 0 || due.Before(d.began.at.Add(limit)) {
			t.Errorf("record: got %s=%v, due %v after the connection; want handshake=%v", r.Timer, r.Setting, due.Sub(d.began.at), limit)
		}
		if r.BytesUp != 0 || r.BytesDown != 0 || r.Exchanges != 0 || r.TLS.Front.Version != 0 {
			t.Errorf("record: got %d bytes up, %d down, %d exchanges, %+v; want none", r.BytesUp, r.BytesDown, r.Exchanges, r.TLS)
		}
		f.Changed(f.plan, func(p *plan.Plan) { // whoever comes now is in no hurry
			for _, l := range p.LoadBalancers[0].Listeners {
				l.Timeouts.Idle, l.Timeouts.Handshake = lulltest.Patience, lulltest.Patience
			}
		})
		f.fares()
	})
}

// TestTLSStallDripTO_05: to send a byte now and then does not help.
func TestTLSStallDripTO_05(t *testing.T) {
	t.Parallel()
	const limit = 800 * time.Millisecond
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, func(f *fort) { f.each(func(l *plan.Listener) { l.Timeouts.Handshake = limit }) })
		began := now()
		c := f.knock(key)
		c.Send(string(helloOf(t, f.trust(tls.VersionTLS13))[:6]))
		defer drip(c, limit/9)()
		how, _ := c.End()
		ending{how: how, at: time.Now()}.within(t, "client", "eof", began, limit)
		f.ended(c, reason.HandshakeTimeout)
	})
}

// TestTLSStallCrowd: hundreds that stall do not keep one from being served that does not.
func TestTLSStallCrowd(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 2, nil)
		var crowd []*dawdler
		for i := range 200 {
			crowd = append(crowd, f.stall(key, points[i%len(points)]))
		}
		f.WaitState(crowd[len(crowd)-1].HTTPConn, "handshake")
		began := now()
		f.enter(key, f.trust(tls.VersionTLS13)).works(key)
		if took, most := time.Since(began.at), began.allowed(time.Second); took > most {
			t.Errorf("the handshake among those that stall took %v, want at most %v", took, most)
		}
		for _, d := range crowd {
			d.Reset()
		}
		for _, d := range crowd {
			f.ended(d.HTTPConn, reason.ClientReset)
		}
	})
}

// TestTLSLeave: a client may leave at any point of its handshake, in either way.
func TestTLSLeave(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]reason.Reason{"fin": reason.ClientClosed, "reset": reason.ClientReset} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onPoints(t, func(t *testing.T, key plan.ListenerKey, p point) {
				f := newFort(t, 1, nil)
				d := f.stalled(key, p)
				if why == reason.ClientReset {
					d.Reset()
				} else {
					_ = d.CloseWrite()
					if got := <-d.seen; got.how != "eof" {
						t.Errorf("client: got %s, want a FIN for its own", got.how)
					}
					_ = d.Close()
				}
				if r := f.ended(d.HTTPConn, why); r.Timer != "" || r.TLS.Front.Version != 0 {
					t.Errorf("record: got %q, %+v, want no timer and no version", r.Timer, r.TLS)
				}
				f.fares()
			})
		})
	}
}

// TestTLSRemovedInHandshake: the drain time of a removed listener, or of a lull that stops, bounds its handshakes too.
func TestTLSRemovedInHandshake(t *testing.T) {
	t.Parallel()
	const drain = 300 * time.Millisecond
	for name, why := range map[string]reason.Reason{"removed": reason.ListenerRemoved, "drain": reason.Shutdown, "close": reason.Shutdown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onPoints(t, func(t *testing.T, key plan.ListenerKey, p point) {
				f := newFort(t, 1, func(f *fort) { f.each(func(l *plan.Listener) { l.Timeouts.Drain = drain }) })
				d := f.stalled(key, p)
				began, want := now(), drain
				switch name {
				case "removed":
					f.Changed(f.plan, func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil })
				case "drain":
					done := make(chan error, 1)
					defer func() {
						if err := <-done; err != nil {
							t.Errorf("drain: %v", err)
						}
					}()
					go func() { done <- f.Drain(context.Background()) }()
				case "close":
					f.Close()
					want = 0
				}
				got := <-d.seen
				if name == "close" && got.how == "reset" { // it does not wait for peers
					got.how = "eof"
				}
				got.within(t, "client", "eof", began, want)
				_ = d.Close()
				f.ended(d.HTTPConn, why)
			})
		})
	}
}

// TestTLSChangedInHandshake: a plan that changes, or a certificate, does no harm to a handshake under way, nor does the
// removal of its listener while there is time.
func TestTLSChangedInHandshake(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"settings", "certificate", "tickets", "removed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					f := newFort(t, 1, nil)
					raw := f.knock(key)
					v := &valve{HTTPConn: raw, open: 1}
					done := make(chan *guest)
					go func() { done <- f.begin(raw, v, version) }()
					if !lulltest.Eventually(func() bool { return v.stopped(point{open: 1}) }) {
						t.Fatal("the client did not get to its last flight")
					}
					f.Changed(f.plan, func(p *plan.Plan) {
						for _, l := range p.LoadBalancers[0].Listeners {
							own := *l.TLS
							l.TLS = &own
							switch name {
							case "settings":
								l.Timeouts.Idle = 7 * time.Second
							case "certificate":
								l.TLS.Certificates.Replace(certs.NewSet([]*certs.Certificate{
									{TLS: f.ca.IssueFor(t, testca.Request{Names: []string{"web.example"}}).TLS},
								}))
							case "tickets":
								l.TLS.NoResumption = true
							}
						}
						if name == "removed" {
							p.LoadBalancers[0].Listeners = nil
						}
					})
					v.release(0)
					g := <-done
					if g == nil {
						t.Fatal("the handshake has failed")
					}
					g.works(key)
				})
			})
		})
	}
}

// begin is shake for another goroutine than the test's: nil if the handshake fails.
func (f *fort) begin(raw *lulltest.HTTPConn, v *valve, version uint16) *guest {
	g := f.client(raw, v, f.trust(version))
	if g.Handshake() != nil {
		return nil
	}
	return g
}

// TestTLSReclaimPR_03: near the limit, whoever has been in its handshake for longest makes room, wherever it has come to.
func TestTLSReclaimPR_03(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, nil)
		f.SetConnectionsMax(10)
		var crowd []*dawdler
		for _, p := range points {
			crowd = append(crowd, f.stalled(key, p))
		}
		if len(crowd) != 9 {
			t.Fatalf("there are %d, which is not 90 %%", len(crowd))
		}
		var guests []*guest
		for i, d := range crowd[:5] {
			guests = append(guests, f.enter(key, f.trust(tls.VersionTLS13)))
			guests[i].works(key)
			if got := <-d.seen; got.how != "eof" {
				t.Errorf("reclaimed: got %s, want a FIN", got.how)
			}
			_ = d.Close()
			f.ended(d.HTTPConn, reason.Reclaimed)
			if key == lulltest.HTTPKey { // a connection that waits for its next request may be reclaimed as well
				_ = guests[i].Close()
				f.ended(guests[i].raw, reason.ClientClosed)
				guests[i] = nil
				crowd = append(crowd, f.stalled(key, points[0]))
			}
		}
		for _, g := range guests {
			if g != nil {
				g.works(key)
			}
		}
	})
}
