package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlsio"
)

// open returns a connection of the probe's own on which the question may be asked: made and, if the check says so, secured.
// Whoever gets it closes it. An error is fit to be a backend's state.
func open(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) (net.Conn, error) {
	raw, err := dial(ctx, to, check)
	if err != nil {
		return nil, unconnected{err}
	}
	if check.TLS == nil {
		return raw, nil
	}
	conn, err := secure(ctx, raw, host, check)
	if err != nil {
		_ = raw.Close()
		return nil, unconnected{err}
	}
	return conn, nil
}

// secure makes the handshake, with the settings that traffic has. It is a full one every time: a session that is resumed would
// not show whether the backend's certificate is still good, and a backend that hears nothing of resumption sends no tickets,
// which could only meet a closed socket. crypto/tls bounds what a backend can make us read: 256 KiB of certificates, and 100
// signatures to check.
func secure(ctx context.Context, raw net.Conn, host string, check *plan.HealthCheck) (net.Conn, error) {
	conn := tls.Client(cutting{raw}, tlsio.ClientConfig(check.TLS, host))
	defer wake(ctx, raw)()
	if err := conn.Handshake(); err != nil {
		return nil, handshakeError(err, host, check)
	}
	return conn, nil
}

// errCut is the end of a TLS connection without close_notify.
var errCut = errors.New("connection closed without close_notify")

// cutting is a connection whose end tells apart what crypto/tls does not: it takes a FIN between two records for an end as
// good as any. io.EOF from a tls.Conn over this one follows a close_notify.
type cutting struct{ net.Conn }

// Read reads.
func (c cutting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}

// wake has whoever reads or writes the connection fail when ctx ends: at the timeout as well as when the result is wanted
// no more. The function returned calls that off.
func wake(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}
