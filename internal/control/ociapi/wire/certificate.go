package wire

// certificatePartMax is the length of the longest PEM text in a certificate: a chain of ten takes a third of it.
const certificatePartMax = 1 << 16

// CertificateDetails is a certificate with all that belongs to it.
type CertificateDetails struct {
	CertificateName   string  `wire:"certificateName,required,notempty" match:"name"`
	PublicCertificate *string `wire:"publicCertificate" range:"0-65536"`
	CACertificate     *string `wire:"caCertificate" range:"0-65536"`
	PrivateKey        *Secret `wire:"privateKey" range:"0-16384"`
	Passphrase        *Secret `wire:"passphrase" range:"0-1024"`
}

// check makes nothing of empty texts. Oracle's cloud controller manager sends them for what its Kubernetes secret does not have, so
// this is one place where they are not held to be values.
func (d *CertificateDetails) check(string) error {
	for _, text := range []**string{&d.PublicCertificate, &d.CACertificate} {
		if *text != nil && **text == "" {
			*text = nil
		}
	}
	for _, secret := range []**Secret{&d.PrivateKey, &d.Passphrase} {
		if *secret != nil && **secret == "" {
			*secret = nil
		}
	}
	return nil
}

// Certificate is a certificate as reads show it, which is without its secrets.
type Certificate struct {
	CertificateName   string  `wire:"certificateName"`
	PublicCertificate *string `wire:"publicCertificate"`
	CACertificate     *string `wire:"caCertificate"`
}
