package ociapi

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// The bounds of what a passphrase is made a key by. OpenSSL writes 2048 rounds; a million take a quarter of a second.
const (
	roundsMax = 1_000_000
	saltMax   = 64 // bytes
)

// openKey returns a private key in the clear. Of the encrypted forms it reads those that OpenSSL writes: PKCS #8 with PBES2 (RFC 8018
// §6.2), and the one with headers that its older commands have (RFC 1421). Others are refused with what to do. No error holds
// anything of key or passphrase.
func openKey(path, text string, passphrase *wire.Secret) (wire.Secret, error) {
	field := path + "privateKey"
	var out bytes.Buffer
	opened := false
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if locked(block) {
			if passphrase == nil {
				return "", refuse(wire.MissingParameter, path+"passphrase", "%spassphrase is required: %s is encrypted", path, field)
			}
			if opened { // each costs rounds
				return "", invalid(field, "%s is not allowed: more than one encrypted key in it", field)
			}
			var err error
			if block, err = unlock(block, []byte(*passphrase)); err != nil {
				return "", invalid(field, "%s is not allowed: %s", field, err)
			}
			opened = true
		}
		if err := pem.Encode(&out, block); err != nil {
			return "", invalid(field, "%s is not allowed: its PEM cannot be read", field)
		}
	}
	if !opened {
		return wire.Secret(text), nil
	}
	return wire.Secret(out.String()), nil
}

const encryptedKey = "ENCRYPTED PRIVATE KEY"

// locked reports whether a block is encrypted.
func locked(b *pem.Block) bool {
	return b.Type == encryptedKey || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
}

// What can be wrong with an encrypted key. That a passphrase is wrong can be told only by what comes out.
var (
	errPassphrase = errors.New("passphrase does not open it, or it is damaged")
	errScheme     = errors.New("encrypted in a way that lull does not read: allowed is PKCS #8 with PBES2, PBKDF2 and AES-CBC or DES-EDE3-CBC, " +
		"as openssl pkcs8 -topk8 -v2 aes-256-cbc writes it")
)

// unlock decrypts a block.
func unlock(b *pem.Block, passphrase []byte) (*pem.Block, error) {
	if b.Type == encryptedKey {
		der, err := openPKCS8(b.Bytes, passphrase)
		return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, err
	}
	//nolint:staticcheck // the form is as weak as is said, and is what clients of this API have; the key is as safe as it came
	der, err := x509.DecryptPEMBlock(b, passphrase)
	if err != nil {
		return nil, errPassphrase
	}
	return &pem.Block{Type: b.Type, Bytes: der}, nil
}

// The parts of an encrypted PKCS #8 key (RFC 5958 §3, RFC 8018 appendix A).
type (
	encryptedInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct{ Derivation, Encryption pkix.AlgorithmIdentifier }
	pbkdf struct {
		Salt      []byte
		Rounds    int
		KeyLength int                      `asn1:"optional"`
		PRF       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// Object identifiers, of RFC 8018 appendix C and NIST's AES arc.
//
//nolint:gochecknoglobals // tables
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	// The function without a name is HMAC with SHA-1.
	derivationHashes = map[string]func() hash.Hash{
		"":                    sha1.New,
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	blockCiphers = map[string]blockCipher{
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	}
)

// blockCipher is a cipher that CBC is done with.
type blockCipher struct {
	keyBytes int
	make     func(key []byte) (cipher.Block, error)
}

// openPKCS8 decrypts an encrypted PKCS #8 key.
func openPKCS8(der, passphrase []byte) ([]byte, error) {
	var info encryptedInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errPassphrase
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errScheme
	}
	var scheme pbes2
	if rest, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &scheme); err != nil || len(rest) > 0 {
		return nil, errPassphrase
	}
	c, known := blockCiphers[scheme.Encryption.Algorithm.String()]
	if !known {
		return nil, errScheme
	}
	key, err := deriveKey(scheme.Derivation, passphrase, c.keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := c.make(key)
	if err != nil {
		return nil, errPassphrase
	}
	plain, err := decryptCBC(block, scheme.Encryption.Parameters.FullBytes, info.Data)
	if err != nil {
		return nil, err
	}
	if _, err := x509.ParsePKCS8PrivateKey(plain); err != nil {
		return nil, errPassphrase
	}
	return plain, nil
}

// deriveKey makes a key of a passphrase by PBKDF2 (RFC 8018 §5.2).
func deriveKey(by pkix.AlgorithmIdentifier, passphrase []byte, size int) ([]byte, error) {
	if !by.Algorithm.Equal(oidPBKDF2) {
		return nil, errScheme
	}
	var p pbkdf
	if rest, err := asn1.Unmarshal(by.Parameters.FullBytes, &p); err != nil || len(rest) > 0 {
		return nil, errScheme
	}
	name := ""
	if len(p.PRF.Algorithm) > 0 {
		name = p.PRF.Algorithm.String()
	}
	h := derivationHashes[name]
	if h == nil || p.KeyLength != 0 && p.KeyLength != size || p.Rounds < 1 || p.Rounds > roundsMax || len(p.Salt) > saltMax {
		return nil, errScheme
	}
	key, err := pbkdf2.Key(h, string(passphrase), p.Salt, p.Rounds, size)
	if err != nil {
		return nil, errScheme
	}
	return key, nil
}

// decryptCBC decrypts and takes off the padding (RFC 8018 §6.1.1). Nobody learns from it whether padding or key was wrong, nor from
// its time: who asks has the key anyway.
func decryptCBC(block cipher.Block, parameters, data []byte) ([]byte, error) {
	var iv []byte
	if rest, err := asn1.Unmarshal(parameters, &iv); err != nil || len(rest) > 0 || len(iv) != block.BlockSize() {
		return nil, errPassphrase
	}
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errPassphrase
	}
	plain := slices.Clone(data)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, plain)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > size || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errPassphrase
	}
	return plain[:len(plain)-pad], nil
}
