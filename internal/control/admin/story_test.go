package admin

import (
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write the golden files of this package")

// closed returns the story of the sample connection after change.
func closed(change func(*record.Close)) []string {
	c := admintest.Close(12)
	change(&c)
	return storyOfClose(&c, nil, nil)
}

// live returns the story of the sample open connection after change.
func live(change func(*record.Live)) []string {
	l := admintest.Live(12)
	change(&l)
	return storyOfLive(&l, nil, admintest.Opened.Add(l.Age))
}

// endedBy makes c an end that no timer of lull caused.
func endedBy(c *record.Close, why reason.Reason) {
	c.Reason, c.Side, c.Timer, c.Setting, c.ArmedAt, c.Late = why, why.Info().Side, "", 0, 0, 0
}

// firedBy makes c an end by another timer.
func firedBy(c *record.Close, why reason.Reason, timer string, setting time.Duration) {
	c.Reason, c.Side, c.Timer, c.Setting = why, why.Info().Side, timer, setting
}

// unreached makes c a connection that no backend took.
func unreached(c *record.Close, tries int) {
	c.Traffic = admintest.Never(tries)
	c.Age = 10 * time.Second
	c.Closed = c.Opened.Add(c.Age)
	c.ArmedAt = 0
	if tries == 0 {
		c.Ends.Backend, c.Ends.BackendAddr = "", netip.AddrPort{}
	}
}

//nolint:gochecknoglobals // a table
var stories = []told{
	{"tunnel-idle", closed(func(*record.Close) {})},
	{"tunnel-idle, never a byte", closed(func(c *record.Close) {
		c.BytesUp, c.BytesDown = 0, 0
		c.QuietUp, c.QuietDown, c.FirstUp, c.FirstDown = -1, -1, -1, -1
		c.ArmedAt = 450 * time.Microsecond
	})},
	{"tunnel-idle, client not reading, behind a PROXY header", closed(func(c *record.Close) {
		c.Ends.Peer = netip.MustParseAddrPort("10.9.9.9:555")
		c.Ends.Backend = "10.0.0.1:5432"
		c.PendingDown, c.HalfClosed, c.ConnectTries = 65536, "backend", 3
	})},
	{"client-closed at once", closed(func(c *record.Close) {
		endedBy(c, reason.ClientClosed)
		c.HalfClosed, c.QuietUp, c.QuietDown = "client", 200*time.Microsecond, time.Millisecond
	})},
	{"backend-closed after a silence", closed(func(c *record.Close) {
		endedBy(c, reason.BackendClosed)
		c.HalfClosed, c.QuietUp, c.QuietDown = "backend", 30*time.Second, 30*time.Second
	})},
	{"backend-reset, first FIN from the client", closed(func(c *record.Close) {
		endedBy(c, reason.BackendReset)
		c.HalfClosed, c.QuietUp, c.QuietDown = "client", time.Second, time.Second
	})},
	{"client-reset, nothing from the backend", closed(func(c *record.Close) {
		endedBy(c, reason.ClientReset)
		c.BytesDown, c.QuietDown, c.FirstDown, c.QuietUp, c.PendingUp = 0, -1, -1, 350*time.Second, 1
	})},
	{"connect-timeout", closed(func(c *record.Close) {
		unreached(c, 1)
		firedBy(c, reason.ConnectTimeout, "connect", 10*time.Second)
	})},
	{"connect-timeout by a shorter idle time", closed(func(c *record.Close) {
		unreached(c, 2)
		firedBy(c, reason.ConnectTimeout, "idle", 5*time.Second)
		c.ArmedAt = 5 * time.Second
	})},
	{"connect-refused", closed(func(c *record.Close) {
		unreached(c, 3)
		endedBy(c, reason.ConnectRefused)
		c.Age = 1500 * time.Microsecond
	})},
	{"no-backend", closed(func(c *record.Close) {
		unreached(c, 0)
		endedBy(c, reason.NoBackend)
		c.Age = 100 * time.Microsecond
	})},
	{"handshake-timeout", closed(func(c *record.Close) {
		unreached(c, 0)
		firedBy(c, reason.HandshakeTimeout, "handshake", 10*time.Second)
	})},
	{"bad-proxy-header", closed(func(c *record.Close) {
		unreached(c, 0)
		endedBy(c, reason.BadProxyHeader)
	})},
	{"age-cap", closed(func(c *record.Close) {
		firedBy(c, reason.AgeCap, "connection_age_max", time.Hour)
		c.Age = time.Hour + 7*time.Minute
		c.QuietUp, c.QuietDown = time.Second, 2*time.Second
	})},
	{"drain-timeout", closed(func(c *record.Close) {
		firedBy(c, reason.DrainTimeout, "drain", 30*time.Second)
		c.ArmedAt, c.QuietUp, c.QuietDown = 42*time.Second, time.Second, time.Second
	})},
	{"listener-removed", closed(func(c *record.Close) {
		firedBy(c, reason.ListenerRemoved, "drain", 30*time.Second)
		c.ArmedAt, c.QuietUp, c.QuietDown = 42*time.Second, time.Second, time.Second
	})},
	{"shutdown", closed(func(c *record.Close) {
		firedBy(c, reason.Shutdown, "drain", 500*time.Millisecond)
		c.ArmedAt, c.QuietUp, c.QuietDown = 71*time.Second, time.Second, time.Second
	})},
	{"reclaimed", closed(func(c *record.Close) {
		unreached(c, 0)
		endedBy(c, reason.Reclaimed)
	})},
	{"no-descriptors", closed(func(c *record.Close) {
		unreached(c, 0)
		endedBy(c, reason.NoDescriptors)
	})},
	{"internal", closed(func(c *record.Close) { endedBy(c, reason.Internal) })},

	{"live", live(func(*record.Live) {})},
	{"live, due and half closed", live(func(l *record.Live) {
		l.FiresIn, l.HalfClosed = -3*time.Millisecond, "client"
	})},
	{"live, awaiting the PROXY header", live(func(l *record.Live) {
		l.State, l.Age, l.Traffic = "proxy-header", 2*time.Second, admintest.Never(0)
		l.Ends.Backend, l.Ends.BackendAddr = "", netip.AddrPort{}
		l.Timer, l.Setting, l.Why, l.FiresIn = "handshake", 10*time.Second, reason.HandshakeTimeout, 8*time.Second
	})},
	{"live, second try to connect", live(func(l *record.Live) {
		l.State, l.Age, l.Traffic = "connecting", 12*time.Second, admintest.Never(2)
		l.Timer, l.Setting, l.Why, l.FiresIn = "connect", 10*time.Second, reason.ConnectTimeout, 8*time.Second
	})},
	{"live, draining", live(func(l *record.Live) {
		l.Timer, l.Setting, l.Why, l.FiresIn = "drain", 30*time.Second, reason.ListenerRemoved, 8*time.Second
	})},
	{"live, lingering", live(func(l *record.Live) {
		l.State, l.PendingDown = "lingering", 4096
		l.Timer, l.Setting, l.Why, l.FiresIn = "linger", 2*time.Second, reason.None, time.Second
	})},
	{"live, no timer", live(func(l *record.Live) { l.Timer, l.Setting, l.Why, l.FiresIn = "", 0, reason.TunnelIdle, 0 })},
}

// TestStories holds every story against the golden files; run with -update to write them, then read them as a user would.
func TestStories(t *testing.T) {
	t.Parallel()
	wantStories(t, "testdata/stories.txt", stories)
	wantStories(t, "testdata/stories-http.txt", httpStories())
	wantStories(t, "testdata/stories-tls.txt", tlsStories())
}

type told struct {
	name string
	told []string
}

func wantStories(t *testing.T, path string, stories []told) {
	t.Helper()
	var got strings.Builder
	for _, s := range stories {
		got.WriteString("== " + s.name + "\n" + strings.Join(s.told, "\n") + "\n\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(golden), "\n")
	story := ""
	for i := range min(len(gotLines), len(wantLines)) {
		if name, ok := strings.CutPrefix(wantLines[i], "== "); ok {
			story = name
		}
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s, %s:\n got %s\nwant %s", path, story, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s: %d lines, want %d", path, len(gotLines), len(wantLines))
	}
}

// TestEveryReasonHasAdvice is for those who add a reason.
func TestEveryReasonHasAdvice(t *testing.T) {
	t.Parallel()
	ends := admintest.Close(1).Ends
	for r := reason.None + 1; int(r) < reason.Count; r++ {
		text := adviceOf(r, &ends, "idle", "", time.Minute)
		if text == "" || strings.ContainsAny(text, "{}") || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: advice %q, want a sentence without placeholders", r, text)
		}
	}
	if got, want := adviceOf(200, &ends, "", "", 0), adviceOf(reason.Internal, &ends, "", "", 0); got != want {
		t.Errorf("a reason outside the table gives %q, want %q", got, want)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ms", 412 * time.Microsecond: "0.41 ms", 9990 * time.Microsecond: "9.99 ms", 10 * time.Millisecond: "10 ms",
		999 * time.Millisecond: "999 ms", 999900 * time.Microsecond: "1.0 s", time.Second: "1.0 s",
		12400 * time.Millisecond: "12.4 s", 99940 * time.Millisecond: "99.9 s", 99960 * time.Millisecond: "1 min 40 s",
		time.Hour - time.Millisecond: "60 min 0 s", time.Hour: "1 h 0 min", 13*time.Hour + 7*time.Minute: "13 h 7 min",
		50 * time.Hour: "2 d 2 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Minute: "60s", 1500 * time.Millisecond: "1.5s", 0: "0s", 2 * time.Hour: "7200s"} {
		if got := Setting(d); got != want {
			t.Errorf("Setting(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "no bytes", 1: "1 byte", 999: "999 bytes", 1000: "1,000 bytes", 123456: "123,456 bytes", 1048576: "1,048,576 bytes",
	} {
		if got := count(n, "byte"); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 112: "112th"} {
		if got := ordinal(n); got != want {
			t.Errorf("ordinal(%d) = %q, want %q", n, got, want)
		}
	}
}
