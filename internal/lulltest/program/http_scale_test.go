package program_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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

// kept is a connection that has carried one request and waits.
type kept struct {
	c               net.Conn
	asked, answered time.Time
}

// keepAlive is a crowd of clients that ask once each, several at once, say when all have been answered, and then wait until
// they are closed. Last they say how long that took after their requests at the least, and after their responses at the most.
func keepAlive(address, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	all := make([]kept, n)
	if err := eachOf(n, func(i int) error { return all[i].ask(address) }); err != nil {
		return err
	}
	fmt.Println("open")
	shortest, longest := make([]time.Duration, n), make([]time.Duration, n)
	failed := make(chan error, n)
	var waiting sync.WaitGroup
	for i, k := range all {
		waiting.Go(func() {
			if m, err := k.c.Read(make([]byte, 1)); m != 0 || !errors.Is(err, io.EOF) {
				failed <- fmt.Errorf("connection %d: got %d bytes, %w", i, m, err)
			}
			end := time.Now()
			shortest[i], longest[i] = end.Sub(k.asked), end.Sub(k.answered)
			_ = k.c.Close()
		})
	}
	waiting.Wait()
	if len(failed) > 0 {
		return <-failed
	}
	fmt.Println(slices.Min(shortest).Microseconds(), slices.Max(longest).Microseconds())
	return nil
}

// eachOf calls f for 0 to n-1, several at once, and returns an error if one did.
func eachOf(n int, f func(i int) error) error {
	const atOnce = 8
	failed := make(chan error, atOnce)
	var running sync.WaitGroup
	for first := range atOnce {
		running.Go(func() {
			for i := first; i < n; i += atOnce {
				if err := f(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}

func (k *kept) ask(address string) (err error) {
	if k.c, err = net.Dial("tcp", address); err != nil {
		return err
	}
	k.asked = time.Now()
	if _, err = io.WriteString(k.c, lulltest.Request("GET", "/", "")); err != nil {
		return err
	}
	r, err := http.ReadResponse(bufio.NewReaderSize(k.c, 512), nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	k.answered = time.Now()
	return err
}

// memory returns the resident memory of a process that no file backs, in bytes.
func memory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no RssAnon in %s", text)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestHTTPKeepAlivesOfAFullProcess holds as many connections between two requests as 20,000 descriptors allow before lull
// begins to reclaim them (PR-03), prints what memory they take, and has all of them closed in time after the idle timeout has
// been shortened (TO-02, TO-06).
func TestHTTPKeepAlivesOfAFullProcess(t *testing.T) {
	const (
		clients = 8600
		idle    = 3 * time.Second
	)
	if testing.Short() {
		t.Skip("holds 8,600 connections")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 20000 {
		t.Skipf("%d descriptors (%v), and 20,000 are needed", limit.Max, err)
	}
	t.Parallel()
	d, backend := program.NewDir(t), lulltest.Greeter(t)
	file := beforeHTTP(backend.Addr, "access_log: {path: access.log, format: text}\n", "", "idle: 60s", "idle: 600s")
	p := d.Serve(file)
	answered(t, d).Close()
	empty := memory(t, p.PID())
	began := time.Now()
	crowd := startPeer(t, "keepers", d.At(port).String(), strconv.Itoa(clients))
	if got := crowd.line(); got != "open" {
		t.Fatalf("clients: got %s, want open", got)
	}
	client, err := admin.Dial(filepath.Join(d.Path, "lull.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stats := func() *admin.Stats {
		s, err := client.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := stats(); s.Connections != clients || s.Listeners[0].HTTP.Requests != clients+1 {
		t.Errorf("got %d connections and %d requests, want %d and one more", s.Connections, s.Listeners[0].HTTP.Requests, clients)
	}
	full := memory(t, p.PID())
	t.Logf("opened in %v; memory %d KiB before, %d KiB with %d connections: %d bytes each, %d pooled", time.Since(began), empty>>10, full>>10,
		clients, (full-empty)/clients, stats().Pooled)

	reload(d, p, strings.ReplaceAll(file, "idle: 600s", fmt.Sprintf("idle: %v", idle)))
	oldest := time.Since(began)
	var shortest, longest int64
	closed := crowd.line()
	if _, err := fmt.Sscan(closed, &shortest, &longest); err != nil {
		t.Fatalf("clients: got %s, want two times", closed)
	}
	least, most := time.Duration(shortest)*time.Microsecond, time.Duration(longest)*time.Microsecond
	if allowed := max(idle, oldest) + closeLimit; least < idle || most > allowed {
		t.Errorf("closed %v after their last byte at the soonest and %v at the latest, want %v and %v", least, most, idle, allowed)
	}
	t.Logf("closed %v after their last byte at the soonest and %v at the latest", least, most)
	if !lulltest.Eventually(func() bool { return stats().Connections == 0 }) {
		t.Errorf("connections: got %d, want 0", stats().Connections)
	}
	if got := stats().Listeners[0].Closes["client-idle"]; got != clients {
		t.Errorf("client-idle: got %d, want %d", got, clients)
	}
}
