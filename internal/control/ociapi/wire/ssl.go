package wire

// SSLConfiguration is how a listener or the way to a backend set is encrypted. The API leaves open what verifyDepth and
// the booleans are when they are not given: a peer is not asked for a certificate then, and the depth is that of one
// signed by a root. 0 is what Oracle's cloud controller manager sends where nothing is verified.
type SSLConfiguration struct {
	CertificateName                *string  `wire:"certificateName" match:"name"`
	CertificateIDs                 []string `wire:"certificateIds" range:"0-16"`
	TrustedCertificateAuthorityIDs []string `wire:"trustedCertificateAuthorityIds" range:"0-16"`
	VerifyPeerCertificate          bool     `wire:"verifyPeerCertificate" default:"false"`
	VerifyDepth                    int      `wire:"verifyDepth" range:"0-100" default:"1"`
	HasSessionResumption           *bool    `wire:"hasSessionResumption"`
	CipherSuiteName                string   `wire:"cipherSuiteName" match:"name" default:"oci-default-ssl-cipher-suite-v1"`
	Protocols                      []string `wire:"protocols" range:"1-4" eachenum:"TLSv1 TLSv1.1 TLSv1.2 TLSv1.3" default:"TLSv1.2"`
	ServerOrderPreference          *string  `wire:"serverOrderPreference" enum:"ENABLED DISABLED"`
}

func (c *SSLConfiguration) check(field string) error {
	if c.CipherSuiteName == customizedSuite {
		name := join(field, "cipherSuiteName")
		return invalid(name, "%s '%s' is not allowed: the service answers it for what it was not told, and takes it from nobody", name, customizedSuite)
	}
	return checkDistinct(join(field, "protocols"), c.Protocols)
}

// checkFront refuses a listener that would have nothing to show its clients.
func (c *SSLConfiguration) checkFront(field string) error {
	if c == nil || c.CertificateName != nil || len(c.CertificateIDs) > 0 {
		return nil
	}
	return refuse(MissingParameter, join(field, "certificateName"), "%s needs certificateName or certificateIds", field)
}
