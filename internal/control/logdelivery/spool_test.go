package logdelivery

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/record"
)

func nodeIPv4() netip.Addr { return netip.MustParseAddr("127.0.0.16") }
func nodeIPv6() netip.Addr { return netip.MustParseAddr("2001:db8::1%eth0") }

func TestKeys(t *testing.T) {
	t.Parallel()
	end := time.Date(2014, 2, 15, 23, 40, 0, 0, time.UTC)
	o := owner{account, region}
	for _, tt := range []struct {
		prefix, want string
		node         netip.Addr
	}{
		{"", "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2014/02/15/123456789012_elasticloadbalancing_us-east-1_my-lb_20140215T2340Z_127.0.0.16_20sg8hgm.log", nodeIPv4()},
		{"a/b", "a/b/AWSLogs/123456789012/elasticloadbalancing/us-east-1/2014/02/15/123456789012_elasticloadbalancing_us-east-1_my-lb_20140215T2340Z_2001:db8::1_20sg8hgm.log", nodeIPv6()},
		{"", "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2014/02/15/123456789012_elasticloadbalancing_us-east-1_my-lb_20140215T2340Z_127.0.0.16_20sg8hgm.log", netip.MustParseAddr("::ffff:127.0.0.16")},
	} {
		got := o.key(destination{"my-lb", "logs", tt.prefix, FiveMinutes}, tt.node, end.In(time.FixedZone("", 3600)), "20sg8hgm")
		if got != tt.want || !validKey(got) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		name, err := randomName(rand.Reader)
		if err != nil || len(name) != 8 || !only(name, "", false) || seen[name] {
			t.Fatalf("%q, %v", name, err)
		}
		seen[name] = true
	}
}

// TestEndOf says which interval's file a line belongs to.
func TestEndOf(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse("15:04:05.000", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, tt := range []struct {
		name, ended, now string
		interval         time.Duration
		want             string
	}{
		{"within", "23:36:00.000", "23:36:00.015", FiveMinutes, "23:40:00.000"},
		{"first", "23:35:00.000", "23:35:00.015", FiveMinutes, "23:40:00.000"},
		{"last", "23:39:59.999", "23:39:59.999", FiveMinutes, "23:40:00.000"},
		{"followed-later", "23:39:59.999", "23:40:00.015", FiveMinutes, "23:40:00.000"},
		{"just-open", "23:39:59.000", "23:40:00.999", FiveMinutes, "23:40:00.000"},
		{"just-shut", "23:39:59.999", "23:40:01.000", FiveMinutes, "23:45:00.000"},
		{"long-ago", "22:00:00.000", "23:36:00.000", FiveMinutes, "23:40:00.000"},
		{"future", "23:59:00.000", "23:36:00.000", FiveMinutes, "23:40:00.000"},
		{"hour", "22:59:59.999", "23:00:00.015", Hour, "23:00:00.000"},
		{"hour-within", "22:00:00.000", "22:00:00.000", Hour, "23:00:00.000"},
	} {
		if got := endOf(at(tt.ended), at(tt.now), tt.interval); !got.Equal(at(tt.want)) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRecovery: what a killed process left is delivered at the next start, up to the last whole line.
func TestRecovery(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb"), "b": target("b")})
		w.end("lb", local, 3)
		w.end("b", local, 1)
		w.written()
		left := files(t, w.spool)
		if len(left) != 2 {
			t.Fatalf("spool: %q", left)
		}
		// The next process finds what this one has written so far.
		dir := filepath.Join(filepath.Dir(w.spool), "left")
		if err := os.CopyFS(dir, os.DirFS(w.spool)); err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("x", 3*pendingMost+100)
		whole := read(t, filepath.Join(dir, left[0]))
		for name, text := range map[string]string{
			left[0]:          whole + long, // a line that did not come whole
			"foreign.log":    "2026-01-01 something else\n",
			"empty.log":      "",
			"endless.log":    long,
			"elsewhere.log":  `{"bucket":"logs","key":"../../etc/elsewhere.log"}` + "\n",
			"another.log":    `{"bucket":"logs","key":"a/b.log"}` + "\n",
			"notes.txt":      "x",
			"only-a-key.log": `{"bucket":"logs","key":"a/only-a-key.log"}` + "\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.close()
		want := s.list()
		if len(want) != 2 {
			t.Fatalf("got %q", want)
		}
		s.files = nil
		w.options.Spool = dir
		w.open()
		wantList(t, "delivered", s.list(), slices.Sorted(slices.Values(append(want, "logs/a/only-a-key.log 0")))...)
		for name, text := range s.files {
			if _, lines, _ := strings.Cut(whole, "\n"); filepath.Base(name) == left[0] && text != lines {
				t.Errorf("%s: %d bytes, want %d", name, len(text), len(lines))
			}
		}
		wantList(t, "left alone", files(t, dir), "another.log", "elsewhere.log", "empty.log", "endless.log", "foreign.log", "notes.txt")
		if n := strings.Count(w.words.String(), "is left alone"); n != 5 {
			t.Errorf("%d warnings, want 5: %s", n, w.words.String())
		}
		if c := w.Counters(); c.SpoolBytes != 0 || c.Waiting != 0 {
			t.Errorf("got %+v", c)
		}
	})
}

// TestRecoveredAndGivenUp: lines are counted also where nobody remembers how many there were.
func TestRecoveredAndGivenUp(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: failing(errors.New("no"))}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.end("lb", local, 3)
		_ = w.Close()
		w.open()
		if c := w.Counters(); c.Waiting != 1 || c.SpoolBytes != blockBytes {
			t.Errorf("got %+v", c)
		}
		w.pass(2 * time.Hour)
		if c := w.Counters(); c.Lost != 3 || c.Dropped != 1 || c.SpoolBytes != 0 {
			t.Errorf("got %+v", c)
		}
	})
}

