package console

import (
	"bytes"
	"fmt"
	"net"
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
)

const (
	readyMax = 15 * time.Second // until lull serves
	stopMax  = 15 * time.Second // until it has ended
	// patience is how long something may take that follows by itself.
	patience = 15 * time.Second
)

// lull is a running program in a directory of its own.
type lull struct {
	t        testing.TB
	dir      string
	node     string // the address of load balancers
	api      string // the console's address and port
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

// serve starts lull and returns when it is ready. It skips the test where no program is named.
func serve(t testing.TB) *lull {
	t.Helper()
	name := os.Getenv("LULL")
	if name == "" {
		t.Skip("LULL does not name a program: this is for make conformance")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	second := 16 + (uint32(os.Getpid())*16+nets.Add(1))%224 // two runs at a time are hardly in each other's way
	l := &lull{t: t, dir: t.TempDir(), node: fmt.Sprintf("127.%d.0.16", second), api: free.Addr().String(), said: &output{}, finished: make(chan struct{})}
	text := fmt.Sprintf("admin: {socket: lull.sock}\napi:\n  address: %s\n  data: lull-data\n  region: us-west-2\n  addresses: [127.%d.0.16-127.%d.0.250]\n", l.api, second, second)
	if err := os.WriteFile(filepath.Join(l.dir, "lull.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.cmd = exec.Command(name, "serve", "lull.yaml")
	l.cmd.Dir, l.cmd.Stderr, l.cmd.Stdout = l.dir, l.said, l.said
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = l.cmd.Wait() // its output tells
		close(l.finished)
	}()
	t.Cleanup(l.stop)
	ready := regexp.MustCompile(`(?m)^ready$`)
	within(t, readyMax, func() string {
		if !ready.MatchString(l.said.String()) {
			return "lull is not ready: " + l.said.String()
		}
		return ""
	})
	return l
}

// stop ends the program and waits for its end.
func (l *lull) stop() {
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.finished:
	case <-time.After(stopMax):
		_ = l.cmd.Process.Kill()
		<-l.finished
		l.t.Errorf("lull did not end within %v: %s", stopMax, l.said)
	}
}

// within asks again and again until there is nothing to complain of.
func within(t testing.TB, most time.Duration, complaint func() string) {
	t.Helper()
	end := time.Now().Add(most)
	for {
		text := complaint()
		if text == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// url returns the address of a page of the console.
func (l *lull) url(page string) string { return "http://" + l.api + "/console/" + page }

// key returns the id and the other half of the access key that the first start wrote.
func (l *lull) key() (id, secret string) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, "lull-data", "aws", "credentials"))
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " = "); name {
		case "aws_access_key_id":
			id = value
		case "aws_secret_access_key":
			secret = value
		}
	}
	return id, secret
}

// link returns the link that opens the console once.
func (l *lull) link() string {
	l.t.Helper()
	found := regexp.MustCompile(`(?m)^console: (\S+) \(once`).FindStringSubmatch(l.said.String())
	if found == nil {
		l.t.Fatalf("no link in %s", l.said)
	}
	return found[1]
}

// echo is a backend on 127.0.0.1 that gives back what it gets and never closes first. It returns its port.
func echo(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				chunk := make([]byte, 64)
				for {
					n, err := conn.Read(chunk)
					if err != nil {
						return
					}
					if _, err = conn.Write(chunk[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
