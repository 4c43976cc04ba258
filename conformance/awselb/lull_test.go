package awselb

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
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

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
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
	net      byte // 127.net.0.0/16 is nobody else's
	api      string
	dns      string
	cmd      *exec.Cmd
	said     *output
	key      string // the administrator's, that the first start wrote
	secret   string
	region   string
	finished chan struct{}
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// nets counts the networks that were given out.
//
//nolint:gochecknoglobals // one for the process
var nets atomic.Uint32

// program returns the file of lull's program, and skips the test where none is named.
func program(t testing.TB) string {
	t.Helper()
	name := os.Getenv("LULL")
	if name == "" {
		t.Skip("LULL does not name a program: this is for make conformance")
	}
	return name
}

// alone says whether the network is nobody else's, as the script run makes it: then every port and every default is free.
func alone() bool { return os.Getenv("LULL_ALONE") == "yes" }

// prepare returns a lull that does not run yet.
func prepare(t testing.TB) *lull {
	t.Helper()
	program(t)
	return &lull{t: t, dir: t.TempDir(), net: byte(20 + nets.Add(1)), said: &output{}}
}

// at returns an address of the section's own for a backend.
func (l *lull) at(host byte) netip.Addr { return netip.AddrFrom4([4]byte{127, l.net, 1, host}) }

// serve starts lull with a file that has its own addresses, and returns when it is ready.
func serve(t testing.TB) *lull {
	t.Helper()
	l := prepare(t)
	l.api = freeAddress(t, netip.AddrFrom4([4]byte{127, l.net, 0, 1}))
	l.dns = freeAddress(t, netip.AddrFrom4([4]byte{127, l.net, 0, 2}))
	l.write("lull.yaml", fmt.Sprintf(`admin: {socket: lull.sock}
api:
  address: %s
  data: lull-data
  region: us-west-2
  account: "123456789012"
  addresses: [127.%d.0.16-127.%d.0.250]
  access_logs: {directory: logs}
  dns: {address: "%s"}
`, l.api, l.net, l.net, l.dns))
	l.start("serve", "lull.yaml")
	return l
}

func (l *lull) start(args ...string) {
	l.t.Helper()
	l.cmd = exec.Command(program(l.t), args...)
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
	within(l.t, readyMax, func() string {
		select {
		case <-l.finished:
			l.t.Fatalf("lull has ended: %s", l.said)
		default:
		}
		if !ready.MatchString(l.said.String()) {
			return "lull is not ready: " + l.said.String()
		}
		return ""
	})
	l.readCredentials()
}

// stop ends lull as a user would, wants it to end well, and wants no secret in what it has said.
func (l *lull) stop() {
	_ = l.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-l.finished:
	case <-time.After(stopMax):
		_ = l.cmd.Process.Kill()
		<-l.finished
	}
	said := l.said.String()
	if code := l.cmd.ProcessState.ExitCode(); code != 0 || strings.Contains(said, "panic") || strings.Contains(said, "DATA RACE") {
		l.t.Errorf("lull ended with %d, want 0: %s", code, said)
	}
	if l.secret != "" && strings.Contains(said, l.secret) {
		l.t.Error("lull has logged a secret key")
	}
	if l.t.Failed() {
		l.t.Logf("lull said: %s", said)
	}
}

// readCredentials reads what the first start wrote, as the aws command does.
func (l *lull) readCredentials() {
	l.t.Helper()
	l.key = l.setting("credentials", "aws_access_key_id")
	l.secret = l.setting("credentials", "aws_secret_access_key")
	l.region = l.setting("config", "region")
}

func (l *lull) setting(file, name string) string {
	l.t.Helper()
	path := filepath.Join("lull-data", "aws", file)
	m := regexp.MustCompile(`(?m)^` + name + ` *= *(\S+) *$`).FindStringSubmatch(l.read(path))
	if m == nil {
		l.t.Fatalf("%s: got\n%s\nwant a line with %s", path, regexp.MustCompile(`(?m)secret.*$`).ReplaceAllString(l.read(path), "…"), name)
	}
	return m[1]
}

func (l *lull) write(name, content string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lull) read(name string) string {
	l.t.Helper()
	content, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(content)
}

// run runs one of lull's commands in the directory and returns what it printed.
func (l *lull) run(args ...string) string {
	l.t.Helper()
	cmd := exec.Command(program(l.t), args...)
	cmd.Dir = l.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("lull %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// client returns the SDK's client. It reads no configuration and no environment, and tries once.
func (l *lull) client() *elb.Client { return l.clientOf(l.key, l.secret) }

func (l *lull) clientOf(key, secret string) *elb.Client {
	return elb.New(elb.Options{
		Region: l.region, BaseEndpoint: aws.String("http://" + l.api), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
	})
}

// freeAddress returns an address on which nobody listens.
func freeAddress(t testing.TB, host netip.Addr) string {
	t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// within asks again and again until nothing is missing any more.
func within(t testing.TB, limit time.Duration, missing func() string) {
	t.Helper()
	end := time.Now().Add(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: %s", limit, what)
		}
		<-tick.C
	}
}
