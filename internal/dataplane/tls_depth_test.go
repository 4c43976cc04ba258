package dataplane_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// depthCase is a certificate, who is trusted, and which depths let it pass.
type depthCase struct {
	name    string
	issued  testca.Request
	bundled bool // the intermediate authority is among those that are trusted
	alone   bool // and the root is not
	least   int  // the least depth that lets it pass
}

func depthCases(r testca.Request) []depthCase {
	far := r
	far.Intermediate = true
	return []depthCase{
		{"root", r, false, false, 1},
		{"intermediate", far, false, false, 2},
		{"intermediate-bundled", far, true, false, 2},
		{"intermediate-alone", far, true, true, 1},
	}
}

// issue returns the certificate and who is trusted.
func (d *depthCase) issue(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	ca := testca.NewFor(t)
	issued, pool := ca.IssueFor(t, d.issued).TLS, ca.Pool()
	if d.alone {
		pool = x509.NewCertPool()
	}
	if d.bundled {
		between, err := x509.ParseCertificate(issued.Certificate[1])
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(between)
	}
	return issued, pool
}

// TestTLS05VerifyDepth: 1 is a client's certificate that a root has issued itself, 2 one with an authority between, 0 any.
func TestTLS05VerifyDepth(t *testing.T) {
	t.Parallel()
	for _, d := range depthCases(testca.Request{Client: true, CommonName: "ann"}) {
		for _, auth := range []plan.ClientAuth{plan.ClientCertOptional, plan.ClientCertRequired} {
			for depth := range 3 {
				t.Run(fmt.Sprintf("%s-%v-%d", d.name, auth, depth), func(t *testing.T) {
					t.Parallel()
					gates(t, func(t *testing.T, key plan.ListenerKey) {
						bothVersions(t, func(t *testing.T, version uint16) { checkDepth(t, key, version, &d, auth, depth) })
					})
				})
			}
		}
	}
}

func checkDepth(t *testing.T, key plan.ListenerKey, version uint16, d *depthCase, auth plan.ClientAuth, depth int) {
	t.Helper()
	issued, pool := d.issue(t)
	f := newFort(t, 1, func(f *fort) {
		l := f.listener(key)
		l.TLS.ClientAuth, l.TLS.ClientRoots, l.TLS.VerifyDepth = auth, certs.NewRoots(pool), depth
	})
	config := f.trust(version)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &issued, nil }
	raw := f.knock(key)
	g := f.client(raw, raw, config)
	if depth == 0 || depth >= d.least {
		g.works(key)
		_ = g.Close()
		f.ended(raw, reason.ClientClosed)
		return
	}
	_, _ = io.WriteString(g, lulltest.Request("GET", "/", "")) // in TLS 1.3 the client learns of it later
	if _, data := g.end(); len(data) > 0 {
		t.Errorf("client: got %q, want nothing", data)
	}
	_ = raw.Close()
	if r := f.ended(raw, reason.HandshakeFailed); !strings.Contains(r.TLS.Fault, "2 steps to its root, allowed are 1") {
		t.Errorf("record: got fault %q, want it to be about the steps", r.TLS.Fault)
	}
}

// TestTLS05VerifyDepthLowered: a session of before is worth nothing to a certificate that is too far from its root now.
func TestTLS05VerifyDepthLowered(t *testing.T) {
	t.Parallel()
	bothVersions(t, func(t *testing.T, version uint16) {
		d := depthCases(testca.Request{Client: true})[1]
		issued, pool := d.issue(t)
		f := newFort(t, 1, func(f *fort) {
			l := f.listener(secretKey)
			l.TLS.ClientAuth, l.TLS.ClientRoots, l.TLS.VerifyDepth = plan.ClientCertRequired, certs.NewRoots(pool), 2
		})
		config := f.trust(version)
		config.Certificates, config.ClientSessionCache = []tls.Certificate{issued}, tls.NewLRUClientSessionCache(1)
		f.returns(secretKey, config)
		if !f.returns(secretKey, config) {
			t.Fatal("want a session resumed, or there is nothing to see")
		}
		f.Changed(f.plan, func(p *plan.Plan) {
			l := lulltest.ListenerNamed(t, p, secretKey.Name)
			own := *l.TLS
			l.TLS, own.VerifyDepth = &own, 1
		})
		raw := f.knock(secretKey)
		g := f.client(raw, raw, config)
		_, _ = io.WriteString(g, "hello")
		if _, data := g.end(); len(data) > 0 {
			t.Errorf("client: got %q, want nothing", data)
		}
		_ = raw.Close()
		f.ended(raw, reason.HandshakeFailed)
	})
}

// TestTLS05NoCertificate: a client without a certificate where one is required comes through the handshake and is told so, with
// whatever status there is to be.
func TestTLS05NoCertificate(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 400} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			bothVersions(t, func(t *testing.T, version uint16) {
				f := newFort(t, 1, func(f *fort) {
					l := f.listener(lulltest.HTTPKey)
					l.TLS.ClientAuth, l.TLS.ClientRoots = plan.ClientCertRequired, certs.NewRoots(testca.NewFor(t).Pool())
					l.Answers.NoIdentity = status
				})
				g := f.enter(lulltest.HTTPKey, f.trust(version))
				g.say(lulltest.Request("GET", "/", ""))
				checkOwn(t, g.answer("GET"), "GET", 400)
				_ = g.Close()
				f.ended(g.raw, reason.NoClientCert)
			})
		})
	}
}

