// Package program provides a whole lull as a process under test: started as a user starts it, with a file, signals and
// exit code.
//
// Tests only; each test's goroutine calls it. The process is the test binary itself, which Main turns into lull when an
// environment variable says so. That starts at once and has the race detector and the invariants whenever the tests
// have them; building the real program would take seconds and have neither. The outside suites want that one and nothing else: theirs
// is the Dir of Built. Each Dir is an island: a directory of its own
// and an address of its own in 127.0.0.0/8, so that tests run side by side with fixed ports and none can take another's.
//
// A process that is still running when its test ends is stopped as a user would, and must then exit with 0, as must one that has
// ended unasked. None may ever have reported a data race or a panic.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lull/internal/cli"
	"lull/internal/lulltest"
)

// asLull, set in the environment, makes the test binary a lull.
const asLull = "LULL_PROGRAM_UNDER_TEST"

// endLimit is how long a process may take to end when nothing keeps it.
const endLimit = 20 * time.Second

// waitLimit is how long lull may take to say something, on a machine that has much else to do.
const waitLimit = 15 * time.Second

// Main is what TestMain calls: it runs the tests, or lull.
func Main(m *testing.M) {
	if os.Getenv(asLull) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// Dir is a directory to run lull in, and an address that no other test uses.
type Dir struct {
	Path    string
	Address string
	t       testing.TB
	number  int    // among those of this process
	exe     string // the program; empty for the test binary
}

//nolint:gochecknoglobals // addresses given away by this process
var addresses atomic.Uint32

// NewDir returns an empty directory.
func NewDir(t testing.TB) *Dir {
	t.Helper()
	n, pid := addresses.Add(1), os.Getpid()
	if n > 254 {
		t.Fatalf("address for test %d: 254 is the most", n)
	}
	return &Dir{Path: t.TempDir(), Address: fmt.Sprintf("127.%d.%d.%d", 64+pid>>8&127, pid&255, n), t: t, number: int(n)}
}

// Write writes a file of the directory; {address} in its text stands for the address.
func (d *Dir) Write(name, text string) {
	d.t.Helper()
	text = strings.ReplaceAll(text, "{address}", d.Address)
	if err := os.WriteFile(filepath.Join(d.Path, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// Read returns a file of the directory, empty if there is none.
func (d *Dir) Read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Path, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	return string(text)
}

// LinkTo makes a file of another directory appear in this one.
func (d *Dir) LinkTo(other *Dir, name string) {
	d.t.Helper()
	if err := os.Symlink(filepath.Join(other.Path, name), filepath.Join(d.Path, name)); err != nil {
		d.t.Fatal(err)
	}
}

// At returns an address with a port of the directory's own.
func (d *Dir) At(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(d.Address), port)
}

// Command returns a lull with these arguments, which the end of ctx kills.
func (d *Dir) Command(ctx context.Context, args ...string) *exec.Cmd {
	if d.exe != "" {
		cmd := exec.CommandContext(ctx, d.exe, args...)
		cmd.Dir = d.Path
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a suite that runs for too long is killed
		return cmd
	}
	exe, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = d.Path
	cmd.Env = append(os.Environ(), asLull+"=1", "TMPDIR="+d.Path,
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // without it the race detector holds every exit up for a second
	return cmd
}

// Result is what a command left.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs a command that ends by itself.
func (d *Dir) Run(args ...string) Result {
	d.t.Helper()
	p := d.Start(args...)
	return Result{Code: p.Exit(), Stdout: p.Stdout.String(), Stderr: p.Stderr.String()}
}

// Process is a lull that was started.
type Process struct {
	Stdout, Stderr Output
	t              testing.TB
	args           []string
	cmd            *exec.Cmd
	ended          chan struct{}
	killed         bool
	asked          bool // the test has been told the exit code
}

// Start starts a command.
func (d *Dir) Start(args ...string) *Process {
	d.t.Helper()
	return d.StartTo(nil, args...)
}

// StartTo starts a command whose standard output goes to a file instead of Process.Stdout.
func (d *Dir) StartTo(stdout *os.File, args ...string) *Process {
	d.t.Helper()
	p := &Process{t: d.t, args: args, cmd: d.Command(context.Background(), args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	if stdout != nil {
		p.cmd.Stdout = stdout
	}
	if err := p.cmd.Start(); err != nil {
		d.t.Fatalf("start lull %s: %v", strings.Join(args, " "), err)
	}
	go func() {
		_ = p.cmd.Wait() // its exit code says it all
		close(p.ended)
	}()
	d.t.Cleanup(p.finish)
	return p
}

// Serve writes lull.yaml and serves it; it returns when lull is ready.
func (d *Dir) Serve(config string) *Process {
	d.t.Helper()
	d.Write("lull.yaml", config)
	p := d.Start("serve", "lull.yaml")
	p.WaitReady()
	return p
}

// WaitReady returns when lull has said that every listener accepts.
func (p *Process) WaitReady() {
	p.t.Helper()
	p.wait("ready", func() bool { return strings.Contains("\n"+p.Stderr.String(), "\nready\n") })
}

// WaitLog returns when a line on standard error contains all the words.
func (p *Process) WaitLog(words ...string) {
	p.t.Helper()
	p.WaitLogs(1, words...)
}

// WaitLogs returns when that many lines on standard error contain all the words.
func (p *Process) WaitLogs(lines int, words ...string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%d lines with %q", lines, words), func() bool { return p.Stderr.Lines(words...) >= lines })
}

// WaitOut returns when a line on standard output contains all the words.
func (p *Process) WaitOut(words ...string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("a line with %q", words), func() bool { return p.Stdout.HasLine(words...) })
}

func (p *Process) wait(what string, f func() bool) {
	p.t.Helper()
	if !lulltest.EventuallyIn(waitLimit, func() bool { return f() || p.hasEnded() }) || !f() {
		p.t.Fatalf("lull %s: got no %s\n%s", strings.Join(p.args, " "), what, p.outputs())
	}
}

func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *Process) outputs() string {
	return fmt.Sprintf("standard output:\n%s\nstandard error:\n%s", p.Stdout.String(), p.Stderr.String())
}

// Said returns all that the process has written so far.
func (p *Process) Said() string { return p.Stdout.String() + p.Stderr.String() }

// PID returns the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	p.killed = p.killed || s == syscall.SIGKILL
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %v: %v", s, err)
	}
}

// Exit waits until the process has ended and returns its exit code, -1 if a signal ended it.
func (p *Process) Exit() int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	select {
	case <-p.ended:
		p.asked = true
	case <-ctx.Done():
		p.t.Fatalf("lull %s has not ended within %v\n%s", strings.Join(p.args, " "), endLimit, p.outputs())
	}
	return p.cmd.ProcessState.ExitCode()
}

