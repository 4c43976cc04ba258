package wire

// certificatePartMax is the length of the longest PEM text in a certificate: a chain of ten takes a third of it.
const certificatePartMax = 1 << 16

// CertificateDetails is a certificate with all that belongs to it.
type CertificateDetails struct {
	CertificateName   string  `wire:"certificateName,required,notempty" match:"name"`
	PublicCertificate *string `wire:"publicCertificate" range:"1-65536"`
	CACertificate     *string `wire:"caCertificate" range:"1-65536"`
	PrivateKey        *Secret `wire:"privateKey" range:"1-16384"`
	Passphrase        *Secret `wire:"passphrase" range:"1-1024"`
}

// Certificate is a certificate as reads show it, which is without its secrets.
type Certificate struct {
	CertificateName   string  `wire:"certificateName"`
	PublicCertificate *string `wire:"publicCertificate"`
	CACertificate     *string `wire:"caCertificate"`
}
