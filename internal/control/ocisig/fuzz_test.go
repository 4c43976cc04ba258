package ocisig

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// FuzzAuthorization gives the parser of the header whatever there is. What it takes must mean the same when it is written anew.
func FuzzAuthorization(f *testing.F) {
	f.Add(get().authorization(f))
	f.Add(`Signature version="1"`)
	f.Add(`Signature keyId="a",algorithm="rsa-sha256",headers="date host",signature="b"`)
	f.Add("signature\tKEYID=\"a\" , Algorithm=\"rsa-sha256\"\t,headers=\"(request-target)\",signature=\"=\"")
	f.Add(`Signature ,,="`)
	f.Fuzz(func(t *testing.T, authorization string) {
		c, err := readClaim(&http.Request{Header: http.Header{"Authorization": {authorization}}})
		if err != nil {
			e := new(Error)
			if !errors.As(err, &e) {
				t.Fatalf("got %T", err)
			}
			checkManners(t, e)
			return
		}
		if c.keyID == "" || c.signature == "" || len(c.headers) == 0 || len(c.headers) > signedHeadersMax || len(c.keyID) > keyIDBytesMax {
			t.Fatalf("got %+v", c)
		}
		if sorted := slices.Sorted(slices.Values(c.headers)); len(slices.Compact(sorted)) != len(c.headers) {
			t.Fatalf("headers %q: one is there twice", c.headers)
		}
		again := `Signature headers="` + strings.Join(c.headers, " ") + `",signature="` + c.signature + `",algorithm="rsa-sha256",keyId="` + c.keyID + `"`
		d, err := readClaim(&http.Request{Header: http.Header{"Authorization": {again}}})
		if err != nil || d.keyID != c.keyID || d.signature != c.signature || !slices.Equal(d.headers, c.headers) {
			t.Fatalf("%q: got %+v, %v, want %+v", again, d, err, c)
		}
	})
}

// FuzzVerify changes a request that verifies. It must go on verifying only if nothing of what was signed has changed. An empty claim
// stands for the right signature, which each process makes with a key of its own.
func FuzzVerify(f *testing.F) {
	s := put()
	original := s.arrived(f)
	authorization := original.Header.Get("Authorization")
	f.Add(s.method, s.target, original.Host, s.headers[1][1], "", s.headers[2][1], s.headers[3][1], s.headers[4][1], s.body, "")
	f.Add("GET", "/", "h", "", "Thu, 05 Jan 2014 21:31:40 GMT", "", "", "", "", `Signature keyId="a",algorithm="rsa-sha256",headers="x-date (request-target) host",signature="b"`)
	f.Add("DELETE", "http://h/", "[::1]:80", "x", "", "0", "a/b", "", "x", "Basic x")
	v := verifier()
	f.Fuzz(func(t *testing.T, method, target, host, date, xDate, length, kind, hash, body, claimed string) {
		if claimed == "" {
			claimed = authorization
		}
		r := newRequest(t, http.MethodGet, "https://x/", "")
		r.Method, r.RequestURI, r.Host = method, target, host
		for name, value := range map[string]string{"Date": date, "X-Date": xDate, "Content-Length": length, "Content-Type": kind, "X-Content-Sha256": hash, "Authorization": claimed} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		_, err := v.Verify(r, []byte(body), noon())
		if err == nil {
			trim := func(text string) string { return strings.Trim(text, " \t") }
			if method != s.method || target != s.target || host != s.headers[0][1] || body != s.body || xDate != "" ||
				trim(date) != s.headers[1][1] || trim(length) != s.headers[2][1] || trim(kind) != s.headers[3][1] || trim(hash) != s.headers[4][1] {
				t.Fatalf("verified, and is not what was signed: %+v", r)
			}
			return
		}
		e := new(Error)
		if !errors.As(err, &e) {
			t.Fatalf("got %T", err)
		}
		checkManners(t, e)
	})
}
