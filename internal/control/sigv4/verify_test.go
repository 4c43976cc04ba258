package sigv4

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// leftToVerify are the cases of TestRefused in which the signature is looked at, so that Examine has nothing to say.
//
//nolint:gochecknoglobals // a constant in all but type
var leftToVerify = []string{
	"host-unsigned", "amz-unsigned", "header-absent", "signature", "payload-unsigned", "payload-twice", "presigned-wrong",
}

// TestRefused has one request for each thing that can be wrong with a signature. Every case starts from a request that
// verifies.
func TestRefused(t *testing.T) {
	t.Parallel()
	authorization := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	replace := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	query := func(raw string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery = raw } }
	cases := []struct {
		name    string
		change  func(*http.Request)
		code    Code
		message string // its beginning
	}{
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, MissingAuthenticationToken, "Request is missing Authentication Token"},
		{"empty", authorization(""), MissingAuthenticationToken, ""},
		{"basic", authorization("Basic c2VjcmV0"), MissingAuthenticationToken, ""},
		{"twice", header("Authorization", "AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 x"), IncompleteSignature, "Authorization header must be given once, not 2 times."},
		{"long", authorization(algorithm + " " + strings.Repeat("x", 8<<10)), IncompleteSignature, "Authorization header is longer than 8192 bytes."},
		{"other-algorithm", replace("SHA256", "SHA512"), IncompleteSignature, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'; use 'AWS4-HMAC-SHA256'."},
		{"version-2", authorization("AWS AKIDEXAMPLE:abc"), IncompleteSignature, "Unsupported AWS 'algorithm': 'AWS'; use"},
		{"bare", authorization(algorithm), IncompleteSignature, "Authorization header requires 'Credential' parameter. " +
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		{"no-signature", replace(", Signature=", ", "), IncompleteSignature, "Authorization header has a part other than"},
		{"credential-again", replace(", Signature=", ", Credential=x, Signature="), IncompleteSignature, "Authorization header has 'Credential' more than once."},
		{"no-date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, IncompleteSignature,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"two-dates", header("X-Amz-Date", "20150830T123600Z", "20150830T123600Z"), IncompleteSignature, "'X-Amz-Date' header must be given once, not 2 times."},
		{"two-http-dates", func(r *http.Request) { r.Header.Del("X-Amz-Date"); r.Header["Date"] = []string{"x", "y"} }, IncompleteSignature, "'Date' header must be given once"},
		{"bad-date", header("X-Amz-Date", "20150830T126000Z"), IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '20150830T126000Z'."},
		{"date-fraction", header("X-Amz-Date", "20150830T123600.5Z"), IncompleteSignature, "Date must be in ISO-8601 'basic format'."},
		{"date-control", header("X-Amz-Date", "\x1b\xff"), IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '\uFFFD\uFFFD'."},
		{"four-elements", replace("/aws4_request", ""), IncompleteSignature,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, and has 4."},
		{"six-elements", replace(suiteKeyID, suiteKeyID+"/x"), IncompleteSignature, "Credential must have exactly 5"},
		{"no-key", replace(suiteKeyID, ""), IncompleteSignature, "Credential must have exactly 5"},
		{"terminator", replace("aws4_request", "aws5_request"), SignatureDoesNotMatch,
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"service", replace("elasticloadbalancing", "ec2"), SignatureDoesNotMatch, "Credential should be scoped to correct service: 'elasticloadbalancing'."},
		{"region-empty", replace("us-east-1", ""), SignatureDoesNotMatch, "Credential should be scoped to a valid region, not ''."},
		{"region-odd", replace("us-east-1", "us<east"), SignatureDoesNotMatch, "Credential should be scoped to a valid region, not 'us<east'."},
		{"region-long", replace("us-east-1", strings.Repeat("a", 65)), SignatureDoesNotMatch, "Credential should be scoped to a valid region, not 'aaa"},
		{"day", replace("/20150830/", "/20150831/"), SignatureDoesNotMatch,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
		{"key-unknown", replace(suiteKeyID, "AKIDOTHER"), InvalidClientTokenID, "The security token included in the request is invalid."},
		{"key-disabled", replace(suiteKeyID, "AKIDDISABLED"), InvalidClientTokenID, "The security token included in the request is invalid."},
		{"key-no-secret", replace(suiteKeyID, "AKIDEMPTY"), InvalidClientTokenID, ""},
		{"key-long", replace(suiteKeyID, strings.Repeat("A", 129)), InvalidClientTokenID, ""},
		{"token", header("X-Amz-Security-Token", "abc"), InvalidClientTokenID, "The security token included in the request is invalid."},
		{"token-twice", header("X-Amz-Security-Token", "abc", "abc"), IncompleteSignature, "'X-Amz-Security-Token' header must be given once"},
		{"host-unsigned", replace("host;", ""), SignatureDoesNotMatch, "'Host' must be a 'SignedHeader' in the AWS Authorization."},
		{"amz-unsigned", header("X-Amz-Own", "x"), SignatureDoesNotMatch, "'x-amz-own' must be a 'SignedHeader' in the AWS Authorization."},
		{"header-absent", replace("host;", "accept;host;"), SignatureDoesNotMatch, "The request has no header 'accept', which 'SignedHeaders' lists."},
		{"header-capital", replace("host;", "Host;"), IncompleteSignature, "SignedHeaders must be header names in lower case"},
		{"header-twice", replace("host;", "host;host;"), IncompleteSignature, "SignedHeaders must be header names in lower case"},
		{"header-empty", replace("host;", "host;;"), IncompleteSignature, "SignedHeaders must be header names in lower case"},
		{"headers-many", replace("host;", "host;"+strings.Repeat("a;", 128)), IncompleteSignature, "SignedHeaders lists more than 128 headers."},
		{"signature", replace("Signature=", "Signature=0"), SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided."},
		{"query-escape", query("a=%zz"), MalformedQueryString, "The query string contains a syntax error."},
		{"query-escape-name", query("%=a"), MalformedQueryString, ""},
		{"query-long", query("a=" + strings.Repeat("x", 64<<10)), RequestEntityTooLarge, "The query string is longer than 65536 bytes"},
		{"both", query("X-Amz-Signature=x"), IncompleteSignature, "Only one of the 'Authorization' header and the 'X-Amz-Signature' query parameter may be given."},
		{"payload-unsigned", header("X-Amz-Content-Sha256", unsignedPayload), SignatureDoesNotMatch, "'x-amz-content-sha256' must be a 'SignedHeader'"},
		{"payload-twice", func(r *http.Request) {
			r.Header["X-Amz-Content-Sha256"] = []string{"a", "b"}
			replace("host;", "host;x-amz-content-sha256;")(r)
		}, IncompleteSignature, "'X-Amz-Content-Sha256' header must be given once"},
		{"presigned-bare", presigned("X-Amz-Signature=x"), IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Algorithm'. " +
			"AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. " +
			"AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."},
		{"presigned-again", presigned("X-Amz-Signature=x&X-Amz-Signature=y"), IncompleteSignature, "AWS query-string parameters must include 'X-Amz-Signature' once."},
		{"presigned-algorithm", presigned("X-Amz-Signature=x&X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-SignedHeaders=host"),
			IncompleteSignature, "Unsupported AWS 'algorithm': 'a'; use"},
		{"presigned-date", presigned("X-Amz-Signature=x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-SignedHeaders=host"),
			IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got 'd'."},
		{"presigned-date-lines", presigned("X-Amz-Signature=x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=%0Ad&X-Amz-SignedHeaders=host"),
			IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '\uFFFDd'."},
		{"presigned-expires", presigned(presignedQuery + "&X-Amz-Expires=0"), IncompleteSignature, "X-Amz-Expires must be a number of seconds from 1 to 604800, not '0'."},
		{"presigned-expires-sign", presigned(presignedQuery + "&X-Amz-Expires=-1"), IncompleteSignature, "X-Amz-Expires must be"},
		{"presigned-expires-empty", presigned(presignedQuery + "&X-Amz-Expires="), IncompleteSignature, "X-Amz-Expires must be"},
		{"presigned-token", presigned(presignedQuery + "&X-Amz-Security-Token=x"), InvalidClientTokenID, ""},
		{"presigned-wrong", presigned(presignedQuery), SignatureDoesNotMatch, ""},
	}
	keys := suiteKeys()
	keys["AKIDDISABLED"] = Key{Secret: suiteSecret, Disabled: true}
	keys["AKIDEMPTY"] = Key{}
	verifier := New(Options{Keys: keys})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := draft{method: "POST", url: "https://h/"}.sign(hashOf(""))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = verifier.Verify(r, nil, suiteTime()); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if err = verifier.Examine(r, suiteTime()); err != nil {
				t.Fatalf("examined before the change: %v", err)
			}
			c.change(r)
			_, err = verifier.Verify(r, nil, suiteTime())
			switch examined := verifier.Examine(r, suiteTime()); {
			case slices.Contains(leftToVerify, c.name):
				if examined != nil {
					t.Errorf("examined: got %v, want it left to Verify", examined)
				}
			case fmt.Sprint(examined) != fmt.Sprint(err):
				t.Errorf("examined: got %v, want what Verify says, %v", examined, err)
			}
			wantCode(t, err, c.code)
			if e := new(Error); errors.As(err, &e) && !strings.HasPrefix(e.Message, c.message) {
				t.Errorf("got %q, want %q", e.Message, c.message)
			}
		})
	}
}

const presignedQuery = "X-Amz-Signature=x&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host" +
	"&X-Amz-Credential=" + suiteKeyID + "/20150830/us-east-1/elasticloadbalancing/aws4_request"

func presigned(query string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Del("X-Amz-Date")
		r.URL.RawQuery = query
	}
}

// TestPayload has the ways in which a body may be signed and not signed.
func TestPayload(t *testing.T) {
	t.Parallel()
	named := func(hash string) http.Header { return http.Header{"X-Amz-Content-Sha256": {hash}} }
	cases := []struct {
		name      string
		presigned bool
		header    http.Header
		query     string
		signed    string // what is signed as the body's hash
		body      string
		message   string // "" if it verifies
	}{
		{"header", false, nil, "", hashOf("a"), "a", ""},
		{"header-named", false, named(hashOf("a")), "", hashOf("a"), "a", ""},
		{"header-named-other", false, named(hashOf("b")), "", hashOf("b"), "a", "'X-Amz-Content-Sha256' is not the SHA-256 of the body"},
		{"header-named-capitals", false, named(strings.ToUpper(hashOf("a"))), "", strings.ToUpper(hashOf("a")), "a", "'X-Amz-Content-Sha256' is not the SHA-256 of the body"},
		{"header-streaming", false, named("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "a", "'X-Amz-Content-Sha256' is not the SHA-256 of the body"},
		{"header-unsigned", false, named(unsignedPayload), "", unsignedPayload, "a", "'X-Amz-Content-Sha256' must be the SHA-256 of the body"},
		{"header-unsigned-empty", false, named(unsignedPayload), "", unsignedPayload, "", "'X-Amz-Content-Sha256' must be the SHA-256 of the body"},
		{"header-unsigned-silent", false, nil, "", unsignedPayload, "", "The request signature we calculated does not match"},
		{"query", true, nil, "", hashOf("a"), "a", ""},
		{"query-empty", true, nil, "", hashOf(""), "", ""},
		{"query-unsigned-silent", true, nil, "", unsignedPayload, "", ""},
		{"query-unsigned-silent-body", true, nil, "", unsignedPayload, "a", "The request signature we calculated does not match"},
		{"query-unsigned", true, named(unsignedPayload), "", unsignedPayload, "", ""},
		{"query-unsigned-body", true, named(unsignedPayload), "", unsignedPayload, "a", "A request presigned with 'UNSIGNED-PAYLOAD' must have no body."},
		{"query-parameter", true, nil, "&X-Amz-Content-Sha256=" + unsignedPayload, unsignedPayload, "", ""},
		{"query-parameter-body", true, nil, "&X-Amz-Content-Sha256=" + unsignedPayload, unsignedPayload, "a", "A request presigned with"},
		{"query-parameter-hash", true, nil, "&X-Amz-Content-Sha256=" + hashOf("a"), hashOf("a"), "a", ""},
		{"header-parameter", false, nil, "&X-Amz-Content-Sha256=" + unsignedPayload, hashOf("a"), "a", ""},
	}
	verifier := New(Options{Keys: suiteKeys()})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := draft{method: "POST", url: "https://h/?Action=x" + c.query, header: c.header, body: c.body}
			sign := d.sign
			if c.presigned {
				sign = d.presign
			}
			r, err := sign(c.signed)
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(r, []byte(c.body), suiteTime())
			if c.message == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, SignatureDoesNotMatch)
			if !strings.Contains(fmt.Sprint(err), c.message) {
				t.Errorf("got %q, want %q", err, c.message)
			}
		})
	}
}

// TestOptions has what is not the default.
func TestOptions(t *testing.T) {
	t.Parallel()
	r, err := draft{method: "POST", url: "https://h/", body: "1234"}.sign(hashOf("1234"))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name    string
		options Options
		after   time.Duration
		code    Code
	}{
		{"region", Options{Region: "us-east-1"}, 0, ""},
		{"region-other", Options{Region: "us-east-2"}, 0, SignatureDoesNotMatch},
		{"service-other", Options{Service: "ec2"}, 0, SignatureDoesNotMatch},
		{"skew", Options{Skew: 15 * time.Minute}, 14 * time.Minute, ""},
		{"skew-over", Options{Skew: 90 * time.Second}, 2 * time.Minute, RequestExpired},
		{"body", Options{BodyBytesMax: 4}, 0, ""},
		{"body-over", Options{BodyBytesMax: 3}, 0, RequestEntityTooLarge},
	}
	for _, c := range cases {
		c.options.Keys = suiteKeys()
		_, err := New(c.options).Verify(r, []byte("1234"), suiteTime().Add(c.after))
		if c.code != "" {
			wantCode(t, err, c.code)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := New(Options{Keys: suiteKeys()}).BodyBytesMax(); got != 1<<20 {
		t.Errorf("got %d", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("New without Keys: no panic")
		}
	}()
	New(Options{})
}

// TestHTTPDate has the other header that may say when.
func TestHTTPDate(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z", "Sunday, 30-Aug-15 12:36:00 GMT"} {
		r, err := draft{method: "GET", url: "https://h/", header: http.Header{"Date": {date}}}.request()
		if err != nil {
			t.Fatal(err)
		}
		c := &claim{
			keyID: suiteKeyID, day: "20150830", region: "r", service: DefaultService, terminator: terminator,
			signedHeaders: []string{"date", "host"}, time: suiteTime(),
		}
		r.Header.Set("Authorization", algorithm+" Credential="+suiteKeyID+"/20150830/r/"+DefaultService+"/aws4_request,SignedHeaders=date;host,Signature="+
			signatureOf(t, r, c))
		got, err := New(Options{Keys: suiteKeys()}).Verify(r, nil, suiteTime())
		if err != nil || !got.Time.Equal(suiteTime()) || !slices.Equal(got.SignedHeaders, []string{"date", "host"}) {
			t.Errorf("%s: got %+v, %v", date, got, err)
		}
	}
}

// signatureOf takes the first candidate of a request without a body; for what the SDK does not sign.
func signatureOf(t *testing.T, r *http.Request, c *claim) string {
	t.Helper()
	a, err := newCanonical(r, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	for request := range a.all([]string{hashOf("")}) {
		key := derive(scope{c.keyID, c.day, c.region, c.service}, suiteSecret)
		signature := hmacSHA256(key[:], stringToSign(c, request))
		return fmt.Sprintf("%x", signature)
	}
	return ""
}

// TestMismatchText checks what is told to someone who signed something else, and what is not.
func TestMismatchText(t *testing.T) {
	t.Parallel()
	message := func(d draft) string {
		r, err := d.sign(hashOf("other"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Options{Keys: suiteKeys()}).Verify(r, nil, suiteTime())
		wantCode(t, err, SignatureDoesNotMatch)
		e := new(Error)
		errors.As(err, &e)
		return e.Message
	}
	got := message(draft{method: "GET", url: "https://h/?b=2&a=1", header: http.Header{"X-Own": {"\xff"}}})
	for _, part := range []string{
		"\n\nThe Canonical String for this request should have been\n'GET\n/\na=1&b=2\nhost:h\nx-amz-date:20150830T123600Z\nx-own:\uFFFD\n\nhost;x-amz-date;x-own\n" + hashOf("") + "'",
		"\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/elasticloadbalancing/aws4_request\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("got %q, want %q in it", got, part)
		}
	}
	for name, d := range map[string]draft{
		"cookie": {method: "GET", url: "https://h/", header: http.Header{"Cookie": {"secret"}}},
		"long":   {method: "GET", url: "https://h/?" + strings.Repeat("x", 4<<10)},
	} {
		if got := message(d); strings.Contains(got, "Canonical") {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestKeyHidden prints a key in every way that somebody may think of.
func TestKeyHidden(t *testing.T) {
	t.Parallel()
	key := suiteKeys()[suiteKeyID]
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "key", key)
	for _, got := range []string{b.String(), fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q", key, key, &key, key, key), fmt.Sprint(struct{ K Key }{key}, []Key{key})} {
		if strings.Contains(got, suiteSecret) || !strings.Contains(got, suiteKeyID) {
			t.Errorf("got %q", got)
		}
	}
}

// TestKeyChanged revokes a key and makes one of the same name: what was cached must not outlive the secret.
func TestKeyChanged(t *testing.T) {
	t.Parallel()
	keys := suiteKeys()
	verifier := New(Options{Keys: keys})
	r, err := draft{method: "GET", url: "https://h/"}.sign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = verifier.Verify(r, nil, suiteTime()); err != nil {
			t.Fatal(err)
		}
	}
	keys[suiteKeyID] = Key{Secret: "another"}
	_, err = verifier.Verify(r, nil, suiteTime())
	wantCode(t, err, SignatureDoesNotMatch)
	delete(keys, suiteKeyID)
	_, err = verifier.Verify(r, nil, suiteTime())
	wantCode(t, err, InvalidClientTokenID)
}

// FuzzVerify gives the parsers what nobody signed.
func FuzzVerify(f *testing.F) {
	const good = algorithm + " Credential=" + suiteKeyID + "/20150830/us-east-1/elasticloadbalancing/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	f.Add(good+strings.Repeat("0", 64), "Action=x", "20150830T123600Z", "h:80", "/")
	f.Add("", presignedQuery, "", "[::1]:443", "//../")
	f.Add("", presignedQuery+"&X-Amz-Expires=1&X-Amz-Content-Sha256="+unsignedPayload, "", "", "")
	f.Add("AWS4-HMAC-SHA256 ,,=, Credential=////", "a=%", "Mon, 02 Jan 2006 15:04:05 GMT", "", "*")
	verifier := New(Options{Keys: suiteKeys()})
	f.Fuzz(func(t *testing.T, authorization, query, date, host, target string) {
		r, err := http.NewRequest(http.MethodPost, "https://h/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery, r.Host, r.RequestURI = query, host, target
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if date != "" {
			r.Header.Set("X-Amz-Date", date)
		}
		got, err := verifier.Verify(r, nil, suiteTime())
		if err == nil {
			t.Fatalf("verified: %+v", got)
		}
		e := new(Error)
		if !errors.As(err, &e) || e.Status == 0 || len(e.Message) > 16<<10 || strings.Contains(e.Message, suiteSecret) {
			t.Fatalf("got %#v", err)
		}
	})
}
