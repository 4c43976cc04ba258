package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"lull/internal/clock"
)

// attemptMax bounds one question to one server. Package net would wait resolv.conf's 5 s, which is all the time a
// lookup has: a lost datagram or a dead first server would then fail the lookup, although it asks twice and has
// other servers to turn to. Two attempts of 2 s fit.
const attemptMax = 2 * time.Second

// answer is a successful lookup.
type answer struct {
	addrs []netip.Addr // at least one
	ttl   time.Duration
}

// lookupNet asks package net for a host's addresses. Each lookup has a net.Resolver of its own, which is what tells
// its connections, and so its TTL, from those of other lookups.
func (r *Resolver) lookupNet(ctx context.Context, host string) (answer, error) {
	var seen ttlSeen
	res := net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if r.server != "" {
				addr = r.server
			}
			return dial(ctx, network, addr, &seen)
		},
	}
	ips, err := res.LookupIPAddr(ctx, host)
	if err != nil {
		return answer{}, err
	}
	addrs := usable(ips)
	if len(addrs) == 0 {
		return answer{}, fmt.Errorf("lookup %s: none of its %d addresses is one of a single host (first: %s)",
			host, len(ips), &ips[0])
	}
	return answer{addrs: addrs, ttl: seen.least()}, nil
}

// dial connects to a DNS server with a connection that notes the TTLs of the answers it carries in seen. ctx is the
// attempt's: when it ends, so does the connection, which package net would otherwise leave to its deadline.
func dial(ctx context.Context, network, addr string, seen *ttlSeen) (net.Conn, error) {
	dialer := net.Dialer{Timeout: attemptMax}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := attempt{Conn: conn, deadline: clock.Wall(clock.Now()).Add(attemptMax)}
	if err := conn.SetDeadline(c.deadline); err != nil {
		_ = conn.Close() // the first error says it
		return nil, err
	}
	c.release = context.AfterFunc(ctx, func() { _ = conn.Close() }) // nobody is left to tell
	if udp, ok := conn.(*net.UDPConn); ok {
		return &packetConn{attempt: c, udp: udp, seen: seen}, nil
	}
	return &streamConn{attempt: c, seen: seen}, nil
}

// attempt is a connection that lives no longer than attemptMax.
type attempt struct {
	net.Conn
	deadline time.Time
	release  func() bool // the context's end no longer closes the connection
}

// Close closes the connection.
func (a *attempt) Close() error {
	a.release()
	return a.Conn.Close()
}

// SetDeadline sets the deadline, which can only be earlier than attemptMax after the dial.
func (a *attempt) SetDeadline(t time.Time) error {
	if t.IsZero() || t.After(a.deadline) {
		t = a.deadline
	}
	return a.Conn.SetDeadline(t)
}
