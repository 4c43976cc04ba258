package logdelivery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lull/internal/dataplane/record"
)

const local = "127.0.0.16:80"

// TestFileOfAnInterval follows two intervals to a directory: names, lines, modes, and no file where there is no line.
func TestFileOfAnInterval(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "logs")
	store, err := NewDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, store, func(w *world) {
		w.SetTargets(map[string]Target{"aws/my-lb": target("my-lb")})
		w.pass(90 * time.Second)
		w.exchanges.Append([]record.Exchange{exchange("aws/my-lb", local), exchange("another", local)})
		w.log.Append([]record.Close{connection("aws/my-lb", local), connection("another", local)})
		w.pass(3*time.Minute + 30*time.Second)
		wantList(t, "at the boundary", files(t, root))
		w.pass(shutAfter)
		got := files(t, root)
		name := place("logs", "my-app", "my-lb", "0005", "127.0.0.16")
		if len(got) != 1 || plain(got[0]) != name {
			t.Fatalf("got %q, want %s", got, name)
		}
		const want = `2000-01-01T00:01:29.999000Z my-lb 198.51.100.7:41234 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/8.5.0" - -
2000-01-01T00:01:29.000000Z my-lb 198.51.100.7:41234 10.0.0.1:80 0.001069 0.000028 0 - - 82 305 "- - - " "-" - -
`
		if text := read(t, filepath.Join(root, got[0])); text != want {
			t.Errorf("got\n%swant\n%s", text, want)
		}
		for name, want := range map[string]os.FileMode{got[0]: 0o600, "logs": 0o700 | os.ModeDir, filepath.Dir(got[0]): 0o700 | os.ModeDir} {
			if info, err := os.Lstat(filepath.Join(root, name)); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
			}
		}
		w.pass(10 * time.Minute)
		if got := files(t, root); len(got) != 1 {
			t.Errorf("after empty intervals: %q", got)
		}
		if c := w.Counters(); c != (Counters{Lines: 2, Files: 1}) {
			t.Errorf("got %+v", c)
		}
		wantList(t, "spool", files(t, w.spool))
	})
}

// TestIntervals: an hour's files, a name that begins another day, and what ended just before a boundary.
func TestIntervals(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		hourly := target("hourly")
		hourly.Interval, hourly.Prefix = Hour, ""
		w.SetTargets(map[string]Target{"h": hourly, "f": target("five")})
		w.pass(22*time.Hour + 59*time.Minute + 59*time.Second + 999*time.Millisecond)
		w.end("f", local, 1) // it is followed some milliseconds after 23:00
		w.end("h", local, 2)
		w.end("f", local, 1)
		w.pass(time.Hour + 2*time.Second)
		tomorrow := strings.ReplaceAll(place("logs", "", "hourly", "0000", "127.0.0.16"), "2000/01/01", "2000/01/02")
		wantList(t, "files", s.list(),
			strings.ReplaceAll(tomorrow, "20000101T", "20000102T")+" 2",
			place("logs", "my-app", "five", "2300", "127.0.0.16")+" 1",
			place("logs", "my-app", "five", "2305", "127.0.0.16")+" 1")
	})
}

// TestNodes: a file for each node, whose address is the listener's unless it is told.
func TestNodes(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		tt := target("my-lb")
		tt.Prefix = ""
		tt.Nodes = map[netip.Addr]netip.Addr{
			netip.MustParseAddr("0.0.0.0"):    netip.MustParseAddr("192.0.2.1"),
			netip.MustParseAddr("127.0.0.18"): netip.MustParseAddr("192.0.2.1"),
		}
		w.SetTargets(map[string]Target{"lb": tt})
		clear(tt.Nodes) // the caller's own
		w.end("lb", "127.0.0.16:80", 1)
		w.end("lb", "127.0.0.16:443", 1)
		w.end("lb", "127.0.0.17:80", 1)
		w.end("lb", "0.0.0.0:80", 1)
		w.end("lb", "127.0.0.18:80", 1)
		w.end("lb", "[2001:db8::1]:80", 1)
		w.pass(FiveMinutes + 2*time.Second)
		wantList(t, "files", s.list(),
			place("logs", "", "my-lb", "0005", "127.0.0.16")+" 2",
			place("logs", "", "my-lb", "0005", "127.0.0.17")+" 1",
			place("logs", "", "my-lb", "0005", "192.0.2.1")+" 2",
			place("logs", "", "my-lb", "0005", "2001:db8::1")+" 1")
	})
}

