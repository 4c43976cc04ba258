package lulltest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// What a Conn does that speaks TLS. Its TCPConn is the connection under it: what is written there is no TLS, CloseWrite there
// is a FIN without close_notify, and SetLinger and Close end it with an RST.

// secure has the connection speak TLS from now on.
func (c *Conn) secure(over *tls.Conn) { c.over = over }

// TLS returns the TLS connection; nil if this one is plain.
func (c *Conn) TLS() *tls.Conn { return c.over }

// shake makes the handshake.
func (c *Conn) shake() error {
	_ = c.SetDeadline(time.Now().Add(Patience))
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	return c.over.Handshake()
}

// Read reads.
func (c *Conn) Read(b []byte) (int, error) {
	if c.over != nil {
		return c.over.Read(b)
	}
	return c.TCPConn.Read(b)
}

// Write writes.
func (c *Conn) Write(b []byte) (int, error) {
	if c.over != nil {
		return c.over.Write(b)
	}
	return c.TCPConn.Write(b)
}

// Close closes, with close_notify.
func (c *Conn) Close() error {
	if c.over != nil {
		return c.over.Close()
	}
	return c.TCPConn.Close()
}

// CloseWrite ends this direction: with close_notify, and a FIN behind it.
func (c *Conn) CloseWrite() error {
	if c.over == nil {
		return c.TCPConn.CloseWrite()
	}
	return errors.Join(c.over.CloseWrite(), c.TCPConn.CloseWrite())
}

// ReadFrom is io.ReaderFrom: the TCPConn's would pass TLS by.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if c.over != nil {
		return io.Copy(struct{ io.Writer }{c.over}, r)
	}
	return c.TCPConn.ReadFrom(r)
}

// WriteTo is io.WriterTo: the TCPConn's would pass TLS by.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	if c.over != nil {
		return io.Copy(w, struct{ io.Reader }{c.over})
	}
	return c.TCPConn.WriteTo(w)
}

// errCut is the end of a TLS connection without close_notify.
var errCut = errors.New("FIN without close_notify")

// cutting is a connection under TLS whose bare FIN is an error: crypto/tls forgives it between two records.
type cutting struct{ net.Conn }

// Read reads.
func (c cutting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}
