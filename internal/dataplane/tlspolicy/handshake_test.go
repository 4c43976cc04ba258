package tlspolicy_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

const patience = 20 * time.Second // for one handshake on a busy machine

var versions = []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}

var keys = []x509.PublicKeyAlgorithm{x509.RSA, x509.ECDSA, x509.Ed25519}

// certificates has one for each type of key.
var certificates = sync.OnceValues(func() (map[x509.PublicKeyAlgorithm]tls.Certificate, error) {
	ca, err := testca.New()
	if err != nil {
		return nil, err
	}
	withRSA, err := ca.Issue(testca.Request{Names: []string{"lull.test"}, RSA: true})
	if err != nil {
		return nil, err
	}
	withECDSA, err := ca.Issue(testca.Request{Names: []string{"lull.test"}})
	if err != nil {
		return nil, err
	}
	withEd25519, err := selfSigned()
	if err != nil {
		return nil, err
	}
	return map[x509.PublicKeyAlgorithm]tls.Certificate{
		x509.RSA: withRSA.TLS, x509.ECDSA: withECDSA.TLS, x509.Ed25519: withEd25519,
	}, nil
})

// selfSigned returns a certificate with an Ed25519 key, which testca does not have.
func selfSigned() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}

// serverFor returns what a server by that policy is set to.
func serverFor(t *testing.T, p *tlspolicy.Policy, key x509.PublicKeyAlgorithm) *tls.Config {
	t.Helper()
	certs, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certs[key]}, MinVersion: p.Min, MaxVersion: p.Max, CipherSuites: p.Suites}
}

// clientOf returns a client that knows one version and some suites. It does not care whom it talks to.
func clientOf(version uint16, suites ...uint16) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: suites}
}

// everySuite are all the suites that crypto/tls has.
func everySuite() []uint16 {
	var ids []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, s.ID)
	}
	return ids
}

// handshake has a client meet a server over the loopback and pass a few bytes each way. It returns what the client sees.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- echo(l, server) }()
	state, clientErr := ask(l.Addr().String(), client)
	serverErr := <-served
	return state, errors.Join(clientErr, serverErr)
}

// echo serves one connection: it sends back what it gets.
func echo(l net.Listener, config *tls.Config) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	c := tls.Server(raw, config)
	if err := c.Handshake(); err != nil {
		return err
	}
	if _, err := io.Copy(c, c); err != nil {
		return err
	}
	return c.Close()
}

// ask connects, sends a few bytes and wants them back.
func ask(address string, config *tls.Config) (tls.ConnectionState, error) {
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return tls.ConnectionState{}, err
	}
	c := tls.Client(raw, config)
	if err := c.Handshake(); err != nil {
		return tls.ConnectionState{}, err
	}
	sent := []byte("there and back")
	if _, err := c.Write(sent); err != nil {
		return tls.ConnectionState{}, err
	}
	if err := c.CloseWrite(); err != nil {
		return tls.ConnectionState{}, err
	}
	got, err := io.ReadAll(c)
	if err == nil && !bytes.Equal(got, sent) {
		err = errors.New("other bytes came back")
	}
	return c.ConnectionState(), err
}

// TestHandshakeWithEverySuite shows for each suite, those that crypto/tls calls insecure included, that it is negotiated
// where a policy names nothing else: in each version that has it, with each type of key that fits, and with no other.
func TestHandshakeWithEverySuite(t *testing.T) {
	t.Parallel()
	for _, name := range tlspolicy.Supported() {
		id, ok := tlspolicy.SuiteID(name)
		if !ok {
			t.Fatalf("%s: has no number", name)
		}
		if strings.HasPrefix(name, "TLS_") {
			continue // TestHandshakeTLS13
		}
		for _, v := range versions[:3] {
			p, err := tlspolicy.Custom(name, []string{tlspolicy.VersionName(v)}, []string{name})
			if err != nil {
				if v == tls.VersionTLS12 {
					t.Errorf("%s: not in TLSv1.2: %v", name, err)
				}
				p = &tlspolicy.Policy{Min: v, Max: v, Suites: []uint16{id}}
				for _, key := range keys {
					if state, err := handshake(t, serverFor(t, p, key), clientOf(v, id)); err == nil {
						t.Errorf("%s, %s, %s: Custom refuses what works: %s", name, tlspolicy.VersionName(v), key, tlspolicy.SuiteName(state.CipherSuite))
					}
				}
				continue
			}
			for _, key := range keys {
				t.Run(name+"/"+tlspolicy.VersionName(v)+"/"+key.String(), func(t *testing.T) {
					t.Parallel()
					state, err := handshake(t, serverFor(t, p, key), clientOf(v, everySuite()...))
					if p.Serves(key) != (err == nil) {
						t.Fatalf("Serves is %t, the handshake ended with %v", p.Serves(key), err)
					}
					if err == nil && (state.Version != v || state.CipherSuite != id) {
						t.Errorf("got %s and %s", tls.VersionName(state.Version), tlspolicy.SuiteName(state.CipherSuite))
					}
				})
			}
		}
	}
}