// TestTargetsChange: lines go where the target says when they are followed, and files under way where they were to go.
func TestTargetsChange(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		if w.exchanges.Followed() {
			t.Error("exchanges are remembered without a target")
		}
		w.end("lb", local, 1) // nobody wants it
		first := target("my-lb")
		w.SetTargets(map[string]Target{"lb": first})
		w.end("lb", local, 2)
		second := first
		second.Bucket, second.Prefix = "other-logs", ""
		w.SetTargets(map[string]Target{"lb": second})
		w.end("lb", local, 3)
		wantList(t, "another bucket", s.list(), place("logs", "my-app", "my-lb", "0005", "127.0.0.16")+" 2")
		w.SetTargets(map[string]Target{"lb": second, "new": target("new-lb")})
		w.end("lb", local, 1)
		w.end("new", local, 1)
		w.SetTargets(nil)
		w.end("lb", local, 5)
		wantList(t, "no target", s.list(),
			place("logs", "my-app", "my-lb", "0005", "127.0.0.16")+" 2",
			place("logs", "my-app", "new-lb", "0005", "127.0.0.16")+" 1",
			place("other-logs", "", "my-lb", "0005", "127.0.0.16")+" 4")
		if w.exchanges.Followed() {
			t.Error("exchanges are still remembered")
		}
		w.SetTargets(map[string]Target{"new": target("new-lb")})
		w.end("new", local, 2)
		w.pass(FiveMinutes + shutAfter)
		wantList(t, "again", s.list()[1:3],
			place("logs", "my-app", "new-lb", "0005", "127.0.0.16")+" 1",
			place("logs", "my-app", "new-lb", "0005", "127.0.0.16")+" 2")
		invalid := target("my-lb")
		invalid.Bucket = "../../etc"
		w.SetTargets(map[string]Target{"lb": invalid})
		if got := w.words.String(); !strings.Contains(got, `access log bucket`) || !strings.Contains(got, "load_balancer=lb") {
			t.Errorf("log: %s", got)
		}
	})
}

// TestSeveralFiles of one interval are written when there is much.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.Delivery.spool.fileMax = 1000 // the first line has about 150 bytes, and so have others
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.end("lb", local, 8)
		name := place("logs", "my-app", "my-lb", "0005", "127.0.0.16")
		wantList(t, "before the boundary", s.list(), name+" 6")
		w.pass(FiveMinutes + 2*time.Second)
		wantList(t, "after", s.list(), name+" 2", name+" 6")
	})
}

// TestClose delivers what there is; what it cannot deliver the next start does.
func TestClose(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.exchanges.Append([]record.Exchange{exchange("lb", local)}) // and not followed yet
		w.close()
		name := place("logs", "my-app", "my-lb", "0005", "127.0.0.16")
		wantList(t, "after Close", s.list(), name+" 1")
		if w.exchanges.Followed() {
			t.Error("exchanges are still remembered")
		}

		w.open()
		s.setFail(func(ctx context.Context, bucket string) error {
			if bucket == "slow" {
				<-ctx.Done()
			}
			return errors.New("no")
		})
		slow := target("slow-lb")
		slow.Bucket = "slow"
		w.SetTargets(map[string]Target{"lb": target("my-lb"), "slow": slow})
		w.end("lb", local, 2)
		w.end("slow", local, 3)
		began := time.Now()
		err := w.Close()
		if want := "access logs: 2 files are not delivered yet; they stay in " + w.spool; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
		if took := time.Since(began); took != closeWait {
			t.Errorf("Close took %s, want %s", took, closeWait)
		}
		w.SetTargets(map[string]Target{"lb": target("my-lb")}) // does nothing any more
		w.pass(time.Second)

		s.setFail(nil)
		w.open()
		wantList(t, "after the next start", s.list(), name+" 1", name+" 2", place("slow", "my-app", "slow-lb", "0005", "127.0.0.16")+" 3")
		wantList(t, "spool", files(t, w.spool))
	})
}

