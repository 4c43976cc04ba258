package program_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lull/internal/control/admin"
	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// asRole, set in the environment, makes the test binary a peer of lull that holds connections: thousands of them do not
// fit into the test's own descriptors.
const asRole = "LULL_TEST_ROLE"

// play is the main function of such a peer. It ends when its standard input does, and so with the test.
func play(role string) int {
	var err error
	switch role {
	case "backend":
		err = holdAccepted()
	case "clients":
		err = holdDialled(os.Args[1], os.Args[2])
	case "half":
		err = answerHalf()
	case "keepers":
		err = keepAlive(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// holdAccepted prints where it listens, and accepts.
func holdAccepted() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		var held []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				runtime.KeepAlive(held) // a connection that nobody refers to would be closed
				return
			}
			held = append(held, c)
		}
	}()
	return nil
}

// holdDialled dials so many times, several at once, and says when it is done.
func holdDialled(address, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	held := make([]net.Conn, n)
	failed := make(chan error, n)
	var dialling sync.WaitGroup
	const atOnce = 8
	for first := range atOnce {
		dialling.Go(func() {
			for i := first; i < n; i += atOnce {
				c, err := net.Dial("tcp", address)
				if err != nil {
					failed <- err
					return
				}
				held[i] = c
			}
		})
	}
	dialling.Wait()
	if len(failed) > 0 {
		return <-failed
	}
	fmt.Println("open")
	return nil
}

// peer starts a peer, which lives as long as the test, and returns its first line.
func peer(t *testing.T, role string, args ...string) string {
	t.Helper()
	return startPeer(t, role, args...).line()
}

// otherProcess is a peer that was started.
type otherProcess struct {
	t    *testing.T
	role string
	cmd  *exec.Cmd
	out  *bufio.Reader
}

// startPeer starts a peer, which lives as long as the test unless it is killed.
func startPeer(t *testing.T, role string, args ...string) *otherProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asRole+"="+role, "GORACE=atexit_sleep_ms=0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	return &otherProcess{t, role, cmd, bufio.NewReader(stdout)}
}

// line returns the next line that the peer prints.
func (p *otherProcess) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: got %q, %v", p.role, line, err)
	}
	return strings.TrimSpace(line)
}

// pings sends a byte back and forth until stop is closed, and returns how long each took.
func pings(c *lulltest.Conn, stop <-chan struct{}) (took []time.Duration) {
	for {
		select {
		case <-stop:
			return took
		default:
		}
		begin := time.Now()
		c.Ask("x")
		took = append(took, time.Since(begin))
	}
}

// TestConnsOfAFullProcess lists nearly as many connections as 20,000 descriptors hold, while others go on.
func TestConnsOfAFullProcess(t *testing.T) {
	const pairs = 9000
	if testing.Short() {
		t.Skip("holds 9,000 pairs of connections")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 20000 {
		t.Skipf("%d descriptors (%v), and 20,000 are needed", limit.Max, err)
	}
	t.Parallel()
	backend := peer(t, "backend")
	_, backendPort, _ := strings.Cut(backend, ":")
	d := program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr) + `
  - name: crowd
    address: {address}
    timeouts: {idle: 600s, drain: 0s}
    listeners:
      - {name: crowd, protocol: tcp, port: 7002, backend_set: set}
    backend_sets:
      - {name: set, backends: [{address: 127.0.0.1, port: ` + backendPort + `}]}
`)
	if got := peer(t, "clients", d.At(7002).String(), strconv.Itoa(pairs)); got != "open" {
		t.Fatalf("clients: got %s, want open", got)
	}
	client, err := admin.Dial(filepath.Join(d.Path, "lull.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var stats *admin.Stats
	if !lulltest.Eventually(func() bool {
		stats, err = client.Stats(context.Background())
		return err == nil && len(stats.Backends) == 2 && stats.Backends[0].Connects == pairs
	}) {
		t.Fatalf("got %+v, %v, want %d connections to %s", stats, err, pairs, backend)
	}

	c := greeted(t, d)
	stop, done := make(chan struct{}), make(chan []time.Duration)
	go func() { done <- pings(c, stop) }()
	for _, format := range []string{"--json=false", "--json"} {
		begin := time.Now()
		got := d.Run("conns", format)
		took := time.Since(begin)
		if lines := strings.Count(got.Stdout, "\n"); got.Code != 0 || lines < pairs || strings.Count(got.Stdout, "crowd/crowd")+
			strings.Count(got.Stdout, `"listener":"crowd"`) != pairs {
			t.Errorf("conns %s: got exit code %d and %d lines, want 0 and %d", format, got.Code, lines, pairs)
		}
		if took > connsLimit {
			t.Errorf("conns %s: took %v, want at most %v", format, took, connsLimit)
		}
		t.Logf("conns %s: %v", format, took)
	}
	close(stop)
	took := <-done
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	if p99 > 50*time.Millisecond {
		t.Errorf("echo meanwhile: p99 of %d is %v, want at most 50 ms", len(took), p99)
	}
	t.Logf("echo meanwhile: %d, p50 %v, p99 %v, worst %v", len(took), took[len(took)/2], p99, took[len(took)-1])

	p.Signal(syscall.SIGTERM)
	c.Close()
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
}
