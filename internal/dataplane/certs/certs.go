// Package certs provides certificates: read from PEM, chosen by the name that a client asks for, replaced while in use.
//
// Front doors parse what their documents name and put it into a Holder; a listener's handshakes take what the holder has at
// that moment, so that a certificate is replaced without anybody noticing. Whoever owns the files or documents replaces
// the holder's set. Parsing is pure; holders are safe anywhere.
//
// No error and no log line ever holds a part of a private key.
//
// Follows RFC 6066 §3 (server name), RFC 6125 §6.4 (wildcards), RFC 7468 (PEM).
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
)

// Certificate is a chain with its private key.
type Certificate struct {
	TLS tls.Certificate // Leaf is set
}

// Parse reads a chain, leaf first, and its private key from PEM.
func Parse(chain, key []byte) (*Certificate, error) {
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	return &Certificate{TLS: c}, nil
}

// Set is the certificates of a listener. It never changes.
type Set struct {
	list []*Certificate
}

// NewSet returns a set; the first certificate is for clients that name no host, or an unknown one.
func NewSet(list []*Certificate) *Set { return &Set{list: list} }

// All returns the certificates, in the order in which they were given.
func (s *Set) All() []*Certificate { return s.list }

// Holder holds the set in force.
type Holder struct {
	// Atomic.
	set atomic.Pointer[Set]
}

// NewHolder returns a holder with a set.
func NewHolder(s *Set) *Holder {
	h := &Holder{}
	h.set.Store(s)
	return h
}

// Set returns the set in force.
func (h *Holder) Set() *Set { return h.set.Load() }

// Replace puts another set in force, for the handshakes that begin from now on.
func (h *Holder) Replace(s *Set) { h.set.Store(s) }

// For returns the certificate for a client; it is tls.Config's GetCertificate.
func (h *Holder) For(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := h.Set()
	if s == nil || len(s.list) == 0 {
		return nil, errors.New("no certificate")
	}
	return &s.list[0].TLS, nil
}

// Roots holds the certificate authorities that are trusted; like a Holder, they may be replaced.
type Roots struct {
	// Atomic.
	pool atomic.Pointer[x509.CertPool]
}

// NewRoots returns a holder with authorities.
func NewRoots(p *x509.CertPool) *Roots {
	r := &Roots{}
	r.pool.Store(p)
	return r
}

// Pool returns the authorities in force.
func (r *Roots) Pool() *x509.CertPool { return r.pool.Load() }

// Replace puts others in force, for the handshakes that begin from now on.
func (r *Roots) Replace(p *x509.CertPool) { r.pool.Store(p) }
