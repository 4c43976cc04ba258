package load

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest/testca"
)

// identity is a certificate for the name that clients ask for, and its files.
type identity struct {
	*testca.Issued

	chain, key string
}

func newIdentity(t *testing.T, rsa bool) identity {
	t.Helper()
	i := identity{Issued: testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{ServerName}, Intermediate: true, RSA: rsa})}
	var err error
	if i.chain, i.key, err = i.Write(t.TempDir(), "server"); err != nil {
		t.Fatal(err)
	}
	return i
}

// tlsBackend starts the HTTP backend with TLS, which stands for a balancer where clients are tested.
func (i identity) tlsBackend(t *testing.T, version string, bytes int64) (*child, []Address) {
	t.Helper()
	return startBackend(t, Options{Role: "server", Bytes: bytes, TLS: version, Certificate: i.chain, Key: i.key})
}

// eachTLS runs a test with each version of TLS and each kind of key.
func eachTLS(t *testing.T, f func(t *testing.T, version string, i identity)) {
	t.Helper()
	for version := range tlsVersions {
		for name, rsa := range map[string]bool{"ecdsa": false, "rsa": true} {
			t.Run(version+"-"+name, func(t *testing.T) {
				t.Parallel()
				f(t, version, newIdentity(t, rsa))
			})
		}
	}
}

func TestTLSGet(t *testing.T) {
	t.Parallel()
	eachTLS(t, func(t *testing.T, version string, i identity) {
		for _, size := range []int64{0, 128, 64 << 10, 5*bodyPeriod + 1} {
			b, targets := i.tlsBackend(t, version, size)
			c := start(t, Options{Role: "get", Targets: targets, Conns: 8, Warm: 10, Count: 50, TLS: version, Certificate: i.chain})
			c.next(StageReady)
			c.goOn()
			if r := c.next(StageDone); r.Count != 50 || r.Nanos == 0 || r.LatencyP50Nanos == 0 {
				t.Errorf("bodies of %d: got %+v, want 50 exchanges and their times", size, r)
			}
			b.goOn()
			if r := b.next(StageCount); r.Accepted != 8 || r.Count != 60 {
				t.Errorf("backend: got %d connections and %d requests, want 8 and 60", r.Accepted, r.Count)
			}
		}
	})
}

func TestTLSHold(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, false)
	for role, bytes := range map[string]int64{"get-hold": 0, "post-hold": uploadMax} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			b, targets := i.tlsBackend(t, "1.3", 128)
			c := start(t, Options{Role: role, Targets: targets, Conns: 100, Bytes: bytes, TLS: "1.3", Certificate: i.chain})
			if r := c.next(StageReady); r.Count != 100 {
				t.Errorf("open: got %d, want 100", r.Count)
			}
			b.await(func(r Report) bool { return r.Accepted == 100 && r.Count == 100 })
			c.goOn()
			if r := c.next(StageCount); r.Count != 100 || r.Errors != 0 {
				t.Errorf("held: got %d, and %d ended; want 100 and none", r.Count, r.Errors)
			}
			c.in.Close()
			if err := <-c.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTLSChurn has the server, too, count the sessions that were resumed.
func TestTLSChurn(t *testing.T) {
	t.Parallel()
	const conns, count = 8, 50
	eachTLS(t, func(t *testing.T, version string, i identity) {
		for _, resumed := range []bool{false, true} {
			seen := make(chan bool, conns+count)
			target := i.answering(t, &tls.Config{}, func(conn *tls.Conn) {
				seen <- conn.ConnectionState().DidResume
				if readHead(bufio.NewReader(conn)) == nil {
					_, _ = io.WriteString(conn, responseHead(1, "")+string(newBody()[:1])) // the client may have given up
				}
			})
			c := start(t, Options{
				Role: "get-churn", Targets: []Address{target}, Conns: conns, Warm: conns, Count: count,
				TLS: version, Certificate: i.chain, Resumed: resumed,
			})
			c.next(StageReady)
			c.goOn()
			if r := c.next(StageDone); r.Count != count || r.LatencyP50Nanos == 0 || r.CPUNanos == 0 {
				t.Errorf("report: got %+v, want %d connections and their times", r, count)
			}
			want := map[bool]int{false: conns + count}
			if resumed {
				want = map[bool]int{false: conns, true: count}
			}
			got := map[bool]int{}
			for range len(seen) { // every client has had its response
				got[<-seen]++
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("resumed: got %v, want %v", got, want)
			}
		}
	})
}

