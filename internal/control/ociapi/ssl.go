package ociapi

import (
	"crypto/x509"
	"encoding/pem"
	"slices"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/tlspolicy"
)

// encrypted is a listener or a backend set that has an sslConfiguration.
type encrypted struct {
	kind, name string
	field      string // path of the sslConfiguration
	ssl        *wire.SSLConfiguration
}

// encrypted returns all that has an sslConfiguration: listeners first, each kind by name.
func (d *document) encrypted() []encrypted {
	var all []encrypted
	for name, l := range ordered(d.Listeners) {
		if l.SSLConfiguration != nil {
			all = append(all, encrypted{"listener", name, "listeners." + name + ".sslConfiguration", l.SSLConfiguration})
		}
	}
	for name, set := range ordered(d.BackendSets) {
		if set.SSLConfiguration != nil {
			all = append(all, encrypted{backendSetKind, name, "backendSets." + name + ".sslConfiguration", set.SSLConfiguration})
		}
	}
	return all
}

// checkSSL holds every sslConfiguration against what it names and against what lull can do.
func checkSSL(s *Service, d *document) error {
	for _, user := range d.encrypted() {
		policy, err := d.checkPolicy(user.field, user.ssl)
		if err != nil {
			return err
		}
		if err := s.checkIDs(d, user.field, user.ssl); err != nil {
			return err
		}
		if err := d.checkCertificate(&user); err != nil {
			return err
		}
		if user.kind == backendSetKind {
			continue
		}
		l := d.Listeners[user.name]
		if err := checkHTTP2(user.field, &l); err != nil {
			return err
		}
		if err := s.checkKey(d, user.field, user.ssl, policy); err != nil {
			return err
		}
	}
	return d.checkTLS13()
}

// checkPolicy refuses an unknown suite, and one that leaves nothing to negotiate in the protocols that go with it. A PUT without
// protocols means TLSv1.2, so it fails here where the suite is one for TLSv1.3.
func (d *document) checkPolicy(field string, ssl *wire.SSLConfiguration) (*tlspolicy.Policy, error) {
	ciphers, found := d.ciphers(ssl.CipherSuiteName)
	if !found {
		return nil, d.absent(field+".cipherSuiteName", ssl.CipherSuiteName, cipherSuiteKind)
	}
	policy, err := tlspolicy.Custom(ssl.CipherSuiteName, ssl.Protocols, ciphers)
	if err != nil {
		return nil, invalid(field+".cipherSuiteName", "%s.cipherSuiteName '%s' is not allowed with protocols %v: %s", field, ssl.CipherSuiteName, ssl.Protocols, err)
	}
	return policy, nil
}

// checkIDs refuses certificates that lull's store does not have. What has gone from there since it was named does not stand in the
// way of other changes: its listener is out of service meanwhile.
func (s *Service) checkIDs(d *document, field string, ssl *wire.SSLConfiguration) error {
	for _, list := range []struct {
		name string
		ids  []string
	}{{"certificateIds", ssl.CertificateIDs}, {"trustedCertificateAuthorityIds", ssl.TrustedCertificateAuthorityIDs}} {
		for _, id := range list.ids {
			if _, found := s.o.Certificates.Holder(id); !found && !s.named(d.ID, id) {
				return refuse(wire.RelatedResourceNotAuthorizedOrNotFound, field+"."+list.name,
					"%s.%s '%s' is not allowed: lull has no certificate of that id; allowed is the ARN of one that has been imported", field, list.name, id)
			}
		}
	}
	return nil
}

// named reports whether the load balancer in force names a certificate of lull's store.
func (s *Service) named(balancer, id string) bool {
	b := s.state.Load().balancers[balancer]
	if b == nil || b.State != stateActive {
		return false
	}
	return slices.ContainsFunc(b.encrypted(), func(user encrypted) bool {
		return slices.Contains(user.ssl.CertificateIDs, id) || slices.Contains(user.ssl.TrustedCertificateAuthorityIDs, id)
	})
}

// checkCertificate refuses a certificate that there is not, a listener's that has no key, and a peer whose certificate would have to
// be verified against nothing. For a backend set nothing is what the system trusts.
func (d *document) checkCertificate(user *encrypted) error {
	ssl, field := user.ssl, user.field+".certificateName"
	var c wire.CertificateDetails
	if ssl.CertificateName != nil {
		var found bool
		if c, found = d.Certificates[*ssl.CertificateName]; !found {
			return d.absent(field, *ssl.CertificateName, certificateKind)
		}
	}
	front := user.kind != backendSetKind
	if front && ssl.CertificateName != nil && c.PrivateKey == nil {
		return invalid(field, "%s '%s' is not allowed: that certificate has no privateKey, which a listener needs", field, *ssl.CertificateName)
	}
	if ssl.VerifyPeerCertificate && ssl.VerifyDepth == 0 {
		return invalid(user.field+".verifyDepth", "%s.verifyDepth 0 is not allowed when verifyPeerCertificate is true: allowed is 1 to 100", user.field)
	}
	if !ssl.VerifyPeerCertificate || len(ssl.TrustedCertificateAuthorityIDs) > 0 || c.CACertificate != nil || !front && ssl.CertificateName == nil {
		return nil
	}
	return invalid(user.field+".verifyPeerCertificate",
		"%s.verifyPeerCertificate true is not allowed: there is nothing to verify against; name a certificate with a caCertificate, or trustedCertificateAuthorityIds",
		user.field)
}

