package certs_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/certs"
)

// spki returns a public key in DER.
func spki(t testing.TB, public any) []byte {
	t.Helper()
	key, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatalf("encode a public key: %v", err)
	}
	return key
}

func TestParsePublicKeys(t *testing.T) {
	t.Parallel()
	rsaPrivate, ecPrivate, ed := rsaKey(t, 2048), ecdsaKey(t, elliptic.P256()), ed25519Key(t)
	rsa, ec := spki(t, rsaPrivate.Public()), spki(t, ecPrivate.Public())
	bare := base64.StdEncoding.EncodeToString(rsa)
	folded := strings.ReplaceAll(string(armour("PUBLIC KEY", rsa)), "\n", "\r\n")
	folded = folded[strings.Index(folded, "\r\n"):strings.LastIndex(folded, "-----END")]
	cases := []struct {
		name string
		in   string
		want [][]byte
	}{
		{"pem", string(armour("PUBLIC KEY", ec)), [][]byte{ec}},
		{"pem-ed25519", string(armour("PUBLIC KEY", spki(t, ed.Public()))), [][]byte{spki(t, ed.Public())}},
		{"pem-pkcs1", string(armour("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaPrivate.PublicKey))), [][]byte{rsa}},
		{"certificate", string(selfSigned(t, ecPrivate, x509.Certificate{})), [][]byte{ec}},
		{"several", string(slices.Concat(armour("PUBLIC KEY", ec), armour("PUBLIC KEY", rsa))), [][]byte{ec, rsa}},
		{"once", string(slices.Concat(armour("PUBLIC KEY", ec), selfSigned(t, ecPrivate, x509.Certificate{}))), [][]byte{ec}},
		{"bare", bare, [][]byte{rsa}},
		{"bare-line-break", bare + "\n", [][]byte{rsa}},
		{"bare-folded", folded, [][]byte{rsa}},
		{"bare-blanks", " " + bare[:40] + " \t" + bare[40:], [][]byte{rsa}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certs.ParsePublicKeys([]byte(c.in))
			if err != nil || !slices.EqualFunc(got, c.want, bytes.Equal) {
				t.Errorf("got %x, error %v, want %x", got, err, c.want)
			}
		})
	}
}

func TestParsePublicKeysRefuses(t *testing.T) {
	t.Parallel()
	key := ecdsaKey(t, elliptic.P256())
	public, private := spki(t, key.Public()), pkcs8(t, key)
	cases := []struct {
		name string
		in   []byte
		says string
	}{
		{"empty", nil, "empty: want PEM"},
		{"garbage", []byte("what is this?"), "neither PEM nor base64"},
		{"der", public, "neither PEM nor base64"},
		{"base64-of-nothing", []byte("aGVsbG8="), "damaged, or no public key"},
		{"long", bytes.Repeat([]byte("A"), certs.BytesMax+1), "at most 1048576 are read"},
		{"cut-off", armour("PUBLIC KEY", public)[:99], "1 of 1 PEM blocks are damaged"},
		{"trailing", armour("PUBLIC KEY", slices.Concat(public, []byte{0})), "block 1: damaged, or no public key"},
		{"not-pkcs1", armour("RSA PUBLIC KEY", public), "block 1: damaged: want a public key of PKCS #1"},
		{"not-x509", slices.Concat(armour("PUBLIC KEY", public), armour("CERTIFICATE", []byte("x"))), "block 2: x509: "},
		{"private", private, "block 1: a private key: want the public one"},
		{"private-bare", []byte(base64.StdEncoding.EncodeToString(der(t, private))), "damaged, or no public key"},
		{"private-bare-damaged", []byte(base64.StdEncoding.EncodeToString(der(t, private)) + "!"), "neither PEM nor base64"},
		{"other-block", armour("EC PARAMETERS", []byte("x")), "block 1: no key"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certs.ParsePublicKeys(c.in)
			if got != nil || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %x, error %v, want an error that says %q", got, err, c.says)
			}
			wantNoEcho(t, err, c.in)
		})
	}
}
