package cli

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/file"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// secured is an instance with an https listener, in a directory of its own.
type secured struct {
	*instance
	t    *testing.T
	dir  string
	ca   *testca.Authority
	addr string
	log  *logged
}

// logged is a log that tests can read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startSecured starts one before a backend that greets.
func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{t: t, dir: t.TempDir(), ca: testca.NewFor(t), log: &logged{}}
	// The port is free once it is closed, and nobody else takes one at this address.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	_ = l.Close()
	s.issue("first.example.com")
	s.configure("60s", lulltest.Greeter(t).Addr.String())
	c, err := file.Load(s.path())
	if err != nil {
		t.Fatal(err)
	}
	if s.instance, err = startInstance(c, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.instance.close)
	return s
}

func (s *secured) path() string { return filepath.Join(s.dir, "lull.yaml") }

// configure writes lull.yaml; a connection in the middle of it keeps its backend.
func (s *secured) configure(idle, backend string) {
	s.t.Helper()
	host, port, _ := strings.Cut(s.addr, ":")
	bHost, bPort, _ := strings.Cut(backend, ":")
	writeFiles(s.t, s.dir, map[string][]byte{"lull.yaml": fmt.Appendf(nil, `admin: {socket: %s/s}
load_balancers:
  - name: web
    address: %s
    timeouts: {idle: %s}
    listeners: [{name: https, protocol: https, port: %s, backend_set: app, tls: {certificate: cert.pem, key: key.pem}}]
    backend_sets: [{name: app, backends: [{address: %s, port: %s}]}]
`, s.dir, host, idle, port, bHost, bPort)})
}

// edit replaces a word of lull.yaml.
func (s *secured) edit(old, with string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path())
	if err != nil || !bytes.Contains(text, []byte(old)) {
		s.t.Fatalf("lull.yaml: %v, want %q in it", err, old)
	}
	writeFiles(s.t, s.dir, map[string][]byte{"lull.yaml": bytes.ReplaceAll(text, []byte(old), []byte(with))})
}

// issue writes another certificate for a name.
func (s *secured) issue(name string) {
	s.t.Helper()
	i := s.ca.IssueFor(s.t, testca.Request{Names: []string{name, "lull.example.com"}})
	writeFiles(s.t, s.dir, map[string][]byte{"cert.pem": i.Chain, "key.pem": i.Key})
}

// settings are a client's. With a cache of sessions it resumes them.
func (s *secured) settings(cache tls.ClientSessionCache) *tls.Config {
	return &tls.Config{RootCAs: s.ca.Pool(), ServerName: "lull.example.com", ClientSessionCache: cache}
}

// dial makes a handshake, and reports the common name of the certificate that it got.
func (s *secured) dial(cache tls.ClientSessionCache) (*tls.Conn, string) {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.addr, s.settings(cache))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	return c, c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// get makes a request on a connection.
func get(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: lull.example.com\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got status %d, %v, want 200", response.StatusCode, err)
	}
}

// TestCertificateReplaced: another certificate in the file is shown to new clients without a reload, and clients who are
// there already do not notice. One that cannot be used is not taken, and the log says so.
func TestCertificateReplaced(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	old, name := s.dial(nil)
	if get(t, old); name != "first.example.com" {
		t.Fatalf("got the certificate of %s", name)
	}

	s.issue("second.example.com")
	s.watcher.Look(time.Now())
	if _, name := s.dial(nil); name != "second.example.com" {
		t.Errorf("after the file has changed: got the certificate of %s, want the new one", name)
	}
	get(t, old)

	writeFiles(t, s.dir, map[string][]byte{"key.pem": []byte("half a k")})
	s.watcher.Reload(time.Now())
	if _, name := s.dial(nil); name != "second.example.com" {
		t.Errorf("after the key was damaged: got the certificate of %s, want the one before", name)
	}
	if got := s.log.String(); !strings.Contains(got, "replaced") || !strings.Contains(got, "what was in force stays") ||
		strings.Contains(got, "half a k") {
		t.Errorf("log: got %s", got)
	}
	get(t, old)
}

// TestReloadSparesTLS: a reload, with another certificate and another timeout, ends no connection, restarts no handshake and
// lets clients resume their sessions.
func TestReloadSparesTLS(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	cache := tls.NewLRUClientSessionCache(1)
	open, _ := s.dial(cache)
	get(t, open) // its session ticket comes with the first bytes

	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	stalled := &slowStart{Conn: raw, gate: make(chan struct{}), reached: make(chan struct{})}
	shaken := make(chan error, 1)
	half := tls.Client(stalled, s.settings(nil))
	_ = half.SetDeadline(time.Now().Add(lulltest.Patience))
	t.Cleanup(func() { _ = half.Close() })
	go func() { shaken <- half.Handshake() }()
	<-stalled.reached

	s.issue("second.example.com")
	s.edit("idle: 60s", "idle: 50s")
	s.reloadFile(s.path())
	if got := s.log.String(); !strings.Contains(got, "msg=reloaded") {
		t.Fatalf("log: got %s", got)
	}

	get(t, open)
	if c, _ := s.dial(cache); !c.ConnectionState().DidResume {
		t.Error("the session from before the reload: got a full handshake, want it resumed")
	}
	if _, name := s.dial(nil); name != "second.example.com" {
		t.Errorf("got the certificate of %s, want the new one", name)
	}
	close(stalled.gate)
	if err := <-shaken; err != nil {
		t.Errorf("a handshake that began before the reload: got %v, want it done", err)
	}
	get(t, half)
}

// slowStart holds back the end of the first record that is written, the ClientHello, until its gate opens.
type slowStart struct {
	net.Conn
	once    sync.Once
	reached chan struct{}
	gate    chan struct{}
}

func (c *slowStart) Write(b []byte) (n int, err error) {
	first := 0
	c.once.Do(func() { first = len(b) / 2 })
	if first > 0 {
		if n, err = c.Conn.Write(b[:first]); err != nil {
			return n, err
		}
		close(c.reached)
		<-c.gate
	}
	m, err := c.Conn.Write(b[first:])
	return first + m, err
}

// TestReloadRefusedRenewsCertificates: a fault in lull.yaml keeps nobody from having a renewed certificate.
func TestReloadRefusedRenewsCertificates(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	s.issue("second.example.com")
	s.edit("idle: 60s", "idle: never")
	s.reloadFile(s.path())
	if _, name := s.dial(nil); name != "second.example.com" {
		t.Errorf("got the certificate of %s, want the new one", name)
	}
	if got := s.log.String(); !strings.Contains(got, "reload refused") {
		t.Errorf("log: got %s", got)
	}
}

// TestReloadRefusesBrokenCertificate: a reload with a certificate that cannot be used changes nothing at all.
func TestReloadRefusesBrokenCertificate(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	writeFiles(t, s.dir, map[string][]byte{"cert.pem": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n")})
	s.edit("idle: 60s", "idle: 50s")
	s.reloadFile(s.path())
	if _, name := s.dial(nil); name != "first.example.com" {
		t.Errorf("got the certificate of %s, want the one before", name)
	}
	if got := s.engine.Stats().PlanRevision; got != 1 {
		t.Errorf("got revision %d of the plan, want the first", got)
	}
	if got := s.log.String(); !strings.Contains(got, "tls.certificate: cert.pem cannot be used") {
		t.Errorf("log: got %s", got)
	}
}
