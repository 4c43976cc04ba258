package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/plan"
)

// probeTCP is well when a TCP connection comes about, and over TLS when the handshake does too. It sends nothing more and
// reads nothing more: a TLS connection is closed with close_notify.
//
// The connection is closed with a FIN, as the clouds' load balancers do. A reset (SO_LINGER 0) would spare us the
// minute of TIME_WAIT that falls to the side which closes first, but backends log resets as errors, and some count them
// against the address they come from. What TIME_WAIT costs is bounded: 60 s divided by the interval, so six entries per
// backend at 10 s, a few hundred bytes each, and since each is for one backend's address and port they take no
// ephemeral ports from anybody else. The kernel still sends a reset, unasked, to a backend whose greeting has arrived
// by the time we close.
func probeTCP(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) error {
	conn, err := open(ctx, host, to, check)
	if err == nil {
		_ = conn.Close() // it came about, that was the question
	}
	return err
}

// dial returns a connection of the probe's own, or an error that is fit to be a backend's state.
func dial(ctx context.Context, to netip.AddrPort, check *plan.HealthCheck) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1} // no setsockopt calls for a connection that ends soon
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, connectError(err, check)
	}
	return conn, nil
}

// connectError returns an error whose text says in a few words why a connection did not come about.
func connectError(err error, check *plan.HealthCheck) error {
	var timeout net.Error
	var errno unix.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return coded(TimedOut, fmt.Errorf("connect timed out after %v", check.Timeout))
	case !errors.As(err, &errno):
		return coded(ConnectFailed, fmt.Errorf("connect: %w", err))
	case local(errno):
		return fmt.Errorf("connect: %w: %w", errNotMade, errno)
	}
	if words, ok := connectWords[errno]; ok {
		return coded(ConnectFailed, errors.New(words))
	}
	return coded(ConnectFailed, fmt.Errorf("connect: %w", errno))
}

// connectWords are the common causes in words.
//
//nolint:gochecknoglobals // a table
var connectWords = map[unix.Errno]string{
	unix.ECONNREFUSED: "connect refused",
	unix.ECONNRESET:   "connect reset",
	unix.EHOSTUNREACH: "connect: host unreachable",
	unix.ENETUNREACH:  "connect: network unreachable",
	// Either the backend's family does not exist on this machine, or all ports towards it are taken. The data plane
	// could not connect to it either, so this is a failure like any other.
	unix.EADDRNOTAVAIL: "connect: no local address or port free",
}

// local reports whether an error is about this machine's means and not about the backend.
func local(errno unix.Errno) bool {
	return errno == unix.EMFILE || errno == unix.ENFILE || errno == unix.ENOBUFS || errno == unix.ENOMEM
}
