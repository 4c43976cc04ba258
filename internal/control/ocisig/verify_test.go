package ocisig

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// noon is when everything here happens.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// privateKey is the key that tests sign with, made anew for each run, so that none lies in the repository.
//
//nolint:gochecknoglobals // made once
var privateKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, KeyBitsMin)
	if err != nil {
		panic(err)
	}
	return key
})

func testKey() Key {
	return Key{Tenancy: "ocid1.tenancy.oc1..t", User: "ocid1.user.oc1..u", Fingerprint: publishedFingerprint, Public: &privateKey().PublicKey, Role: Administrator}
}

func newRequest(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantRefused wants an *Error with a code, words in it, and the manners of one.
func wantRefused(t *testing.T, name string, err error, code Code, words string) {
	t.Helper()
	e := new(Error)
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, words) {
		t.Errorf("%s: got %v, want %s with %q", name, err, code, words)
		return
	}
	checkManners(t, e)
}

// checkManners wants a message that may be shown anywhere.
func checkManners(t *testing.T, e *Error) {
	t.Helper()
	want := map[Code]int{NotAuthenticated: 401, PayloadTooLarge: 413, RequestHeaderFieldsTooLarge: 431}[e.Code]
	if e.Status == 0 || e.Status != want || len(e.Message) > 1<<10 || !utf8.ValidString(e.Message) || strings.ContainsFunc(e.Message, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		t.Errorf("got %d %q, want status %d and one short printable line", e.Status, e.Message, want)
	}
}

// sent is a request as a client other than Oracle's makes it: line by line, with everything said. It is signed here from the lines, with
// nothing of what verifies.
type sent struct {
	method, target string
	headers        [][2]string // as sent, besides Authorization; host among them
	body           string
	sign           string // names, as in the parameter headers
	form           string // of Authorization, with %s for names and signature in the order of forms
}

// The orders of parameters in which Oracle's clients write.
const (
	formGo         = `Signature version="1",headers="{headers}",keyId="{key}",algorithm="rsa-sha256",signature="{signature}"`
	formPython     = `Signature algorithm="rsa-sha256",headers="{headers}",keyId="{key}",signature="{signature}",version="1"`
	formTypeScript = `Signature version="1",keyId="{key}",algorithm="rsa-sha256",headers="{headers}",signature="{signature}"`
	formDraft      = `Signature keyId="{key}",algorithm="rsa-sha256",headers="{headers}",signature="{signature}"`
)

func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// get is what the tests change; it verifies.
func get() sent {
	return sent{
		method: "GET", target: "/20170115/loadBalancers?compartmentId=ocid1.compartment.oc1..c", form: formGo, sign: "date (request-target) host",
		headers: [][2]string{{"host", "127.0.0.1:8440"}, {"date", noon().Format(http.TimeFormat)}},
	}
}

// put is the same with a body.
func put() sent {
	const body = `{"policy":"ROUND_ROBIN"}`
	s := get()
	s.method, s.target, s.body, s.sign = "PUT", "/20170115/loadBalancers/l/backendSets/b", body, "date (request-target) host content-length content-type x-content-sha256"
	s.headers = append(s.headers, [2]string{"content-length", strconv.Itoa(len(body))}, [2]string{"content-type", "application/json"}, [2]string{"x-content-sha256", digest(body)})
	return s
}

// with sets a header, or takes it out.
func (s sent) with(name, value string) sent {
	s = s.without(name)
	s.headers = append(s.headers, [2]string{name, value})
	return s
}

func (s sent) without(name string) sent {
	var left [][2]string
	for _, h := range s.headers {
		if h[0] != name {
			left = append(left, h)
		}
	}
	s.headers = left
	return s
}

func (s sent) signing(names string) sent {
	s.sign = names
	return s
}