// TestSpoolFileVanishes: somebody removes it while it takes lines. Its lines are lost, those that follow are not.
func TestSpoolFileVanishes(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.end("lb", local, 3)
		w.written()
		for _, name := range files(t, w.spool) {
			if err := os.Remove(filepath.Join(w.spool, name)); err != nil {
				t.Fatal(err)
			}
		}
		w.end("lb", local, 1)
		w.written()
		w.end("lb", local, 2)
		w.written()
		if c := w.Counters(); c.Lost != 4 || c.SpoolBytes != blockBytes {
			t.Errorf("got %+v", c)
		}
		w.pass(FiveMinutes + shutAfter)
		wantList(t, "files", s.list(), place("logs", "my-app", "my-lb", "0005", "127.0.0.16")+" 2")
	})
}

// TestPendingIsBounded: what waits for its write stays within its limits, however much comes within a second.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	s, _, err := openSpool(t.TempDir(), owner{account, region}, SpoolBytesDefault, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 999) + "\n")
	const balancers, each = 300, 70 // enough for a write of each file, and together for one of all
	for range each {
		for i := range balancers {
			at := slot{target(fmt.Sprint("lb", i)).destination(), nodeIPv4(), 300}
			s.addLocked(at, line, time.Unix(0, 0))
			if f := s.open[at]; len(f.pending) >= pendingMost || s.pending >= pendingAll {
				t.Fatalf("%d bytes pending in a file, %d in all", len(f.pending), s.pending)
			}
		}
	}
	if s.lines.Load() == 0 {
		t.Error("nothing was written")
	}
	for range 70 {
		s.addLocked(slot{target("one").destination(), nodeIPv4(), 300}, line, time.Unix(0, 0))
	}
	if f := s.open[slot{target("one").destination(), nodeIPv4(), 300}]; f.lines != 66 {
		t.Errorf("%d lines of the one are written, want 66", f.lines)
	}
	s.flushLocked()
	if s.pending != 0 || s.lines.Load() != balancers*each+70 || len(s.room) > roomMost || len(s.touched) != 0 {
		t.Errorf("after a flush: %d pending, %d lines, %d buffers kept, %d touched", s.pending, s.lines.Load(), len(s.room), len(s.touched))
	}
}

// TestShutFileVanishes: somebody removes it before its delivery, which is given up at once.
func TestShutFileVanishes(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: failing(errors.New("no"))}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.end("lb", local, 3)
		w.pass(FiveMinutes + shutAfter)
		for _, name := range files(t, w.spool) {
			if err := os.Remove(filepath.Join(w.spool, name)); err != nil {
				t.Fatal(err)
			}
		}
		s.setFail(nil)
		w.pass(pauseFirst)
		if got, want := w.Counters(), (Counters{Lines: 3, Lost: 3, Failures: 1, Dropped: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if text := w.words.String(); !strings.Contains(text, "somebody has removed") {
			t.Errorf("log: %s", text)
		}
	})
}

// FuzzReadHead reads whatever a file in the spool may begin with.
func FuzzReadHead(f *testing.F) {
	f.Add([]byte(`{"bucket":"logs","key":"a/x.log"}`+"\nline\n"), "x.log")
	f.Add([]byte(`{"bucket":"..","key":"../x.log"}`+"\n"), "x.log")
	f.Add([]byte("{}\n"), ".")
	f.Add([]byte("\n"), "")
	f.Fuzz(func(t *testing.T, first []byte, name string) {
		h, start, err := readHead(first, name)
		if err != nil {
			return
		}
		if start < 1 || start > int64(len(first)) || first[start-1] != '\n' || checkPlace(h.Bucket, h.Key) != nil || filepath.Base(h.Key) != name {
			t.Errorf("%+v from %d of %q", h, start, first)
		}
	})
}

// BenchmarkWrite writes batches of 128 lines as they come from a busy server.
func BenchmarkWrite(b *testing.B) {
	for _, balancers := range []int{1, 100} {
		b.Run(fmt.Sprint(balancers), func(b *testing.B) {
			var log record.Log
			var exchanges record.Exchanges
			d, err := New(Options{
				Log: &log, Exchanges: &exchanges, Store: &shelf{}, Account: account, Region: region, Spool: b.TempDir(),
				Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				b.Fatal(err)
			}
			targets := map[string]Target{}
			for i := range balancers {
				targets[fmt.Sprint(i)] = target(fmt.Sprint("lb", i))
			}
			d.SetTargets(targets)
			batch := make([]record.Entry, 128)
			for i := range batch {
				x := exchange("", local)
				batch[i].Exchange = &x
			}
			var line []byte
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					batch[i].Exchange.Ends.LoadBalancer = fmt.Sprint(i % balancers)
				}
				line = d.write(batch, line)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/line")
			if err := d.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
