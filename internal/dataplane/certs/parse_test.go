package certs_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

func TestParseForms(t *testing.T) {
	t.Parallel()
	p256, p384, p521, ed, rsa := ecdsaKey(t, elliptic.P256()), ecdsaKey(t, elliptic.P384()), ecdsaKey(t, elliptic.P521()), ed25519Key(t), rsaKey(t, 2048)
	parameters := armour("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}) // as openssl ecparam -genkey puts first
	var none x509.Certificate
	leaf := selfSigned(t, p256, none)
	cases := []struct {
		name       string
		chain, key []byte
		kind       certs.KeyKind
		describes  string
	}{
		{"pkcs8-rsa", selfSigned(t, rsa, none), pkcs8(t, rsa), certs.RSA, "RSA 2048"},
		{"pkcs1", selfSigned(t, rsa, none), pkcs1(rsa), certs.RSA, "RSA 2048"},
		{"pkcs1-labelled-pkcs8", selfSigned(t, rsa, none), armour("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa)), certs.RSA, "RSA 2048"},
		{"pkcs8-p256", leaf, pkcs8(t, p256), certs.ECDSA, "ECDSA P-256"},
		{"sec1-p256", leaf, sec1(t, p256), certs.ECDSA, "ECDSA P-256"},
		{"sec1-parameters-first", leaf, slices.Concat(parameters, sec1(t, p256)), certs.ECDSA, "ECDSA P-256"},
		{"sec1-p384", selfSigned(t, p384, none), sec1(t, p384), certs.ECDSA, "ECDSA P-384"},
		{"pkcs8-p521", selfSigned(t, p521, none), pkcs8(t, p521), certs.ECDSA, "ECDSA P-521"},
		{"pkcs8-ed25519", selfSigned(t, ed, none), pkcs8(t, ed), certs.Ed25519, "Ed25519"},
		{"one-file", slices.Concat(leaf, pkcs8(t, p256)), slices.Concat(leaf, pkcs8(t, p256)), certs.ECDSA, "ECDSA P-256"},
		{"one-file-key-first", slices.Concat(pkcs8(t, p256), leaf), slices.Concat(pkcs8(t, p256), leaf), certs.ECDSA, "ECDSA P-256"},
		{"text-around", slices.Concat([]byte("subject=CN = x\n"), leaf, []byte("more\n")), pkcs8(t, p256), certs.ECDSA, "ECDSA P-256"},
		{"crlf", bytes.ReplaceAll(leaf, []byte("\n"), []byte("\r\n")), pkcs8(t, p256), certs.ECDSA, "ECDSA P-256"},
		{"byte-order-mark", slices.Concat([]byte("\xef\xbb\xbf"), leaf), pkcs8(t, p256), certs.ECDSA, "ECDSA P-256"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certs.Parse(c.chain, c.key)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if want := "CN=self.example, " + c.describes + ", expires 2030-03-17"; got.String() != want || got.KeyKind() != c.kind {
				t.Errorf("got %q, %v, want %q, %v", got, got.KeyKind(), want, c.kind)
			}
			if !got.NotAfter().Equal(got.Leaf().NotAfter) || len(got.TLS.Certificate) != 1 || got.TLS.PrivateKey == nil {
				t.Errorf("got %d certificates until %v and key %t, want one until %v with its key",
					len(got.TLS.Certificate), got.NotAfter(), got.TLS.PrivateKey != nil, got.Leaf().NotAfter)
			}
		})
	}
}

func TestParseChain(t *testing.T) {
	t.Parallel()
	i := issue(t, testca.Request{Names: []string{"a.example"}, Intermediate: true})
	got, err := certs.Parse(i.Chain, i.Key)
	if err != nil || len(got.TLS.Certificate) != 2 {
		t.Fatalf("got error %v, want none and both certificates", err)
	}
	a, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	if got, err = certs.Parse(slices.Concat(i.Chain, a.PEM(), a.PEM()), i.Key); err != nil || len(got.TLS.Certificate) != 4 {
		t.Errorf("with two roots behind: got error %v, want none: each has issued the one before", err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	i := issue(t, testca.Request{Names: []string{"a.example"}, Intermediate: true})
	other := issue(t, testca.Request{Names: []string{"b.example"}})
	leaf, intermediate := blocks(t, i.Chain)[0], blocks(t, i.Chain)[1]
	p224, small, x25519 := ecdsaKey(t, elliptic.P224()), rsaKey(t, 1024), newX25519(t)
	encrypted := armour("ENCRYPTED PRIVATE KEY", []byte("whatever"))
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("whatever"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}})
	long := bytes.Repeat([]byte("#\n"), certs.BytesMax/2+1)
	const chain, key, pair = certs.PartChain, certs.PartKey, certs.PartPair
	cases := []struct {
		name    string
		inChain []byte
		inKey   []byte
		part    certs.Part
		says    string
	}{
		{"empty", nil, i.Key, chain, "empty: want PEM"},
		{"blank", []byte(" \n"), i.Key, chain, "empty: want PEM"},
		{"garbage", []byte("certificate"), i.Key, chain, "no -----BEGIN line"},
		{"der", der(t, leaf), i.Key, chain, "DER or PKCS #12"},
		{"long", long, i.Key, chain, "1048578 bytes, at most 1048576 are read"},
		{"exchanged", i.Key, i.Chain, chain, "a private key, but no certificate in it: are the two exchanged?"},
		{"other-block", armour("PUBLIC KEY", []byte("x")), i.Key, chain, "no certificate in it"},
		{"not-x509", armour("CERTIFICATE", []byte("x")), i.Key, chain, "certificate 1: x509: "},
		{"second-not-x509", slices.Concat(leaf, armour("CERTIFICATE", []byte("x"))), i.Key, chain, "certificate 2: x509: "},
		{"cut-off", i.Chain[:len(i.Chain)-40], i.Key, chain, "1 of 2 PEM blocks are damaged: cut off"},
		{"cut-off-end", i.Chain[:len(i.Chain)-6], i.Key, chain, "1 of 2 PEM blocks are damaged"},
		{"glued", slices.Concat(bytes.TrimSpace(leaf), intermediate), i.Key, chain, "2 of 2 PEM blocks are damaged"},
		{"indented", slices.Concat([]byte(" "), leaf), i.Key, chain, "1 of 1 PEM blocks are damaged"},
		{"p224", selfSigned(t, p224, x509.Certificate{}), sec1(t, p224), chain, "TLS cannot use, ECDSA P-224"},
		{"leaf-last", slices.Concat(intermediate, leaf), i.Key, chain, "out of order: the private key is that of certificate 2 (CN=a.example)"},
		{"stranger", slices.Concat(leaf, other.Chain), i.Key, chain, "out of order: certificate 2 (CN=b.example) has issued none of those before it"},
		{"leaf-twice", slices.Concat(leaf, leaf), i.Key, chain, "out of order: certificate 2 (CN=a.example)"},
		{"key-empty", i.Chain, nil, key, "empty: want PEM"},
		{"key-garbage", i.Chain, []byte("key"), key, "no -----BEGIN line"},
		{"key-long", i.Chain, long, key, "at most 1048576 are read"},
		{"key-is-certificate", i.Chain, i.Chain, key, "a certificate, but no private key in it: are the two exchanged?"},
		{"key-is-public", i.Chain, armour("PUBLIC KEY", []byte("x")), key, "no private key in it"},
		{"key-cut-off", i.Chain, i.Key[:len(i.Key)-30], key, "1 of 1 PEM blocks are damaged: cut off"},
		{"key-damaged", i.Chain, armour("PRIVATE KEY", der(t, i.Key)[9:]), key, "damaged, or of an unknown kind"},
		{"key-not-for-signing", i.Chain, pkcs8(t, x25519), key, "damaged, or of an unknown kind"},
		{"key-encrypted", i.Chain, encrypted, key, "encrypted: it must be decrypted first"},
		{"key-encrypted-legacy", i.Chain, legacy, key, "encrypted: it must be decrypted first"},
		{"key-openssh", i.Chain, armour("OPENSSH PRIVATE KEY", []byte("x")), key, "ssh-keygen"},
		{"two-keys", i.Chain, slices.Concat(other.Key, i.Key), key, "more than one private key"},
		{"other-key", i.Chain, other.Key, pair, "the private key does not belong to the certificate (CN=a.example, ECDSA P-256)"},
		{"other-kind", i.Chain, pkcs1(small), pair, "does not belong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certs.Parse(c.inChain, c.inKey)
			var e *certs.Error
			if got != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, error %v, want an Error that says %q", got, err, c.says)
			}
			if e.Part != c.part || !strings.Contains(e.Text, c.says) {
				t.Errorf("got part %q, text %q, want %q, %q", e.Part, e.Text, c.part, c.says)
			}
			if !strings.HasPrefix(err.Error(), c.part.String()+": ") {
				t.Errorf("got %q, want the part first", err)
			}
			wantNoEcho(t, err, c.inKey)
		})
	}
}