// authorization signs.
func (s sent) authorization(t testing.TB) string {
	t.Helper()
	var lines []string
	for name := range strings.SplitSeq(strings.ToLower(s.sign), " ") {
		line := name + ": "
		if name == "(request-target)" {
			line += strings.ToLower(s.method) + " " + s.target
		}
		for _, h := range s.headers {
			if h[0] == name {
				line += h[1]
			}
		}
		lines = append(lines, line)
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	signature, err := rsa.SignPKCS1v15(nil, privateKey(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("{headers}", s.sign, "{key}", testKey().ID(), "{signature}", base64.StdEncoding.EncodeToString(signature)).Replace(s.form)
}

// arrived is the request as net/http would have it.
func (s sent) arrived(t testing.TB) *http.Request {
	t.Helper()
	r := newRequest(t, s.method, "https://x/", s.body)
	r.RequestURI, r.Host = s.target, ""
	for _, h := range s.headers {
		if h[0] == "host" {
			r.Host = h[1]
			continue
		}
		r.Header.Add(h[0], h[1])
	}
	r.Header.Set("Authorization", s.authorization(t))
	return r
}

func verifier() *Verifier { return New(Options{Keys: ring(testKey())}) }

func (s sent) verify(t testing.TB) (Verified, error) {
	t.Helper()
	return verifier().Verify(s.arrived(t), []byte(s.body), noon())
}

// TestAccepted has what clients are known to send, or may. The names are the ids of the checklist.
func TestAccepted(t *testing.T) {
	t.Parallel()
	form := func(s sent, form string) sent { s.form = form; return s }
	deletion := get()
	deletion.method = "DELETE"
	escaped := get()
	escaped.target = "/20170115/loadBalancers/l/backendSets/b/backends/10.0.0.3%3A8080?a=%2f%2F&b=+%20&&c"
	bare := put()
	bare.body = ""
	bare = bare.with("content-length", "0").with("x-content-sha256", digest(""))
	for _, c := range []struct {
		name string
		sent sent
	}{
		{"SIG-01-go", get()},
		{"SIG-01-python", form(put(), formPython)},
		{"SIG-01-typescript", form(get(), formTypeScript).without("date").with("x-date", noon().Format(http.TimeFormat)).signing("x-date (request-target) host")},
		{"SIG-01-spaces", form(get(), strings.ReplaceAll(formGo, ",", " ,\t"))},
		{"SIG-01-scheme-case", form(get(), strings.Replace(formGo, "Signature", "signature", 1))},
		{"SIG-02-delete", deletion},
		{"SIG-03-put", put()},
		{"SIG-03-put-empty", bare},
		{"SIG-05-x-date-beats-date", get().with("date", "Thu, 01 Jan 1970 00:00:00 GMT").with("x-date", noon().Format(http.TimeFormat)).signing("x-date (request-target) host")},
		{"SIG-05-both-signed", get().with("date", "yesterday").with("x-date", noon().Format(http.TimeFormat)).signing("date x-date (request-target) host")},
		{"SIG-05-day-of-one-digit", get().with("date", "Sat, 21 Nov 2026 11:59:00 GMT")},
		{"SIG-06-order", put().signing("x-content-sha256 host content-type (request-target) content-length date")},
		{"SIG-06-extra", get().with("accept", "*/*").with("opc-request-id", "a, b").signing("date accept (request-target) opc-request-id host")},
		{"SIG-06-empty-extra", get().with("accept", "").signing("date accept (request-target) host")},
		{"SIG-06-capitals", get().signing("Date (Request-Target) Host")},
		{"SIG-07-escaped", escaped},
		{"SIG-09-no-port", get().with("host", "iaas.example")},
		{"SIG-09-port", get().with("host", "iaas.example:8440")},
		{"SIG-09-ipv6", get().with("host", "[::1]:8440")},
		{"SIG-10-no-version", form(get(), formDraft)},
		{"SIG-11-delete-length", deletion.with("content-length", "0")},
		{"SIG-11-delete-type", deletion.with("content-length", "0").with("content-type", "application/json")},
	} {
		got, err := c.sent.verify(t)
		if err != nil || got.Key.Role != Administrator || got.Key.User != testKey().User || !got.Expires.Equal(got.Time.Add(5*time.Minute)) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
		if want := strings.ToLower(c.sent.sign); strings.Join(got.SignedHeaders, " ") != want {
			t.Errorf("%s: signed %q, want %q", c.name, got.SignedHeaders, want)
		}
		if err := verifier().Examine(c.sent.arrived(t), noon()); err != nil {
			t.Errorf("%s: examined: %v", c.name, err)
		}
	}
}

// TestRefused has one request for each thing that can be wrong. All are signed with the right key, over what is sent.
func TestRefused(t *testing.T) {
	t.Parallel()
	form := func(from, to string) sent { s := get(); s.form = strings.Replace(formGo, from, to, 1); return s }
	at := func(d time.Duration) string { return noon().Add(d).Format(http.TimeFormat) }
	method := func(s sent, method string) sent { s.method = method; return s }
	target := func(target string) sent { s := get(); s.target = target; return s }
	body := func(s sent, body string) sent { s.body = body; return s }
	const (
		incomplete = "The required information to complete authentication was not provided or was incorrect: "
		lists      = "the signature must list the names of headers, each once"
		parts      = "the Authorization header must consist of version, keyId, algorithm, headers, signature"
	)
	for _, c := range []struct {
		name  string
		sent  sent
		words string
	}{
		{"SIG-02-no-target", get().signing("date host"), "must cover (request-target)"},
		{"SIG-02-no-host", get().signing("date (request-target)"), "must cover host"},
		{"SIG-02-no-date", get().signing("(request-target) host"), "must cover date"},
		{"SIG-02-no-date-sent", get().without("date"), "has no header 'date'"},
		{"SIG-02-delete", method(get().signing("date host"), "DELETE"), "must cover (request-target)"},
		{"SIG-02-no-host-sent", get().without("host"), "the request has no header host"},
		{"SIG-03-no-digest", put().signing("date (request-target) host content-length content-type"), "must cover x-content-sha256"},
		{"SIG-03-no-type", put().signing("date (request-target) host content-length x-content-sha256"), "must cover content-type"},
		{"SIG-03-no-length", put().signing("date (request-target) host content-type x-content-sha256"), "must cover content-length"},
		{"SIG-03-no-digest-sent", put().without("x-content-sha256"), "has no header 'x-content-sha256'"},
		{"SIG-03-no-type-sent", put().without("content-type"), "has no header 'content-type'"},
		{"SIG-03-no-length-sent", put().without("content-length"), "has no header 'content-length'"},
		{"SIG-03-empty-put", method(get(), "PUT"), "must cover x-content-sha256"},
		{"SIG-03-empty-post", method(get(), "POST"), "must cover x-content-sha256"},
		{"SIG-03-patch", method(get(), "PATCH"), "must cover x-content-sha256"},
		{"SIG-03-unknown-method", method(get(), "FROB"), "must cover x-content-sha256"},
		{"SIG-03-body-of-get", body(get(), "x"), "must cover x-content-sha256"},
		{"SIG-03-body-of-delete", body(method(get(), "DELETE"), "x"), "must cover x-content-sha256"},
		{"SIG-04-digest", put().with("x-content-sha256", digest("other")), "x-content-sha256 is not the SHA-256 of the body"},
		{"SIG-04-digest-hex", put().with("x-content-sha256", strings.Repeat("0", 64)), "x-content-sha256 is not"},
		{"SIG-04-body", body(put(), `{"policy":"round_robin"}`), "x-content-sha256 is not"},
		{"SIG-04-body-cut", body(put(), `{`), "content-length is '24' and the body has 1 bytes"},
		{"SIG-04-body-gone", body(put(), ""), "content-length is '24' and the body has 0 bytes"},
		{"SIG-04-length", put().with("content-length", "25"), "content-length is '25'"},
		{"SIG-04-length-sign", put().with("content-length", "+24"), "content-length is '+24'"},
		{"SIG-04-digest-of-get", get().with("x-content-sha256", digest("x")), "x-content-sha256 is not"},
		{"SIG-05-x-date-unsigned", get().with("x-date", at(0)), "must cover x-date"},
		{"SIG-05-x-date-unsigned-old", get().with("date", at(-time.Hour)).with("x-date", at(0)), "must cover x-date"},
		{"SIG-05-x-date-old", get().with("x-date", at(-time.Hour)).signing("date x-date (request-target) host"), "is not within allowed clock skew"},
		{"SIG-05-x-date-empty", get().with("x-date", "").signing("date x-date (request-target) host"), "the header x-date must be a date such as"},
		{"SIG-05-zone", get().with("date", "Sat, 21 Nov 2026 12:00:00 UTC"), "the header date must be a date such as 'Sat, 21 Nov 2026 12:00:00 GMT'"},
		{"SIG-05-offset", get().with("date", "Sat, 21 Nov 2026 12:00:00 +0000"), "the header date must be a date"},
		{"SIG-05-iso", get().with("date", "2026-11-21T12:00:00Z"), "the header date must be a date"},
		{"SIG-05-fraction", get().with("date", "Sat, 1 Nov 2026 2:00:00.5 GMT"), "the header date must be a date"},
		{"SIG-05-fraction-comma", get().with("date", "Sat, 1 Nov 2026 2:00:00,5 GMT"), "the header date must be a date"},
		{"SIG-06-header-twice", get().with("accept", "a").signing("date (request-target) host accept accept"), lists},
		{"SIG-06-date-twice", get().signing("date (request-target) host Date"), lists},
		{"SIG-06-target-twice", get().signing("date (request-target) host (request-target)"), lists},
		{"SIG-06-two-spaces", get().signing("date  (request-target) host"), lists},
		{"SIG-06-space-behind", get().signing("date (request-target) host "), lists},
		{"SIG-06-comma", get().signing("date,(request-target),host"), lists},
		{"SIG-06-pseudo", get().signing("date (request-target) (created) host"), lists},
		{"SIG-06-absent", get().signing("date (request-target) host accept"), "has no header 'accept', which is signed"},
		{"SIG-07-absolute", target("http://127.0.0.1:8440/x"), "the request target must begin with a slash"},
		{"SIG-07-star", target("*"), "the request target must begin with a slash"},
		{"SIG-07-method-case", method(get(), "gET"), "The method must be in capital letters, not 'gET'."},
		{"SIG-08-scheme", form("Signature ", "Basic "), incomplete + "the Authorization header must begin with 'Signature'"},
		{"SIG-08-bearer", form("Signature version", "Bearer version"), "must begin with 'Signature'"},
		{"SIG-08-scheme-alone", form(formGo, "Signature"), parts},
		{"SIG-08-scheme-joined", form("Signature ", "Signature,"), "must begin with 'Signature'"},
		{"SIG-08-algorithm", form("rsa-sha256", "hmac-sha256"), "the algorithm must be 'rsa-sha256', not 'hmac-sha256'"},
		{"SIG-08-algorithm-case", form("rsa-sha256", "RSA-SHA256"), "the algorithm must be 'rsa-sha256'"},
		{"SIG-08-key-unknown", form("{key}", "{key}0"), "the key is not known here"},
		{"SIG-08-key-long", form("{key}", strings.Repeat("k", 641)), "the key is not known here"},
		{"SIG-08-token", form("{key}", "ST$eyJh.eyJz.c2ln"), "the key is not known here"},
		{"SIG-10-version", form(`version="1"`, `version="2"`), "the version of the signature must be '1', not '2'"},
		{"SIG-10-version-empty", form(`version="1"`, `version=""`), "the version of the signature must be '1', not ''"},
		{"parameter-unknown", form(`version="1"`, `created="1"`), parts},
		{"parameter-twice", form(`version="1"`, `version="1",version="1"`), "the Authorization header has version more than once"},
		{"parameter-twice-case", form(`version="1"`, `KEYID="x"`), "the Authorization header has keyId more than once"},
		{"parameter-space", form(`version="1"`, `version ="1"`), parts},
		{"parameter-bare", form(`version="1"`, `version=1`), "must have the value of version in quotes"},
		{"parameter-open", form(`{signature}"`, `{signature}`), "must have the value of signature in quotes"},
		{"parameter-escape", form("{signature}", `\\{signature}`), "must have the value of signature in quotes"},
		{"parameter-control", form("{headers}", "{headers}\x01"), "must have the value of headers in quotes"},
		{"parameter-no-comma", form(`",keyId`, `"keyId`), "must have a comma after the value of headers"},
		{"parameter-comma-end", form(`signature="{signature}"`, `signature="{signature}",`), parts},
		{"parameter-comma-start", form(`version="1"`, ``), parts},
		{"no-key", form(`keyId="{key}",`, ``), "the Authorization header lacks keyId"},
		{"no-headers", form(`headers="{headers}",`, ``), "the Authorization header lacks headers"},
		{"no-algorithm", form(`algorithm="rsa-sha256",`, ``), "the Authorization header lacks algorithm"},
		{"no-signature", form(`,signature="{signature}"`, ``), "the Authorization header lacks signature"},
		{"signature-empty", form(`{signature}`, ``), "the Authorization header lacks signature"},
		{"signature-prefix", form(`{signature}`, `AAAA{signature}`), "Failed to verify the HTTP(S) Signature"},
		{"signature-line-end", form(`{signature}`, "{signature}\n"), "must have the value of signature in quotes"},
		{"signature-padding", form(`{signature}`, `{signature}====`), "Failed to verify"},
		{"signature-text", form(`{signature}`, `!{signature}`), "Failed to verify"},
	} {
		_, err := c.sent.verify(t)
		wantRefused(t, c.name, err, NotAuthenticated, c.words)
		examined := verifier().Examine(c.sent.arrived(t), noon())
		if left := strings.HasPrefix(c.name, "SIG-04"); left != (examined == nil) {
			t.Errorf("%s: examined: got %v, want it left to Verify: %t", c.name, examined, left)
		}
	}
}

// TestBodyOfUnknownLength is SIG-03 where nobody can tell before the body is read whether there is one.
func TestBodyOfUnknownLength(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "x"} {
		r := get().arrived(t)
		r.ContentLength = -1
		if err := verifier().Examine(r, noon()); err != nil {
			t.Errorf("%q: examined: %v", body, err)
		}
		if _, err := verifier().Verify(r, []byte(body), noon()); body == "" && err != nil {
			t.Error(err)
		} else if body != "" {
			wantRefused(t, "body", err, NotAuthenticated, "must cover x-content-sha256")
		}
	}
}

// TestHeadersTwice repeats each header that matters, with the same value and another: neither passes.
func TestHeadersTwice(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"date", "content-length", "content-type", "x-content-sha256", "authorization"} {
		for _, other := range []string{"", "0", "x"} {
			r := put().arrived(t)
			if other == "" {
				other = r.Header.Get(name)
			}
			r.Header.Add(name, other)
			_, err := verifier().Verify(r, []byte(put().body), noon())
			wantRefused(t, name, err, NotAuthenticated, "must be given once, not 2 times")
		}
	}
	s := get().with("x-date", noon().Format(http.TimeFormat)).signing("x-date (request-target) host")
	r := s.arrived(t)
	r.Header.Add("x-date", noon().Format(http.TimeFormat))
	_, err := verifier().Verify(r, nil, noon())
	wantRefused(t, "x-date", err, NotAuthenticated, "the header 'x-date' must be given once")
	for _, name := range []string{"x-content-sha256", "content-length"} { // not signed, but looked at
		r = get().with(name, "0").arrived(t)
		r.Header.Add(name, "0")
		_, err = verifier().Verify(r, nil, noon())
		wantRefused(t, name, err, NotAuthenticated, "must be given once")
	}
}

// TestLineInValue: one signed value must not pass for two, whoever made the request.
func TestLineInValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*http.Request)
	}{
		{"header", func(r *http.Request) { r.Header.Set("Date", noon().Format(http.TimeFormat)+"\nx: y") }},
		{"host", func(r *http.Request) { r.Host += "\nx: y" }},
		{"target", func(r *http.Request) { r.RequestURI += "\r" }},
	} {
		r := get().arrived(t)
		c.change(r)
		if _, err := signingString(r, []string{"date", "(request-target)", "host"}); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

// TestSkew is SIG-05.
func TestSkew(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]bool{
		0: true, 4*time.Minute + 59*time.Second: true, 5 * time.Minute: true, 5*time.Minute + time.Second: false,
		-4*time.Minute - 59*time.Second: true, -5 * time.Minute: true, -5*time.Minute - time.Second: false, 24 * time.Hour: false,
	} {
		for _, s := range []sent{get(), get().without("date").with("x-date", noon().Format(http.TimeFormat)).signing("x-date (request-target) host")} {
			_, err := verifier().Verify(s.arrived(t), nil, noon().Add(after))
			if want != (err == nil) {
				t.Errorf("SIG-05: %v after the date: got %v", after, err)
			}
			if !want {
				wantRefused(t, "SIG-05", err, NotAuthenticated, "Date 'Sat, 21 Nov 2026 12:00:00 GMT' is not within allowed clock skew. Current '")
			}
		}
	}
	_, err := New(Options{Keys: ring(testKey()), Skew: time.Second}).Verify(get().arrived(t), nil, noon().Add(2*time.Second))
	wantRefused(t, "own skew", err, NotAuthenticated, "valid datetime range: ['Sat, 21 Nov 2026 12:00:01 GMT', 'Sat, 21 Nov 2026 12:00:03 GMT']")
}

