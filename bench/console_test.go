package main

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/bench/load"
)

const streamAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// chunked puts a text into chunks of n bytes.
func chunked(text string, n int) string {
	var w strings.Builder
	for len(text) > 0 {
		part := text[:min(n, len(text))]
		fmt.Fprintf(&w, "%x\r\n%s\r\n", len(part), part)
		text = text[len(part):]
	}
	return w.String()
}

// TestStreamParser feeds answers whole, byte by byte, and cut anywhere in two.
func TestStreamParser(t *testing.T) {
	t.Parallel()
	const part, fault = "event: part\ndata: \"<p>event: part</p>\"\n\n", "event: fault\ndata: \"\"\n\n"
	long := "event: part\ndata: \"" + strings.Repeat("x", 9000) + "\"\n\n"
	for name, c := range map[string]struct {
		in                   string
		parts, faults, pages int
	}{
		"head":         {streamAnswer, 0, 0, 0},
		"comment":      {streamAnswer + chunked("retry: 2000\n\n:\n\n", 100), 0, 0, 0},
		"part":         {streamAnswer + chunked("retry: 2000\n\n"+part, 100), 1, 0, 0},
		"two-parts":    {streamAnswer + chunked(part+part, 100), 2, 0, 0},
		"small-chunks": {streamAnswer + chunked(part+fault+part, 3), 2, 1, 0},
		"long":         {streamAnswer + chunked(long+long, 4096), 2, 0, 0},
		"part-way":     {streamAnswer + chunked(part+"event: part", 100), 1, 0, 0},
		"longer-name":  {streamAnswer + chunked("event: partial\n\n"+"event: part"+strings.Repeat(" ", 40)+"\n\n", 100), 0, 0, 0},
		"page":         {streamAnswer + chunked("<html>", 4) + "0\r\n\r\n", 0, 0, 1},
		"pages":        {strings.Repeat(streamAnswer+chunked("<html>", 4)+"0\r\n\r\n", 3), 0, 0, 3},
		"cut-line":     {streamAnswer + chunked("event: ", 9) + "0\r\n\r\n" + streamAnswer + chunked("part\n", 9), 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(how string, pieces ...string) {
				t.Helper()
				var p streamParser
				for _, piece := range pieces {
					if err := p.feed([]byte(piece)); err != nil {
						t.Fatalf("%s: %v", how, err)
					}
				}
				if p.parts != c.parts || p.faults != c.faults || p.pages != c.pages {
					t.Fatalf("%s: got %d parts, %d faults, %d pages; want %d, %d, %d", how, p.parts, p.faults, p.pages, c.parts, c.faults, c.pages)
				}
			}
			check("whole", c.in)
			check("byte by byte", strings.Split(c.in, "")...)
			for i := range min(len(c.in), 400) {
				check(fmt.Sprintf("cut at %d", i), c.in[:i], c.in[i:])
			}
		})
	}
}

func TestStreamParserRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"status":      "HTTP/1.1 303 See Other\r\nTransfer-Encoding: chunked\r\n\r\n",
		"no-chunks":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
		"not-http":    "hello\r\n\r\n",
		"length":      streamAnswer + "x\r\n",
		"negative":    streamAnswer + "-1\r\n",
		"too-long":    streamAnswer + "fffffffff\r\n",
		"no-line-end": streamAnswer + "2\r\nabc\r\n",
		"trailer":     streamAnswer + "0\r\nA: b\r\n\r\n",
		"endless":     "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 2000),
		"endless-one": strings.Repeat("x", 9000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p streamParser
			if err := p.feed([]byte(in)); err == nil {
				t.Errorf("got no error, %+v", p)
			}
		})
	}
}

// FuzzStreamParser wants the same of a text whole and in two pieces.
func FuzzStreamParser(f *testing.F) {
	f.Add(streamAnswer+chunked("event: part\ndata: \"\"\n\n", 5)+"0\r\n\r\n", 70)
	f.Add(streamAnswer+"0\r\n\r\n"+streamAnswer, 9)
	f.Add("HTTP/1.1 200 OK\r\n\r\n", 3)
	f.Fuzz(func(t *testing.T, in string, at int) {
		at = max(0, min(at, len(in)))
		var whole, halves streamParser
		err := whole.feed([]byte(in))
		cut := halves.feed([]byte(in[:at]))
		if cut == nil {
			cut = halves.feed([]byte(in[at:]))
		}
		if (err == nil) != (cut == nil) {
			t.Fatalf("%q: got %v whole, %v cut at %d", in, err, cut, at)
		}
		if err == nil && (whole.parts != halves.parts || whole.faults != halves.faults || whole.pages != halves.pages) {
			t.Fatalf("%q: got %+v whole, %+v cut at %d", in, whole, halves, at)
		}
		if len(whole.events) > streamLineMax || len(whole.line) > streamHeadMax {
			t.Fatalf("%q: keeps %d and %d bytes", in, len(whole.events), len(whole.line))
		}
	})
}

func TestParseSchedstat(t *testing.T) {
	t.Parallel()
	if got, err := parseSchedstat([]byte("1500000 200 30\n")); err != nil || got != 1500*time.Microsecond {
		t.Errorf("parseSchedstat: got %v, %v; want 1.5ms", got, err)
	}
	for _, in := range []string{"", "1 2\n", "1 2 3 4\n", "x 2 3\n", "-1 2 3\n", "99999999999999999999 2 3\n"} {
		if got, err := parseSchedstat([]byte(in)); err == nil {
			t.Errorf("parseSchedstat(%q): got %v, want an error", in, got)
		}
	}
}

