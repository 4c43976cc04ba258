package certfile_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/control/certfile"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

//nolint:gochecknoglobals // made once, read only
var authority = sync.OnceValues(testca.New)

// issue returns a certificate with a common name to know it by.
func issue(t testing.TB, cn string, r testca.Request) *testca.Issued {
	t.Helper()
	a, err := authority()
	if err != nil {
		t.Fatalf("make an authority: %v", err)
	}
	r.CommonName = cn
	if r.Names == nil {
		r.Names = []string{"a.example"}
	}
	return a.IssueFor(t, r)
}

// files is a directory with certificates in it.
type files struct {
	t   testing.TB
	dir string
}

func newFiles(t testing.TB) files { return files{t, t.TempDir()} }

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

// pair returns the names of a pair's files.
func (f files) pair(name string) certfile.Pair {
	return certfile.Pair{Certificate: f.path(name + ".pem"), Key: f.path(name + ".key")}
}

//nolint:gochecknoglobals // for all tests together
var written atomic.Int64

// write writes a file in place. Each has a time of its own: kernels before 6.13 count time in ticks of some milliseconds, and
// tests are faster than that.
func (f files) write(name string, data []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
		f.t.Fatal(err)
	}
	at := time.Unix(1e9+written.Add(1), 0)
	if err := os.Chtimes(f.path(name), at, at); err != nil {
		f.t.Fatal(err)
	}
}

// rename puts a file in the place of another at one stroke.
func (f files) rename(name string, data []byte) {
	f.t.Helper()
	f.write(name+".new", data)
	if err := os.Rename(f.path(name+".new"), f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// link puts a symbolic link in the place of another at one stroke.
func (f files) link(name, target string) {
	f.t.Helper()
	if err := os.Symlink(target, f.path(name+".new")); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(f.path(name+".new"), f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f files) remove(name string) {
	f.t.Helper()
	if err := os.Remove(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f files) chmod(name string, mode os.FileMode) {
	f.t.Helper()
	if err := os.Chmod(f.path(name), mode); err != nil {
		f.t.Fatal(err)
	}
}

func (f files) mkdir(name string) {
	f.t.Helper()
	if err := os.Mkdir(f.path(name), 0o700); err != nil {
		f.t.Fatal(err)
	}
}

// put writes a pair.
func (f files) put(name string, i *testca.Issued) {
	f.t.Helper()
	f.write(name+".pem", i.Chain)
	f.write(name+".key", i.Key)
}

// load loads pairs by name.
func (f files) load(names ...string) *certfile.Source {
	f.t.Helper()
	var pairs []certfile.Pair
	for _, n := range names {
		pairs = append(pairs, f.pair(n))
	}
	s, err := certfile.Load(pairs, time.Now())
	if err != nil {
		f.t.Fatalf("load %q: %v", names, err)
	}
	return s
}

// logged is what a logger has written.
type logged struct {
	// Guarded by mu.
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// take returns the lines since the last call.
func (l *logged) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.out.String())
	l.out.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// watched is a watcher that looks when it is told to, with what it logs.
type watched struct {
	*certfile.Watcher
	t   testing.TB
	log *logged
	now time.Time
}

func watch(t testing.TB, sources ...*certfile.Source) *watched {
	t.Helper()
	log := &logged{}
	w := &watched{certfile.NewIdleWatcher(slog.New(slog.NewTextHandler(log, nil))), t, log, time.Now()}
	w.Apply(sources)
	t.Cleanup(w.Close)
	return w
}

// look has the watcher look a second later, and wants it to log these lines, of each of which a part is given.
func (w *watched) look(want ...string) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	w.Look(w.now)
	w.wantLog(want...)
}

func (w *watched) wantLog(want ...string) {
	w.t.Helper()
	got := w.log.take()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.Contains(got[i], want[i])
	}
	if !ok {
		w.t.Errorf("logged %q, want lines with %q", got, want)
	}
}

// wantServed wants a holder to answer with the certificate of that common name.
func wantServed(t testing.TB, h *certs.Holder, server, cn string) {
	t.Helper()
	got, err := h.For(&tls.ClientHelloInfo{ServerName: server})
	if err != nil || got.Leaf.Subject.CommonName != cn {
		t.Errorf("%q: got %v, error %v, want %s", server, got, err, cn)
	}
}

// statusText is a status in a line.
func statusText(s certfile.Status) string {
	return fmt.Sprintf("%d files, roots %t, names %q, %s, problem %q", len(s.Files), s.Roots, s.Names, s.Description, s.Problem)
}