// TestTampered is SIG-04 and SIG-07: whatever byte of a signed thing is another, nothing passes.
func TestTampered(t *testing.T) {
	t.Parallel()
	s, v := put(), verifier()
	flip := func(text string, i int, bit uint) string {
		b := []byte(text)
		b[i] ^= 1 << bit
		return string(b)
	}
	original := s.arrived(t)
	if _, err := v.Verify(original, []byte(s.body), noon()); err != nil {
		t.Fatal(err)
	}
	try := func(what, text string, change func(r *http.Request, text string) (body string)) {
		for i := range len(text) {
			for bit := range uint(8) {
				r := original.Clone(t.Context())
				body := change(r, flip(text, i, bit))
				if got, err := v.Verify(r, []byte(body), noon()); err == nil {
					t.Fatalf("%s: %q instead of %q verifies: %+v", what, flip(text, i, bit), text, got)
				}
			}
		}
	}
	try("body", s.body, func(_ *http.Request, text string) string { return text })
	try("target", s.target, func(r *http.Request, text string) string { r.RequestURI = text; return s.body })
	try("method", s.method, func(r *http.Request, text string) string { r.Method = text; return s.body })
	try("host", original.Host, func(r *http.Request, text string) string { r.Host = text; return s.body })
	for _, name := range []string{"Date", "Content-Length", "Content-Type", "X-Content-Sha256"} {
		try(name, original.Header.Get(name), func(r *http.Request, text string) string {
			r.Header.Set(name, text)
			return s.body
		})
	}
	// Of the Authorization header what follows the scheme and the names of parameters, in which case does not matter.
	authorization := original.Header.Get("Authorization")
	for i := range len(authorization) {
		changed := flip(authorization, i, 0)
		r := original.Clone(t.Context())
		r.Header.Set("Authorization", changed)
		if _, err := v.Verify(r, []byte(s.body), noon()); err == nil {
			t.Errorf("Authorization %q verifies", changed)
		}
	}
}

