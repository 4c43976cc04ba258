package tlsio

import (
	"container/list"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"sync"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/sys"
)

// feedMax bounds what waits for a handshake's goroutine: it takes what is there whenever it runs, and no message of a
// handshake is larger than 64 KiB (crypto/tls), so more comes only from a peer that does not keep to its turn.
const feedMax = 64 << 10

// handshake is what the loop and the goroutine of a handshake share.
type handshake struct {
	// Fixed after New.
	conn *Conn
	tell func() // has the loop look; called on the goroutine

	// Owned by the loop.
	begun  bool
	unsent []byte // taken from out, and not yet taken by the socket
	since  int64  // when the connection was made

	// Guarded by mu.
	mu    sync.Mutex
	more  sync.Cond // in, ended or dropped has changed
	in    []byte    // from the peer
	out   []byte    // for the peer
	alert uint8     // the last fatal one that the peer has sent in plain text; 0: none
	full  bool      // the loop has more than there was room for
	ended bool      // the peer has ended its stream
	gone  bool      // the loop has given up
	yield bool      // others are to have its place
	done  bool
	err   error

	// Guarded by the gate's mu.
	place *list.Element // among those that wait for their peers
	waits int64         // since when

	// What was agreed on, once done without an error: the loop takes it over then. It may be asked for that of a connection
	// at any time before.
	info       record.TLS
	identified bool
}

// start makes a connection whose handshake is yet to run.
func start(s *side, area *Area, tell func()) *Conn {
	h := &handshake{tell: tell, since: clock.Now()}
	h.more.L = &h.mu
	h.conn = &Conn{area: area, side: s, hs: h}
	return h.conn
}

// run is the goroutine. The gate has admitted it.
func (h *handshake) run() {
	gate := h.conn.side.gate
	gate.compute()
	err := h.conn.tls.Handshake()
	var info record.TLS
	var identified bool
	if err == nil {
		info, identified = told(h.conn.tls)
	}
	gate.rest()
	h.mu.Lock()
	h.done, h.err, h.info, h.identified = true, err, info, identified
	gone := h.gone
	h.mu.Unlock()
	gate.leave(h)
	if !gone {
		h.tell()
	}
}

var (
	errGone  = errors.New("given up")
	errYield = errors.New("the peer did not go on with the handshake, and others had no place")
)

// read waits for bytes of the peer; the processor is another's meanwhile, and what lull has to say goes out.
func (h *handshake) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.in) == 0 && !h.ended && !h.gone {
		h.wait()
	}
	switch {
	case h.gone:
		return 0, errGone
	case h.yield && len(h.in) == 0:
		return 0, errYield
	case len(h.in) == 0:
		return 0, io.EOF
	}
	n := copy(b, h.in)
	h.in = h.in[:copy(h.in, h.in[n:])]
	return n, nil
}

func (h *handshake) wait() {
	gate := h.conn.side.gate
	gate.rest()
	tell := len(h.out) > 0 || h.full
	h.full = false
	h.mu.Unlock()
	gate.waits(h)
	if tell {
		h.tell()
	}
	h.mu.Lock()
	for len(h.in) == 0 && !h.ended && !h.gone && !h.yield {
		h.more.Wait()
	}
	h.mu.Unlock()
	gate.goesOn(h)
	gate.compute()
	h.mu.Lock()
}

// giveWay ends a handshake whose peer has not gone on.
func (h *handshake) giveWay() {
	h.mu.Lock()
	h.yield = true
	h.more.Signal()
	h.mu.Unlock()
}

func (h *handshake) yielded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.yield
}

// write collects what goes to the peer.
func (h *handshake) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out = append(h.out, b...)
	return len(b), nil
}

// Shaking reports whether the handshake is still to be done.
func (c *Conn) Shaking() bool { return c.hs != nil }

// Begun reports whether the handshake has been given to its goroutine, or waits for one.
func (c *Conn) Begun() bool { return c.hs.begun }

// Begin gives the handshake to a goroutine, as soon as the gate admits it. tell is called there whenever the loop should
// look at the connection: there is something to send, or the handshake is over.
func (c *Conn) Begin() {
	c.hs.begun = true
	c.side.gate.enter(c.hs)
}

