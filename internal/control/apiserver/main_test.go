package apiserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/smithy-go"

	"lull/internal/control/sigv4"
)

// region is where the servers of the tests are.
const region = "us-east-1"

// keyring is the access keys of the tests, by their names.
type keyring map[string]sigv4.Key

func (k keyring) Lookup(id string) (sigv4.Key, bool) {
	key, found := k[id]
	return key, found
}

//nolint:gochecknoglobals // a constant in all but type
var testKeys = keyring{
	"AKIAADMIN":   {ID: "AKIAADMIN", Secret: "one for administrators", Role: sigv4.Administrator},
	"AKIAREADER":  {ID: "AKIAREADER", Secret: "one for readers", Role: sigv4.ReadOnly},
	"AKIANOBODY":  {ID: "AKIANOBODY", Secret: "one for nothing", Role: "unheard-of"},
	"AKIAREVOKED": {ID: "AKIAREVOKED", Secret: "one of the past", Role: sigv4.Administrator, Disabled: true},
}

// journal is what a server has logged. It may be written and read at once.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// line waits for a line with all of the words.
func (j *journal) line(t *testing.T, words ...string) string {
	t.Helper()
	var found string
	eventually(t, "no line with "+strings.Join(words, " "), func() bool {
		for line := range strings.Lines(j.String()) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				found = line
			}
		}
		return found != ""
	})
	return found
}

// eventually asks again and again until the answer is yes, for ten seconds.
func eventually(t *testing.T, otherwise string, ask func() bool) {
	t.Helper()
	end := time.NewTimer(10 * time.Second)
	defer end.Stop()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ask() {
		select {
		case <-end.C:
			t.Fatal(otherwise)
		case <-again.C:
		}
	}
}

// fake is the APIs behind a server.
type fake struct {
	mu       sync.Mutex
	requests []any
	who      []sigv4.Identity
	answer   func(ctx context.Context, request any) (any, error)
	lull     http.HandlerFunc
}

func (f *fake) elb(ctx context.Context, request any, identity sigv4.Identity) (any, error) {
	f.mu.Lock()
	f.requests, f.who = append(f.requests, request), append(f.who, identity)
	f.mu.Unlock()
	if f.answer == nil {
		return nil, errors.New("no answer in this test")
	}
	return f.answer(ctx, request)
}

// asked returns what has been asked so far.
func (f *fake) asked() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]any(nil), f.requests...)
}

// options returns those of a server for a test, at an address of its own.
func options(f *fake, log io.Writer) Options {
	lull := f.lull
	if lull == nil {
		lull = func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
	}
	return Options{
		Address: "127.0.0.1:0", Keys: testKeys, Region: region, ELB: f.elb, LullAPI: lull,
		OCIKeys: ociKeyring{}, OCI: (&fakeOCI{}).do,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now,
	}
}

// start runs a server until the test ends.
func start(t *testing.T, o Options, l limits) *Server {
	t.Helper()
	s, err := serve(o, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// running returns a server and its log.
func running(t *testing.T, f *fake) (*Server, *journal) {
	t.Helper()
	log := &journal{}
	return start(t, options(f, log), defaultLimits), log
}

// sdk returns the SDK's client with a key. It reads no configuration and no environment.
func sdk(s *Server, keyID, secret string) *elb.Client {
	return elb.New(elb.Options{
		Region: region, BaseEndpoint: aws.String("http://" + s.Addr()), HTTPClient: &http.Client{Transport: &http.Transport{}},
		Retryer: aws.NopRetryer{}, Credentials: credentials(keyID, secret),
	})
}

func credentials(keyID, secret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, nil
	})
}

// wantCode holds an error of the SDK's against a code, and returns its message.
func wantCode(t *testing.T, err error, code string) string {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got error %v, want the code %s", err, code)
		return ""
	}
	return api.ErrorMessage()
}

// signed returns a request signed by the SDK's signer, with its body behind it.
func signed(t testing.TB, method, url, service, keyID, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	who := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: testKeys[keyID].Secret}
	if err = v4.NewSigner().SignHTTP(t.Context(), who, r, hashOf(body), service, region, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// send returns the answer to a request, with its body.
func exchange(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