// checkHTTP2 refuses the versions of TLS that HTTP/2 does not allow (RFC 9113 §9.2).
func checkHTTP2(field string, l *wire.ListenerDetails) error {
	if l.Protocol != wire.ProtocolHTTP2 && l.Protocol != wire.ProtocolGRPC {
		return nil
	}
	for _, p := range l.SSLConfiguration.Protocols {
		if p != "TLSv1.2" && p != "TLSv1.3" {
			return invalid(field+".protocols", "%s.protocols '%s' is not allowed when protocol is %s: allowed is TLSv1.2, TLSv1.3", field, p, l.Protocol)
		}
	}
	return nil
}

// checkKey refuses a suite that has no cipher for the key of the listener's certificate: no handshake could succeed.
func (s *Service) checkKey(d *document, field string, ssl *wire.SSLConfiguration, policy *tlspolicy.Policy) error {
	leaf := s.leaf(d, ssl)
	if leaf == nil || policy.Serves(leaf.PublicKeyAlgorithm) {
		return nil
	}
	return invalid(field+".cipherSuiteName", "%s.cipherSuiteName '%s' is not allowed with protocols %v: the certificate's key is %v, for which the suite has no cipher that lull can do",
		field, ssl.CipherSuiteName, ssl.Protocols, leaf.PublicKeyAlgorithm)
}

// leaf returns the certificate of a listener; nil if it cannot be told.
func (s *Service) leaf(d *document, ssl *wire.SSLConfiguration) *x509.Certificate {
	if ssl.CertificateName != nil {
		c := d.Certificates[*ssl.CertificateName]
		if c.PublicCertificate == nil {
			return nil
		}
		return firstCertificate([]byte(*c.PublicCertificate))
	}
	for _, id := range ssl.CertificateIDs {
		if h, found := s.o.Certificates.Holder(id); found {
			if list := h.Set().All(); len(list) > 0 {
				return list[0].Leaf()
			}
		}
	}
	return nil
}

// firstCertificate returns the first certificate of a text, which was right when it was kept.
func firstCertificate(text []byte) *x509.Certificate {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			return c
		}
	}
	return nil
}

// checkTLS13 refuses the oldest ciphers anywhere in a load balancer that has TLSv1.3 anywhere. Which these are Oracle tells by
// examples; here they are all that only the widest of its suites has.
func (d *document) checkTLS13() error {
	all := d.encrypted()
	i := slices.IndexFunc(all, func(user encrypted) bool { return slices.Contains(user.ssl.Protocols, "TLSv1.3") })
	if i < 0 {
		return nil
	}
	for _, user := range all {
		ciphers, _ := d.ciphers(user.ssl.CipherSuiteName)
		for _, cipher := range ciphers {
			if deprecated[cipher] {
				return invalid(user.field+".cipherSuiteName",
					"%s.cipherSuiteName '%s' is not allowed: it has %s, which no listener and no backend set may use while one has TLSv1.3, as %s '%s' does",
					user.field, user.ssl.CipherSuiteName, cipher, all[i].kind, all[i].name)
			}
		}
	}
	return nil
}

// deprecated are the ciphers that only the widest suite has.
//
//nolint:gochecknoglobals // a table
var deprecated = func() map[string]bool {
	wider, _ := tlspolicy.DefinitionOf("oci-wider-compatible-ssl-cipher-suite-v1")
	compatible, _ := tlspolicy.DefinitionOf("oci-compatible-ssl-cipher-suite-v1")
	set := map[string]bool{}
	for _, cipher := range wider.Ciphers {
		set[cipher] = !slices.Contains(compatible.Ciphers, cipher)
	}
	return set
}()

// checkSharedTLS refuses two listeners of one port whose clients would have to be treated differently before their request tells for
// which of the two they come. Only certificates may differ, which the server's name chooses. That goes further than Oracle, which
// wants the same protocols: a client that must show a certificate to one listener could else come in by the other one.
func (d *document) checkSharedTLS(first, second string) error {
	a, b := d.Listeners[first].SSLConfiguration, d.Listeners[second].SSLConfiguration
	var field string
	switch {
	case a.CipherSuiteName != b.CipherSuiteName:
		field = "cipherSuiteName"
	case a.VerifyPeerCertificate != b.VerifyPeerCertificate:
		field = "verifyPeerCertificate"
	case a.VerifyPeerCertificate && a.VerifyDepth != b.VerifyDepth:
		field = "verifyDepth"
	case a.VerifyPeerCertificate && !sameMembers(a.TrustedCertificateAuthorityIDs, b.TrustedCertificateAuthorityIDs):
		field = "trustedCertificateAuthorityIds"
	case a.VerifyPeerCertificate && d.authority(a) != d.authority(b):
		field = "certificateName"
	case resumes(a) != resumes(b):
		field = "hasSessionResumption"
	default:
		return nil
	}
	return invalid("listeners."+second+".sslConfiguration."+field,
		"listeners.%s.sslConfiguration.%s is not that of listener '%s', which is on port %d too: allowed is the same for all listeners of a port; only their certificates may differ",
		second, field, first, d.Listeners[second].Port)
}

// authority returns the text of the authorities in the certificate that an sslConfiguration names.
func (d *document) authority(ssl *wire.SSLConfiguration) string {
	if ssl.CertificateName != nil {
		if ca := d.Certificates[*ssl.CertificateName].CACertificate; ca != nil {
			return *ca
		}
	}
	return ""
}

// resumes reports whether sessions may be resumed. Oracle does not say what holds where nothing is said: they may.
func resumes(ssl *wire.SSLConfiguration) bool {
	return ssl.HasSessionResumption == nil || *ssl.HasSessionResumption
}

// bundle reads certificates without a key, all of which must be right.
func bundle(field, text string) error {
	b, err := certs.ParseBundle([]byte(text))
	if err != nil {
		return invalid(field, "%s is not allowed: %s", field, err)
	}
	if len(b.Skipped) > 0 {
		return invalid(field, "%s is not allowed: %s", field, b.Skipped[0])
	}
	return nil
}