// answering is a server in TLS with this identity, whose connections are served by f, each on a goroutine, and end with
// close_notify.
func (i identity) answering(t *testing.T, config *tls.Config, f func(*tls.Conn)) Address {
	t.Helper()
	config.Certificates = []tls.Certificate{i.TLS}
	return scripted(t, func(conn net.Conn) {
		c := tls.Server(conn, config)
		defer c.Close()
		if c.Handshake() == nil {
			f(c)
		}
	})
}

// TestTLSRefuses wants whatever else a balancer might do in TLS to end the run.
func TestTLSRefuses(t *testing.T) {
	t.Parallel()
	i, other := newIdentity(t, false), newIdentity(t, false)
	ok := responseHead(128, "") + string(newBody()[:128])
	for name, c := range map[string]struct {
		config   *tls.Config
		response string
		options  Options
		want     string
	}{
		"older":       {&tls.Config{MaxVersion: tls.VersionTLS12}, ok, Options{TLS: "1.3"}, "handshake"},
		"newer":       {&tls.Config{MinVersion: tls.VersionTLS13}, ok, Options{TLS: "1.2"}, "handshake"},
		"curve":       {&tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, ok, Options{TLS: "1.3"}, "key exchange CurveP256"},
		"certificate": {&tls.Config{}, ok, Options{TLS: "1.3", Certificate: other.chain}, "another certificate"},
		"no-tickets":  {&tls.Config{SessionTicketsDisabled: true}, ok, Options{TLS: "1.3", Resumed: true}, "resumed is false, want true"},
		"no-tickets2": {&tls.Config{SessionTicketsDisabled: true}, ok, Options{TLS: "1.2", Resumed: true}, "resumed is false, want true"},
		"status":      {&tls.Config{}, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", Options{TLS: "1.3"}, "503"},
		"short-body":  {&tls.Config{}, ok[:len(ok)-1], Options{TLS: "1.3"}, "closed after 127 of 128"},
		"other-body":  {&tls.Config{}, ok[:len(ok)-1] + "\x00", Options{TLS: "1.3"}, "other bytes"},
		"more":        {&tls.Config{}, ok + "x", Options{TLS: "1.3"}, "129 bytes for a body of 128"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := i.answering(t, c.config, func(conn *tls.Conn) {
				if readHead(bufio.NewReader(conn)) == nil {
					_, _ = io.WriteString(conn, c.response) // the client may have given up
				}
			})
			o := c.options
			o.Role, o.Targets, o.Conns, o.Warm = "get-churn", []Address{target}, 1, 2
			if o.Certificate == "" {
				o.Certificate = i.chain
			}
			if !o.Resumed {
				o.Role = "get"
			}
			refused(t, o, c.want)
		})
	}
}

