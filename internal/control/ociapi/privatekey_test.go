package ociapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// sealing is how sealed encrypts a key.
type sealing struct {
	scheme, derivation, prf, cipher string // object identifiers; prf may be ""
	hash                            func() hash.Hash
	make                            func([]byte) (cipher.Block, error)
	keyBytes, rounds, told          int // told: the length of the key as it is written, 0 not at all
}

// usual is what OpenSSL writes by itself.
func usual() sealing {
	return sealing{
		scheme: "1.2.840.113549.1.5.13", derivation: "1.2.840.113549.1.5.12", prf: "1.2.840.113549.2.9", cipher: "2.16.840.1.101.3.4.1.42",
		hash: sha256.New, make: aes.NewCipher, keyBytes: 32, rounds: 2048,
	}
}

// with returns the sealing with one thing changed.
func (s sealing) with(f func(*sealing)) sealing {
	f(&s)
	return s
}

func oid(t testing.TB, dotted string) asn1.ObjectIdentifier {
	t.Helper()
	parsed, err := x509.ParseOID(dotted)
	if err != nil {
		t.Fatal(err)
	}
	var id asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(asn1Of(t, parsed), &id); err != nil {
		t.Fatal(err)
	}
	return id
}

func asn1Of(t testing.TB, id x509.OID) []byte {
	t.Helper()
	body, err := id.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{asn1.TagOID, byte(len(body))}, body...)
}

// der returns the encoding of a value, as parameters of an algorithm.
func der(t testing.TB, v any) asn1.RawValue {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{FullBytes: b}
}

// privateDER returns a new key in PKCS #8.
func privateDER(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealed returns a key in PKCS #8 encrypted under a passphrase.
func sealed(t testing.TB, s sealing, plain []byte, passphrase string) string {
	t.Helper()
	salt, iv := []byte("saltsalt"), make([]byte, 16)
	key, err := pbkdf2.Key(s.hash, passphrase, salt, min(s.rounds, 4096), s.keyBytes)
	if err != nil {
		t.Fatal(err)
	}
	block, err := s.make(key)
	if err != nil {
		t.Fatal(err)
	}
	iv = iv[:block.BlockSize()]
	pad := block.BlockSize() - len(plain)%block.BlockSize()
	data := append(append([]byte(nil), plain...), strings.Repeat(string(rune(pad)), pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	derivation := pbkdf{Salt: salt, Rounds: s.rounds, KeyLength: s.told}
	if s.prf != "" {
		derivation.PRF = pkix.AlgorithmIdentifier{Algorithm: oid(t, s.prf), Parameters: asn1.NullRawValue}
	}
	all := der(t, encryptedInfo{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oid(t, s.scheme), Parameters: der(t, pbes2{
			Derivation: pkix.AlgorithmIdentifier{Algorithm: oid(t, s.derivation), Parameters: der(t, derivation)},
			Encryption: pkix.AlgorithmIdentifier{Algorithm: oid(t, s.cipher), Parameters: der(t, iv)},
		})},
		Data: data,
	})
	return string(pem.EncodeToMemory(&pem.Block{Type: encryptedKey, Bytes: all.FullBytes}))
}

// TestOpenKey: the encrypted forms that are read, and those that are refused.
func TestOpenKey(t *testing.T) {
	t.Parallel()
	plain := privateDER(t)
	open := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}))
	//nolint:staticcheck // the form that clients have is what is tested
	old, err := x509.EncryptPEMBlock(rand.Reader, "PRIVATE KEY", plain, []byte("sesame"), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	const scheme = "PBES2, PBKDF2"
	for _, c := range []struct {
		name, text string
		refused    string // "" is opened
	}{
		{"clear", open, ""},
		{"usual", sealed(t, usual(), plain, "sesame"), ""},
		{"length-told", sealed(t, usual().with(func(s *sealing) { s.told = 32 }), plain, "sesame"), ""},
		{"sha1-unnamed", sealed(t, usual().with(func(s *sealing) { s.prf, s.hash = "", sha1.New }), plain, "sesame"), ""},
		{"des", sealed(t, usual().with(func(s *sealing) {
			s.cipher, s.make, s.keyBytes = "1.2.840.113549.3.7", des.NewTripleDESCipher, 24
		}), plain, "sesame"), ""},
		{"aes-128", sealed(t, usual().with(func(s *sealing) { s.cipher, s.keyBytes = "2.16.840.1.101.3.4.1.2", 16 }), plain, "sesame"), ""},
		{"headers", string(pem.EncodeToMemory(old)), ""},
		{"wrong-passphrase", sealed(t, usual(), plain, "other"), "passphrase does not open it"},
		{"no-key-inside", sealed(t, usual(), []byte("nothing"), "sesame"), "passphrase does not open it"},
		{"other-length-told", sealed(t, usual().with(func(s *sealing) { s.told = 16 }), plain, "sesame"), scheme},
		{"too-many-rounds", sealed(t, usual().with(func(s *sealing) { s.rounds = roundsMax + 1 }), plain, "sesame"), scheme},
		{"one-round", sealed(t, usual().with(func(s *sealing) { s.rounds = 1 }), plain, "sesame"), ""},
		{"scrypt", sealed(t, usual().with(func(s *sealing) { s.derivation = "1.3.6.1.4.1.11591.4.11" }), plain, "sesame"), scheme},
		{"pbes1", sealed(t, usual().with(func(s *sealing) { s.scheme = "1.2.840.113549.1.5.3" }), plain, "sesame"), scheme},
		{"gcm", sealed(t, usual().with(func(s *sealing) { s.cipher = "2.16.840.1.101.3.4.1.46" }), plain, "sesame"), scheme},
		{"unknown-prf", sealed(t, usual().with(func(s *sealing) { s.prf = "1.2.3" }), plain, "sesame"), scheme},
		{"two", sealed(t, usual(), plain, "sesame") + sealed(t, usual(), plain, "sesame"), "more than one encrypted key"},
		{"garbage", "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n", "passphrase does not open it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			passphrase := wire.Secret("sesame")
			got, err := openKey("", c.text, &passphrase)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "privateKey is not allowed") {
					t.Errorf("got %v, want %q", err, c.refused)
				}
				return
			}
			if err != nil || string(got) != open {
				t.Errorf("got another key or %v", err)
			}
		})
	}
	if _, err := openKey("certificates.c.", sealed(t, usual(), plain, "sesame"), nil); missingField(err) != "certificates.c.passphrase" {
		t.Errorf("without a passphrase: got %v", err)
	}
}

