package lullapi_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/lullapi"
	"lull/internal/control/ocisig"
)

func TestOCIKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.Handler()
	if got := ask(h, "GET", "oci-keys", "").Body.String(); got != "[]\n" {
		t.Errorf("got %q, want an empty list", got)
	}
	rec := ask(h, "POST", "oci-keys", `{"role":"administrator","description":"deploy"}`)
	made := get[lullapi.CreatedOCIKey](t, rec, http.StatusCreated)
	key, found := w.ociKeys.Lookup(made.Tenancy + "/" + made.User + "/" + made.Fingerprint)
	if block, _ := pem.Decode([]byte(made.PrivateKey)); !found || key.Role != ocisig.Administrator || block == nil {
		t.Errorf("made %s, and found %v, with a private key: %t", made.Fingerprint, key, block != nil)
	}
	reader := get[lullapi.CreatedOCIKey](t, ask(h, "POST", "oci-keys", `{"role":"read-only"}`), http.StatusCreated)
	list := get[[]lullapi.OCIKey](t, ask(h, "GET", "oci-keys", ""), http.StatusOK)
	if len(list) != 2 || !slices.Contains(list, made.OCIKey) || !slices.Contains(list, reader.OCIKey) {
		t.Errorf("listed %+v", list)
	}
	if rec := ask(h, "DELETE", "oci-keys/"+reader.Fingerprint, ""); rec.Code != http.StatusNoContent || rec.Body.Len() != 0 {
		t.Errorf("revoke: got %d %s", rec.Code, rec.Body)
	}
	wantRefusal(t, "twice", ask(h, "DELETE", "oci-keys/"+reader.Fingerprint, ""), http.StatusNotFound, "there is no")
	wantRefusal(t, "last", ask(h, "DELETE", "oci-keys/"+made.Fingerprint, ""), http.StatusConflict, "last administrator")
	wantRefusal(t, "role", ask(h, "POST", "oci-keys", `{"role":"root"}`), http.StatusBadRequest, "role")
	wantRefusal(t, "user", ask(h, "POST", "oci-keys", `{"role":"read-only","user":"me"}`), http.StatusBadRequest, "user")
	rest := ask(h, "GET", "oci-keys", "").Body.String() + w.log.String()
	if strings.Contains(rest, "PRIVATE") {
		t.Error("a private key is told once more")
	}
}

// TestOCIKeyImported: a key whose private half stays with its owner, under the names that it has elsewhere.
func TestOCIKeyImported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const user, tenancy = "ocid1.user.oc1..aaaa", "ocid1.tenancy.oc1..bbbb"
	body, err := json.Marshal(map[string]string{"role": "read-only", "user": user, "tenancy": tenancy, "public_key": publicPEM(t)})
	if err != nil {
		t.Fatal(err)
	}
	rec := ask(w.Handler(), "POST", "oci-keys", string(body))
	got := get[lullapi.CreatedOCIKey](t, rec, http.StatusCreated)
	if got.User != user || got.Tenancy != tenancy || got.PrivateKey != "" || strings.Contains(rec.Body.String(), "private_key") {
		t.Errorf("got %+v", got)
	}
	wantRefusal(t, "twice", ask(w.Handler(), "POST", "oci-keys", string(body)), http.StatusConflict, "there is")
	wantRefusal(t, "no key", ask(w.Handler(), "POST", "oci-keys", `{"role":"read-only","public_key":"x"}`), http.StatusBadRequest, "public")
}

// publicPEM returns the public half of a key in PEM.
func publicPEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, ocisig.KeyBitsMin)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
