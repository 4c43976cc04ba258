package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vector is a case of the published test suite for Signature Version 4, in the form that AWS keeps with its C library
// (aws-c-auth, directory aws-signing-test-suite/v4): the same request signed in a header and in the query, each with what
// comes out at every step. Continued header lines are unfolded here as HTTP libraries do it (RFC 9112 §5.2).
type vector struct {
	Name      string   `json:"name"`
	Request   string   `json:"request"` // method and target
	Headers   []string `json:"headers"`
	Body      string   `json:"body"`
	Token     bool     `json:"token"` // signed with a session token, which no key has here
	Canonical []string `json:"canonical"`
	Hash      string   `json:"hash"` // of the canonical request
	Signature string   `json:"signature"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 76 {
		t.Fatalf("got %d vectors, want 76", len(all))
	}
	return all
}

// Of the test suite.
const (
	suiteKeyID  = "AKIDEXAMPLE"
	suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func suiteTime() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) }

// keyring is Keys for tests.
type keyring map[string]Key

func (k keyring) Lookup(id string) (Key, bool) {
	key, found := k[id]
	return key, found
}

func suiteKeys() keyring {
	return keyring{suiteKeyID: {ID: suiteKeyID, Secret: suiteSecret, Role: ReadOnly}}
}

// build makes the request as a server gets it. Not with http.ReadRequest, which takes no spaces in targets and the suite has
// some.
func (v vector) build(t testing.TB) *http.Request {
	t.Helper()
	method, target, _ := strings.Cut(v.Request, " ")
	path, query, _ := strings.Cut(target, "?")
	r := &http.Request{Method: method, RequestURI: target, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}}
	for _, line := range v.Headers {
		name, value, _ := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if strings.EqualFold(name, "host") {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	if n, err := strconv.Atoi(r.Header.Get("Content-Length")); err == nil && n != len(v.Body) {
		t.Fatalf("%s: the body has %d bytes, want %d", v.Name, len(v.Body), n)
	}
	return r
}

// TestVectorSteps compares each step, tokens or not.
func TestVectorSteps(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			r := v.build(t)
			if v.Name == "post-sts-header-after-query" {
				// Some services want the token put in once the rest is signed. Verify refuses any token before it comes to
				// that.
				r.URL.RawQuery = withoutToken(r.URL.RawQuery)
			}
			query, err := parseQuery(r.URL.RawQuery)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readClaim(r, query)
			if err != nil {
				t.Fatal(err)
			}
			payloads, err := payloadHashes(r, query, []byte(v.Body), c.presigned)
			if err != nil {
				t.Fatal(err)
			}
			candidates, err := newCanonical(r, query, c)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(v.Canonical, "\n")
			var got []string
			for request := range candidates.all(payloads) {
				if request == want {
					checkLastSteps(t, v, c, request)
					return
				}
				got = append(got, request)
			}
			t.Errorf("canonical request:\ngot one of\n%s\nwant\n%s", strings.Join(got, "\nor\n"), want)
		})
	}
}

func withoutToken(query string) string {
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool { return strings.HasPrefix(pair, querySecurityToken+"=") })
	return strings.Join(pairs, "&")
}

func checkLastSteps(t *testing.T, v vector, c *claim, request string) {
	t.Helper()
	hash := sha256.Sum256([]byte(request))
	if got := hex.EncodeToString(hash[:]); got != v.Hash {
		t.Errorf("hash of the canonical request: got %s, want %s", got, v.Hash)
	}
	wantText := "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n" + v.Hash
	text := stringToSign(c, request)
	if text != wantText {
		t.Errorf("string to sign: got %q, want %q", text, wantText)
	}
	key := derive(scope{suiteKeyID, "20150830", "us-east-1", "service"}, suiteSecret)
	signature := hmacSHA256(key[:], text)
	if got := hex.EncodeToString(signature[:]); got != v.Signature || c.signature != v.Signature {
		t.Errorf("signature: got %s, the request has %s, want %s", got, c.signature, v.Signature)
	}
}

// TestVectors verifies them whole.
func TestVectors(t *testing.T) {
	t.Parallel()
	verifier := New(Options{Keys: suiteKeys(), Service: "service"})
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			got, err := verifier.Verify(v.build(t), []byte(v.Body), suiteTime())
			if v.Token {
				wantCode(t, err, InvalidClientTokenID)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.KeyID != suiteKeyID || got.Role != ReadOnly || got.Region != "us-east-1" || !got.Time.Equal(suiteTime()) ||
				got.Presigned != strings.HasSuffix(v.Name, "-query") {
				t.Errorf("got %+v", got)
			}
			// Nobody else's secret does.
			other := New(Options{Keys: keyring{suiteKeyID: {Secret: suiteSecret + "x"}}, Service: "service"})
			_, err = other.Verify(v.build(t), []byte(v.Body), suiteTime())
			wantCode(t, err, SignatureDoesNotMatch)
		})
	}
}

// wantCode checks an error's type and what holds for all of them.
func wantCode(t testing.TB, err error, code Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if e.Code != code || e.Status != statuses[code] || e.Status == 0 {
		t.Errorf("got %s with status %d and %q, want %s with %d", e.Code, e.Status, e.Message, code, statuses[code])
	}
	if strings.Contains(e.Message, suiteSecret) || strings.ContainsRune(e.Error(), '\n') || e.Message == "" {
		t.Errorf("got message %q", e.Message)
	}
}

// TestSigningKey is the example of the user guide, "Examples of how to derive a signing key".
func TestSigningKey(t *testing.T) {
	t.Parallel()
	key := derive(scope{"", "20150830", "us-east-1", "iam"}, suiteSecret)
	const want = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
	if got := hex.EncodeToString(key[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
