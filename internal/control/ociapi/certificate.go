package ociapi

import (
	"crypto/rsa"
	"errors"
	"strings"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/certs"
)

// There is no operation that reads one certificate, nor one that changes one: who renews it makes another, has the listeners use
// that, and deletes the old one.
//
//nolint:gochecknoglobals // a table
var certificateReads = map[string]read{
	"ListCertificates": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return sorted(b.Certificates, certificateView), nil }),
}

//nolint:gochecknoglobals // a table
var certificateChanges = map[string]change{
	"CreateCertificate": createCertificate,
	"DeleteCertificate": deleteCertificate,
}

const certificateKind = "certificate"

// rsaBitsMin is the shortest RSA key: what is shorter has not been issued since 2014, and clients refuse it.
const rsaBitsMin = 2048

func createCertificate(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CertificateDetails)
	c, err := keptCertificate("", *body)
	if err != nil {
		return err
	}
	return add(d, certificateKind, d.Certificates, body.CertificateName, c)
}

func deleteCertificate(d *document, r *wire.Request) error {
	name := r.Parameters[wire.CertificateName]
	for _, user := range d.encrypted() {
		if used := user.ssl.CertificateName; used != nil && *used == name {
			return inUse(certificateKind, name, user.kind, user.name)
		}
	}
	return drop(d, certificateKind, d.Certificates, name)
}

// keptCertificate returns a certificate as documents have it: read and found right, and with its key in the clear. So the passphrase
// is not kept at all, and whoever compiles has nothing to decrypt. path is where it is in the request, "" or with a dot at its end.
func keptCertificate(path string, c wire.CertificateDetails) (wire.CertificateDetails, error) {
	switch {
	case c.PublicCertificate == nil && c.CACertificate == nil:
		return c, refuse(wire.MissingParameter, path+"publicCertificate", "%spublicCertificate is required, or %scaCertificate", path, path)
	case c.PublicCertificate == nil && c.PrivateKey != nil:
		return c, refuse(wire.MissingParameter, path+"publicCertificate", "%spublicCertificate is required when there is a privateKey", path)
	case c.PrivateKey == nil && c.Passphrase != nil:
		return c, refuse(wire.MissingParameter, path+"privateKey", "%sprivateKey is required when there is a passphrase", path)
	}
	if c.CACertificate != nil {
		if err := bundle(path+"caCertificate", *c.CACertificate); err != nil {
			return c, err
		}
	}
	switch {
	case c.PublicCertificate == nil:
		return c, nil
	case holdsKey(*c.PublicCertificate):
		return c, invalid(path+"publicCertificate", "%spublicCertificate is not allowed: there is a private key in it, which every reader would see; give it as privateKey alone", path)
	case c.PrivateKey == nil:
		return c, bundle(path+"publicCertificate", *c.PublicCertificate)
	}
	key, err := openKey(path, string(*c.PrivateKey), c.Passphrase)
	if err != nil {
		return c, err
	}
	c.PrivateKey, c.Passphrase = &key, nil
	return c, checkPair(path, *c.PublicCertificate, key)
}

// holdsKey reports whether a text has a private key in it, however it is spelt. Many programs keep both in one file, so it comes along.
func holdsKey(text string) bool { return strings.Contains(strings.ToUpper(text), "PRIVATE KEY-----") }

// checkPair reads a chain with its key.
func checkPair(path, chain string, key wire.Secret) error {
	c, err := certs.Parse([]byte(chain), []byte(key))
	if err != nil {
		field := path + "privateKey"
		var known *certs.Error
		if errors.As(err, &known) && known.Part == certs.PartChain {
			field = path + "publicCertificate"
		}
		return invalid(field, "%s is not allowed: %s", field, err)
	}
	public, ok := c.Leaf().PublicKey.(*rsa.PublicKey)
	if ok && public.N.BitLen() < rsaBitsMin {
		field := path + "publicCertificate"
		return invalid(field, "%s has an RSA key of %d bits: allowed is at least %d", field, public.N.BitLen(), rsaBitsMin)
	}
	return nil
}

// checkCertificates refuses too many certificates. Each was read when it came.
func checkCertificates(_ *Service, d *document) error {
	if len(d.Certificates) > certificatesMax {
		return tooMany("certificates", len(d.Certificates), certificatesMax)
	}
	return nil
}
