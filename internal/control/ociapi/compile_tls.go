package ociapi

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"weak"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// alpnHTTP is what is offered in ALPN (RFC 7301) where HTTP is spoken over TLS.
//
//nolint:gochecknoglobals // a constant
var alpnHTTP = []string{"http/1.1"}

// gone says that something outside is not there any more. What needs it is left out.
type gone struct{ what, id string }

// Error names it.
func (g *gone) Error() string { return g.what + " " + g.id + ": does not exist" }

// secured returns the listeners of a port that can be served, with how they secure their clients' connections; nil is not at all. The
// listeners of a port have one way of speaking TLS, as checkPorts sees to, and each its certificate: a handshake tells the name that a
// client asks for and no more.
func (s *Service) secured(d *document, group []named) (served []named, tls *plan.ServerTLS, err error) {
	var holders []*certs.Holder
	for _, l := range group {
		own, err := s.serverTLS(d, &l)
		if g := (*gone)(nil); errors.As(err, &g) {
			s.o.Log.Error("a listener is not served: import its certificate again with `lull certs import`, or give it another one",
				"load_balancer", d.DisplayName, "id", d.ID, "listener", l.name, "port", l.Port, "certificate", g.id, "error", err)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if served = append(served, l); own != nil {
			holders = append(holders, own.Certificates)
			if tls == nil {
				tls = own
			}
		}
	}
	if len(holders) > 1 {
		tls.Certificates = s.joined(holders)
	}
	return served, tls, nil
}

// serverTLS compiles how a listener secures its clients' connections; nil is not at all.
func (s *Service) serverTLS(d *document, l *named) (*plan.ServerTLS, error) {
	from := l.SSLConfiguration
	if from == nil {
		return nil, nil
	}
	policy, err := d.tlsPolicy(from)
	if err != nil {
		return nil, err
	}
	holder, err := s.holder(d, from)
	if err != nil {
		return nil, err
	}
	out := &plan.ServerTLS{Certificates: holder, Policy: policy, NoResumption: from.HasSessionResumption != nil && !*from.HasSessionResumption}
	if l.http() {
		out.ALPN = alpnHTTP
	}
	if !from.VerifyPeerCertificate {
		return out, nil
	}
	out.ClientAuth, out.VerifyDepth = plan.ClientCertRequired, from.VerifyDepth
	if out.ClientRoots, err = s.roots(d, from); err != nil {
		return nil, err
	}
	if out.ClientRoots == nil {
		return nil, invalid("sslConfiguration.verifyPeerCertificate", "Listener '%s' has verifyPeerCertificate, so it needs authorities: "+
			"a caCertificate in the certificate that it names, or trustedCertificateAuthorityIds", l.name)
	}
	return out, nil
}

// clientTLS compiles how a set's backends are spoken to; nil is plainly. Nobody shows them a certificate, as with Oracle.
func (s *Service) clientTLS(d *document, name string, set *wire.BackendSetDetails) (*plan.ClientTLS, error) {
	from := set.SSLConfiguration
	if from == nil {
		return nil, nil
	}
	policy, err := d.tlsPolicy(from)
	if err != nil {
		return nil, err
	}
	out := &plan.ClientTLS{Verify: from.VerifyPeerCertificate, Policy: policy}
	if d.onlyHTTP(name) {
		out.ALPN = alpnHTTP
	}
	if !out.Verify {
		return out, nil
	}
	out.VerifyDepth = from.VerifyDepth
	out.Roots, err = s.roots(d, from)
	if g := (*gone)(nil); errors.As(err, &g) {
		s.o.Log.Error("the backends of a set are not trusted: import their authorities again with `lull certs import`, or name others",
			"load_balancer", d.DisplayName, "id", d.ID, "backend_set", name, "certificate", g.id, "error", err)
		out.Roots, err = certs.NewRoots(x509.NewCertPool()), nil
	}
	return out, err
}

// onlyHTTP reports whether no listener hands a set connections of which nobody knows what is spoken on them.
func (d *document) onlyHTTP(set string) bool {
	for _, l := range d.Listeners {
		if l.Protocol == wire.ProtocolTCP && l.DefaultBackendSetName == set {
			return false
		}
	}
	return true
}

// tlsPolicy compiles versions and ciphers.
func (d *document) tlsPolicy(from *wire.SSLConfiguration) (*tlspolicy.Policy, error) {
	ciphers, found := d.ciphers(from.CipherSuiteName)
	if !found {
		return nil, d.absent("sslConfiguration.cipherSuiteName", from.CipherSuiteName, cipherSuiteKind)
	}
	policy, err := tlspolicy.Custom(from.CipherSuiteName, from.Protocols, ciphers)
	if err != nil {
		return nil, invalid("sslConfiguration.protocols", "sslConfiguration.protocols and cipherSuiteName do not go together: %s", err)
	}
	return policy, nil
}

// holder returns what holds a listener's certificate: the same one as long as the certificate is the same.
func (s *Service) holder(d *document, from *wire.SSLConfiguration) (*certs.Holder, error) {
	if from.CertificateName == nil {
		if len(from.CertificateIDs) == 0 {
			return nil, invalid("sslConfiguration.certificateName", "sslConfiguration needs certificateName or certificateIds")
		}
		h, found := s.o.Certificates.Holder(from.CertificateIDs[0]) // Oracle allows one only
		if !found {
			return nil, &gone{"certificate", from.CertificateIDs[0]}
		}
		return h, nil
	}
	c, err := d.certificate(*from.CertificateName)
	if err != nil {
		return nil, err
	}
	return s.pem.holders.get(digest(given(c.PublicCertificate), given(c.PrivateKey), given(c.Passphrase)), func() (*certs.Holder, error) {
		pair, err := keyPair(c)
		if err != nil {
			return nil, invalid("certificateName", "Certificate '%s' cannot be used: %s", *from.CertificateName, err)
		}
		return certs.NewHolder(certs.NewSet([]*certs.Certificate{pair})), nil
	})
}

// certificate returns one of the load balancer's own.
func (d *document) certificate(name string) (*wire.CertificateDetails, error) {
	c, found := d.Certificates[name]
	if !found {
		return nil, invalid("sslConfiguration.certificateName", "Load balancer %s has no certificate named '%s'", d.ID, name)
	}
	return &c, nil
}

// keyPair reads a certificate with its private key.
func keyPair(c *wire.CertificateDetails) (*certs.Certificate, error) {
	return certs.Parse([]byte(given(c.PublicCertificate)), []byte(given(c.PrivateKey)))
}

// roots returns who may have issued a peer's certificate: nil if nobody is named.
func (s *Service) roots(d *document, from *wire.SSLConfiguration) (*certs.Roots, error) {
	if len(from.TrustedCertificateAuthorityIDs) > 0 {
		return s.trusted(from.TrustedCertificateAuthorityIDs)
	}
	if from.CertificateName == nil {
		return nil, nil
	}
	c, err := d.certificate(*from.CertificateName)
	if err != nil || c.CACertificate == nil {
		return nil, err
	}
	return s.pem.roots.get(digest(*c.CACertificate), func() (*certs.Roots, error) {
		bundle, err := certs.ParseBundle([]byte(*c.CACertificate))
		if err != nil {
			return nil, invalid("caCertificate", "caCertificate of certificate '%s' cannot be used: %s", *from.CertificateName, err)
		}
		return certs.NewRoots(bundle.Pool), nil
	})
}

// trusted returns the authorities that ids name: what lull's store has under them, chains included.
func (s *Service) trusted(ids []string) (*certs.Roots, error) {
	var raw []string
	pool := x509.NewCertPool()
	for _, id := range ids {
		h, found := s.o.Certificates.Holder(id)
		if !found {
			return nil, &gone{"certificate authority", id}
		}
		for _, c := range h.Set().All() {
			for _, der := range c.TLS.Certificate {
				x, err := x509.ParseCertificate(der)
				if err != nil {
					return nil, fmt.Errorf("certificate authority %s: %w", id, err)
				}
				pool.AddCert(x)
				raw = append(raw, string(der))
			}
		}
	}
	return s.pem.roots.get(digest(raw...), func() (*certs.Roots, error) { return certs.NewRoots(pool), nil })
}

// joined returns a holder of the certificates of several, from whose sets clients get the one for the name that they ask for, and the
// first one's if they ask for none.
func (s *Service) joined(holders []*certs.Holder) *certs.Holder {
	var all []*certs.Certificate
	for _, h := range holders {
		all = append(all, h.Set().All()...)
	}
	raw := make([]string, len(all))
	for i, c := range all {
		raw[i] = string(c.Leaf().Raw)
	}
	h, _ := s.pem.holders.get(digest(raw...), func() (*certs.Holder, error) { return certs.NewHolder(certs.NewSet(all)), nil })
	return h
}

// fromPEM is what was made of PEM texts, for as long as a plan has it: a change elsewhere in a load balancer leaves TLS as it is, with the
// session tickets that clients have, and costs no parsing.
type fromPEM struct {
	holders remembered[certs.Holder]
	roots   remembered[certs.Roots]
}

// remembered finds values again that somebody still has. The zero value is empty.
type remembered[T any] struct {
	byDigest map[[sha256.Size]byte]weak.Pointer[T]
	most     int // values, dead ones included, at which the dead ones are forgotten
}

// get returns the value of a digest, which produce makes unless it is there still.
func (r *remembered[T]) get(key [sha256.Size]byte, produce func() (*T, error)) (*T, error) {
	if v := r.byDigest[key].Value(); v != nil {
		return v, nil
	}
	v, err := produce()
	if err != nil {
		return nil, err
	}
	if r.byDigest == nil {
		r.byDigest = map[[sha256.Size]byte]weak.Pointer[T]{}
	}
	r.byDigest[key] = weak.Make(v)
	if len(r.byDigest) > r.most {
		maps.DeleteFunc(r.byDigest, func(_ [sha256.Size]byte, p weak.Pointer[T]) bool { return p.Value() == nil })
		r.most = 2*len(r.byDigest) + 16
	}
	return v, nil
}

// digest returns what stands for texts. Each is hashed by itself first, so that no two lists of texts come to the same.
func digest(texts ...string) [sha256.Size]byte {
	var all []byte
	for _, t := range texts {
		one := sha256.Sum256([]byte(t))
		all = append(all, one[:]...)
	}
	return sha256.Sum256(all)
}

// given returns a text that may be absent.
func given[S ~string](p *S) string {
	if p == nil {
		return ""
	}
	return string(*p)
}