// TestHandshakeTLS13 shows that the suites of TLS 1.3 are on, whatever a policy names, and that any key will do.
func TestHandshakeTLS13(t *testing.T) {
	t.Parallel()
	p, err := tlspolicy.Custom("one", []string{"TLSv1.3"}, []string{"TLS_CHACHA20_POLY1305_SHA256"})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		state, err := handshake(t, serverFor(t, p, key), clientOf(tls.VersionTLS13))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		name := tlspolicy.SuiteName(state.CipherSuite)
		if state.Version != tls.VersionTLS13 || !slices.Contains(p.Ciphers(), name) {
			t.Errorf("%s: got %s and %s", key, tls.VersionName(state.Version), name)
		}
	}
	if want := []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}; !slices.Equal(p.Added, want) {
		t.Errorf("got %v added, want %v", p.Added, want)
	}
}

// TestHandshakeWithEveryPolicy holds what each predefined policy says of itself against what happens: a client that knows one
// version and every suite is served if and only if the policy says so, and with a suite that the policy offers.
func TestHandshakeWithEveryPolicy(t *testing.T) {
	t.Parallel()
	for _, name := range tlspolicy.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := tlspolicy.Find(name)
			for _, key := range keys {
				for _, v := range versions {
					state, err := handshake(t, serverFor(t, p, key), clientOf(v, everySuite()...))
					want := slices.Contains(p.VersionsFor(key), tlspolicy.VersionName(v))
					if want != (err == nil) {
						t.Errorf("%s, %s: VersionsFor says %t, the handshake ended with %v", key, tlspolicy.VersionName(v), want, err)
					}
					if err == nil && (state.Version != v || !slices.Contains(p.Ciphers(), tlspolicy.SuiteName(state.CipherSuite))) {
						t.Errorf("%s, %s: got %s and %s", key, tlspolicy.VersionName(v), tls.VersionName(state.Version), tlspolicy.SuiteName(state.CipherSuite))
					}
				}
			}
		})
	}
}

// TestOrderIsNotThePolicys shows that crypto/tls chooses by the order of Supported, whatever the order in a policy is.
// ChaCha20 has no fixed place there, so it takes no part.
func TestOrderIsNotThePolicys(t *testing.T) {
	t.Parallel()
	var rest []string
	for _, name := range tlspolicy.Supported() {
		if !strings.HasPrefix(name, "TLS_") && !strings.Contains(name, "CHACHA20") {
			rest = append(rest, name)
		}
	}
	for ; len(rest) > 0; rest = rest[1:] {
		backwards := slices.Clone(rest)
		slices.Reverse(backwards)
		p, err := tlspolicy.Custom("backwards", []string{"TLSv1.2"}, backwards)
		if err != nil {
			t.Fatal(err)
		}
		key := x509.RSA
		if strings.Contains(rest[0], "ECDSA") {
			key = x509.ECDSA
		}
		state, err := handshake(t, serverFor(t, p, key), clientOf(tls.VersionTLS12, everySuite()...))
		if err != nil {
			t.Fatalf("%s: %v", rest[0], err)
		}
		if got := tlspolicy.SuiteName(state.CipherSuite); got != rest[0] {
			t.Errorf("of %s: got %s", rest, got)
		}
	}
}
