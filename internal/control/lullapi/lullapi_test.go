package lullapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/certstore"
	"lull/internal/control/fault"
	"lull/internal/control/instances"
	"lull/internal/control/keys"
	"lull/internal/control/lullapi"
	"lull/internal/control/ocikeys"
	"lull/internal/control/sigv4"
	"lull/internal/control/store"
	"lull/internal/lulltest/testca"
)

const (
	account = "123456789012"
	arnWeb  = "arn:aws:iam::" + account + ":server-certificate/web"
)

// world is an API with its documents.
type world struct {
	*lullapi.API
	store        *store.Store
	keys         *keys.Keys
	ociKeys      *ocikeys.Keys
	instances    *instances.Registry
	certificates *certstore.Store
	log          *bytes.Buffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{store: s, log: &bytes.Buffer{}}
	if w.keys, err = keys.New(s, keys.Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	inUse := func(name string) (string, bool) {
		return "load balancer my-loadbalancer", strings.Contains(name, "used")
	}
	if w.ociKeys, err = ocikeys.New(s, ocikeys.Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if w.instances, err = instances.New(s, instances.Options{InUse: inUse}); err != nil {
		t.Fatal(err)
	}
	if w.certificates, err = certstore.New(s, certstore.Options{Account: account, Now: time.Now, InUse: inUse}); err != nil {
		t.Fatal(err)
	}
	w.API = lullapi.New(lullapi.Options{
		Keys: w.keys, OCIKeys: w.ociKeys, Instances: w.instances, Certificates: w.certificates, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	return w
}

// ask sends a request below Root and returns the answer.
func ask(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, lullapi.Root+target, strings.NewReader(body)))
	return rec
}

// get reads an answer with a status into a document.
func get[T any](t *testing.T, rec *httptest.ResponseRecorder, status int) (document T) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("got %d %s, want %d", rec.Code, rec.Body, status)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &document); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return document
}

