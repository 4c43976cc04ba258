package dataplane_test

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// returns opens a connection with what config remembers of earlier ones, uses it and ends it. It reports whether a session
// was resumed, in the eyes of both sides.
func (f *fort) returns(key plan.ListenerKey, config *tls.Config) bool {
	f.t.Helper()
	g := f.enter(key, config)
	g.works(key)
	resumed := g.ConnectionState().DidResume
	_ = g.Close()
	if r := f.ended(g.raw, reason.ClientClosed); r.TLS.Front.Resumed != resumed {
		f.t.Errorf("record: got resumed %v, and the client %v", r.TLS.Front.Resumed, resumed)
	}
	return resumed
}

// TestTLSResume: a client's session goes on, whatever loop it comes to and whatever has changed meanwhile that does not
// concern who may come in.
func TestTLSResume(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		bothVersions(t, func(t *testing.T, version uint16) {
			f := newFort(t, 4, nil)
			config := f.trust(version)
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			if f.returns(key, config) {
				t.Error("the first time: got a session resumed")
			}
			for range 8 { // on whatever loops
				if !f.returns(key, config) {
					t.Error("once more: got a full handshake")
				}
			}
			changed := f.Changed(f.plan, func(p *plan.Plan) {
				for _, l := range p.LoadBalancers[0].Listeners {
					own := *l.TLS
					l.TLS, l.Timeouts.Idle = &own, l.Timeouts.Idle/2
				}
			})
			if !f.returns(key, config) {
				t.Error("behind a change of the plan: got a full handshake")
			}
			lulltest.ListenerNamed(t, changed, key.Name).TLS.Certificates.Replace(certs.NewSet([]*certs.Certificate{
				{TLS: f.ca.IssueFor(t, testca.Request{Names: []string{"web.example"}}).TLS},
			}))
			if !f.returns(key, config) {
				t.Error("behind a new certificate: got a full handshake")
			}
			l, _ := totalsOf(f.Engine, key)
			if l.Handshakes != 11 || l.Resumed != 10 {
				t.Errorf("counters: got %d handshakes, %d resumed; want 11 and 10", l.Handshakes, l.Resumed)
			}
		})
	})
}

// TestTLSNoResume: a session is worth nothing at another listener, nor where there shall be none.
func TestTLSNoResume(t *testing.T) {
	t.Parallel()
	bothVersions(t, func(t *testing.T, version uint16) {
		f := newFort(t, 2, nil)
		config := f.trust(version)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		f.returns(lulltest.HTTPKey, config)
		if f.returns(secretKey, config) {
			t.Error("another listener: got the session resumed")
		}
		f.Changed(f.plan, func(p *plan.Plan) {
			for _, l := range p.LoadBalancers[0].Listeners {
				own := *l.TLS
				l.TLS, own.NoResumption = &own, true
			}
		})
		for range 2 {
			if f.returns(secretKey, config) {
				t.Error("no resumption: got the session resumed")
			}
		}
	})
}

// TestTLSNoResumeForStrangers: what the authorities of yesterday have let in has to show its certificate once more when they
// are others.
func TestTLSNoResumeForStrangers(t *testing.T) {
	t.Parallel()
	for _, auth := range []plan.ClientAuth{plan.ClientCertOptional, plan.ClientCertRequired} {
		t.Run(auth.String(), func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					guests := testca.NewFor(t)
					roots := certs.NewRoots(guests.Pool())
					f := newFort(t, 2, func(f *fort) {
						f.each(func(l *plan.Listener) { l.TLS.ClientAuth, l.TLS.ClientRoots = auth, roots })
					})
					config := f.trust(version)
					config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
					config.Certificates = []tls.Certificate{guests.IssueFor(t, testca.Request{Client: true, CommonName: "ann"}).TLS}
					f.returns(key, config)
					if !f.returns(key, config) {
						t.Error("the same authorities: got a full handshake")
					}
					both := guests.Pool()
					both.AppendCertsFromPEM(f.ca.PEM())
					roots.Replace(both)
					if f.returns(key, config) {
						t.Error("one authority more: got the session resumed")
					}
					roots.Replace(f.ca.Pool())
					raw := f.knock(key)
					g := f.client(raw, raw, config)
					_, _ = g.Write([]byte(lulltest.Request("GET", "/", "")))
					if _, data := g.end(); len(data) > 0 {
						t.Errorf("other authorities: got %q, want nothing", data)
					}
					_ = raw.Close()
					f.ended(raw, reason.HandshakeFailed)
				})
			})
		})
	}
}

// TestTLSCertificateReplaced: under load, no connection notices that the certificate is another, and new ones get it.
func TestTLSCertificateReplaced(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 2, nil)
		stop := make(chan struct{})
		var work sync.WaitGroup
		var rounds, trouble atomic.Int64
		for n := range 8 {
			work.Go(func() {
				raw := lulltest.HTTP(lulltest.Dial(t, f.Local(key)))
				g := f.client(raw, raw, f.trust([]uint16{tls.VersionTLS12, tls.VersionTLS13}[n%2]))
				for {
					select {
					case <-stop:
						_ = g.Close()
						return
					default:
					}
					if !g.round(key) {
						trouble.Add(1)
						return
					}
					rounds.Add(1)
				}
			})
		}
		holder := f.listener(key).TLS.Certificates
		for range 20 {
			next := f.ca.IssueFor(t, testca.Request{Names: []string{"web.example"}}).TLS
			holder.Replace(certs.NewSet([]*certs.Certificate{{TLS: next}}))
			g := f.enter(key, f.trust(tls.VersionTLS13))
			if !shown(g, next.Leaf) {
				t.Error("a new connection: got another certificate than the new one")
			}
			g.works(key)
			_ = g.Close()
		}
		before := rounds.Load()
		if !lulltest.Eventually(func() bool { return rounds.Load() > before+50 || trouble.Load() > 0 }) {
			t.Error("the load has come to a halt")
		}
		close(stop)
		work.Wait()
		if n := trouble.Load(); n > 0 {
			t.Errorf("connections in trouble: got %d of 8, want none", n)
		}
	})
}

func shown(g *guest, want *x509.Certificate) bool {
	return g.ConnectionState().PeerCertificates[0].Equal(want)
}

// round is works for another goroutine than the test's.
func (g *guest) round(key plan.ListenerKey) bool {
	text := lulltest.Request("GET", "/", "")
	if _, err := g.Write([]byte(text)); err != nil {
		return false
	}
	if key == secretKey {
		for n := 0; n < len(text); {
			m, err := g.Read(make([]byte, len(text)-n))
			if n += m; err != nil {
				return false
			}
		}
		return true
	}
	a, err := lulltest.NewReader(g.Conn).Answer("GET")
	return err == nil && a.StatusCode == 200 && string(a.Data) == "hello"
}
