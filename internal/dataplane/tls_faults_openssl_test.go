package dataplane_test

import (
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// stranger is the client of another library: openssl s_client, which does what a line of one letter says.
type stranger struct {
	io.Writer
	t *testing.T

	// Guarded by mu.
	mu   sync.Mutex
	said strings.Builder
}

func (s *stranger) heard(want string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.said.String(), want)
}

// forget has waits look only for what is written from now on.
func (s *stranger) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.Reset()
}

// collect keeps what the program writes.
func (s *stranger) collect(from io.Reader, done *sync.WaitGroup) {
	done.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := from.Read(b)
			s.mu.Lock()
			s.said.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
}

// openssl starts s_client against a fort's ssl listener, and waits until the handshake is over.
func (f *fort) openssl(t *testing.T, version string) *stranger {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here")
	}
	cmd := exec.Command(path, "s_client", "-connect", f.Local(secretKey).String(), "-servername", "web.example", version)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{Writer: in, t: t}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	s.collect(out, &done)
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		done.Wait()
		_ = cmd.Wait()
	})
	s.waits("Verify return code")
	return s
}

func (s *stranger) does(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s, line+"\n"); err != nil {
		s.t.Fatalf("tell openssl %q: %v", line, err)
	}
}

func (s *stranger) waits(want string) {
	s.t.Helper()
	if !lulltest.Eventually(func() bool { return s.heard(want) }) {
		s.t.Fatalf("openssl: got %q, want %q", s.said.String(), want)
	}
}

// TestTLSOpenSSLUpdates: key updates of another library, with and without an answer asked for.
func TestTLSOpenSSLUpdates(t *testing.T) {
	t.Parallel()
	f := newFort(t, 1, nil)
	s := f.openssl(t, "-tls1_3")
	for i, letter := range []string{"k", "K", "K"} {
		s.does(letter)
		s.waits("KEYUPDATE") // it drops what comes with the letter
		line := "hello " + strings.Repeat("again ", i)
		s.forget()
		s.does(line)
		s.waits(line)
	}
	s.does("Q")
	if r := f.NextClose(); r.Reason != reason.ClientClosed {
		t.Errorf("record: got %v (%s), want client-closed", r.Reason, r.TLS.Fault)
	}
}

// TestTLSOpenSSLRenegotiation: another library's attempt to negotiate anew ends the connection.
func TestTLSOpenSSLRenegotiation(t *testing.T) {
	t.Parallel()
	f := newFort(t, 1, nil)
	s := f.openssl(t, "-tls1_2")
	s.does("hello once")
	s.waits("hello once")
	s.does("R")
	if r := f.NextClose(); r.Reason != reason.TLSViolation || r.TLS.Fault == "" {
		t.Errorf("record: got %v (%s), want tls-violation", r.Reason, r.TLS.Fault)
	}
	s.waits("alert")
}
