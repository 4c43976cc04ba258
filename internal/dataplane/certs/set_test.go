package certs_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// holder returns a holder with a certificate for each list of names.
func holder(t testing.TB, names ...[]string) *certs.Holder {
	t.Helper()
	var list []*certs.Certificate
	for i, n := range names {
		list = append(list, parsed(t, testca.Request{Names: n, CommonName: string(rune('A' + i))}))
	}
	return certs.NewHolder(certs.NewSet(list))
}

// TestFor is the table of server names (RFC 6066 §3) and what they are answered with.
func TestFor(t *testing.T) {
	t.Parallel()
	h := holder(t,
		[]string{"default.example"},                                   // A
		[]string{"*.example.com"},                                     // B
		[]string{"www.example.com", "Mixed.Example.NET"},              // C
		[]string{"*.b.example.com", "example.com"},                    // D
		[]string{"*.0.0.1", "*.1:1", "*example.org", "*.co*.example"}, // E: asterisks that mean nothing
		[]string{"*.1e100.example", "*.7up"},                          // F
		[]string{"*.EXAMPLE.net"},                                     // G
	)
	cases := []struct{ name, server, want string }{
		{"none", "", "A"},
		{"unknown", "other.example", "A"},
		{"first-by-name", "default.example", "A"},
		{"exact", "www.example.com", "C"},
		{"exact-before-wildcard", "mixed.example.net", "C"},
		{"wildcard", "mail.example.com", "B"},
		{"wildcard-capitals", "MAIL.Example.Com", "B"},
		{"wildcard-given-in-capitals", "x.example.net", "G"},
		{"capitals", "WWW.EXAMPLE.COM", "C"},
		{"trailing-dot", "www.example.com.", "C"},
		{"wildcard-trailing-dot", "mail.example.com.", "B"},
		{"wildcard-not-for-parent", "example.com", "D"},
		{"wildcard-one-label-only", "a.mail.example.com", "A"},
		{"deeper-wildcard", "a.b.example.com", "D"},
		{"wildcard-needs-a-label", ".example.com", "A"},
		{"wildcard-itself", "*.example.com", "B"}, // no host name, but then no harm either
		{"no-partial-wildcard", "myexample.org", "A"},
		{"no-partial-wildcard-label", "x.com.example", "A"},
		{"address", "10.0.0.1", "A"},
		{"address-six", "fe80.1:1", "A"},
		{"digits-within", "10.1e100.example", "F"},
		{"digits-first", "10.7up", "F"},
		{"one-label", "localhost", "A"},
		{"dot", ".", "A"},
		{"dots", "..", "A"},
		{"long", string(make([]byte, 70000)), "A"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := h.For(&tls.ClientHelloInfo{ServerName: c.server})
			if err != nil || got.Leaf.Subject.CommonName != c.want {
				t.Errorf("%.80q: got %v, error %v, want %s", c.server, got, err, c.want)
			}
		})
	}
}

func TestForNothing(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]*certs.Holder{
		"no-set": certs.NewHolder(nil), "empty": certs.NewHolder(certs.NewSet(nil)), "zero": {},
	} {
		if got, err := h.For(&tls.ClientHelloInfo{ServerName: "a.example"}); got != nil || err == nil {
			t.Errorf("%s: got %v, error %v, want an error", name, got, err)
		}
	}
}

func TestSetKeepsItsList(t *testing.T) {
	t.Parallel()
	a, b := parsed(t, testca.Request{Names: []string{"a.example"}}), parsed(t, testca.Request{Names: []string{"b.example"}})
	list := []*certs.Certificate{a, b}
	s := certs.NewSet(list)
	list[0] = b
	if got := s.All(); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("got %v, want the certificates as given", got)
	}
}

// client is what a client of a handshake can do.
type client struct {
	name   string
	config *tls.Config
}

// clients differ in the kinds of certificate that they can use. In TLS 1.3 crypto/tls offers every kind, so the versions
// below it are what tells them apart.
func clients() []client {
	return []client{
		{"tls13", &tls.Config{MinVersion: tls.VersionTLS13}},
		{"rsa-only", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}},
		{"ecdsa-only", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}},
		{"no-p256", &tls.Config{MaxVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{tls.X25519}}},
	}
}

