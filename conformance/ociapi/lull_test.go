package ociapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"

	"lull/internal/lulltest/program"
)

// patience is how long something may take that follows by itself.
const patience = 10 * time.Second

// lull is a running program in a directory of its own.
type lull struct {
	*program.Dir
	t       testing.TB
	process *program.Process
	api     string
}

// config is a lull.yaml with addresses of its own.
const config = `admin: {socket: lull.sock}
api:
  address: {api}
  data: lull-data
  region: us-phoenix-1
  addresses: [{net}.16-{net}.250]
`

// serve starts lull with a file that has its own addresses, and returns when it is ready.
func serve(t testing.TB) *lull {
	t.Helper()
	d := program.Built(t)
	l := &lull{Dir: d, t: t, api: d.At(8440).String()}
	l.process = d.Serve(strings.NewReplacer("{api}", l.api, "{net}", d.Net(0)).Replace(config))
	return l
}

// again ends the program with a signal, of which SIGKILL is as a crash, and starts it once more.
func (l *lull) again(end syscall.Signal) {
	l.t.Helper()
	l.process.Signal(end)
	if code := l.process.Exit(); code != 0 && end != syscall.SIGKILL {
		l.t.Errorf("lull ended with %d, want 0: %s", code, l.process.Said())
	}
	l.process = l.Start("serve", "lull.yaml")
	l.process.WaitReady()
}

// client is Oracle's client, with what came back last as it came.
type client struct {
	loadbalancer.LoadBalancerClient
	*lull
	tenancy string
	last    *exchange
}

// exchange is one request's answer.
type exchange struct {
	mu     sync.Mutex
	status int
	header http.Header
	body   []byte
}

// Do implements common.HTTPRequestDispatcher.
func (e *exchange) Do(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.header, e.body = res.StatusCode, res.Header, body
	return res, nil
}

// client returns a client that has the configuration of the first start.
func (l *lull) client() *client {
	l.t.Helper()
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(l.Path, "lull-data", "oci", "config"), "")
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := loadbalancer.NewLoadBalancerClientWithConfigurationProvider(provider)
	if err != nil {
		l.t.Fatal(err)
	}
	tenancy, err := provider.TenancyOCID()
	if err != nil {
		l.t.Fatal(err)
	}
	last := &exchange{}
	c.Host, c.HTTPClient = "http://"+l.api, last
	return &client{LoadBalancerClient: c, lull: l, tenancy: tenancy, last: last}
}

// like wants the last answer to be JSON of a form: a text of "*" stands for any that is not empty, "…" at its end for any rest.
func (c *client) like(name, form string) {
	c.t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(form), &want); err != nil {
		c.t.Fatalf("%s: the form: %v", name, err)
	}
	if err := json.Unmarshal(c.last.body, &got); err != nil {
		c.t.Errorf("%s: got %s: %v", name, c.last.body, err)
		return
	}
	if text := differ("", want, got); text != "" {
		c.t.Errorf("%s: %s\ngot %s", name, text, c.last.body)
	}
}

// differ says how a value is not of a form; nothing if it is.
func differ(at string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: got %v, want an object", at, got)
		}
		for name := range g {
			if _, wanted := w[name]; !wanted {
				return fmt.Sprintf("%s.%s: got %v, want nothing", at, name, g[name])
			}
		}
		for name, one := range w {
			if _, there := g[name]; !there {
				return fmt.Sprintf("%s.%s: is missing", at, name)
			}
			if text := differ(at+"."+name, one, g[name]); text != "" {
				return text
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: got %v, want %d members", at, got, len(w))
		}
		for i := range w {
			if text := differ(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); text != "" {
				return text
			}
		}
	case string:
		g, ok := got.(string)
		start, open := strings.CutSuffix(w, "…")
		if !ok || w == "*" && g == "" || w != "*" && !open && g != w || open && !strings.HasPrefix(g, start) {
			return fmt.Sprintf("%s: got %v, want %q", at, got, w)
		}
	default:
		if want != got {
			return fmt.Sprintf("%s: got %v, want %v", at, got, want)
		}
	}
	return ""
}

func TestDiffer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`{"a":1,"b":["x"]}`, `{"b":["x"],"a":1}`, true},
		{`{"a":"*","b":"oc…"}`, `{"a":"z","b":"ocid"}`, true},
		{`{"a":"*"}`, `{"a":""}`, false},
		{`{"a":"oc…"}`, `{"a":"x"}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1,"b":2}`, `{"a":1}`, false},
		{`[1]`, `[1,2]`, false},
		{`[]`, `{}`, false},
		{`{}`, `[]`, false},
		{`true`, `false`, false},
		{`"a"`, `1`, false},
	} {
		var want, got any
		if err := errors.Join(json.Unmarshal([]byte(c.want), &want), json.Unmarshal([]byte(c.got), &got)); err != nil {
			t.Fatal(err)
		}
		if text := differ("", want, got); (text == "") != c.same {
			t.Errorf("%s and %s: got %q", c.want, c.got, text)
		}
	}
}
