package ociapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"

	"lull/internal/lulltest"
)

// root is where the API is.
const root = "/20170115"

// caller asks by requests that the test writes itself, signed by Oracle's SDK: what a client of Oracle's could not be made to send.
type caller struct {
	*lull
	signer  common.HTTPRequestSigner
	tenancy string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// caller returns one who has the key of the first start.
func (l *lull) caller() *caller {
	l.t.Helper()
	keys, err := common.ConfigurationProviderFromFile(filepath.Join(l.Path, "lull-data", "oci", "config"), "")
	if err != nil {
		l.t.Fatal(err)
	}
	return l.callerWith(keys)
}

func (l *lull) callerWith(keys common.ConfigurationProvider) *caller {
	l.t.Helper()
	tenancy, err := keys.TenancyOCID()
	if err != nil {
		l.t.Fatal(err)
	}
	return &caller{l, common.DefaultRequestSigner(keys), tenancy}
}

// readOnly returns a caller whose key may read, made as an operator makes one.
func (l *lull) readOnly() *caller {
	l.t.Helper()
	said := l.Do("oci-keys", "create", "--role", "read-only", "--out", "reader.pem")
	values := map[string]string{}
	for line := range strings.Lines(said) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = value
	}
	key, err := os.ReadFile(filepath.Join(l.Path, "reader.pem"))
	if err != nil {
		l.t.Fatal(err)
	}
	return l.callerWith(common.NewRawConfigurationProvider(values["tenancy"], values["user"], "us-phoenix-1", values["fingerprint"], string(key), nil))
}

// request returns a request that is not signed yet.
func (c *caller) request(method, target, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.api+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return r
}

// sign signs a request as it is now.
func (c *caller) sign(r *http.Request) *http.Request {
	c.t.Helper()
	if err := c.signer.Sign(r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *caller) send(r *http.Request) answer {
	c.t.Helper()
	a, err := sent(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return a
}

// sent sends a request; it may be called from any goroutine.
func sent(r *http.Request) (a answer, err error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, err
}

// tokens counts the retry tokens that were given out.
//
//nolint:gochecknoglobals // one for the process
var tokens atomic.Uint32

// ask sends a signed request to a place below the API's root, with more header lines: "If-Match: x". What makes something has a retry
// token of its own, as it has from Oracle's SDKs, unless one is given or an empty one.
func (c *caller) ask(method, target, body string, lines ...string) answer {
	c.t.Helper()
	return c.send(c.asking(method, target, body, lines...))
}

func (c *caller) asking(method, target, body string, lines ...string) *http.Request {
	c.t.Helper()
	r := c.request(method, root+target, body)
	if method == http.MethodPost || method == http.MethodPut {
		r.Header.Set("Opc-Retry-Token", fmt.Sprint("token", tokens.Add(1)))
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	return c.sign(r)
}

// refusal says how an answer is not the refusal that it has to be; nothing if it is.
func (a *answer) refusal(status int, code string, words ...string) string {
	var said struct{ Code, Message string }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil {
		return fmt.Sprintf("got %d %q: %v", a.status, a.body, err)
	}
	if a.status != status || said.Code != code || a.header.Get("Opc-Request-Id") == "" || a.header.Get("Opc-Work-Request-Id") != "" {
		return fmt.Sprintf("got %d %s (work request %q), want %d %s", a.status, a.body, a.header.Get("Opc-Work-Request-Id"), status, code)
	}
	for _, word := range words {
		if !strings.Contains(said.Message, word) {
			return fmt.Sprintf("got %q, want %q in it", said.Message, word)
		}
	}
	return ""
}

// refused wants an answer to be a refusal.
func (c *caller) refused(name string, a answer, status int, code string, words ...string) {
	c.t.Helper()
	if text := a.refusal(status, code, words...); text != "" {
		c.t.Errorf("%s: %s", name, text)
	}
}

// workRequest is what the API says of a change.
type workRequest struct {
	ID, LoadBalancerID, LifecycleState string
	ErrorDetails                       []struct{ ErrorCode, Message string }
}

// over waits for the end of a change that has been accepted.
func (c *caller) over(name string, a answer) (w workRequest) {
	c.t.Helper()
	id := a.header.Get("Opc-Work-Request-Id")
	if a.status != http.StatusNoContent || a.body != "" || id == "" {
		c.t.Fatalf("%s: got %d %q, want a work request", name, a.status, a.body)
	}
	lulltest.Within(c.t, patience, func() string {
		w = workRequest{}
		c.read("/loadBalancerWorkRequests/"+id, &w)
		if w.LifecycleState == "SUCCEEDED" || w.LifecycleState == "FAILED" {
			return ""
		}
		return name + ": still " + w.LifecycleState
	})
	return w
}

// done asks for a change and waits for its end, which must be well.
func (c *caller) done(method, target, body string, lines ...string) workRequest {
	c.t.Helper()
	w := c.over(method+" "+target, c.ask(method, target, body, lines...))
	if w.LifecycleState != "SUCCEEDED" {
		c.t.Fatalf("%s %s: %s %v", method, target, w.LifecycleState, w.ErrorDetails)
	}
	return w
}

// read reads something, and returns its etag.
func (c *caller) read(target string, into any) (etag string) {
	c.t.Helper()
	a := c.ask("GET", target, "")
	if a.status != http.StatusOK {
		c.t.Fatalf("GET %s: got %d %s", target, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), into); err != nil {
		c.t.Fatalf("GET %s: %v", target, err)
	}
	return a.header.Get("Etag")
}

// fields are the fields of a JSON object.
type fields map[string]any

func (f fields) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // it stands in a test
	}
	return string(text)
}

// with returns the fields and those of others, which take the place of equal ones.
func (f fields) with(others ...fields) fields {
	out := fields{}
	for _, from := range append([]fields{f}, others...) {
		for name, v := range from {
			out[name] = v
		}
	}
	return out
}

// make makes a load balancer with what it is to have, and returns its path.
func (c *caller) make(name string, all fields) string {
	c.t.Helper()
	return "/loadBalancers/" + c.done("POST", "/loadBalancers", c.details(name, all).String()).LoadBalancerID
}

func (c *caller) details(name string, all fields) fields {
	return fields{
		"compartmentId": c.tenancy, "displayName": name, "shapeName": "flexible", "subnetIds": []string{"ocid1.subnet.oc1.phx.a"},
		"shapeDetails": fields{"minimumBandwidthInMbps": 10, "maximumBandwidthInMbps": 100},
	}.with(all)
}

// snapshot is all that the API shows of a load balancer.
func (c *caller) snapshot(path string) string {
	c.t.Helper()
	a := c.ask("GET", path, "")
	return cmp.Or(a.header.Get("Etag"), "no etag") + a.body
}

// pass lets time go by, in which nothing is to happen.
func pass(d time.Duration) { <-time.After(d) }

// TestFields holds what tests are written in: later fields take the place of earlier ones.
func TestFields(t *testing.T) {
	t.Parallel()
	if got := (fields{"a": 1, "b": 2}).with(fields{"b": 3}).String(); got != `{"a":1,"b":3}` {
		t.Errorf("got %s", got)
	}
}
