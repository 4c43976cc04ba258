package load

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// ServerName is the name that clients ask for in TLS, and balancers of their backends.
const ServerName = "bench.example"

// tlsVersions are the values of Options.TLS. With each there is one cipher and one key exchange, X25519, so that every
// balancer does the same work; which of the two suites of 1.2 it is, the certificate's key decides. crypto/tls does not
// let a client choose among the suites of 1.3, so what the balancer chose is looked at.
var tlsVersions = map[string]struct {
	version uint16
	suites  []uint16
}{
	"1.2": {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
	"1.3": {tls.VersionTLS13, []uint16{tls.TLS_AES_128_GCM_SHA256}},
}

// tlsWire is TLS on the connections of a client or of a backend, by crypto/tls on sockets that never block.
//
// A handshake cannot be left and entered again, so it runs as a coroutine, which hands the thread back whenever the
// socket is empty. What comes after it can: crypto/tls keeps what it has of a record when a read ends with a temporary
// error. Each handshake is judged when it has ended: version, suite, key exchange, certificate, whether it was resumed.
type tlsWire struct {
	// Fixed after New.
	server  bool
	resumed bool   // the first handshake at each index is full and the others are resumed; otherwise all are full
	leaf    []byte // the certificate that a client is to be shown
	config  *tls.Config

	conns perConn[*tlsConn] // by index
}

// tlsConn is the connection at an index.
type tlsConn struct {
	socket  *tlsSocket
	tls     *tls.Conn
	goOn    func() (struct{}, bool) // takes the handshake on; nil when it has ended
	err     error                   // of the handshake
	before  int                     // handshakes at this index before this one
	session tls.ClientSessionCache  // of this index, where handshakes are to be resumed
}

// newTLSWire returns the wire that options ask for, which must ask for TLS. With a key it is a backend's.
func newTLSWire(o Options) (*tlsWire, error) {
	v, ok := tlsVersions[o.TLS]
	if !ok {
		return nil, fmt.Errorf("version of TLS %q: unknown", o.TLS)
	}
	w := &tlsWire{server: o.Key != "", resumed: o.Resumed, config: &tls.Config{
		MinVersion: v.version, MaxVersion: v.version, CipherSuites: v.suites,
		// A client of TLS 1.2 has to name the curve of the certificate, too; judge sees to it that it is not taken for the key exchange.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		// Records of 16 KiB from the first one on.
		DynamicRecordSizingDisabled: true,
	}}
	if w.server {
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
		w.config.Certificates = []tls.Certificate{pair}
		return w, err
	}
	text, err := os.ReadFile(o.Certificate)
	if err != nil {
		return nil, err
	}
	if w.leaf, err = firstCertificate(text); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Certificate, err)
	}
	w.config.ServerName = ServerName
	// The chain is not followed, which would cost the client as much as the rest of a handshake. judge wants the one
	// certificate that the balancer was given, and crypto/tls that it has the key.
	w.config.InsecureSkipVerify = true
	w.config.ClientSessionCache = noSessions{}
	return w, nil
}

// firstCertificate returns the leaf of a chain in PEM, as it is sent.
func firstCertificate(text []byte) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate in PEM")
	}
	return block.Bytes, nil
}

// wireOf returns the wire of a client.
func wireOf(o Options) (wire, error) {
	if o.TLS == "" {
		return bare{}, nil
	}
	return newTLSWire(o)
}

// open begins a handshake on a new connection, without doing anything of it yet.
func (w *tlsWire) open(fd, at int) {
	c, slot := &tlsConn{socket: &tlsSocket{fd: fd}}, w.conns.at(at)
	if last := *slot; last != nil {
		c.before, c.session = last.before+1, last.session
	}
	*slot = c
	if w.server {
		c.tls = tls.Server(c.socket, w.config)
	} else {
		c.tls = tls.Client(c.socket, w.clientConfig(c))
	}
	c.goOn, _ = iter.Pull(func(yield func(struct{}) bool) {
		c.socket.wait = func() bool { return yield(struct{}{}) }
		c.err = c.tls.Handshake()
		c.socket.wait = nil
	})
}

// clientConfig is the one that all connections share, or that of an index which keeps its session.
func (w *tlsWire) clientConfig(c *tlsConn) *tls.Config {
	if !w.resumed {
		return w.config
	}
	if c.session == nil {
		c.session = tls.NewLRUClientSessionCache(1)
	}
	own := w.config.Clone()
	own.ClientSessionCache = c.session
	return own
}

// shaking tells whether a handshake is under way.
func (w *tlsWire) shaking(at int) bool { return w.conns[at].goOn != nil }

// advance takes a handshake as far as it goes by now; true when it has ended as it should.
func (w *tlsWire) advance(at int) (bool, error) {
	c := w.conns[at]
	if _, more := c.goOn(); more {
		return false, nil
	}
	c.goOn = nil
	if c.err != nil {
		return false, fmt.Errorf("handshake: %w", c.err)
	}
	return true, w.judge(c.tls.ConnectionState(), c.before)
}