// wantRefusal wants an error in the form that all have, with words in it.
func wantRefusal(t *testing.T, name string, rec *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	var told map[string]string
	if err := json.Unmarshal(rec.Body.Bytes(), &told); err != nil || len(told) != 1 || rec.Code != status || !strings.Contains(told["error"], words) {
		t.Errorf("%s: got %d %.300s, %v, want %d and an error with %q", name, rec.Code, rec.Body, err, status, words)
	}
	for field, want := range map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := rec.Header().Get(field); got != want {
			t.Errorf("%s: %s is %q, want %q", name, field, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.Handler()
	if got := ask(h, "GET", "keys", "").Body.String(); got != "[]\n" {
		t.Errorf("got %q, want an empty list", got)
	}
	rec := ask(h, "POST", "keys", `{"role":"administrator","description":"deploy <&> ü"}`)
	made := get[lullapi.CreatedKey](t, rec, http.StatusCreated)
	key, found := w.keys.Lookup(made.ID)
	if !found || key.Secret != made.Secret || key.Role != sigv4.Administrator || made.Description != "deploy <&> ü" || made.Created.IsZero() {
		t.Errorf("made %s, and found %v", made.ID, key)
	}
	if got := rec.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store: there is a secret in it", got)
	}
	reader := get[lullapi.CreatedKey](t, ask(h, "POST", "keys", `{"role":"read-only"}`), http.StatusCreated)
	list := get[[]lullapi.Key](t, ask(h, "GET", "keys", ""), http.StatusOK)
	if len(list) != 2 || !slices.Contains(list, made.Key) || !slices.Contains(list, reader.Key) {
		t.Errorf("listed %+v", list)
	}
	if rec := ask(h, "DELETE", "keys/"+reader.ID, ""); rec.Code != http.StatusNoContent || rec.Body.Len() != 0 {
		t.Errorf("revoke: got %d %s", rec.Code, rec.Body)
	}
	wantRefusal(t, "twice", ask(h, "DELETE", "keys/"+reader.ID, ""), http.StatusNotFound, "there is no access key")
	wantRefusal(t, "last", ask(h, "DELETE", "keys/"+made.ID, ""), http.StatusConflict, "last administrator")
	for _, secret := range []string{made.Secret, reader.Secret} {
		rest := ask(h, "GET", "keys", "").Body.String() + w.log.String()
		if strings.Contains(rest, secret) {
			t.Error("a secret is told once more")
		}
	}
}

func TestInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.Handler()
	if err := w.instances.SetFixed("lull.yaml", []instances.Instance{{ID: "i-fixed", Host: "10.0.0.9"}}); err != nil {
		t.Fatal(err)
	}
	want := lullapi.Instance{ID: "i-0abc123", Host: "2001:db8::1", Zone: "us-east-1a"}
	if got := get[lullapi.Instance](t, ask(h, "PUT", "instances/i-0abc123", `{"host":"2001:DB8:0::1","zone":"us-east-1a"}`), http.StatusOK); got != want {
		t.Errorf("set: got %+v, want %+v", got, want)
	}
	if got := get[lullapi.Instance](t, ask(h, "GET", "instances/i-0abc123", ""), http.StatusOK); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	odd := "a?b#c%d.."
	get[lullapi.Instance](t, ask(h, "PUT", "instances/"+url.PathEscape(odd), `{"host":"app.internal"}`), http.StatusOK)
	list := get[[]lullapi.Instance](t, ask(h, "GET", "instances", ""), http.StatusOK)
	if !slices.Equal(list, []lullapi.Instance{{ID: odd, Host: "app.internal"}, want, {ID: "i-fixed", Host: "10.0.0.9", File: "lull.yaml"}}) {
		t.Errorf("listed %+v", list)
	}
	get[lullapi.Instance](t, ask(h, "PUT", "instances/i-used", `{"host":"a"}`), http.StatusOK)
	for _, one := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"used", "DELETE", "instances/i-used", "", 409, "instance i-used is used by load balancer my-loadbalancer"},
		{"fixed", "PUT", "instances/i-fixed", `{"host":"a"}`, 409, "defined in lull.yaml"},
		{"fixed-delete", "DELETE", "instances/i-fixed", "", 409, "defined in lull.yaml"},
		{"unknown", "GET", "instances/i-1", "", 404, `there is no instance "i-1"`},
		{"unknown-delete", "DELETE", "instances/i-1", "", 404, `there is no instance "i-1"`},
		{"no-id", "PUT", "instances/", `{"host":"a"}`, 400, "id: has 0 bytes, 1 to 255 are allowed"},
		{"slash", "PUT", "instances/a%2Fb", `{"host":"a"}`, 400, `id: "a/b": must be`},
		{"more", "PUT", "instances/a/b", `{"host":"a"}`, 400, `id: "a/b": must be`},
		{"dots", "PUT", "instances/%2E%2E", `{"host":"a"}`, 400, `id: "..": must be`},
		{"host", "PUT", "instances/i-1", `{"host":"a b"}`, 400, `host: "a b": must be`},
		{"no-host", "PUT", "instances/i-1", `{}`, 400, "host: is missing; allowed are host, zone"},
		{"zone", "PUT", "instances/i-1", `{"host":"a","zone":"a b"}`, 400, `zone: "a b": must be`},
	} {
		wantRefusal(t, one.name, ask(h, one.method, one.target, one.body), one.status, one.want)
	}
	if rec := ask(h, "DELETE", "instances/"+url.PathEscape(odd), ""); rec.Code != http.StatusNoContent {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.Handler()
	ca := testca.NewFor(t)
	issued := ca.IssueFor(t, testca.Request{Names: []string{"web.example"}, Intermediate: true})
	body := func(chain, key []byte) string {
		text, err := json.Marshal(map[string]string{"chain": string(chain), "key": string(key)})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	query := "certificates?arn=" + url.QueryEscape(arnWeb)
	got := get[lullapi.Certificate](t, ask(h, "PUT", "certificates?arn=web", body(issued.Chain, issued.Key)), http.StatusOK)
	if got.ARN != arnWeb || !slices.Equal(got.Names, []string{"web.example"}) || got.KeyKind != "ECDSA" || !got.NotAfter.Equal(issued.TLS.Leaf.NotAfter) {
		t.Errorf("imported %+v", got)
	}
	if got := get[lullapi.Certificate](t, ask(h, "GET", query, ""), http.StatusOK); got.ARN != arnWeb {
		t.Errorf("got %+v", got)
	}
	get[lullapi.Certificate](t, ask(h, "PUT", "certificates?arn=used", body(issued.Chain, issued.Key)), http.StatusOK)
	rec := ask(h, "GET", "certificates", "")
	if list := get[[]lullapi.Certificate](t, rec, http.StatusOK); len(list) != 2 || list[1].ARN != arnWeb {
		t.Errorf("listed %+v", list)
	}
	if !strings.Contains(rec.Body.String(), `"warnings":[]`) || strings.Contains(rec.Body.String(), "PRIVATE") {
		t.Errorf("listed %s", rec.Body)
	}
	other := ca.IssueFor(t, testca.Request{Names: []string{"b.example"}})
	for _, one := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"used", "DELETE", "certificates?arn=used", "", 409, "used by load balancer my-loadbalancer"},
		{"unknown", "GET", "certificates?arn=w", "", 404, "there is no certificate arn:aws:iam::123456789012:server-certificate/w"},
		{"unknown-delete", "DELETE", "certificates?arn=w", "", 404, "there is no certificate"},
		{"nameless", "DELETE", "certificates", "", 400, "arn: is missing in the query"},
		{"nameless-import", "PUT", "certificates", "{}", 400, "arn: is missing in the query"},
		{"empty", "DELETE", "certificates?arn=", "", 400, "arn: is empty"},
		{"twice", "GET", "certificates?arn=a&arn=b", "", 400, "arn: is there 2 times, once is allowed"},
		{"bad", "GET", "certificates?arn=a%20b", "", 400, `arn: "a b": must be arn:aws:iam::`},
		{"parameter", "GET", "certificates?name=a", "", 400, `parameter "name" is not known; allowed is arn`},
		{"query", "GET", "certificates?arn=%zz", "", 400, "query: cannot be decoded"},
		{"no-key", "PUT", "certificates?arn=web", `{"chain":"x"}`, 400, "key: is missing; allowed are chain, key"},
		{"mismatch", "PUT", "certificates?arn=web", body(issued.Chain, other.Key), 400, "chain and key: "},
		{"bad-key", "PUT", "certificates?arn=web", body(issued.Chain, other.Key[:99]), 400, "key: "},
		{"too-long", "PUT", "certificates?arn=web", `{"chain":"` + strings.Repeat("x", lullapi.BodyBytesMax) + `"}`, 413, "body: has too many bytes, at most 1114112 are allowed"},
	} {
		rec := ask(h, one.method, one.target, one.body)
		wantRefusal(t, one.name, rec, one.status, one.want)
		if line := strings.Split(string(other.Key), "\n")[1]; strings.Contains(rec.Body.String(), line[:16]) {
			t.Errorf("%s: the refusal has a part of the key", one.name)
		}
	}
	if rec := ask(h, "DELETE", query, ""); rec.Code != http.StatusNoContent {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := newWorld(t).Handler()
	for _, one := range []struct {
		method, target string
		status         int
		want, allow    string
	}{
		{"PUT", "keys", 405, "method PUT: must be GET or POST", "GET, POST"},
		{"GET", "keys/x", 405, "method GET: must be DELETE", "DELETE"},
		{"PUT", "oci-keys", 405, "method PUT: must be GET or POST", "GET, POST"},
		{"GET", "oci-keys/aa:bb", 405, "method GET: must be DELETE", "DELETE"},
		{"GET", "oci-keys?all=1", 400, "none is allowed", ""},
		{"POST", "oci-keys?all=1", 400, "none is allowed", ""},
		{"DELETE", "oci-keys/aa:bb?all=1", 400, "none is allowed", ""},
		{"POST", "instances", 405, "method POST: must be GET", "GET"},
		{"PATCH", "instances/x", 405, "method PATCH: must be GET or PUT or DELETE", "GET, PUT, DELETE"},
		{"POST", "certificates", 405, "must be GET or PUT or DELETE", "GET, PUT, DELETE"},
		{"GET", "certificates/web", 404, "no /lull/v1/certificates/web here", ""},
		{"GET", "nothing", 404, "there are certificates, instances, instances/ID, keys, keys/ID, oci-keys and oci-keys/FINGERPRINT below /lull/v1/", ""},
		{"GET", "keys?all=1", 400, `parameter "all" is not known; none is allowed`, ""},
		{"POST", "keys?all=1", 400, "none is allowed", ""},
		{"DELETE", "keys/x?all=1", 400, "none is allowed", ""},
		{"PUT", "instances/x?=", 400, "none is allowed", ""},
	} {
		rec := ask(h, one.method, one.target, "{}")
		wantRefusal(t, one.method+" "+one.target, rec, one.status, one.want)
		if got := rec.Header().Get("Allow"); got != one.allow {
			t.Errorf("%s %s: Allow %q, want %q", one.method, one.target, got, one.allow)
		}
	}
	if rec := ask(h, "HEAD", "keys", ""); rec.Code != http.StatusOK {
		t.Errorf("HEAD: got %d, want 200", rec.Code)
	}
	if rec := ask(h, "GET", "keys?X-Amz-Signature=0&X-Amz-Date=1", ""); rec.Code != http.StatusOK {
		t.Errorf("presigned: got %d %s, want 200", rec.Code, rec.Body)
	}
}

