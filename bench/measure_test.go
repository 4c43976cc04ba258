package main

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 41 42 42 0 -1 4194560 1 2 3 4 150 275 7 8 20 0 1 0 100 0 0"
	want := stat{parent: 41, user: 1500 * time.Millisecond, system: 2750 * time.Millisecond}
	for name, in := range map[string]string{
		"plain":       "42 (nginx)" + rest,
		"blanks":      "42 (nginx: worker)" + rest,
		"parentheses": "42 (a) S 1 (b)" + rest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parseStat([]byte(in)); err != nil || got != want {
				t.Errorf("parseStat(%q): got %+v, %v; want %+v", in, got, err, want)
			}
		})
	}
	for name, in := range map[string]string{"empty": "", "short": "42 (x) S 1 2 3", "letters": "42 (x) S a b c d e f g h i j k l m"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parseStat([]byte(in)); err == nil {
				t.Errorf("parseStat(%q): got %+v, want an error", in, got)
			}
		})
	}
}

func TestParsePss(t *testing.T) {
	t.Parallel()
	const good = "558208b56000-7ffcd1ad3000 ---p 00000000 00:00 0   [rollup]\nRss:  1656 kB\nPss:     352 kB\nPss_Dirty:  112 kB\n"
	if got, err := parsePss([]byte(good)); err != nil || got != 352<<10 {
		t.Errorf("parsePss: got %d, %v; want %d", got, err, 352<<10)
	}
	for name, in := range map[string]string{"empty": "", "other-lines": "Rss: 1 kB\n", "unit": "Pss: 12 MB\n", "number": "Pss: x kB\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parsePss([]byte(in)); err == nil {
				t.Errorf("parsePss(%q): got %d, want an error", in, got)
			}
		})
	}
}

func TestParseMachineBusy(t *testing.T) {
	t.Parallel()
	const good = "cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 50 10 15 2000 250 3 3 4 0 0\n"
	if got, err := parseMachineBusy([]byte(good)); err != nil || got != 171*tick {
		t.Errorf("parseMachineBusy: got %v, %v; want %v", got, err, 171*tick)
	}
	for _, in := range []string{"", "cpu 1 2\n", "intr 1 2 3 4 5 6 7 8 9\n", "cpu a b c d e f g h\n"} {
		if got, err := parseMachineBusy([]byte(in)); err == nil {
			t.Errorf("parseMachineBusy(%q): got %v, want an error", in, got)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	before := machineLoad{at: start, busy: 5 * time.Second, own: time.Second}
	after := machineLoad{at: start.Add(10 * time.Second), busy: 6 * time.Second, own: 3 * time.Second}
	if got := after.foreign(before); got != 0 {
		t.Errorf("own work beyond what the ticks show: got %v, want 0", got)
	}
	if got := before.foreign(before); got != 0 {
		t.Errorf("no time: got %v, want 0", got)
	}
	after.busy += 10 * time.Second
	if got := after.foreign(before); got <= 0 || got > 1 {
		t.Errorf("nine seconds of others' work: got %v, want a share of the machine", got)
	}
}

func TestUsageSince(t *testing.T) {
	t.Parallel()
	before := usage{total: 5, user: 10 * tick, system: 20 * tick}
	got := usage{total: 12, user: 11 * tick, system: 23 * tick}.since(before)
	if want := (usage{total: 7, user: tick, system: 3 * tick}); got != want {
		t.Errorf("since: got %+v, want %+v", got, want)
	}
	if share := got.systemShare(); share != 0.75 {
		t.Errorf("system share: got %v, want 0.75", share)
	}
	if share := (usage{}).systemShare(); share != 0 {
		t.Errorf("system share of nothing: got %v, want 0", share)
	}
}

// TestOwnProcess reads this process's real meters.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err = child.Wait(); err != nil {
			t.Error(err)
		}
	}()
	pids, err := family(os.Getpid())
	if err != nil || pids[0] != os.Getpid() || !slices.Contains(pids, child.Process.Pid) {
		t.Errorf("family: got %v, %v; want %d first and %d", pids, err, os.Getpid(), child.Process.Pid)
	}
	self := []int{os.Getpid()}
	if u, err := usageOf(self); err != nil || u.total <= 0 {
		t.Errorf("usage: got %+v, %v; want some", u, err)
	}
	if n, err := pssOf(self); err != nil || n < 1<<20 {
		t.Errorf("Pss: got %d, %v; want over a MiB", n, err)
	}
	if n, err := openFiles(os.Getpid()); err != nil || n < 3 {
		t.Errorf("descriptors: got %d, %v; want three and more", n, err)
	}
	if l, err := machineLoadNow(); err != nil || l.busy <= 0 {
		t.Errorf("machine: got %+v, %v; want some work", l, err)
	}
}

func TestLineWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said []string
		want bool
	}{
		"first": {[]string{"ready\n"}, true}, "split": {[]string{"so\nre", "a", "dy", "\nmore"}, true}, "within": {[]string{"already\n", "ready ", "\n"}, false},
		"last": {[]string{"a line\n", "ready\n"}, true}, "unended": {[]string{"a line\nready"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &lineWatch{to: io.Discard, line: "\nready\n", tail: []byte("\n")}
			for _, s := range c.said {
				if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
					t.Errorf("Write: got %d, %v", n, err)
				}
			}
			if got := w.seen.Load(); got != c.want {
				t.Errorf("%q: got %v, want %v", c.said, got, c.want)
			}
		})
	}
}