// judge wants a handshake, with so many before it at its index, to have been what was asked for.
func (w *tlsWire) judge(s tls.ConnectionState, before int) error {
	switch {
	case s.Version != w.config.MinVersion:
		return fmt.Errorf("handshake: %s", tls.VersionName(s.Version))
	case !slices.Contains(w.config.CipherSuites, s.CipherSuite):
		return fmt.Errorf("handshake: suite %s", tls.CipherSuiteName(s.CipherSuite))
	case s.CurveID != tls.X25519 && !(s.DidResume && s.Version == tls.VersionTLS12): // which has none then
		return fmt.Errorf("handshake: key exchange %v", s.CurveID)
	case s.ServerName != ServerName:
		return fmt.Errorf("handshake: for %q", s.ServerName)
	case w.server:
		return nil
	case len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, w.leaf):
		return errors.New("handshake: another certificate than the balancer was given")
	}
	if want := w.resumed && before > 0; s.DidResume != want {
		return fmt.Errorf("handshake %d of a client: resumed is %t, want %t", before+1, s.DidResume, want)
	}
	return nil
}

func (w *tlsWire) send(_, at int, message []byte) (int, error) {
	n, err := w.conns[at].tls.Write(message)
	if err != nil {
		return n, fmt.Errorf("send: %w", err)
	}
	return n, nil
}

// receive returns errClosed after both close_notify and the FIN.
func (w *tlsWire) receive(_, at int, buf []byte) (int, error) {
	c := w.conns[at]
	n, err := c.tls.Read(buf)
	switch {
	case n > 0: // an error that came with it comes again
		return n, nil
	case errors.Is(err, errNothing):
		return 0, nil
	case errors.Is(err, io.EOF):
		return c.socket.rest()
	}
	return 0, fmt.Errorf("receive: %w", err)
}

func (w *tlsWire) discard(fd, at int, buf []byte) (int, error) { return w.receive(fd, at, buf) }

// secured is a protocol on connections that begin with a TLS handshake, which counts as part of the first exchange.
type secured struct {
	wire *tlsWire
	then protocol // nil: the exchange ends with the handshake
}

// opening returns what a client says first on each of its connections.
func opening(w wire, then protocol) protocol {
	if t, ok := w.(*tlsWire); ok {
		return &secured{t, then}
	}
	return then
}

// begin may see the end of the handshake already: its thread may have been kept from running meanwhile.
func (s *secured) begin(fd, at int) error {
	s.wire.open(fd, at)
	return s.shake(fd, at)
}

func (s *secured) receive(fd, at int) (bool, error) {
	if s.wire.shaking(at) {
		if err := s.shake(fd, at); err != nil || s.wire.shaking(at) {
			return false, err
		}
	}
	if s.then == nil {
		return true, nil
	}
	return s.then.receive(fd, at)
}

// shake goes on with the handshake, and with what follows when it has ended.
func (s *secured) shake(fd, at int) error {
	ended, err := s.wire.advance(at)
	if err != nil || !ended || s.then == nil {
		return err
	}
	return s.then.begin(fd, at)
}

// tlsSocket is a socket as crypto/tls wants it.
type tlsSocket struct {
	fd   int
	wait func() bool // during the handshake: returns when there may be more to read, false if it is given up
}

// errNothing is temporary, so that crypto/tls reads on later.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read for now" }
func (nothing) Timeout() bool   { return false }
func (nothing) Temporary() bool { return true }

// Read returns errNothing, or waits in a handshake, when nothing has come.
func (s *tlsSocket) Read(buf []byte) (int, error) {
	for {
		n, errno := read(s.fd, buf)
		switch {
		case errno == 0 && n == 0:
			return 0, io.EOF
		case errno == 0:
			return n, nil
		case errno != unix.EAGAIN:
			return 0, errno
		case s.wait == nil:
			return 0, errNothing
		case !s.wait():
			return 0, errors.New("given up")
		}
	}
}

// Write waits until the socket has taken everything: crypto/tls takes no part of a record back. Only a message that does
// not fit the socket's buffer makes it wait, and whoever reads that needs nothing of this process meanwhile.
func (s *tlsSocket) Write(data []byte) (int, error) {
	for done := 0; done < len(data); {
		n, errno := write(s.fd, data[done:])
		switch errno {
		case 0:
			done += n
		case unix.EAGAIN:
			if err := awaitWritable(s.fd); err != nil {
				return done, err
			}
		default:
			return done, errno
		}
	}
	return len(data), nil
}

// awaitWritable waits until a socket takes bytes again.
func awaitWritable(fd int) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, int(stallMax.Milliseconds()))
	if n == 0 && err == nil {
		return fmt.Errorf("nothing taken for %v", stallMax)
	}
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// rest looks at what comes after close_notify: nothing yet, or the FIN.
func (s *tlsSocket) rest() (int, error) {
	var b [1]byte
	n, errno := read(s.fd, b[:])
	if n > 0 {
		return 0, errors.New("receive: bytes after close_notify")
	}
	return received(n, errno)
}

// What else a net.Conn has. Close is never called: descriptors belong to those who opened them.

// Close does nothing.
func (s *tlsSocket) Close() error { return nil }

// LocalAddr returns nil.
func (s *tlsSocket) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil.
func (s *tlsSocket) RemoteAddr() net.Addr { return nil }

// SetDeadline does nothing.
func (s *tlsSocket) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *tlsSocket) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *tlsSocket) SetWriteDeadline(time.Time) error { return nil }

// noSessions is the memory of a client that asks for tickets, as all do, and forgets them.
type noSessions struct{}

// Get returns none.
func (noSessions) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put forgets one.
func (noSessions) Put(string, *tls.ClientSessionState) {}
