package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// draft is a request before it is signed.
type draft struct {
	method, url string
	header      http.Header
	body        string
	expires     string // seconds; for presigned requests only
}

func (d draft) request() (*http.Request, error) {
	r, err := http.NewRequestWithContext(context.Background(), d.method, d.url, strings.NewReader(d.body))
	if err != nil {
		return nil, err
	}
	for name, values := range d.header {
		r.Header[name] = slices.Clone(values)
	}
	return r, nil
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func suiteCredentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: suiteKeyID, SecretAccessKey: suiteSecret}
}

// sign has the SDK sign a draft in a header.
func (d draft) sign(payloadHash string) (*http.Request, error) {
	r, err := d.request()
	if err != nil {
		return nil, err
	}
	return r, v4.NewSigner().SignHTTP(context.Background(), suiteCredentials(), r, payloadHash, DefaultService, "us-east-1", suiteTime())
}

// presign has the SDK sign a draft in the query.
func (d draft) presign(payloadHash string) (*http.Request, error) {
	r, err := d.request()
	if err != nil {
		return nil, err
	}
	if d.expires != "" {
		query := r.URL.Query()
		query.Set("X-Amz-Expires", d.expires)
		r.URL.RawQuery = query.Encode()
	}
	signed, header, err := v4.NewSigner().PresignHTTP(context.Background(), suiteCredentials(), r, payloadHash, DefaultService, "us-east-1", suiteTime())
	if err != nil {
		return nil, err
	}
	p, err := http.NewRequestWithContext(context.Background(), d.method, signed, strings.NewReader(d.body))
	if err != nil {
		return nil, err
	}
	p.Host = header.Get("Host")
	header.Del("Host")
	header.Del("Content-Length")
	p.Header = header
	return p, nil
}

