package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// ParsePublicKeys reads public keys and returns them as SubjectPublicKeyInfo in DER, each once. It takes PEM, with blocks of
// PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE, whose key counts; and what a Classic Load Balancer's public key policy holds, the
// base64 of one SubjectPublicKeyInfo alone.
func ParsePublicKeys(data []byte) ([][]byte, error) {
	if bare := bytes.TrimSpace(data); len(bare) > 0 && len(bare) <= BytesMax && !bytes.Contains(bare, []byte(begin)) {
		key, err := parseBareKey(bare)
		if err != nil {
			return nil, err
		}
		return [][]byte{key}, nil
	}
	blocks, err := decode(data)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	known := map[string]bool{}
	for i, b := range blocks {
		key, err := publicKey(b)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i+1, err)
		}
		if !known[string(key)] {
			known[string(key)] = true
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// parseBareKey reads base64 without armour. Its errors hold nothing of the text: people paste the wrong key.
func parseBareKey(text []byte) ([]byte, error) {
	text = slices.Concat(bytes.Fields(text)...)
	key := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(key, text)
	if err != nil {
		return nil, errors.New("neither PEM nor base64: want a public key (SubjectPublicKeyInfo) in one of the two")
	}
	return checkPublicKey(key[:n])
}

// publicKey returns the key that a block holds.
func publicKey(b *pem.Block) ([]byte, error) {
	switch {
	case b.Type == labelPublicKey:
		return checkPublicKey(b.Bytes)
	case b.Type == labelPublicRSA:
		key, err := x509.ParsePKCS1PublicKey(b.Bytes)
		if err != nil {
			return nil, errors.New("damaged: want a public key of PKCS #1")
		}
		return x509.MarshalPKIXPublicKey(key)
	case b.Type == labelCertificate:
		x, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		return x.RawSubjectPublicKeyInfo, nil
	case isPrivate(b):
		return nil, errors.New("a private key: want the public one, as by openssl pkey -pubout")
	}
	return nil, errors.New("no key: want PUBLIC KEY or CERTIFICATE")
}

// checkPublicKey wants one SubjectPublicKeyInfo and nothing behind it.
func checkPublicKey(der []byte) ([]byte, error) {
	if _, err := x509.ParsePKIXPublicKey(der); err != nil {
		return nil, errors.New("damaged, or no public key: want a SubjectPublicKeyInfo with a key for RSA, ECDSA or Ed25519")
	}
	return der, nil
}