func TestWaitsForEvents(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"441 0x5 0x7c320f4d1e8 0x100 0x0 0x0 0x0 0x7c3213e5d68 0x40da4e\n":  true,
		"281 0x6 0x7f790e73b584 0x80 0x3d2 0x0 0x0 0x7f790e73b4f0 0x40da4e": false,
		"4410 0x5":                   false,
		"running":                    false,
		"-1 0x7ffc00ca7638 0x494d43": false,
		"":                           false,
	} {
		if got := waitsForEvents([]byte(in)); got != want {
			t.Errorf("waitsForEvents(%q): got %v, want %v", in, got, want)
		}
	}
}

func TestThreadTimes(t *testing.T) {
	t.Parallel()
	now, before := threadTimes{1: 10, 2: 30, 3: 5}, threadTimes{1: 4, 2: 10, 9: 100}
	used := now.since(before)
	if want := (threadTimes{1: 6, 2: 20, 3: 5}); !maps.Equal(used, want) || used.sum(nil) != 31 || used.sum([]int{1, 3, 9}) != 11 {
		t.Errorf("since: got %v, in all %v, of two %v; want %v, 31, 11", used, used.sum(nil), used.sum([]int{1, 3, 9}), want)
	}
}

// TestLivePaths wants as many pages as the report says, half of them lists that are all different.
func TestLivePaths(t *testing.T) {
	t.Parallel()
	paths := livePaths(liveMost)
	lists, others := map[string]bool{}, map[string]int{}
	for _, p := range paths {
		if strings.Contains(p, "page=connections&") {
			lists[p] = true
		} else {
			others[p]++
		}
	}
	if len(paths) != liveMost || len(lists) != liveMost/2 || len(others) != 5 {
		t.Errorf("got %d pages, %d lists, others %v; want %d, %d and five", len(paths), len(lists), others, liveMost, liveMost/2)
	}
	if one := livePaths(1); len(one) != 1 || !lists[one[0]] {
		t.Errorf("one page: got %q, want a list of connections", one)
	}
}

func TestConsolePages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, want int }{{1000, 50}, {20, 20}, {51, 1}} {
		if pages := balancerPages(c.n); pages[1].rows != c.want {
			t.Errorf("the last page of %d load balancers: got %d rows, want %d", c.n, pages[1].rows, c.want)
		}
	}
	pages := connectionPages(9000, netip.MustParseAddrPort("127.0.1.1:80"))
	if got, want := pages[1].paths["lull"], "/console/connections?page_number=90"; got != want || pages[2].rows != connectionsRows {
		t.Errorf("got %q and %d rows of one backend, want %q and %d", got, pages[2].rows, want, connectionsRows)
	}
}

// TestRenderConsole wants the configurations to have a console and as many neighbours as were asked for, each at an address of its own.
func TestRenderConsole(t *testing.T) {
	t.Parallel()
	s := setup{
		Threads: 2, Idle: time.Hour, Dir: "/tmp/x", Others: 999, Console: consoleExample,
		Listen: netip.MustParseAddrPort("127.0.2.1:1000"), Backends: []load.Address{netip.MustParseAddrPort("127.0.1.1:2000")},
	}
	seen := map[netip.AddrPort]bool{}
	for _, n := range s.Neighbours() {
		seen[n.At] = true
	}
	if len(seen) != s.Others {
		t.Errorf("got %d addresses, want %d", len(seen), s.Others)
	}
	for _, one := range []struct {
		kind          string
		parts, ofHTTP []string
	}{
		{"lull", []string{"api: {address: 127.0.2.1:20002,", "- name: lb-0998\n    address: 127.65.3.249\n"}, []string{"protocol: http, port: 1000,"}},
		{toHAProxy, []string{"bind 127.0.2.1:20002\n    stats enable\n", "listen lb-0998\n    mode tcp\n    bind 127.65.3.249:8080\n", "maxconn 1000\n"}, []string{"mode http\n", "pool-high-fd-ratio", "X-Forwarded-Port"}},
	} {
		k, err := find(kinds("/bin/true"), one.kind)
		if k.name == "" {
			t.Fatal(err)
		}
		c, ok := withConsole(contender{one.kind, k})
		for http, parts := range map[bool][]string{false: one.parts, true: one.ofHTTP} {
			s.HTTP = http
			text, err := c.kind.render(s)
			if err != nil || !ok {
				t.Fatal(err)
			}
			for _, part := range parts {
				if !strings.Contains(text, part) {
					t.Errorf("%s: no %q in\n%.2000s", one.kind, part, text)
				}
			}
		}
	}
	if _, ok := withConsole(contender{"nginx", kind{name: "nginx"}}); ok {
		t.Error("nginx: got a console")
	}
}

func TestLastSaid(t *testing.T) {
	t.Parallel()
	p := newProcess("/bin/true", nil)
	if _, err := p.Write([]byte("console: http://127.0.0.1/console/login?token=abc-DEF_1 (once)\nready\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := p.lastSaid(), "console: http://127.0.0.1/console/login?token=… (once)\nready\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, parts, want int }{{200, 1, 200}, {200, 2, 100}, {5, 2, 3}, {1, 5, 1}} {
		if got := share(c.all, c.parts); got != c.want {
			t.Errorf("share(%d, %d): got %d, want %d", c.all, c.parts, got, c.want)
		}
	}
}