// TestRetries: a bucket that cannot be written is tried again with growing pauses, others are not held up, and after an
// hour the lines are dropped, counted and logged.
func TestRetries(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: func(_ context.Context, bucket string) error {
		if bucket == "logs" {
			return &RefusedError{bucket, errors.New("S3 said no")}
		}
		return nil
	}}
	inBubble(t, s, func(w *world) {
		other := target("other-lb")
		other.Bucket = "other-logs"
		w.SetTargets(map[string]Target{"lb": target("my-lb"), "other": other})
		w.end("lb", local, 3)
		w.end("other", local, 1)
		w.pass(FiveMinutes + shutAfter)
		wantList(t, "the other", s.list(), place("other-logs", "my-app", "other-lb", "0005", "127.0.0.16")+" 1")
		w.pass(2 * time.Hour)
		s.mu.Lock()
		tries := s.tries[1:] // one was the other's
		s.mu.Unlock()
		if len(tries) != triesMost {
			t.Fatalf("%d tries, want %d", len(tries), triesMost)
		}
		var pauses []time.Duration
		for i := range tries[1:] {
			pauses = append(pauses, tries[i+1].Sub(tries[i])/time.Second)
		}
		if got, want := fmt.Sprint(pauses), "[2ns 4ns 8ns 16ns 32ns 64ns 128ns 256ns 512ns 600ns 600ns 600ns 600ns]"; got != want {
			t.Errorf("pauses of %s, want %s (seconds)", got, want)
		}
		if got, want := w.Counters(), (Counters{Lines: 4, Lost: 3, Files: 1, Failures: 14, Dropped: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		wantList(t, "spool", files(t, w.spool))
		text := w.words.String()
		for _, want := range []string{"access logs cannot be delivered", "S3 said no", "lines of access logs are lost", "lines=3", "given up after 14 attempts"} {
			if strings.Count(text, want) == 0 {
				t.Errorf("the log does not say %q: %s", want, text)
			}
		}
		if n := strings.Count(text, "\n"); n != 2 {
			t.Errorf("%d lines in the log, want 2: %s", n, text)
		}
		s.setFail(nil)
		w.end("lb", local, 1)
		w.pass(FiveMinutes + shutAfter)
		if !strings.Contains(w.words.String(), "access logs are delivered again") {
			t.Errorf("log: %s", w.words.String())
		}
	})
}

// TestStoreThatHangs holds up neither the spool nor, with its few places, other buckets for longer than an attempt.
func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	s := &shelf{fail: func(ctx context.Context, bucket string) error {
		if bucket != "logs" {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	inBubble(t, s, func(w *world) {
		targets := map[string]Target{}
		for i := range 6 {
			targets[fmt.Sprint(i)] = target(fmt.Sprint("lb", i))
		}
		other := target("other-lb")
		other.Bucket = "other-logs"
		targets["other"] = other
		w.SetTargets(targets)
		for i := range 6 {
			w.end(fmt.Sprint(i), local, 1)
		}
		w.end("other", local, 1)
		w.pass(FiveMinutes + shutAfter)
		if n := w.deliveries.Load(); n != uploadsMost {
			t.Errorf("%d deliveries at once, want %d", n, uploadsMost)
		}
		w.end("other", local, 2)
		w.written()
		if c := w.Counters(); c.Lines != 9 {
			t.Errorf("lines wait for a store: %+v", c)
		}
		w.pass(2*attemptMost + time.Second)
		if got := s.list(); len(got) == 0 {
			t.Errorf("the other bucket got nothing in %s", 2*attemptMost)
		}
		s.setFail(nil)
		w.pass(time.Hour)
		if got := s.list(); len(got) != 8 {
			t.Errorf("got %q, want 8 files", got)
		}
	})
}

// TestSpoolThatHangs: who asks or changes something does not wait for a disk that takes no lines.
func TestSpoolThatHangs(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.Delivery.spool.mu.Lock() // as while a write does not return
		w.exchanges.Append([]record.Exchange{exchange("lb", local)})
		_ = w.Counters()
		w.SetTargets(map[string]Target{"lb": target("my-lb"), "other": target("other-lb")})
		if err := w.Check(w.t.Context(), target("my-lb")); err != nil {
			t.Error(err)
		}
		w.SetTargets(nil)
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		w.Delivery.spool.mu.Unlock()
	})
}

// TestSpoolIsFull: beyond its limit lines are lost, counted and logged; what is there is delivered, and then there is room.
func TestSpoolIsFull(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.Delivery.spool.bytesMax = 2 * blockBytes
		w.SetTargets(map[string]Target{"a": target("a"), "b": target("b"), "c": target("c")})
		w.end("a", local, 1)
		w.end("b", local, 1)
		w.end("c", local, 7)
		w.written()
		if got, want := w.Counters(), (Counters{Lines: 2, Lost: 7, SpoolBytes: 2 * blockBytes}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		w.end("c", local, 1)
		w.written()
		if text := w.words.String(); strings.Count(text, "lines=") != 1 {
			t.Errorf("two reports within a minute: %s", text)
		}
		w.pass(FiveMinutes + shutAfter)
		w.end("c", local, 1)
		w.pass(FiveMinutes + shutAfter)
		wantList(t, "files", s.list(),
			place("logs", "my-app", "a", "0005", "127.0.0.16")+" 1",
			place("logs", "my-app", "b", "0005", "127.0.0.16")+" 1",
			place("logs", "my-app", "c", "0010", "127.0.0.16")+" 1")
		text := w.words.String()
		if !strings.Contains(text, "lines=7 reason=") || !strings.Contains(text, "lines=1 reason=") || !strings.Contains(text, "at most 8192 are allowed") {
			t.Errorf("log: %s", text)
		}
		w.end("a", local, 1)
		w.end("b", local, 1)
		w.end("c", local, 2)
		w.written()
		w.end("c", local, 3)
		w.close() // which does not wait for the minute to be over
		if text := w.words.String(); !strings.Contains(text, "lines=2 reason=") || !strings.Contains(text, "lines=3 reason=") {
			t.Errorf("log: %s", text)
		}
	})
}

