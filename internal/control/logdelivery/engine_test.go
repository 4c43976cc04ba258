package logdelivery_test

import (
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lull/internal/control/logdelivery"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestEngine has requests of a real engine delivered, with nothing made up but the load balancer's name.
func TestEngine(t *testing.T) {
	t.Parallel()
	backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
		c.Send(lulltest.Response("hello"))
		return true
	})
	e := lulltest.Start(t, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	dir := t.TempDir()
	store, err := logdelivery.NewDirectory(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := logdelivery.New(logdelivery.Options{
		Log: e.Log(), Exchanges: e.Exchanges(), Store: store, Account: "123456789012", Region: "us-east-1", Spool: filepath.Join(dir, "spool"),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	lb := logdelivery.Target{Name: "my-lb", Bucket: "logs", Interval: logdelivery.Hour, Nodes: map[netip.Addr]netip.Addr{
		netip.MustParseAddr("127.0.0.1"): netip.MustParseAddr("192.0.2.7"),
	}}
	if err := d.Check(t.Context(), lb); err != nil {
		t.Fatal(err)
	}
	d.SetTargets(map[string]logdelivery.Target{lulltest.HTTPKey.LoadBalancer: lb})
	c := e.DialHTTP()
	for range 3 {
		c.Send(lulltest.Request("GET", "/a?b", ""))
		c.Answer("GET")
	}
	if !lulltest.Eventually(func() bool { return len(lulltest.Recorded(&e.Exchanges().Ring)) == 3 }) {
		t.Fatal("the exchanges do not end")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var texts []string
	err = filepath.WalkDir(filepath.Join(dir, "logs"), func(name string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() || f.Name() == "ELBAccessLogTestFile" {
			return err
		}
		if want := regexp.MustCompile(`/logs/AWSLogs/123456789012/elasticloadbalancing/us-east-1/\d{4}/\d\d/\d\d/` +
			`123456789012_elasticloadbalancing_us-east-1_my-lb_\d{8}T\d\d00Z_192\.0\.2\.7_[a-z0-9]{8}\.log$`); !want.MatchString(name) {
			t.Errorf("name: %s", name)
		}
		text, err := os.ReadFile(name)
		texts = append(texts, string(text))
		return err
	})
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z my-lb 127\.0\.0\.1:\d+ ` + regexp.QuoteMeta(backend.Addr.String()) +
		` 0(\.\d{1,6})? 0(\.\d{1,6})? 0(\.\d{1,6})? 200 200 0 5 "GET http://[^/ ]+:\d+/a\?b HTTP/1\.1" "-" - -$`)
	for _, line := range strings.Split(strings.TrimSuffix(strings.Join(texts, ""), "\n"), "\n") {
		if !want.MatchString(line) {
			t.Errorf("line: %s", line)
		}
	}
	if n := strings.Count(strings.Join(texts, ""), "\n"); n != 3 || err != nil {
		t.Errorf("%d lines, want 3; %v", n, err)
	}
}
