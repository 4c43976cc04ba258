package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

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

// Same reports whether the authorities in force are those of o. Nil stands for those of the system.
func (r *Roots) Same(o *Roots) bool {
	if r == o || r == nil || o == nil {
		return r == o
	}
	return r.Pool().Equal(o.Pool())
}

// Pool returns the authorities in force.
func (r *Roots) Pool() *x509.CertPool { return r.pool.Load() }

// Replace puts others in force, for the handshakes that begin from now on.
func (r *Roots) Replace(p *x509.CertPool) { r.pool.Store(p) }

// Bundle is certificate authorities, as read. It never changes.
type Bundle struct {
	Pool    *x509.CertPool
	Count   int      // authorities in the pool, each counted once
	Skipped []string // what is wrong with those that are not in the pool

	ends []time.Time // when they expire, the first to do so first
}

// ParseBundle reads certificate authorities from PEM. A certificate that crypto/x509 refuses is skipped as long as there are
// others: the systems' bundles hold a few from before today's rules, and nobody can mend those.
func ParseBundle(data []byte) (*Bundle, error) {
	blocks, err := decode(data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Pool: x509.NewCertPool()}
	known := map[string]bool{}
	for i, block := range blocks {
		if isPrivate(block) {
			return nil, errors.New("a private key in it: want certificates of authorities only")
		}
		if block.Type != labelCertificate {
			return nil, fmt.Errorf("block %d is no certificate: want blocks that start with -----BEGIN CERTIFICATE-----", i+1)
		}
		x, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			b.Skipped = append(b.Skipped, fmt.Sprintf("certificate %d: %v", i+1, err))
			continue
		}
		if known[string(x.Raw)] {
			continue
		}
		known[string(x.Raw)] = true
		b.Pool.AddCert(x)
		b.ends = append(b.ends, x.NotAfter)
	}
	b.Count = len(b.ends)
	if b.Count == 0 {
		return nil, errors.New(b.Skipped[0])
	}
	slices.SortFunc(b.ends, time.Time.Compare)
	return b, nil
}

// NotAfter returns when the next authority expires; if all have, when the last one did.
func (b *Bundle) NotAfter(now time.Time) time.Time {
	return b.ends[min(b.expired(now), len(b.ends)-1)]
}

// expired counts the authorities that have expired.
func (b *Bundle) expired(now time.Time) int {
	n, _ := slices.BinarySearchFunc(b.ends, now, time.Time.Compare)
	return n
}

// String describes the bundle in a line, for example "3 authorities".
func (b *Bundle) String() string {
	if b.Count == 1 {
		return "1 authority"
	}
	return fmt.Sprintf("%d authorities", b.Count)
}

// Warnings says what is wrong with the authorities or soon will be. One of many that is about to expire is business as usual,
// the only one is not.
func (b *Bundle) Warnings(now time.Time) []string {
	var w []string
	if n := len(b.Skipped); n > 0 {
		w = append(w, fmt.Sprintf("%d of %d authorities cannot be read and are not trusted; %s", n, n+b.Count, b.Skipped[0]))
	}
	last := b.ends[len(b.ends)-1]
	switch n := b.expired(now); {
	case n == b.Count && n == 1:
		w = append(w, "the authority expired on "+day(last))
	case n == b.Count:
		w = append(w, fmt.Sprintf("all %d authorities have expired, the last on %s", n, day(last)))
	case n > 0:
		w = append(w, fmt.Sprintf("%d of %d authorities have expired", n, b.Count))
	case now.Add(ExpirySoon).After(last):
		w = append(w, fmt.Sprintf("%s: none is valid after %s, within 30 days", b, day(last)))
	}
	return w
}