// TestTLS05BackendVerifyDepth is the same for the certificates of backends, which a 502 tells of.
func TestTLS05BackendVerifyDepth(t *testing.T) {
	t.Parallel()
	for _, d := range depthCases(local()) {
		for depth := range 3 {
			t.Run(fmt.Sprintf("%s-%d", d.name, depth), func(t *testing.T) {
				t.Parallel()
				f := newFort(t, 1, func(f *fort) {
					issued, pool := d.issue(t)
					f.before(lulltest.HTTPKey, secureServer(t, &tls.Config{Certificates: []tls.Certificate{issued}}, greetAll).Addr)
					c := clientTLS(f.ca)
					c.Roots, c.VerifyDepth = certs.NewRoots(pool), depth
					f.listener(lulltest.HTTPKey).BackendSet.TLS = c
				})
				g := f.enter(lulltest.HTTPKey, f.trust(tls.VersionTLS13))
				if depth == 0 || depth >= d.least {
					g.works(lulltest.HTTPKey)
					_ = g.Close()
					f.ended(g.raw, reason.ClientClosed)
					return
				}
				g.say(lulltest.Request("GET", "/", ""))
				checkOwn(t, g.answer("GET"), "GET", 502)
				if x := f.ExchangeOf(g.raw, 1); x.Reason != reason.BackendUntrusted || !strings.Contains(x.TLS.Fault, "2 steps to its root, allowed are 1") {
					t.Errorf("exchange: got %v, fault %q; want %v and that it is about the steps", x.Reason, x.TLS.Fault, reason.BackendUntrusted)
				}
			})
		}
	}
}

// TestTLS06Backend: a backend must have an acceptable certificate for its name, and is shown none, whatever it asks for.
func TestTLS06Backend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		server func(t *testing.T, ca *testca.Authority) *tls.Config
		status int
		why    reason.Reason
	}{
		{"good", func(t *testing.T, ca *testca.Authority) *tls.Config { return certified(t, ca, local()) }, 200, reason.None},
		{"other-name", func(t *testing.T, ca *testca.Authority) *tls.Config {
			return certified(t, ca, testca.Request{Names: []string{"other.example"}})
		}, 502, reason.BackendUntrusted},
		{"other-authority", func(t *testing.T, _ *testca.Authority) *tls.Config { return certified(t, testca.NewFor(t), local()) }, 502, reason.BackendUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothVersions(t, func(t *testing.T, version uint16) {
				shown := make(chan int, 8)
				f := newFort(t, 1, func(f *fort) {
					server := tt.server(t, f.ca)
					server.ClientAuth, server.MinVersion, server.MaxVersion = tls.RequestClientCert, version, version
					f.before(lulltest.HTTPKey, secureServer(t, server, func(c *tls.Conn) {
						shown <- len(c.ConnectionState().PeerCertificates)
						greetAll(c)
					}).Addr)
					f.listener(lulltest.HTTPKey).BackendSet.TLS = clientTLS(f.ca)
				})
				g := f.enter(lulltest.HTTPKey, f.trust(tls.VersionTLS13))
				g.say(lulltest.Request("GET", "/", ""))
				a := g.answer("GET")
				if tt.status == 200 {
					if a.StatusCode != 200 {
						t.Errorf("status: got %d, want 200", a.StatusCode)
					}
					if n := <-shown; n != 0 {
						t.Errorf("the backend was shown %d certificates, want none", n)
					}
					return
				}
				checkOwn(t, a, "GET", tt.status)
				if x := f.ExchangeOf(g.raw, 1); x.Reason != tt.why {
					t.Errorf("exchange: got %v, want %v", x.Reason, tt.why)
				}
			})
		})
	}
}

// TestTLS07Tunnel: a tcp listener without TLS passes the handshake on, and it is the backend's certificate that the client sees.
func TestTLS07Tunnel(t *testing.T) {
	t.Parallel()
	bothVersions(t, func(t *testing.T, version uint16) {
		ca := testca.NewFor(t)
		p := lulltest.Plan(secureServer(t, certified(t, ca, testca.Request{Names: []string{"backend.example"}}), echoAll).Addr)
		e := lulltest.Start(t, p)
		raw := e.Dial()
		c := tls.Client(raw, &tls.Config{RootCAs: ca.Pool(), ServerName: "backend.example", MinVersion: version, MaxVersion: version})
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatalf("send: %v", err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			t.Errorf("echo: got %q, %v, want hello", got, err)
		}
		_ = c.Close()
		if r := e.NextClose(); r.TLS.Front.Version != 0 {
			t.Errorf("record: got TLS %+v, want none of lull's", r.TLS.Front)
		}
	})
}

// TestTLS08NoResumption: where sessions shall not be resumed each connection makes a full handshake, and clients are given nothing to
// come back with.
func TestTLS08NoResumption(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{true, false} {
		t.Run(fmt.Sprintf("off-%t", off), func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					f := newFort(t, 2, func(f *fort) { f.listener(key).TLS.NoResumption = off })
					config, cache := f.trust(version), &givenSessions{ClientSessionCache: tls.NewLRUClientSessionCache(4)}
					config.ClientSessionCache = cache
					for i := range 3 {
						if got, want := f.returns(key, config), !off && i > 0; got != want {
							t.Errorf("connection %d: got resumed %t, want %t", i+1, got, want)
						}
					}
					if given := cache.puts > 0; given == off {
						t.Errorf("sessions given: got %d, want some: %t", cache.puts, !off)
					}
				})
			})
		})
	}
}

// givenSessions counts the sessions that a client is given. It is used by one goroutine at a time.
type givenSessions struct {
	tls.ClientSessionCache
	puts int
}

func (c *givenSessions) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		c.puts++
	}
	c.ClientSessionCache.Put(key, s)
}