// blocks returns the blocks of a text, each on its own.
func blocks(t testing.TB, data []byte) [][]byte {
	t.Helper()
	var list [][]byte
	for b, rest := pem.Decode(data); b != nil; b, rest = pem.Decode(rest) {
		list = append(list, pem.EncodeToMemory(b))
	}
	return list
}

// der returns what the first block of a text holds.
func der(t testing.TB, data []byte) []byte {
	t.Helper()
	b, _ := pem.Decode(data)
	if b == nil {
		t.Fatal("no PEM block")
	}
	return b.Bytes
}

func newX25519(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

// echoMin is how many characters of a key in a row count as an echo of it.
const echoMin = 16

// wantNoEcho looks for a part of a text's base64 in an error.
func wantNoEcho(t testing.TB, err error, text []byte) {
	t.Helper()
	if err == nil {
		return
	}
	if part := echo(err.Error(), text); part != "" {
		t.Errorf("error %q holds %q, which is a part of the input", err, part)
	}
}

// echo returns a run of base64 that a message has in common with the body of a text; "" if there is none.
func echo(message string, text []byte) string {
	var body []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("-----")) {
			body = append(body, bytes.TrimSpace(line)...)
		}
	}
	isBase64 := func(r rune) bool {
		return r == '+' || r == '/' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	for _, run := range strings.FieldsFunc(message, func(r rune) bool { return !isBase64(r) }) {
		for i := 0; i+echoMin <= len(run); i++ {
			if part := run[i : i+echoMin]; bytes.Contains(body, []byte(part)) {
				return part
			}
		}
	}
	return ""
}

func TestEcho(t *testing.T) {
	t.Parallel()
	key := []byte("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nByqGSM49AgEG\n-----END PRIVATE KEY-----\n")
	for message, want := range map[string]string{
		"damaged near AgEAMBMGByqGSM49 or so": "AgEAMBMGByqGSM49",
		"damaged near AgEAMBMGByqGSM4":        "",
		"-----BEGIN PRIVATE KEY-----":         "",
	} {
		if got := echo(message, key); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}