// TestReadingChangesNothing: a server that lets a read-only key use GET and HEAD alone lets it change nothing.
func TestReadingChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, _, err := w.keys.Create(t.Context(), sigv4.ReadOnly, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.instances.Set(t.Context(), instances.Instance{ID: "i-1", Host: "a"}); err != nil {
		t.Fatal(err)
	}
	_, before := w.store.List("")
	for _, method := range []string{"GET", "HEAD"} {
		for _, target := range []string{"keys", "keys/" + key.ID, "oci-keys", "oci-keys/aa:bb", "instances", "instances/i-1", "instances/i-2", "certificates", "certificates?arn=web"} {
			rec := ask(w.Handler(), method, target, `{"role":"administrator","host":"b","chain":"c","key":"k"}`)
			if rec.Code >= http.StatusInternalServerError {
				t.Errorf("%s %s: got %d %s", method, target, rec.Code, rec.Body)
			}
		}
	}
	if _, after := w.store.List(""); after != before {
		t.Errorf("the store is at revision %d, was at %d", after, before)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	h := newWorld(t).Handler()
	for _, one := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"empty", "", 400, "body: must be a JSON object with description, role"},
		{"null", "null", 400, "body: must be a JSON object"},
		{"list", "[]", 400, "body: must be a JSON object"},
		{"text", `"role"`, 400, "body: must be a JSON object"},
		{"form", "role=administrator", 400, "body: must be a JSON object"},
		{"nothing", "{}", 400, "role: is missing; allowed are description, role"},
		{"unknown", `{"role":"read-only","rol":"x"}`, 400, `field "rol": is not known; allowed are description, role`},
		{"case", `{"Role":"read-only"}`, 400, `field "Role": is not known`},
		{"long-name", `{"` + strings.Repeat("r", 9000) + `":"x"}`, 400, strings.Repeat("r", 64) + `…": is not known`},
		{"twice", `{"role":"read-only","role":"administrator"}`, 400, "role: is there twice, once is allowed"},
		{"number", `{"role":1}`, 400, "role: is a number, must be a text"},
		{"object", `{"role":{"a":1}}`, 400, "role: is an object, must be a text"},
		{"list-value", `{"role":["a"]}`, 400, "role: is a list, must be a text"},
		{"truth", `{"role":true}`, 400, "role: is a truth value, must be a text"},
		{"null-value", `{"role":null}`, 400, "role: is null, must be a text"},
		{"value", `{"role":"root"}`, 400, `role: "root": must be administrator or read-only`},
		{"cut", `{"role":"read-only"`, 400, "body: is not JSON, around byte"},
		{"cut-text", `{"role":"read-`, 400, "body: is not JSON, around byte"},
		{"comma", `{"role":"read-only",}`, 400, "body: is not JSON, around byte"},
		{"no-colon", `{"role" "read-only"}`, 400, "body: is not JSON, around byte"},
		{"number-name", `{1:"read-only"}`, 400, "body: is not JSON, around byte"},
		{"behind", `{"role":"read-only"} {}`, 400, "body: goes on behind the JSON object"},
		{"not-utf8", "{\"role\":\"\xff\"}", 400, "body: is not UTF-8"},
		{"too-long", `{"role":"` + strings.Repeat("x", 16<<10) + `"}`, 413, "body: has too many bytes, at most 16384 are allowed"},
	} {
		wantRefusal(t, one.name, ask(h, "POST", "keys", one.body), one.status, one.want)
	}
	if list := get[[]lullapi.Key](t, ask(h, "GET", "keys", ""), http.StatusOK); len(list) != 0 {
		t.Errorf("got %+v, want no key", list)
	}
	if rec := ask(h, "POST", "keys", " {\n\"role\" : \"read-only\" } \n"); rec.Code != http.StatusCreated {
		t.Errorf("got %d %s, want spaces to be no fault", rec.Code, rec.Body)
	}
}