// TestClockSetBack: what waits for a time that is far off again does not wait for it.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.close()
		var ahead atomic.Int64
		w.options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		ahead.Store(int64(2 * time.Hour))
		w.open()
		w.Delivery.spool.bytesMax = blockBytes
		w.SetTargets(map[string]Target{"a": target("a"), "b": target("b")})
		w.end("a", local, 1)
		w.written()
		w.end("b", local, 2) // has no room
		w.written()
		w.end("a", local, 1)
		ahead.Store(0)
		w.pass(lookMost)
		name := place("logs", "my-app", "a", "0205", "127.0.0.16")
		wantList(t, "a minute after", s.list(), name+" 2")
		w.end("a", local, 1)
		w.end("b", local, 3)
		w.pass(reportEvery + flushEvery)
		if text := w.words.String(); !strings.Contains(text, "lines=2 reason=") || !strings.Contains(text, "lines=3 reason=") {
			t.Errorf("log: %s", text)
		}
	})
}

// TestSessionsDoNotOverlap: a follower that is not wanted any more and its successor never write the same line.
func TestSessionsDoNotOverlap(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		targets := map[string]Target{"lb": target("my-lb")}
		w.SetTargets(targets)
		for range 50 {
			w.SetTargets(nil)
			w.SetTargets(targets)
			w.exchanges.Append([]record.Exchange{exchange("lb", local)})
		}
		w.SetTargets(targets)
		w.pass(2 * time.Second)
		if c := w.Counters(); c.Lines > 50 || c.Lines == 0 {
			t.Errorf("%d lines of 50 exchanges", c.Lines)
		}
	})
}

