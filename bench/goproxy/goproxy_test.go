package goproxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProxy wants what the benchmark's backend insists on.
func TestProxy(t *testing.T) {
	t.Parallel()
	var targets []netip.AddrPort
	asked := make(chan *http.Request, 2)
	for range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r
			_, _ = io.WriteString(w, "hello") // the client would see less
		}))
		t.Cleanup(s.Close)
		targets = append(targets, netip.MustParseAddrPort(s.Listener.Addr().String()))
	}
	front := httptest.NewServer(newProxy(config{Listen: netip.MustParseAddrPort("127.0.0.1:80"), Backends: targets}))
	t.Cleanup(front.Close)
	hosts := map[string]bool{}
	for range targets {
		answer, err := front.Client().Get(front.URL + "/bytes")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(text) != "hello" || answer.ContentLength != 5 {
			t.Errorf("response: got %q of %d, %v; want hello with its length", text, answer.ContentLength, err)
		}
		r := <-asked
		for name, want := range map[string]string{"For": "127.0.0.1", "Proto": "http", "Port": "80", "Host": ""} {
			if got := r.Header.Get("X-Forwarded-" + name); got != want {
				t.Errorf("X-Forwarded-%s: got %q, want %q", name, got, want)
			}
		}
		hosts[r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }).String()] = true
	}
	if len(hosts) != len(targets) {
		t.Errorf("backends: got %v, want each asked once", hosts)
	}
}

func TestMainRefuses(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"listen": "127.0.0.1:0", "threads": 0, "backends": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"/nonexistent/file"}, {bad}, {"a", "b"}, {"-x"}} {
		if err := Main(args, io.Discard); err == nil {
			t.Errorf("Main(%q): got no error", args)
		}
	}
	var out strings.Builder
	if err := Main([]string{"-version"}, &out); err != nil || !strings.Contains(out.String(), "go1.") {
		t.Errorf("version: got %q, %v; want Go's", out.String(), err)
	}
}