// finish stops what still runs, and looks for what must never happen.
func (p *Process) finish() {
	how := "ended by itself"
	if !p.hasEnded() {
		how = "stopped with SIGTERM"
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	if code := p.exitOrKill(); code != 0 && !p.killed && !p.asked {
		p.t.Errorf("lull %s: %s: exit code %d, want 0", strings.Join(p.args, " "), how, code)
	}
	for _, alarm := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(p.Stderr.String(), alarm) {
			p.t.Errorf("lull %s: %s", strings.Join(p.args, " "), alarm)
		}
	}
	if p.t.Failed() {
		p.t.Logf("lull %s:\n%s", strings.Join(p.args, " "), p.outputs())
	}
}

func (p *Process) exitOrKill() int {
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-p.ended:
			return p.cmd.ProcessState.ExitCode()
		case <-again.C:
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
		case <-limit.C:
			_ = p.cmd.Process.Kill()
			<-p.ended
			return -1
		}
	}
}

// Output collects what a process writes. Safe for use by any goroutine.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// HasLine reports whether a line contains all the words.
func (o *Output) HasLine(words ...string) bool { return o.Lines(words...) > 0 }

// Lines counts the lines that contain all the words.
func (o *Output) Lines(words ...string) int {
	n := 0
	for line := range strings.Lines(o.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}
