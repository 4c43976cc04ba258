package apiserver

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// guarded reports whether an address that other machines can reach would do.
func (o *Options) guarded() bool { return o.TLS != nil || o.Insecure }

// checkExposure refuses plain HTTP where other machines can reach it: their requests could be read on the way, and made again
// for as long as their date is good. No name but localhost is looked up: what it stands for may change.
func checkExposure(o *Options) error {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return fmt.Errorf("api.address %s: must be an address and port such as 127.0.0.1:8440: %w", o.Address, err)
	}
	if o.guarded() || isLoopback(host) {
		return nil
	}
	return exposed(o.Address)
}

// isLoopback reports whether only this machine can reach a host. A wildcard is all addresses.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

func exposed(address string) error {
	return fmt.Errorf("api.address %s: other machines can reach it, and without TLS they can read along: "+
		"give api.tls a certificate, or use a loopback address such as 127.0.0.1:8440, or set api.insecure to true where something else keeps it private", address)
}
