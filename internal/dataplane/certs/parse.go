package certs

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// Parse reads a chain, leaf first, and its private key from PEM: PKCS #8, PKCS #1 or SEC 1; RSA, ECDSA with P-256, P-384 or
// P-521, Ed25519. Chain and key may be one and the same text. An error is an *Error and holds nothing of the key.
func Parse(chain, key []byte) (*Certificate, error) {
	list, err := parseChain(chain)
	if err != nil {
		return nil, err
	}
	private, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if err := checkPair(list, private); err != nil {
		return nil, err
	}
	c := &Certificate{chain: list}
	for _, x := range list {
		c.TLS.Certificate = append(c.TLS.Certificate, x.Raw)
	}
	c.TLS.PrivateKey, c.TLS.Leaf = private, list[0]
	return c, nil
}

// parseChain reads the certificates of a text. Keys beside them are skipped: many programs want both in one file.
func parseChain(data []byte) ([]*x509.Certificate, error) {
	blocks, err := decode(data)
	if err != nil {
		return nil, wrong(PartChain, "%v", err)
	}
	var list []*x509.Certificate
	private := false
	for _, b := range blocks {
		private = private || isPrivate(b)
		if b.Type != labelCertificate {
			continue
		}
		x, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, wrong(PartChain, "certificate %d: %v", len(list)+1, err)
		}
		list = append(list, x)
	}
	switch {
	case len(list) > 0:
		return list, checkUsable(list[0])
	case private:
		return nil, wrong(PartChain, "a private key, but no certificate in it: are the two exchanged?")
	}
	return nil, wrong(PartChain, "no certificate in it: want a block that starts with -----BEGIN CERTIFICATE-----")
}

// parseKey reads the private key of a text. Certificates and parameters of curves beside it are skipped.
func parseKey(data []byte) (crypto.Signer, error) {
	blocks, err := decode(data)
	if err != nil {
		return nil, wrong(PartKey, "%v", err)
	}
	var found *pem.Block
	certificate := false
	for _, b := range blocks {
		certificate = certificate || b.Type == labelCertificate
		switch {
		case !isPrivate(b):
		case found != nil:
			return nil, wrong(PartKey, "more than one private key in it: want the one of the certificate")
		default:
			found = b
		}
	}
	switch {
	case found != nil:
		return parsePrivate(found)
	case certificate:
		return nil, wrong(PartKey, "a certificate, but no private key in it: are the two exchanged?")
	}
	return nil, wrong(PartKey, "no private key in it: want a block that starts with -----BEGIN PRIVATE KEY-----")
}

// parsePrivate reads a private key. The parsers' own errors are dropped, since nobody promises that they hold no part of it.
func parsePrivate(b *pem.Block) (crypto.Signer, error) {
	switch {
	case b.Type == labelEncrypted, strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED"): // PKCS #8; RFC 1421 §4.6.1.1
		return nil, wrong(PartKey, "encrypted: it must be decrypted first, as by openssl pkey -in encrypted.pem -out key.pem")
	case b.Type == labelOpenSSH:
		return nil, wrong(PartKey, "in OpenSSH's own format: convert it with ssh-keygen -p -m PEM")
	}
	key := parsePrivateDER(b.Bytes)
	if key == nil {
		return nil, wrong(PartKey, "damaged, or of an unknown kind: want RSA, ECDSA (P-256, P-384, P-521) or Ed25519 in PKCS #8, PKCS #1 or SEC 1")
	}
	return key, nil
}

// parsePrivateDER tries all three forms whatever the label says, for there are programs that label PKCS #1 as PKCS #8. It
// returns nil if the key is none that can sign in TLS.
func parsePrivateDER(der []byte) crypto.Signer {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, _ := key.(crypto.Signer) // an X25519 key is none
		return signer
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// checkUsable wants a key that crypto/tls can sign with.
func checkUsable(leaf *x509.Certificate) error {
	if usable(leaf.PublicKey) {
		return nil
	}
	return wrong(PartChain, "%s has a key that TLS cannot use, %s: want RSA of at least %d bits, ECDSA with P-256, P-384 or P-521, or Ed25519",
		subject(leaf), keyName(leaf.PublicKey), rsaBitsTLS)
}

// checkPair holds the key against the chain, and the chain against the order in which clients need it.
func checkPair(list []*x509.Certificate, private crypto.Signer) error {
	leaf := list[0]
	if !belongs(leaf, private) {
		for i, x := range list[1:] {
			if belongs(x, private) {
				return wrong(PartChain, "out of order: the private key is that of certificate %d (%s), which must come first", i+2, subject(x))
			}
		}
		return wrong(PartPair, "the private key does not belong to the certificate (%s, %s)", subject(leaf), keyName(leaf.PublicKey))
	}
	return checkOrder(list)
}

// belongs reports whether a certificate is for a private key.
func belongs(x *x509.Certificate, private crypto.Signer) bool {
	public, ok := x.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(private.Public())
}

// checkOrder wants each certificate behind the leaf to have issued one before it. RFC 8446 §4.4.2 would have it issue the very
// one before it; chains with two roots for one intermediate, an old one and a new, depart from that, and clients take them.
func checkOrder(list []*x509.Certificate) error {
	issuers := map[string]bool{}
	for i, x := range list {
		if i > 0 && !issuers[string(x.RawSubject)] {
			return wrong(PartChain, "out of order: certificate %d (%s) has issued none of those before it; want the leaf first, then its issuer, and so on",
				i+1, subject(x))
		}
		issuers[string(x.RawIssuer)] = true
	}
	return nil
}