// refused wants a client to end with an error before it is ready.
func refused(t *testing.T, o Options, want string) {
	t.Helper()
	c := start(t, o)
	if c.out.Scan() {
		t.Fatalf("report: got %s, want none", c.out.Text())
	}
	if err := <-c.done; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// TestTLSPlain has a server that speaks no TLS.
func TestTLSPlain(t *testing.T) {
	t.Parallel()
	target := scripted(t, func(conn net.Conn) { _, _ = io.WriteString(conn, responseHead(0, "")) }) // the client may have given up
	refused(t, Options{Role: "get", Targets: []Address{target}, Conns: 1, TLS: "1.3", Certificate: newIdentity(t, false).chain}, "handshake")
}

func TestTLSOptions(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, false)
	for name, o := range map[string]Options{
		"version":     {TLS: "1.1", Certificate: i.chain},
		"file":        {TLS: "1.3", Certificate: filepath.Join(t.TempDir(), "none")},
		"key-as-cert": {TLS: "1.3", Certificate: i.key},
		"wrong-key":   {TLS: "1.3", Certificate: i.chain, Key: newIdentity(t, false).key},
	} {
		if _, err := newTLSWire(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := firstCertificate([]byte("x")); err == nil {
		t.Error("no PEM: got no error")
	}
}

// TestTLSJudge goes through what a handshake can have been.
func TestTLSJudge(t *testing.T) {
	t.Parallel()
	leaf := &x509.Certificate{Raw: []byte("leaf")}
	good := tls.ConnectionState{
		Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CurveID: tls.X25519,
		ServerName: ServerName, PeerCertificates: []*x509.Certificate{leaf},
	}
	suites := tlsVersions["1.2"].suites
	for name, c := range map[string]struct {
		change  func(*tls.ConnectionState)
		resumed bool
		before  int
		want    string
	}{
		"good":          {nil, false, 0, ""},
		"good-later":    {nil, false, 1, ""},
		"good-first":    {nil, true, 0, ""},
		"good-resumed":  {func(s *tls.ConnectionState) { s.DidResume, s.CurveID = true, 0 }, true, 1, ""},
		"not-resumed":   {nil, true, 1, "handshake 2 of a client: resumed is false"},
		"resumed-early": {func(s *tls.ConnectionState) { s.DidResume = true }, true, 0, "resumed is true"},
		"resumed":       {func(s *tls.ConnectionState) { s.DidResume = true }, false, 1, "resumed is true"},
		"version":       {func(s *tls.ConnectionState) { s.Version = tls.VersionTLS11 }, false, 0, "TLS 1.1"},
		"suite":         {func(s *tls.ConnectionState) { s.CipherSuite++ }, false, 0, "suite"},
		"curve":         {func(s *tls.ConnectionState) { s.CurveID = tls.CurveP256 }, false, 0, "CurveP256"},
		"no-exchange":   {func(s *tls.ConnectionState) { s.CurveID = 0 }, false, 0, "key exchange"},
		"name":          {func(s *tls.ConnectionState) { s.ServerName = "x" }, false, 0, `for "x"`},
		"certificate":   {func(s *tls.ConnectionState) { s.PeerCertificates = []*x509.Certificate{{Raw: []byte("x")}} }, false, 0, "another"},
		"none":          {func(s *tls.ConnectionState) { s.PeerCertificates = nil }, false, 0, "another"},
	} {
		s := good
		if c.change != nil {
			c.change(&s)
		}
		w := &tlsWire{resumed: c.resumed, leaf: leaf.Raw, config: &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites}}
		err := w.judge(s, c.before)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestTLSBackendWantsName has the backend refuse a balancer that asks for another name.
func TestTLSBackendWantsName(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, false)
	for name, want := range map[string]bool{ServerName: true, "other.example": false} {
		_, targets := i.tlsBackend(t, "1.3", 3)
		conn, err := tls.Dial("tcp4", targets[0].String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(getRequest) // the backend may have gone
		line, err := bufio.NewReader(conn).ReadString('\n')
		if got := err == nil && strings.HasPrefix(line, "HTTP/1.1 200 "); got != want {
			t.Errorf("%s: got %q, %v; want an answer: %t", name, line, err, want)
		}
		conn.Close()
	}
}

// TestTLSSlowly has both sides wait for each other's bytes, which come one at a time.
func TestTLSSlowly(t *testing.T) {
	t.Parallel()
	i := newIdentity(t, false)
	_, behind := i.tlsBackend(t, "1.3", 300)
	target := scripted(t, func(front net.Conn) {
		back, err := net.Dial("tcp4", behind[0].String())
		if err != nil {
			return
		}
		defer back.Close()
		go dribble(front, back)
		dribble(back, front)
	})
	c := start(t, Options{Role: "get", Targets: []Address{target}, Conns: 2, Warm: 2, Count: 4, TLS: "1.3", Certificate: i.chain})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 4 {
		t.Errorf("report: got %+v, want 4 exchanges", r)
	}
}

// dribble copies a byte at a time.
func dribble(to io.Writer, from io.Reader) {
	b := make([]byte, 1)
	for {
		if _, err := from.Read(b); err != nil {
			return
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}