// TestOneSpelling: the last symbol of a signature has four bits to spare, which must be none.
func TestOneSpelling(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	r := get().arrived(t)
	authorization := []byte(r.Header.Get("Authorization"))
	last := len(authorization) - len(`x=="`)
	authorization[last] = alphabet[strings.IndexByte(alphabet, authorization[last])+1]
	r.Header.Set("Authorization", string(authorization))
	_, err := verifier().Verify(r, nil, noon())
	wantRefused(t, "spare bits", err, NotAuthenticated, "Failed to verify")
}

// TestMoved uses a signature for another request: each part of one put into the place of another.
func TestMoved(t *testing.T) {
	t.Parallel()
	s := put()
	r := s.arrived(t)
	r.Method = "POST"
	_, err := verifier().Verify(r, []byte(s.body), noon())
	wantRefused(t, "method", err, NotAuthenticated, "Failed to verify")
	r = s.arrived(t)
	r.RequestURI = strings.Replace(s.target, "backendSets", "backend%53ets", 1)
	_, err = verifier().Verify(r, []byte(s.body), noon())
	wantRefused(t, "SIG-07 same path, other escapes", err, NotAuthenticated, "Failed to verify")
	r = s.arrived(t)
	r.RequestURI += "?"
	_, err = verifier().Verify(r, []byte(s.body), noon())
	wantRefused(t, "SIG-07 empty query", err, NotAuthenticated, "Failed to verify")
	r = s.arrived(t)
	r.Host = "127.0.0.1"
	_, err = verifier().Verify(r, []byte(s.body), noon())
	wantRefused(t, "SIG-09 host without its port", err, NotAuthenticated, "Failed to verify")
}

