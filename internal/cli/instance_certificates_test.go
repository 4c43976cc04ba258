package cli

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/certfile"
	"lull/internal/control/file"
	"lull/internal/dataplane/plan"
	"lull/internal/lulltest/testca"
)

// issued writes a certificate for a name into two files and returns when it expires.
func issued(t *testing.T, a *testca.Authority, pair certfile.Pair, name string, after time.Duration) time.Time {
	t.Helper()
	c := a.IssueFor(t, testca.Request{Names: []string{name}, NotAfter: time.Now().Add(after)})
	for path, text := range map[string][]byte{pair.Certificate: c.Chain, pair.Key: c.Key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c.TLS.Leaf.NotAfter
}

// scrapedExpiries returns the series of the metric, sorted.
func scrapedExpiries(t *testing.T, i *instance) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+i.metrics.Addr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(body)) {
		if series, ok := strings.CutPrefix(line, "lull_certificate_expiry_timestamp_seconds"); ok {
			got = append(got, strings.TrimSuffix(series, "\n"))
		}
	}
	slices.Sort(got)
	return got
}

// TestExpiriesAreScraped: what a running lull tells of certificates is what is in force, also after a file or the whole
// configuration was replaced.
func TestExpiriesAreScraped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := testca.NewFor(t)
	pair := certfile.Pair{Certificate: filepath.Join(dir, "www.pem"), Key: filepath.Join(dir, "www.key")}
	authorities := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(authorities, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	series := func(file, name string, at time.Time) string {
		return fmt.Sprintf("{certificate=%q,name=%q} %v", file, name, float64(at.Unix()))
	}
	ends := issued(t, a, pair, "www.example.com", time.Hour)
	source, err := certfile.Load([]certfile.Pair{pair}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &file.Config{AdminSocket: filepath.Join(dir, "s"), Metrics: "127.0.0.1:0", Plan: &plan.Plan{}, Certificates: []*certfile.Source{source}}
	i, err := startInstance(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.close)
	if got, want := scrapedExpiries(t, i), []string{series(pair.Certificate, "www.example.com", ends)}; !slices.Equal(got, want) {
		t.Errorf("at the start: %q, want %q", got, want)
	}

	ends = issued(t, a, pair, "www.example.com", 2*time.Hour)
	i.watcher.Look(time.Now())
	if got, want := scrapedExpiries(t, i), []string{series(pair.Certificate, "www.example.com", ends)}; !slices.Equal(got, want) {
		t.Errorf("after the file was replaced: %q, want %q", got, want)
	}

	roots, err := certfile.LoadRoots(authorities, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	next := *c
	next.Certificates = []*certfile.Source{source, roots}
	if err := i.reload(&next); err != nil {
		t.Fatal(err)
	}
	got := scrapedExpiries(t, i)
	if len(got) != 2 || !strings.HasPrefix(got[0], fmt.Sprintf("{certificate=%q,name=\"\"} ", authorities)) {
		t.Errorf("after a reload: %q, want the authorities, too", got)
	}
	next.Certificates = nil
	if err := i.reload(&next); err != nil {
		t.Fatal(err)
	}
	if got := scrapedExpiries(t, i); len(got) != 0 {
		t.Errorf("without certificates: %q, want none", got)
	}
}