// Room returns how many bytes may be fed now. If it is none, the loop is told when there is room again.
func (c *Conn) Room() int {
	h := c.hs
	h.mu.Lock()
	defer h.mu.Unlock()
	room := feedMax - len(h.in)
	h.full = room <= 0
	return room
}

// Feed gives the handshake bytes of the peer, at most as many as there is room for.
func (c *Conn) Feed(b []byte) {
	h := c.hs
	h.mu.Lock()
	defer h.mu.Unlock()
	h.in = append(h.in, b...)
	h.noteAlert(b)
	h.more.Signal()
}

// noteAlert notes a fatal alert in plain text at the end of b. A client built on OpenSSL that does not accept the certificate
// sends one before it has changed its keys, where TLS 1.3 wants it encrypted; crypto/tls then finds a bad record, and that
// would be all one learned of the commonest mistake there is.
func (h *handshake) noteAlert(b []byte) {
	const size, alertRecord, fatal = 7, 21, 2
	if n := len(b); n >= size {
		if a := b[n-size:]; a[0] == alertRecord && a[1] == 3 && a[3] == 0 && a[4] == 2 && a[5] == fatal {
			h.alert = a[6]
		}
	}
}

// End tells the handshake that the peer has ended its stream.
func (c *Conn) End() {
	h := c.hs
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.more.Signal()
}

// Unsent returns what is to be sent to the peer; Sent tells how much of it the socket took.
func (c *Conn) Unsent() []byte {
	h := c.hs
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.out) > 0 {
		h.unsent = append(h.unsent, h.out...)
		h.out = nil
	}
	return h.unsent
}

// Sent tells that n bytes of what Unsent returned are on their way.
func (c *Conn) Sent(n int) {
	c.hs.unsent = c.hs.unsent[n:]
	c.wrote += uint32(n)
}

// Wrote returns how many bytes the handshake has sent.
func (c *Conn) Wrote() int { return int(c.wrote) }

// Drop gives up on a handshake that may be under way. Its goroutine ends by itself.
func (c *Conn) Drop() {
	h := c.hs
	if h == nil || !h.begun {
		return
	}
	h.mu.Lock()
	h.gone = true
	h.in, h.out = nil, nil
	h.more.Signal()
	h.mu.Unlock()
}

// Misspoke notes that the client has not begun with a handshake at all.
func (c *Conn) Misspoke() { c.fault = "the first bytes are not those of a TLS handshake" }

// Outcome is how a handshake stands.
type Outcome uint8

// The outcomes.
const (
	Going     Outcome = iota // not over
	Secured                  // done: the connection may be read and sealed for
	Failed                   // by a fault of either side, or because they do not agree
	Untrusted                // the peer's certificate was not accepted, or it has shown none where one is required
	Ended                    // the peer has ended its stream
)

// Outcome returns how the handshake stands. Once it is Secured, bytes that came behind it are the first that Read gives.
func (c *Conn) Outcome() Outcome {
	h := c.hs
	if !h.begun {
		return Going
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.done {
		return Going
	}
	if h.err == nil {
		c.info, c.identified = h.info, h.identified
		c.info.Took = span(h.since)
		return Secured
	}
	c.fault = plainly(h.err)
	if h.alert != 0 && strings.Contains(c.fault, "bad record MAC") {
		c.fault = "remote error: " + tls.AlertError(h.alert).Error()
	}
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(h.err, &verify), errors.As(h.err, &unknown), errors.Is(h.err, errWrongKey), errors.Is(h.err, errTooDeep):
		return Untrusted
	case c.side.server && strings.Contains(c.fault, "didn't provide a certificate"): // crypto/tls has no type for it
		return Untrusted
	case h.ended && (errors.Is(h.err, io.EOF) || errors.Is(h.err, io.ErrUnexpectedEOF)):
		c.fault = "the peer ended the connection in the middle of the handshake"
		return Ended
	}
	return Failed
}

// Lost notes that the connection has failed under the handshake.
func (c *Conn) Lost() { c.fault = "the peer reset the connection in the middle of the handshake" }

// Settle ends the handshake's part of the connection's life; what the peer has sent behind it is kept for Read.
func (c *Conn) Settle() {
	h := c.hs
	c.hs = nil
	if len(h.in) > 0 {
		c.rest = append([]byte(nil), h.in...)
	}
	sys.TrimTLS(c.tls, 0) // it holds a ClientHello yet
}