// TestKeys is SIG-08: the right name with what is not its key in force.
func TestKeys(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, KeyBitsMin)
	if err != nil {
		t.Fatal(err)
	}
	long := *privateKey().N
	long.Lsh(&long, KeyBitsMax+1-KeyBitsMin).SetBit(&long, 0, 1)
	for _, c := range []struct {
		name   string
		change func(*Key)
		words  string
	}{
		{"other", func(k *Key) { k.Public = &other.PublicKey }, "Failed to verify"},
		{"disabled", func(k *Key) { k.Disabled = true }, "the key is not known here"},
		{"none", func(k *Key) { k.Public = nil }, "the key is not known here"},
		{"empty", func(k *Key) { k.Public = new(rsa.PublicKey) }, "the key is not known here"},
		{"long", func(k *Key) { k.Public = &rsa.PublicKey{N: &long, E: 65537} }, "the key is not known here"},
	} {
		key := testKey()
		c.change(&key)
		_, err := New(Options{Keys: ring(key)}).Verify(get().arrived(t), nil, noon())
		wantRefused(t, "SIG-08-"+c.name, err, NotAuthenticated, c.words)
	}
	keys := ring(testKey())
	v := New(Options{Keys: keys})
	if _, err := v.Verify(get().arrived(t), nil, noon()); err != nil {
		t.Error(err)
	}
	delete(keys, testKey().ID())
	_, err = v.Verify(get().arrived(t), nil, noon())
	wantRefused(t, "revoked", err, NotAuthenticated, "the key is not known here")
}

