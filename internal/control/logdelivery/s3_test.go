package logdelivery

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// bucketServer is an S3 server that verifies signatures. It takes what is signed with secret for the bucket "logs".
type bucketServer struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	objects map[string]string      // by the path as it was sent
	headers map[string]http.Header // the same
	answer  func(w http.ResponseWriter, r *http.Request) bool
}

func newBucketServer(t *testing.T) *bucketServer {
	t.Helper()
	b := &bucketServer{t: t, objects: map[string]string{}, headers: map[string]http.Header{}}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	return b
}

func (b *bucketServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.answer != nil && b.answer(w, r):
	case r.Method != http.MethodPut:
		refuse(w, 405, "MethodNotAllowed", "PUT is what this test speaks")
	case signature(r, body) != strings.TrimPrefix(r.Header.Get("Authorization")[strings.LastIndex(r.Header.Get("Authorization"), " ")+1:], "Signature="):
		refuse(w, 403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	case !strings.HasPrefix(r.URL.Path, "/logs/"):
		refuse(w, 404, "NoSuchBucket", "The specified bucket does not exist")
	default:
		b.objects[r.RequestURI] = string(body)
		b.headers[r.RequestURI] = r.Header
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>`, code, message)
}

// signature computes, after the documentation of S3's Signature Version 4, what the request's has to be: the path is taken
// as it was sent, where package sigv4 encodes it once more as other services do.
func signature(r *http.Request, body []byte) string {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if r.Header.Get("X-Amz-Content-Sha256") != hash {
		return "another body"
	}
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	names := strings.Split(signed, ";")
	if !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") || !slices.Contains(names, "x-amz-content-sha256") {
		return "too few headers"
	}
	canonical := r.Method + "\n" + r.RequestURI + "\n\n"
	for _, name := range names {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signed + "\n" + hash
	date := r.Header.Get("X-Amz-Date")
	day := date[:8]
	sum = sha256.Sum256([]byte(canonical))
	toSign := "AWS4-HMAC-SHA256\n" + date + "\n" + day + "/" + region + "/s3/aws4_request\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, "s3", "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// oneKey is the key of sigv4 that this test knows.
type oneKey struct{}

func (oneKey) Lookup(id string) (sigv4.Key, bool) {
	return sigv4.Key{ID: keyID, Secret: secret, Role: sigv4.Administrator}, id == keyID
}

func newS3(t *testing.T, endpoint string, change ...func(*S3Options)) *S3 {
	t.Helper()
	o := S3Options{Endpoint: endpoint, Region: region, AccessKeyID: keyID, SecretKey: secret}
	for _, f := range change {
		f(&o)
	}
	s, err := NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestS3Put: signatures hold, whatever a key has in it, and the request has what it should and nothing else.
func TestS3Put(t *testing.T) {
	t.Parallel()
	b := newBucketServer(t)
	s := newS3(t, b.server.URL)
	node := owner{account, region}.key(target("my-lb").destination(), nodeIPv6(), time.Unix(0, 0), "abcdefgh")
	for key, path := range map[string]string{
		"a.log":                     "/logs/a.log",
		"lb=web/a+b/!$&'()*,:@~.x":  "/logs/lb%3Dweb/a%2Bb/%21%24%26%27%28%29%2A%2C%3A%40~.x",
		node:                        "/logs/" + strings.ReplaceAll(node, ":", "%3A"),
		strings.Repeat("long/", 99): "",
	} {
		if path == "" {
			key += "x"
			path = "/logs/" + key
		}
		for _, body := range []string{"lines\nof\nlogs\n", "", strings.Repeat("x", 1<<20)} {
			if err := s.Put(t.Context(), "logs", key, text(body)); err != nil {
				t.Errorf("%s: %v", key, err)
			}
			if got, ok := b.objects[path]; !ok || got != body {
				t.Errorf("%s: %d bytes at %s, want %d", key, len(got), path, len(body))
			}
		}
		for _, name := range []string{"Content-Type", "X-Amz-Acl", "Transfer-Encoding"} {
			if got := b.headers[path].Get(name); got != "" {
				t.Errorf("%s: %s: %s", key, name, got)
			}
		}
	}
}

// TestS3Signature holds the signature against lull's own verification too, which encodes the path twice and so knows plain
// keys alone.
func TestS3Signature(t *testing.T) {
	t.Parallel()
	verifier := sigv4.New(sigv4.Options{Keys: oneKey{}, Service: "s3", Region: region})
	var refusals []error
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, err := verifier.Verify(r, body, time.Now())
		refusals = append(refusals, err)
	}))
	t.Cleanup(server.Close)
	key := owner{account, region}.key(target("my-lb").destination(), nodeIPv4(), time.Now(), "20sg8hgm")
	for _, o := range []func(*S3Options){
		func(*S3Options) {},
		func(o *S3Options) { o.SecretKey += "x" },
		func(o *S3Options) { o.Region = "eu-west-1" },
		func(o *S3Options) { o.Now = func() time.Time { return time.Now().Add(-time.Hour) } },
	} {
		if err := newS3(t, server.URL, o).Put(t.Context(), "logs", key, text("lines\n")); err != nil {
			t.Error(err)
		}
	}
	if len(refusals) != 4 || refusals[0] != nil || refusals[1] == nil || refusals[2] == nil || refusals[3] == nil {
		t.Errorf("got %v, want the first alone to be verified", refusals)
	}
}

// TestS3Refused: what a server says becomes an error that tells who has to do something, and has no secret.
func TestS3Refused(t *testing.T) {
	t.Parallel()
	b := newBucketServer(t)
	elsewhere := ""
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirection was followed") }))
	t.Cleanup(other.Close)
	for _, tt := range []struct {
		name, bucket string
		change       func(*S3Options)
		answer       func(w http.ResponseWriter, r *http.Request) bool
		refused      bool
		want         string
	}{
		{name: "wrong-secret", change: func(o *S3Options) { o.SecretKey = "wrong" + secret }, refused: true, want: `answered "403 Forbidden", SignatureDoesNotMatch: The request signature`},
		{name: "no-bucket", bucket: "nowhere", refused: true, want: `answered "404 Not Found", NoSuchBucket: The specified bucket does not exist`},
		{name: "unauthorized", answer: status(401, ""), refused: true, want: `answered "401 Unauthorized"`},
		{name: "busy", answer: status(503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"), want: "SlowDown: Please reduce your request rate."},
		{name: "not-s3", answer: status(500, "<html>oops"), want: `answered "500 Internal Server Error"`},
		{name: "hostile", answer: status(500, "<Error><Code>a&#10;b\x7f</Code><Message>"+strings.Repeat("é", 400)+"</Message></Error>"), want: "a?b?: " + strings.Repeat("?", textMax/2)},
		{name: "endless", answer: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(500)
			for range 100 {
				if _, err := w.Write([]byte(strings.Repeat("x", 10_000))); err != nil {
					break
				}
			}
			return true
		}, want: `"500 Internal Server Error"`},
		{name: "redirected", answer: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(302) // net/http would follow with a GET
			return true
		}, want: `answered "302 Found"`},
		{name: "cut", answer: func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, want: "EOF"},
	} {
		elsewhere = other.URL
		b.mu.Lock()
		b.answer = tt.answer
		b.mu.Unlock()
		bucket := "logs"
		if tt.bucket != "" {
			bucket = tt.bucket
		}
		change := tt.change
		if change == nil {
			change = func(*S3Options) {}
		}
		err := newS3(t, b.server.URL, change).Put(t.Context(), bucket, "a.log", text("x"))
		_, refused := errors.AsType[*RefusedError](err)
		if err == nil || refused != tt.refused {
			t.Errorf("%s: got %v, refused %t, want %t", tt.name, err, refused, tt.refused)
			continue
		}
		if got := cause(err).Error(); !strings.Contains(got, tt.want) || strings.Contains(got, secret) || strings.Contains(got, "http://") || len(got) > 1000 {
			t.Errorf("%s: got %q, want %q in it", tt.name, got, tt.want)
		}
	}
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// TestS3Silent: a server that takes a request and says nothing costs no more time than there is.
func TestS3Silent(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) }) // before the server's
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := newS3(t, server.URL).Put(ctx, "logs", "a.log", text("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestS3Again: a server that closes connections after their request is no reason to fail.
func TestS3Again(t *testing.T) {
	t.Parallel()
	b := newBucketServer(t)
	s := newS3(t, b.server.URL)
	for range 5 {
		if err := s.Put(t.Context(), "logs", "a.log", text("x")); err != nil {
			t.Error(err)
		}
		b.server.CloseClientConnections()
	}
}

// TestS3TLS: a server's certificate is verified, against the given authorities if there are some.
func TestS3TLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if err := newS3(t, server.URL, func(o *S3Options) { o.Roots = roots }).Put(t.Context(), "logs", "a.log", text("x")); err != nil {
		t.Error(err)
	}
	if err := newS3(t, server.URL).Put(t.Context(), "logs", "a.log", text("x")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the system's authorities: %v", err)
	}
}

func TestNewS3Refuses(t *testing.T) {
	t.Parallel()
	good := S3Options{Endpoint: "https://s3.example:9000/", Region: region, AccessKeyID: keyID, SecretKey: secret}
	if _, err := NewS3(good); err != nil {
		t.Error(err)
	}
	for _, text := range []string{fmt.Sprint(good), fmt.Sprintf("%+v %#v", good, good), good.LogValue().String()} {
		if strings.Contains(text, secret) || !strings.Contains(text, keyID) {
			t.Errorf("printed: %s", text)
		}
	}
	for name, change := range map[string]func(*S3Options){
		"no-endpoint": func(o *S3Options) { o.Endpoint = "" },
		"no-scheme":   func(o *S3Options) { o.Endpoint = "s3.example:9000" },
		"ftp":         func(o *S3Options) { o.Endpoint = "ftp://s3.example" },
		"no-host":     func(o *S3Options) { o.Endpoint = "http://:9000" },
		"unreadable":  func(o *S3Options) { o.Endpoint = "http://user:hunter2@s3.example:port" },
		"password":    func(o *S3Options) { o.Endpoint = "http://user:hunter2@s3.example" },
		"path":        func(o *S3Options) { o.Endpoint = "http://s3.example/bucket" },
		"query":       func(o *S3Options) { o.Endpoint = "http://s3.example?x" },
		"no-region":   func(o *S3Options) { o.Region = "" },
		"bad-region":  func(o *S3Options) { o.Region = "a/b" },
		"no-id":       func(o *S3Options) { o.AccessKeyID = "" },
		"bad-id":      func(o *S3Options) { o.AccessKeyID = "a b" },
		"no-secret":   func(o *S3Options) { o.SecretKey = "" },
	} {
		o := good
		change(&o)
		if _, err := NewS3(o); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzSaid gives lull whatever a server may answer.
func FuzzSaid(f *testing.F) {
	f.Add([]byte("<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"))
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error xmlns="x"><Code>a&#27;b</Code></Error>`))
	f.Add([]byte("<Error><Code>" + strings.Repeat("x", 1000)))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		got := said(answer)
		if len(got) > 2*textMax+4 || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", got)
		}
	})
}
