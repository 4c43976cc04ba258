package ocikeys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"lull/internal/control/fault"
	"lull/internal/control/ocid"
	"lull/internal/control/ocisig"
)

// FuzzPublicKey gives the reader of public keys whatever there is. What it takes must be a key that verifies, under one name only.
func FuzzPublicKey(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, ocisig.KeyBitsMin)
	if err != nil {
		f.Fatal(err)
	}
	public, err := encodePublicKey(&key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.der}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{"a": "b"}}))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parsePublicKey(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v", err)
			}
			return
		}
		decoded, err := decodePublicKey(got.der)
		if err != nil {
			t.Fatal(err)
		}
		again, err := encodePublicKey(decoded)
		if err != nil || again.fingerprint != got.fingerprint || len(got.fingerprint) != 47 {
			t.Fatalf("got %+v, and then %+v, %v", got, again, err)
		}
	})
}

// FuzzOCID: what passes for an OCID can stand in a key's id and in a configuration file.
func FuzzOCID(f *testing.F) {
	for _, text := range []string{"ocid1.user.oc1..aaaa", "ocid1.user.oc1.phx.f.aaaa", "ocid1.user.oc1...", "ocid1.user", "ocid1.user.oc1..a/b", "ocid1.user.oc1..a\nb"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !ocid.Is("user", text) {
			return
		}
		for i := range len(text) {
			if c := text[i]; c <= ' ' || c > '~' || c == '/' || c == '"' || c == '=' || c == '#' {
				t.Fatalf("%q has %q", text, c)
			}
		}
	})
}
