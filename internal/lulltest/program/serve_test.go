package program_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

func TestServe(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr))
	greeted(t, d).Close()

	info, err := os.Stat(filepath.Join(d.Path, "lull.sock"))
	if err != nil {
		t.Fatalf("control socket: %v", err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("control socket: mode %v, want %v", got, want)
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	if _, err := os.Stat(filepath.Join(d.Path, "lull.sock")); !os.IsNotExist(err) {
		t.Errorf("control socket after the end: got %v, want it to be gone", err)
	}
	if got := p.Stdout.String(); got != "" {
		t.Errorf("standard output: got %q, want nothing", got)
	}
}

func TestServeInterrupt(t *testing.T) {
	t.Parallel()
	p := program.NewDir(t).Serve(before(lulltest.Refused(t)))
	p.Signal(syscall.SIGINT)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}

// TestServeRefused starts what must not start: exit 2 for a wrong file or command line, 1 for what only running shows.
func TestServeRefused(t *testing.T) {
	t.Parallel()
	backend := lulltest.Refused(t)
	taken := program.NewDir(t)
	taken.Serve(before(backend, "access_log:", "metrics: {address: \"{address}:9440\"}\naccess_log:"))
	cases := []struct {
		name   string
		file   string // "-": there is none
		code   int
		stderr []string
	}{
		{"absent", "-", 2, []string{"lull.yaml: cannot be read: no such file or directory"}},
		{"faulty", before(backend, "idle: 60s", "idle: 5000s"), 2, []string{"lull.yaml:7: ", "timeouts.idle: 5000s is out of range: allowed 1s..4000s"}},
		{"not-here", before(backend, "{address}", "192.0.2.1"), 1, []string{"lull serve: ", "listener lb/echo", "192.0.2.1:7001", "cannot assign requested address"}},
		{"taken", before(backend, "{address}", taken.Address), 1, []string{"lull serve: ", "listener lb/echo", taken.At(port).String(), "address already in use"}},
		{"metrics-taken", before(backend, "access_log:", "metrics: {address: \""+taken.At(9440).String()+"\"}\naccess_log:"), 1,
			[]string{"lull serve: ", "metrics.address " + taken.At(9440).String(), "address already in use"}},
		{"log-directory", before(backend, "access.log", "nowhere/access.log"), 1, []string{"lull serve: ", "access_log.path nowhere/access.log", "no such file or directory"}},
		{"socket-directory", before(backend, "access_log:", "admin: {socket: nowhere/s}\naccess_log:"), 1, []string{"lull serve: ", "admin.socket nowhere/s", "no such file or directory"}},
		{"socket-taken", before(backend, "access_log:", "admin: {socket: "+filepath.Join(taken.Path, "lull.sock")+"}\naccess_log:"), 1,
			[]string{"lull serve: ", "admin.socket", "another process answers on it"}},
		{"socket-no-socket", before(backend, "access_log:", "admin: {socket: lull.yaml}\naccess_log:"), 1, []string{"lull serve: ", "admin.socket lull.yaml", "exists and is not a socket"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := program.NewDir(t)
			args := []string{"serve", "lull.yaml"}
			if len(c.file) > 1 {
				d.Write("lull.yaml", c.file)
			}
			got := d.Run(args...)
			if got.Code != c.code || got.Stdout != "" {
				t.Errorf("got exit code %d and %q on standard output, want %d and nothing", got.Code, got.Stdout, c.code)
			}
			for _, want := range c.stderr {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("standard error: got %q, want %q in it", got.Stderr, want)
				}
			}
			if strings.Contains("\n"+got.Stderr, "\nready\n") {
				t.Errorf("standard error: got %q, want no ready", got.Stderr)
			}
			if _, err := os.Stat(filepath.Join(d.Path, "lull.sock")); err == nil {
				t.Error("a control socket was left behind")
			}
		})
	}
}

// TestKilled restarts a lull that could clean nothing up.
func TestKilled(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	file := before(lulltest.Echo(t).Addr)
	p := d.Serve(file)
	greeted(t, d)
	p.Signal(syscall.SIGKILL)
	if code := p.Exit(); code != -1 {
		t.Fatalf("exit code: got %d, want none", code)
	}
	if _, err := os.Stat(filepath.Join(d.Path, "lull.sock")); err != nil {
		t.Fatalf("the killed lull left no control socket: %v", err)
	}
	if got := d.Run("conns"); got.Code != 1 || !strings.Contains(got.Stderr, "no lull answers on lull.sock") &&
		!strings.Contains(got.Stderr, "no lull answers on ./lull.sock") {
		t.Errorf("conns of a dead lull: got %+v, want exit code 1 and that no lull answers", got)
	}
	d.Serve(file)
	greeted(t, d)
	if got := d.Run("conns"); got.Code != 0 || !strings.Contains(got.Stdout, "lb/echo") {
		t.Errorf("conns of its successor: got %+v, want the open connection", got)
	}
}