// TestForByAbility makes real handshakes: among the certificates for a name, a client gets one that it can use, an ECDSA one
// if there is a choice.
func TestForByAbility(t *testing.T) {
	t.Parallel()
	request := func(cn string, rsa bool, names ...string) *certs.Certificate {
		return parsed(t, testca.Request{Names: names, CommonName: cn, RSA: rsa})
	}
	h := certs.NewHolder(certs.NewSet([]*certs.Certificate{
		request("rsa", true, "a.example"),
		request("ecdsa", false, "a.example", "mixed.example"),
		request("ecdsa-later", false, "a.example"),
		request("wild-rsa", true, "*.w.example"),
		request("exact-ecdsa", false, "x.w.example"),
		request("mixed-rsa", true, "mixed.example"),
	}))
	cases := []struct {
		server string
		want   map[string]string // by client
	}{
		{"a.example", map[string]string{"tls13": "ecdsa", "rsa-only": "rsa", "ecdsa-only": "ecdsa", "no-p256": "rsa"}},
		{"mixed.example", map[string]string{"tls13": "ecdsa", "rsa-only": "mixed-rsa", "ecdsa-only": "ecdsa", "no-p256": "mixed-rsa"}},
		{"x.w.example", map[string]string{"tls13": "exact-ecdsa", "rsa-only": "wild-rsa", "ecdsa-only": "exact-ecdsa", "no-p256": "wild-rsa"}},
		{"y.w.example", map[string]string{"tls13": "wild-rsa", "rsa-only": "wild-rsa", "ecdsa-only": "", "no-p256": "wild-rsa"}},
		{"unknown.example", map[string]string{"tls13": "rsa", "rsa-only": "rsa", "ecdsa-only": "ecdsa", "no-p256": "rsa"}},
		{"", map[string]string{"tls13": "rsa", "rsa-only": "rsa", "ecdsa-only": "ecdsa", "no-p256": "rsa"}},
	}
	for _, c := range cases {
		for _, k := range clients() {
			t.Run(c.server+"-"+k.name, func(t *testing.T) {
				t.Parallel()
				got, err := handshake(h, c.server, k.config)
				if got != c.want[k.name] || (err == nil) != (got != "") {
					t.Errorf("got %q, error %v, want %q", got, err, c.want[k.name])
				}
			})
		}
	}
}

// handshake returns the common name that a client gets to see.
func handshake(h *certs.Holder, server string, config *tls.Config) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() {
		s := tls.Server(far, &tls.Config{GetCertificate: h.For, SessionTicketsDisabled: true})
		err := s.HandshakeContext(ctx)
		far.Close()
		served <- err
	}()
	config = config.Clone()
	config.ServerName, config.InsecureSkipVerify = server, true
	c := tls.Client(near, config)
	err := c.HandshakeContext(ctx)
	near.Close()
	serverErr := <-served
	if err != nil || serverErr != nil {
		return "", errors.Join(err, serverErr)
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// TestReplaceDuringHandshakes replaces the set while handshakes run: each gets the one or the other, whole, and those that
// begin after the replacement the new one.
func TestReplaceDuringHandshakes(t *testing.T) {
	t.Parallel()
	sets := []*certs.Set{holder(t, []string{"a.example"}).Set(), holder(t, nil, []string{"a.example"}).Set()} // A, then B
	h := certs.NewHolder(sets[0])
	const workers, each = 4, 10
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if got, err := handshake(h, "a.example", &tls.Config{}); err != nil || got != "A" && got != "B" {
					t.Errorf("got %q, error %v, want A or B", got, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			h.Replace(sets[1])
			if got, err := handshake(h, "a.example", &tls.Config{}); err != nil || got != "B" {
				t.Errorf("after the last replacement: got %q, error %v, want B", got, err)
			}
			return
		default:
			h.Replace(sets[i%2])
			runtime.Gosched()
		}
	}
}

func TestForAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	h := holder(t, []string{"a.example"}, []string{"www.example.com"}, []string{"*.example.org"})
	for _, server := range []string{"", "www.example.com", "www.example.com.", "x.example.org", "unknown.example", "10.0.0.1"} {
		hello := &tls.ClientHelloInfo{ServerName: server}
		got := testing.AllocsPerRun(1000, func() {
			if c, err := h.For(hello); c == nil || err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%q: got %v allocations, want none", server, got)
		}
	}
}

func BenchmarkFor(b *testing.B) {
	names := [][]string{{"default.example"}, {"*.example.org"}}
	for i := range 200 {
		names = append(names, []string{"host" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".example.com"})
	}
	one := holder(b, names...)
	both := certs.NewHolder(certs.NewSet([]*certs.Certificate{
		parsed(b, testca.Request{Names: []string{"a.example"}, RSA: true}), parsed(b, testca.Request{Names: []string{"a.example"}}),
	}))
	for _, c := range []struct {
		name, server string
		holder       *certs.Holder
	}{
		{"none", "", one}, {"exact", "hostaa.example.com", one}, {"wildcard", "www.example.org", one},
		{"unknown", "www.example.net", one}, {"rsa-and-ecdsa", "a.example", both},
	} {
		b.Run(c.name, func(b *testing.B) {
			hello := helloOf(b, c.server)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.holder.For(hello); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// helloOf returns what crypto/tls makes of its own client's first message.
func helloOf(t testing.TB, server string) *tls.ClientHelloInfo {
	t.Helper()
	near, far := net.Pipe()
	var hello *tls.ClientHelloInfo
	enough := errors.New("enough")
	done := make(chan struct{})
	go func() {
		defer close(done)
		config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = h
			return nil, enough
		}}
		if err := tls.Server(far, config).Handshake(); !errors.Is(err, enough) {
			t.Errorf("got error %v, want %v", err, enough)
		}
		far.Close()
	}()
	err := tls.Client(near, &tls.Config{ServerName: server, InsecureSkipVerify: true}).Handshake()
	near.Close()
	<-done
	if err == nil || hello == nil {
		t.Fatalf("got error %v and hello %v, want both", err, hello)
	}
	return hello
}