// TestMistake: what nobody has foreseen is for the log.
func TestMistake(t *testing.T) {
	t.Parallel()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	broken, err := keys.New(s, keys.Options{Now: time.Now, Random: strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h := lullapi.New(lullapi.Options{Keys: broken, Log: slog.New(slog.NewTextHandler(&log, nil))}).Handler()
	wantRefusal(t, "mistake", ask(h, "POST", "keys", `{"role":"read-only"}`), http.StatusInternalServerError, "its log says more about mistake 1")
	if !strings.Contains(log.String(), "mistake=1 method=POST path=/lull/v1/keys") || !strings.Contains(log.String(), "EOF") {
		t.Errorf("logged %q", log.String())
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "closed", ask(w.Handler(), "POST", "keys", `{"role":"read-only"}`), http.StatusServiceUnavailable, "the store is closed")
}

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds() {
		if status := lullapi.StatusOf(kind); status < 400 {
			t.Errorf("kind %d has status %d", kind, status)
		}
	}
}

// TestSecretsAreToldOnce calls everything there is, in ways that work and in ways that do not, and looks for every secret in all of the answers
// and in the log.
func TestSecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.Handler()
	var secrets []string
	var told strings.Builder
	for range 3 {
		made := get[lullapi.CreatedKey](t, ask(h, "POST", "keys", `{"role":"administrator"}`), http.StatusCreated)
		secrets = append(secrets, made.Secret)
		for _, target := range []string{"keys", "keys/" + made.ID, "instances/" + made.ID, "certificates", "certificates?arn=" + made.ID} {
			for _, method := range []string{"GET", "HEAD", "PUT"} {
				fmt.Fprintln(&told, ask(h, method, target, `{"role":"x"}`).Body)
			}
		}
		fmt.Fprintln(&told, ask(h, "DELETE", "keys/"+made.ID, "").Body)
	}
	for _, secret := range secrets {
		if strings.Contains(told.String(), secret) || strings.Contains(w.log.String(), secret) {
			t.Error("a secret is told more than once")
		}
	}
}
