package lulltest

import (
	"net"
	"net/netip"
	"testing"
)

// DialFrom is Dial from an address of this machine: all of 127.0.0.0/8 are.
func DialFrom(t testing.TB, from netip.Addr, to netip.AddrPort) *Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: Patience}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatalf("dial %s from %s: %v", to, from, err)
	}
	return WireOf(t).connected(t, c, to)
}
