package ocikeys

import (
	"bytes"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"lull/internal/control/fault"
	"lull/internal/control/ocisig"
)

const (
	// pemBytesMax is several times what a key of 4096 bits takes.
	pemBytesMax = 8 << 10
	// label says that the file is an API key. Oracle's command line warns of files that do not end with it.
	label = "OCI_API_KEY\n"
)

// PrivateKey is the private half of an API key. It prints as asterisks, in whatever way it is printed or encoded.
type PrivateKey struct{ text string }

const hidden = "****"

// Reveal returns the key in PEM (PKCS #8, RFC 5208), with Oracle's label below it, as the file that key_file names has it.
func (p PrivateKey) Reveal() string { return p.text }

// String hides the key.
func (PrivateKey) String() string { return hidden }

// Format hides it from every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// MarshalText hides it from JSON and from logs.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// publicKey is a public key that lull takes.
type publicKey struct {
	der         []byte // SubjectPublicKeyInfo
	fingerprint string
}

// generate makes a pair of keys.
func (k *Keys) generate() (PrivateKey, publicKey, error) {
	pair, err := k.o.Generate()
	if err != nil {
		return PrivateKey{}, publicKey{}, fmt.Errorf("make an API key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return PrivateKey{}, publicKey{}, fmt.Errorf("encode an API key: %w", err)
	}
	public, err := encodePublicKey(&pair.PublicKey)
	return PrivateKey{string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + label}, public, err
}

// encodePublicKey writes a key in the one form whose digest is its name.
func encodePublicKey(key *rsa.PublicKey) (publicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return publicKey{}, fmt.Errorf("encode an API key: %w", err)
	}
	return publicKey{der, fingerprintOf(der)}, nil
}

// fingerprintOf is what Oracle calls a key. MD5 is good for a name, and for no more: whoever makes two keys of one name has two
// keys, of which the store keeps the first.
func fingerprintOf(der []byte) string {
	sum := md5.Sum(der)
	pairs := make([]string, len(sum))
	for i := range sum {
		pairs[i] = hex.EncodeToString(sum[i : i+1])
	}
	return strings.Join(pairs, ":")
}

// parsePublicKey reads a public key that somebody gives. Nothing of it is repeated: it may be the private one by mistake.
func parsePublicKey(text []byte) (publicKey, error) {
	const field = "public_key"
	if len(text) > pemBytesMax {
		return publicKey{}, fault.Field(field, "has %d bytes, at most %d are allowed", len(text), pemBytesMax)
	}
	block, rest := pem.Decode(bytes.TrimSpace(text))
	if block == nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) {
		return publicKey{}, fault.Field(field, "must be an RSA public key in PEM, as `openssl rsa -pubout` writes it")
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return publicKey{}, fault.Field(field, "is a private key, which is not kept: give the public one, as `openssl rsa -pubout` writes it")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return publicKey{}, fault.Field(field, "has more behind the first key: give one key alone")
	}
	der := block.Bytes
	if block.Type == "RSA PUBLIC KEY" { // the older form, PKCS #1
		key, err := x509.ParsePKCS1PublicKey(der)
		if err == nil {
			der, err = x509.MarshalPKIXPublicKey(key)
		}
		if err != nil {
			return publicKey{}, fault.Field(field, "is not an RSA public key: %s", err)
		}
	}
	key, err := decodePublicKey(der)
	if err != nil {
		return publicKey{}, fault.Field(field, "%s", err)
	}
	return encodePublicKey(key)
}

// decodePublicKey reads a key and refuses one that verifies nothing, or that Oracle would not take.
func decodePublicKey(der []byte) (*rsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("is not a public key in the form of RFC 5280")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("is a key of another algorithm: must be RSA")
	}
	if n := key.N.BitLen(); n < ocisig.KeyBitsMin || n > ocisig.KeyBitsMax {
		return nil, fmt.Errorf("has %d bits: must have %d to %d", n, ocisig.KeyBitsMin, ocisig.KeyBitsMax)
	}
	if key.N.Bit(0) == 0 || key.E < 3 || key.E%2 == 0 {
		return nil, errors.New("is damaged: modulus and exponent must be odd")
	}
	return key, nil
}
