package tlsio

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// errTooDeep is about a certificate that leads to an authority by more steps than are allowed.
var errTooDeep = errors.New("the chain of the peer's certificate is too long")

// verifyDepth returns what refuses chains of more than depth steps from the certificate to its root; nil if any will do. It is asked
// about resumed sessions, too, which remember their chains: a depth that is lowered holds for them at once.
func verifyDepth(depth int) func(tls.ConnectionState) error {
	if depth == 0 {
		return nil
	}
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 { // none was shown, and none was required
			return nil
		}
		if steps := stepsToRoot(s.VerifiedChains); steps > depth {
			return fmt.Errorf("%w: %d steps to its root, allowed are %d", errTooDeep, steps, depth)
		}
		return nil
	}
}

// stepsToRoot returns how many steps the shortest of some chains has: 1 for a certificate that a root has issued itself. Who trusts an
// intermediate authority by itself has chains that end with it; they count only where none leads to a root, or a bundle that
// holds all authorities of a chain would make each of them depth 1.
func stepsToRoot(chains [][]*x509.Certificate) int {
	rooted, shortest := 0, 0
	for _, chain := range chains {
		steps, end := len(chain)-1, chain[len(chain)-1]
		if shortest == 0 || steps < shortest {
			shortest = steps
		}
		if bytes.Equal(end.RawIssuer, end.RawSubject) && (rooted == 0 || steps < rooted) {
			rooted = steps
		}
	}
	if rooted > 0 {
		return rooted
	}
	return shortest
}
