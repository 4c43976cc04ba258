package awselb

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"sync"
	"testing"
)

// relay stands between a client and lull and keeps what was said. It changes nothing: signatures would notice.
type relay struct {
	lull string
	url  string

	// Guarded by mu.
	mu    sync.Mutex
	calls []call
}

// call is a request with its answer.
type call struct {
	form   url.Values
	raw    string // the request's body
	auth   string
	status int
	header http.Header
	body   string
}

func newRelay(t testing.TB, l *lull) *relay {
	t.Helper()
	r := &relay{lull: l.api}
	s := httptest.NewUnstartedServer(r)
	_ = s.Listener.Close() // it is on an address that may be another run's
	var err error
	if s.Listener, err = net.Listen("tcp4", netip.AddrPortFrom(l.at(200), 0).String()); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *relay) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	c, err := r.forward(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	for name, values := range c.header {
		w.Header()[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = io.WriteString(w, c.body) // the client tells
}

func (r *relay) forward(q *http.Request) (c call, err error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return c, err
	}
	c.raw, c.auth = string(body), q.Header.Get("Authorization")
	c.form, _ = url.ParseQuery(c.raw) // what cannot be parsed is lull's to refuse
	on, err := http.NewRequestWithContext(q.Context(), q.Method, "http://"+r.lull+q.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	on.Host, on.Header = q.Host, q.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(on)
	if err != nil {
		return c, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	c.status, c.header, c.body = answer.StatusCode, answer.Header, string(b)
	return c, err
}

// take returns what was said since it was last asked.
func (r *relay) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

//nolint:gochecknoglobals // compiled once, read only
var (
	requestID = regexp.MustCompile(`<RequestId>([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})</RequestId>`)
	scope     = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[^/]+/elasticloadbalancing/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}$`)
	success   = regexp.MustCompile(`(?s)<(\w+)Response xmlns="http://elasticloadbalancing\.amazonaws\.com/doc/2012-06-01/">\s*<(\w+)Result(?:/>|>.*</\w+Result>)\s*<ResponseMetadata>\s*<RequestId>[^<]+</RequestId>\s*</ResponseMetadata>\s*</(\w+)Response>\s*$`)
	failure   = regexp.MustCompile(`(?s)<ErrorResponse xmlns="http://elasticloadbalancing\.amazonaws\.com/doc/2012-06-01/">\s*<Error>\s*<Type>(Sender|Receiver)</Type>\s*<Code>(\w+)</Code>\s*<Message>.+</Message>\s*</Error>\s*<RequestId>[^<]+</RequestId>\s*</ErrorResponse>\s*$`)
)

// check holds a call against what is the same for all operations: reference 2.1.
func (c *call) check(t testing.TB, signed bool) {
	t.Helper()
	if signed && !scope.MatchString(c.auth) {
		t.Errorf("Authorization: got %q, want a signature for elasticloadbalancing", c.auth)
	}
	if got := c.header.Get("Content-Type"); !regexp.MustCompile(`^text/xml(; *charset=(?i:utf-8))?$`).MatchString(got) {
		t.Errorf("Content-Type: got %q, want text/xml", got)
	}
	id := requestID.FindStringSubmatch(c.body)
	if id == nil || c.header.Get("x-amzn-RequestId") != id[1] {
		t.Errorf("request id: got %q in the header and %q in the body, want the same UUID", c.header.Get("x-amzn-RequestId"), id)
	}
	if c.status == http.StatusOK {
		if m, op := success.FindStringSubmatch(c.body), c.form.Get("Action"); m == nil || m[1] != op || m[2] != op || m[3] != op {
			t.Errorf("answer to %s: got %s, want its response, result and metadata", op, c.body)
		}
		return
	}
	want := "Sender"
	if c.status >= http.StatusInternalServerError {
		want = "Receiver"
	}
	if m := failure.FindStringSubmatch(c.body); m == nil || m[1] != want {
		t.Errorf("answer with status %d: got %s, want an error of type %s", c.status, c.body, want)
	}
}