// wire returns what the client sends.
func wire(t testing.TB, r *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// receive returns what a server makes of it.
func receive(text []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func drafts() map[string]draft {
	const base = "https://elasticloadbalancing.us-east-1.amazonaws.com"
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	return map[string]draft{
		"post-form":   {method: "POST", url: base + "/", header: form, body: "Action=DescribeLoadBalancers&Version=2012-06-01"},
		"get-query":   {method: "GET", url: base + "/?Version=2012-06-01&Action=DescribeLoadBalancers"},
		"lists":       {method: "GET", url: base + "/?b.member.1=x&a=2&a=1&a=&empty=&bare&plus=a+b%2Bc&slash=%2Fx%2fy&utf8=%E1%88%B4"},
		"no-path":     {method: "GET", url: base},
		"paths":       {method: "PUT", url: base + "/a%2Fb/c%20d//e/./f/../g/~%7e/*", body: "x"},
		"headers":     {method: "POST", url: base + "/", header: http.Header{"X-A": {"  two   words ", "again"}, "X-Amz-Meta": {"1"}, "X-Empty": {""}}, body: "x"},
		"named-hash":  {method: "POST", url: base + "/", header: http.Header{"X-Amz-Content-Sha256": {hashOf("body")}}, body: "body"},
		"port":        {method: "GET", url: "http://127.0.0.1:8080/?a=b"},
		"port-80":     {method: "GET", url: "http://127.0.0.1:80/?a=b"},
		"port-443":    {method: "GET", url: base + ":443/?a=b"},
		"port-ipv6":   {method: "GET", url: "http://[::1]:8080/?a=b"},
		"date-header": {method: "GET", url: base + "/", header: http.Header{"Date": {"Mon, 01 Jan 2001 00:00:00 GMT"}}},
	}
}

// signed returns every draft, signed in both ways.
func signed(t testing.TB) map[string]*http.Request {
	t.Helper()
	all := map[string]*http.Request{}
	for name, d := range drafts() {
		var err error
		if all[name+"-header"], err = d.sign(hashOf(d.body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all[name+"-query"], err = d.presign(hashOf(d.body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d.expires = "3600"
		if all[name+"-query-expires"], err = d.presign(hashOf(d.body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

func TestSDKVerifies(t *testing.T) {
	t.Parallel()
	verifier := New(Options{Keys: suiteKeys()})
	for name, r := range signed(t) {
		text := wire(t, r)
		received, body, err := receive(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := verifier.Verify(received, body, suiteTime())
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if !slices.Contains(got.SignedHeaders, "host") || got.Presigned == strings.HasSuffix(name, "-header") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// TestSDKAltered changes every byte of every request. Nothing that has another meaning may pass.
func TestSDKAltered(t *testing.T) {
	t.Parallel()
	for name, r := range signed(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier := New(Options{Keys: suiteKeys()})
			original := wire(t, r)
			want := meaning(t, verifier, original)
			flips := []byte{1, 0x20} // the next character and the other case, for the sake of time
			if strings.HasPrefix(name, "post-form") {
				flips = []byte{1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80}
			}
			for i := range original {
				for _, flip := range flips {
					text := bytes.Clone(original)
					text[i] ^= flip
					if got := meaning(t, verifier, text); got != "" && got != want {
						t.Errorf("byte %d ^ %#x: got\n%s\nverified, signed was\n%s", i, flip, got, want)
					}
				}
			}
		})
	}
}

// meaning puts down all that is signed in a request, decoded and without regard to order where that has none; "" if it is
// not verified. It is written with other means than the canonical request.
func meaning(t testing.TB, verifier *Verifier, text []byte) string {
	t.Helper()
	r, body, err := receive(text)
	if err != nil {
		return ""
	}
	got, err := verifier.Verify(r, body, suiteTime())
	if err != nil {
		return ""
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		t.Errorf("verified, but url.ParseQuery says: %v", err)
	}
	for _, values := range query {
		slices.Sort(values)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\nbody %q\nauthorization %q\n", r.Method, r.URL.EscapedPath(), r.Host, body, r.Header["Authorization"])
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(&b, "%q = %q\n", name, query[name])
	}
	for _, name := range got.SignedHeaders {
		fmt.Fprintf(&b, "%s: %q\n", name, strings.Join(strings.Fields(strings.Join(headerValues(r, name), ",")), " "))
	}
	return b.String()
}

// TestSDKAlteredWhole changes what is longer than a bit.
func TestSDKAlteredWhole(t *testing.T) {
	t.Parallel()
	d := drafts()["post-form"]
	d.header.Set("X-Amz-Meta", "1")
	cases := map[string]func(*http.Request, *[]byte){
		"method":         func(r *http.Request, _ *[]byte) { r.Method = "GET" },
		"path":           func(r *http.Request, _ *[]byte) { r.RequestURI, r.URL.Path = "/lull/v1/", "/lull/v1/" },
		"query":          func(r *http.Request, _ *[]byte) { r.URL.RawQuery = "Action=DeleteLoadBalancer" },
		"host":           func(r *http.Request, _ *[]byte) { r.Host = "example.com" },
		"body":           func(_ *http.Request, body *[]byte) { *body = append(*body, "&x=y"...) },
		"no-body":        func(_ *http.Request, body *[]byte) { *body = nil },
		"content-type":   func(r *http.Request, _ *[]byte) { r.Header.Set("Content-Type", "text/plain") },
		"header-again":   func(r *http.Request, _ *[]byte) { r.Header.Add("Content-Type", "text/plain") },
		"header-gone":    func(r *http.Request, _ *[]byte) { r.Header.Del("X-Amz-Meta") },
		"header-emptied": func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Meta", "") },
		"header-new":     func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Target", "x") },
		"date":           func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Date", "20150830T123601Z") },
		"other-region":   replaceAuthorization("us-east-1", "us-east-2"),
		"fewer-headers":  replaceAuthorization("content-type;", ""),
		"other-order":    replaceAuthorization("content-length;content-type", "content-type;content-length"),
		"capitals":       func(r *http.Request, _ *[]byte) { raiseSignature(r) },
	}
	verifier := New(Options{Keys: suiteKeys()})
	for name, change := range cases {
		r, err := d.sign(hashOf(d.body))
		if err != nil {
			t.Fatal(err)
		}
		received, body, err := receive(wire(t, r))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = verifier.Verify(received, body, suiteTime()); err != nil {
			t.Fatalf("%s: before the change: %v", name, err)
		}
		change(received, &body)
		if _, err = verifier.Verify(received, body, suiteTime()); err == nil {
			t.Errorf("%s: verified", name)
			continue
		}
		wantCode(t, err, SignatureDoesNotMatch)
	}
}

func replaceAuthorization(from, to string) func(*http.Request, *[]byte) {
	return func(r *http.Request, _ *[]byte) {
		r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), from, to))
	}
}

func raiseSignature(r *http.Request) {
	before, after, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	r.Header.Set("Authorization", before+"Signature="+strings.ToUpper(after))
}

// TestSDKExpiry walks over both ends of what a date is good for.
func TestSDKExpiry(t *testing.T) {
	t.Parallel()
	d := draft{method: "GET", url: "https://h/?Action=DescribeLoadBalancers", expires: "3600"}
	header, err := d.sign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	presigned, err := d.presign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	d.expires = "604800"
	week, err := d.presign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	d.expires = "604801"
	longer, err := d.presign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name    string
		r       *http.Request
		after   time.Duration
		code    Code
		message string
	}{
		{"header-now", header, 0, "", ""},
		{"header-late", header, 5 * time.Minute, "", ""},
		{"header-too-late", header, 5*time.Minute + time.Second, RequestExpired,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"},
		{"header-early", header, -5 * time.Minute, "", ""},
		{"header-too-early", header, -5*time.Minute - time.Second, RequestExpired,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"},
		{"query-late", presigned, time.Hour, "", ""},
		{"query-too-late", presigned, time.Hour + time.Second, RequestExpired,
			"Request has expired: it was presigned until 20150830T133600Z and it is now 20150830T133601Z"},
		{"query-early", presigned, -5 * time.Minute, "", ""},
		{"query-too-early", presigned, -6 * time.Minute, RequestExpired,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z (20150830T123000Z + 5 min.)"},
		{"week", week, 7 * 24 * time.Hour, "", ""},
		{"longer", longer, 0, IncompleteSignature, "X-Amz-Expires must be a number of seconds from 1 to 604800, not '604801'."},
	}
	verifier := New(Options{Keys: suiteKeys()})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// A zone of its own, because a server's clock may have one.
			now := suiteTime().Add(c.after).In(time.FixedZone("x", 3600))
			got, err := verifier.Verify(c.r, nil, now)
			if c.code == "" {
				if err != nil || got.Expires.Before(now) {
					t.Errorf("got %v, expires %v, at %v", err, got.Expires, now)
				}
				return
			}
			wantCode(t, err, c.code)
			if e := new(Error); !errors.As(err, &e) || e.Message != c.message {
				t.Errorf("got %q, want %q", e.Message, c.message)
			}
		})
	}
}

// FuzzSDK has the SDK sign whatever comes and verifies what a server receives of it.
func FuzzSDK(f *testing.F) {
	f.Add(false, "/", "Action", "DescribeLoadBalancers", "", "application/x-www-form-urlencoded", "")
	f.Add(true, "/a b/../c//d%2F", "a+b", "ü /&=;%", "x", "  a   b ", "body")
	f.Add(false, "//./ሴ/~*'()", "", "", "\x00\xff", "\"a  b\"", "\x00")
	f.Add(true, "/..", "X-Amz-Expires", "60", "1", "", "")
	verifier := New(Options{Keys: suiteKeys()})
	f.Fuzz(func(t *testing.T, presign bool, path, name, value1, value2, header, body string) {
		query := url.Values{name: {value1, value2}, "Action": {value1}, value2: {name}}
		for own := range query {
			if strings.HasPrefix(own, "X-Amz-") { // it would be one of the signature's own
				t.Skip()
			}
		}
		u := url.URL{Scheme: "https", Host: "h.example:8443", Path: "/" + path, RawQuery: query.Encode()}
		d := draft{method: "POST", url: u.String(), header: http.Header{"X-Own": {header, "x"}}, body: body}
		sign := d.sign
		if presign {
			sign = d.presign
		}
		r, err := sign(hashOf(body))
		if err != nil {
			t.Skip()
		}
		var b bytes.Buffer
		if err = r.Write(&b); err != nil { // the client refuses to send it
			t.Skip()
		}
		received, got, err := receive(b.Bytes())
		if err != nil || string(got) != body || strings.Join(received.Header["X-Own"], "") != strings.Trim(header, " ")+"x" || len(header) > 1000 {
			// The client changed it after signing (line ends and tabs), or no server takes it.
			t.Skip()
		}
		if _, err = verifier.Verify(received, got, suiteTime()); err != nil && len(received.URL.RawQuery) <= queryBytesMax {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	verifier := New(Options{Keys: suiteKeys()})
	for _, name := range []string{"post-form-header", "get-query-query"} {
		r, body, err := receive(wire(b, signed(b)[name]))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(r, body, suiteTime()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	d := draft{method: "POST", url: "https://h/", body: strings.Repeat("a", DefaultBodyBytesMax)}
	r, err := d.sign(hashOf(d.body))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("body-1MiB", func(b *testing.B) {
		b.SetBytes(DefaultBodyBytesMax)
		for b.Loop() {
			if _, err := verifier.Verify(r, []byte(d.body), suiteTime()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
