package certs

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
)

// errNone ends the handshakes of a listener without certificates.
var errNone = errors.New("no certificate")

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

// For returns the certificate for a client; it is tls.Config's GetCertificate. It is the one for the name that the client
// asks for, and the set's first where it asks for none or for an unknown one, as nginx and both clouds have it: a client that
// minds will see from the certificate that the name is wrong, and one that does not (a probe, say) gets its answer.
func (h *Holder) For(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s := h.Set(); s != nil {
		if c := s.find(hello); c != nil {
			return &c.TLS, nil
		}
	}
	return nil, errNone
}
