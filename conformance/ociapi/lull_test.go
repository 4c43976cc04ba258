package ociapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"
)

const (
	readyMax = 15 * time.Second // until lull serves
	stopMax  = 15 * time.Second // until it has ended
	// patience is how long something may take that follows by itself.
	patience = 10 * time.Second
)

// lull is a running program in a directory of its own.
type lull struct {
	t        testing.TB
	dir      string
	net      byte // 127.net.0.0/16 is no other test's
	api      string
	cmd      *exec.Cmd
	said     *output
	finished chan struct{}
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns all that was written.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// nets counts the networks that were given out.
//
//nolint:gochecknoglobals // one for the process
var nets atomic.Uint32

// network returns the second byte of addresses that no other test of this process uses. The first of them depends on the process, so that
// two runs at a time are hardly in each other's way.
func network() byte { return byte(16 + (uint32(os.Getpid())*16+nets.Add(1))%224) }

// program returns the file of lull's program, and skips the test where none is named.
func program(t testing.TB) string {
	t.Helper()
	name := os.Getenv("LULL")
	if name == "" {
		t.Skip("LULL does not name a program: this is for make conformance")
	}
	return name
}

// serve starts lull with a file that has its own addresses, and returns when it is ready.
func serve(t testing.TB) *lull {
	t.Helper()
	program(t)
	l := &lull{t: t, dir: t.TempDir(), net: network(), said: &output{}}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.api = free.Addr().String()
	free.Close()
	text := fmt.Sprintf("admin: {socket: lull.sock}\napi:\n  address: %s\n  data: lull-data\n  region: us-phoenix-1\n  addresses: [127.%[2]d.%[3]d.16-127.%[2]d.%[3]d.250]\n", l.api, l.net, os.Getpid()%250)
	if err := os.WriteFile(filepath.Join(l.dir, "lull.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.start()
	return l
}

// start starts the program, once more if it has run before.
func (l *lull) start() {
	l.t.Helper()
	l.cmd = exec.Command(program(l.t), "serve", "lull.yaml")
	l.said = &output{}
	l.cmd.Dir, l.cmd.Stderr, l.cmd.Stdout = l.dir, l.said, l.said
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.finished = make(chan struct{})
	go func() {
		_ = l.cmd.Wait() // ProcessState tells
		close(l.finished)
	}()
	l.t.Cleanup(l.stop)
	ready := regexp.MustCompile(`(?m)^ready$`)
	l.within(readyMax, func() string {
		if l.ended() || !ready.MatchString(l.said.String()) {
			return "lull is not ready: " + l.said.String()
		}
		return ""
	})
}

func (l *lull) ended() bool {
	select {
	case <-l.finished:
		return true
	default:
		return false
	}
}

// stop ends the program and waits for its end.
func (l *lull) stop() {
	if l.ended() {
		return
	}
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.finished:
	case <-time.After(stopMax):
		_ = l.cmd.Process.Kill()
		<-l.finished
		l.t.Errorf("lull did not end within %v: %s", stopMax, l.said)
	}
}

// kill ends the program as a crash does.
func (l *lull) kill() {
	_ = l.cmd.Process.Kill()
	<-l.finished
}

// within asks again and again until there is nothing to complain of.
func (l *lull) within(most time.Duration, complaint func() string) {
	l.t.Helper()
	end := time.Now().Add(most)
	for {
		text := complaint()
		if text == "" {
			return
		}
		if time.Now().After(end) {
			l.t.Fatal(text)
		}
		time.Sleep(10 * time.Millisecond)
	}
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
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(l.dir, "lull-data", "oci", "config"), "")
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