// missingField returns the field that an error says is missing.
func missingField(err error) string {
	var known *wire.Error
	if errors.As(err, &known) && known.Code == wire.MissingParameter {
		return known.Field
	}
	return ""
}

// TestOpenKeyOpenSSL reads what OpenSSL writes, where there is one.
func TestOpenKeyOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	plain := privateDER(t)
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args string
		refused    bool
	}{
		{"default", "pkcs8 -topk8", false},
		{"aes-128-sha1", "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA1", false},
		{"aes-192-sha512", "pkcs8 -topk8 -v2 aes-192-cbc -v2prf hmacWithSHA512 -iter 10000", false},
		{"des3", "pkcs8 -topk8 -v2 des3", false},
		{"headers", "ec -aes256", false},
		{"scrypt", "pkcs8 -topk8 -scrypt", true},
		{"pbes1", "pkcs8 -topk8 -v1 PBE-SHA1-3DES", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(c.args), "-in", file, "-passout", "pass:sesame")
			text, err := exec.Command(openssl, args...).Output()
			if err != nil {
				t.Skipf("this openssl cannot do it: %v", err)
			}
			passphrase := wire.Secret("sesame")
			got, err := openKey("", string(text), &passphrase)
			if (err != nil) != c.refused {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(string(got), "ENCRYPTED") {
				t.Error("it is still encrypted")
			}
			wrong := wire.Secret("wrong")
			if got, err = openKey("", string(text), &wrong); err == nil && strings.Contains(string(got), string(plain[40:])) {
				t.Error("a wrong passphrase opens it")
			}
		})
	}
}

// FuzzOpenKey: what clients send as a key never brings the parser down, and what it opens is open.
func FuzzOpenKey(f *testing.F) {
	plain := privateDER(f)
	f.Add(sealed(f, usual(), plain, "sesame"), "sesame")
	f.Add(sealed(f, usual().with(func(s *sealing) { s.prf, s.hash = "", sha1.New }), plain, "sesame"), "wrong")
	f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain})), "")
	f.Fuzz(func(t *testing.T, text, passphrase string) {
		secret := wire.Secret(passphrase)
		got, err := openKey("", text, &secret)
		if err != nil {
			var known *wire.Error
			if got != "" || !errors.As(err, &known) || len(known.Message) > 400 {
				t.Fatalf("got a key of %d bytes and %v", len(got), err)
			}
			return
		}
		for block, rest := pem.Decode([]byte(got)); block != nil; block, rest = pem.Decode(rest) {
			if locked(block) {
				t.Fatal("it is still encrypted")
			}
		}
	})
}