// TestMissed: what the rings forgot is counted and logged.
func TestMissed(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		many := make([]record.Exchange, 1000)
		for i := range many {
			many[i] = exchange("another", local)
		}
		for range 20 {
			w.exchanges.Append(many)
		}
		w.end("lb", local, 1)
		w.written()
		if got, want := w.Counters(), (Counters{Lines: 1, Missed: 20_001 - record.Remembered, SpoolBytes: blockBytes}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if text := w.words.String(); !strings.Contains(text, "access logs miss what ended") || !strings.Contains(text, "records=3617") {
			t.Errorf("log: %s", text)
		}
	})
}

// TestCheck: the test file, and what somebody is told who enables a log that cannot be written.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		ctx := w.t.Context()
		if err := w.Check(ctx, target("my-lb")); err != nil {
			t.Error(err)
		}
		root := target("my-lb")
		root.Prefix = ""
		if err := w.Check(ctx, root); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"logs/my-app/AWSLogs/123456789012/ELBAccessLogTestFile", "logs/AWSLogs/123456789012/ELBAccessLogTestFile"} {
			if got, want := s.files[name], "The access log of my-lb is delivered here since 2000-01-01T00:00:00Z.\n"; got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		s.setFail(func(_ context.Context, bucket string) error { return &RefusedError{bucket, errors.New("s3cause")} })
		err := w.Check(ctx, target("my-lb"))
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok || refused.Bucket != "logs" || err.Error() != "Access Denied for bucket: logs. Please check S3bucket permission" {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(w.words.String(), "s3cause") {
			t.Errorf("the log does not say why: %s", w.words.String())
		}
		s.setFail(func(context.Context, string) error { return syscall.ENOSPC })
		if err := w.Check(ctx, target("my-lb")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "bucket logs") {
			t.Errorf("got %v", err)
		}
		hangs := make(chan struct{})
		s.setFail(func(context.Context, string) error { <-hangs; return nil })
		began := time.Now()
		if err := w.Check(ctx, target("my-lb")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != checkMost {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		close(hangs)
		bad := target("my-lb")
		bad.Interval = 7 * time.Minute
		if _, ok := errors.AsType[*InvalidError](w.Check(ctx, bad)); !ok {
			t.Error("an interval of 7 minutes is accepted")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"account":   {Account: "12345", Region: region},
		"letters":   {Account: "12345678901a", Region: region},
		"long":      {Account: account, Region: strings.Repeat("a", 64)},
		"path":      {Account: "../../../etc", Region: region},
		"region":    {Account: account, Region: "../x"},
		"no-region": {Account: account},
	} {
		if d, err := New(o); err == nil {
			t.Errorf("%s: got a Delivery", name)
			_ = d.Close()
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Account: account, Region: region, Spool: file}); err == nil || !strings.Contains(err.Error(), file+": not a directory") {
		t.Errorf("a spool that is a file: %v", err)
	}
}

// TestAllAtOnce does everything from everywhere; the race detector judges, and no line is lost or doubled.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inBubble(t, s, func(w *world) {
		w.SetTargets(map[string]Target{"lb": target("my-lb")})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 100 {
					w.exchanges.Append([]record.Exchange{exchange("lb", local)})
					time.Sleep(time.Second)
				}
			})
		}
		all.Go(func() {
			for i := range 100 {
				tt := target("my-lb")
				tt.Prefix = fmt.Sprint("p", i)
				w.SetTargets(map[string]Target{"lb": tt})
				_ = w.Counters()
				if err := w.Check(w.t.Context(), tt); err != nil {
					t.Error(err)
				}
				time.Sleep(900 * time.Millisecond)
			}
		})
		all.Wait()
		w.pass(10 * time.Minute)
		lines := 0
		for name, text := range s.files {
			if !strings.HasSuffix(name, "TestFile") {
				lines += strings.Count(text, "\n")
			}
		}
		if lines != 400 {
			t.Errorf("%d lines, want 400", lines)
		}
	})
}