// TestLimits has what is too much of something that is right.
func TestLimits(t *testing.T) {
	t.Parallel()
	names := get().sign
	many := get()
	for i := range signedHeadersMax - 2 {
		name := "x-" + strconv.Itoa(i)
		if i < signedHeadersMax-3 {
			names += " " + name
		}
		many = many.with(name, "1")
	}
	if _, err := many.signing(names).verify(t); err != nil {
		t.Errorf("64 headers: %v", err)
	}
	_, err := many.signing(names + " x-61").verify(t)
	wantRefused(t, "65 headers", err, RequestHeaderFieldsTooLarge, "lists more than 64 headers")
	_, err = get().with("x-a", strings.Repeat("a", 64<<10)).signing("date (request-target) host x-a").verify(t)
	wantRefused(t, "long header", err, RequestHeaderFieldsTooLarge, "longer than 65536 bytes")
	r := get().arrived(t)
	r.Header.Set("Authorization", r.Header.Get("Authorization")+strings.Repeat(" ", 8<<10))
	_, err = verifier().Verify(r, nil, noon())
	wantRefused(t, "long authorization", err, RequestHeaderFieldsTooLarge, "longer than 8192 bytes")
	r.Header.Del("Authorization")
	_, err = verifier().Verify(r, nil, noon())
	wantRefused(t, "no authorization", err, NotAuthenticated, "there is no Authorization header")
	v := New(Options{Keys: ring(testKey()), BodyBytesMax: 24})
	if _, err = v.Verify(put().arrived(t), []byte(put().body), noon()); err != nil || v.BodyBytesMax() != 24 {
		t.Errorf("body of 24 bytes: %v", err)
	}
	_, err = v.Verify(put().arrived(t), []byte(put().body+" "), noon())
	wantRefused(t, "body", err, PayloadTooLarge, "The body is longer than 24 bytes.")
	if got := verifier().BodyBytesMax(); got != 1<<20 {
		t.Errorf("got %d", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("New without Keys: no panic")
		}
	}()
	New(Options{})
}

// TestSecretsStay: what somebody sends by mistake does not come back.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	for _, authorization := range []string{"Basic aHVudGVyMg", "hunter2", "Signature hunter2", `Signature hunter2="x"`, `Signature signature="hunter2`, `Signature signature="x"hunter2`} {
		r := get().arrived(t)
		r.Header.Set("Authorization", authorization)
		_, err := verifier().Verify(r, nil, noon())
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("%q: got %v", authorization, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s, v := put(), verifier()
	r, body := s.arrived(b), []byte(s.body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, body, noon()); err != nil {
			b.Fatal(err)
		}
	}
}
