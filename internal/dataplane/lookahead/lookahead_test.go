package lookahead

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	const sample = `^((?!false).|\s)*$` // of the OCI API's reference
	for _, c := range []struct {
		expr, text string
		want       bool
	}{
		{sample, "", true},
		{sample, "all is well", true},
		{sample, "ok\nand ok\n", true},
		{sample, `{"ready":false}`, false},
		{sample, "one line\nfalse\nanother", false},
		{sample, "fals", true},
		{sample, "falsfalse", false},

		{`a(?=b)`, "ab", true},
		{`a(?=b)`, "ac", false},
		{`a(?=b)`, "ac ab", true},
		{`a(?=b)c`, "abc", false}, // it takes nothing
		{`a(?=bc)b`, "abc", true},
		{`^(?!.*(error|down)).*up`, "up", true},
		{`^(?!.*(error|down)).*up`, "up, and down", false},
		{`^(?=.*up)(?=.*running).*$`, "running and up", true},
		{`^(?=.*up)(?=.*running).*$`, "running", false},
		{`(?!a)`, "", true},
		{`(?=a)`, "", false},
		{`^(?!)`, "a", false},
		{`^(?=)`, "a", true},
		{`(?!a)|b`, "ab", true},
		{`^((?!a)|ab)c`, "abc", true},
		{`^((?!a)|ab)c`, "ac", false},
		{`^(?!a)*b`, "b", true},
		{`^(?!a)*ab`, "ab", true}, // none of them is one too
		{`^(?!a)+ab`, "ab", false},
		{`^(?!a){2}b`, "b", true},
		{`^(?!a(?!b))`, "ab", true},
		{`^(?!a(?!b))`, "ac", false},
		{`^(?!(?=a))b`, "b", true},
		{`^(?i)(?!FALSE)`, "false", true}, // flags in the middle are those of what follows, outside of lookaheads
		{`(?i)^(?!FALSE)`, "false", false},
		{`(?i)^(?!x(?!FALSE))`, "xfalse", true},
		{`(?s)^(?!.*down)`, "up\ndown", false},
		{`^(?!.*down)`, "up\ndown", true},
		{`(?m)^(?!#)\w+$`, "# no\nyes", true},
		{`(?!\bcat\b)cat`, "cat", false},
		{`(?!\bcat\b)cat`, "concat", true},
		{`(?!\bcat\b)cat`, "category", true},
		{`x(?!$)`, "x", false},
		{`x(?!$)`, "xy", true},
		{`^.(?!.)$`, "é", true},
		{`^.(?!.)$`, "\xff", true}, // what is no UTF-8 is one character a byte
		{`^.(?!.)$`, "\xff\xfe", false},

		{`(?!a)\(?=b`, "(=b", true}, // no lookaheads but the first
		{`(?!a)[(?=b)]+`, "(?=b)", true},
		{`(?!a)[](?!b)]+$`, "](?!b)", true},
		{`(?!a)[^](?=b)]`, "x", true},
		{`(?!a)[[:alpha:](?!]x`, "(x", true},
		{`(?!a)[\](?!]x`, "!x", true},
		{`(?!a)\Q(?=b)\E`, "(?=b)", true},
		{`(?!a\))b`, "b", true},
		{`(?!\Q)\E)a`, ")a", true},
		{`(?![)])a`, "a", true},
	} {
		e, err := Compile(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if got := e.Match([]byte(c.text)); got != c.want {
			t.Errorf("%s on %q: got %t, want %t", c.expr, c.text, got, c.want)
		}
		if e.String() != c.expr {
			t.Errorf("text: got %s, want %s", e, c.expr)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expr, want string }{
		{`(`, "missing closing )"},
		{`(?!a`, "(?!"},
		{`(?!a))`, "unexpected )"},
		{`(?!*)`, "missing argument to repetition operator"},
		{`(?!a)**`, "invalid nested repetition operator"},
		{`(?<=a)b`, "(?<"},
		{`(?!a)(?<!b)c`, "(?<"},
		{`(?!(a))\1`, `\1`},
		{`(?!a)[b`, "missing closing ]"},
		{`(?!` + strings.Repeat("a", 600) + `)`, "too large"},
		{strings.Repeat("(?!a", 300) + strings.Repeat(")", 300), "too large"},
		{`(?!a)(x{1,400}){1,400}`, "invalid repeat count"},
	} {
		e, err := Compile(c.expr)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: got %v, %v, want an error with %q", c.expr, e, err, c.want)
		}
	}
}

// TestTime: an expression that backtracks through every way of dividing the text has no more time than others.
func TestTime(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("a", 64<<10) + "!")
	for _, expr := range []string{`^(?=(a+)+$)`, `^((?!b)a|(?!c)a)*$`, `^((?!false).|\s)*x$`, `(?!(a*)*b$)(a*)*c`} {
		e, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if e.Match(text) {
			t.Errorf("%s: got a match", expr)
		}
		if took := time.Since(began); took > 20*time.Second { // some milliseconds, and still far from for ever on a busy machine
			t.Errorf("%s: took %v", expr, took)
		}
	}
}

// FuzzMatch holds the machine against package regexp: for an expression that has no lookaheads, and for one that is one.
func FuzzMatch(f *testing.F) {
	for _, expr := range []string{
		`a|b`, `^(a|b)*c$`, `\bfoo\b`, `(?i)Ab[c-f]?`, `(?m)^x$`, `(?s)a.b`, `a{2,4}?`, `(a*)*`, `(|a)+b`, `[^\d\s]`, `\pL+`, `$^`, `\Ax\z`, `(?P<n>x)y`, `.*`, `\Q(\E`, `[[:alpha:]]]`,
	} {
		f.Add(expr, "xab\nfoo Abc aab (\xff")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 100 || len(text) > 1000 {
			return
		}
		e, err := Compile(expr)
		if err == nil {
			e.Match([]byte(text)) // must not fail
		}
		plain, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		m, size, err := compile(expr, "", instructionsMax)
		if err != nil || size > instructionsMax {
			return
		}
		if got, want := m.search([]rune(text)), plain.MatchString(text); got != want {
			t.Errorf("%q on %q: got %t, want %t", expr, text, got, want)
		}
		checkAhead(t, expr, text)
	})
}

// checkAhead checks that the text's beginning matches the expression if and only if it has it ahead.
func checkAhead(t *testing.T, expr, text string) {
	t.Helper()
	plain, err := regexp.Compile(`\A(?:` + expr + `)`)
	if err != nil {
		return // it closes a group that is ours
	}
	want := plain.MatchString(text)
	for lookahead, want := range map[string]bool{`\A(?=` + expr + `)`: want, `\A(?!` + expr + `)`: !want} {
		e, err := Compile(lookahead)
		if err != nil {
			continue // too large with ours
		}
		if got := e.Match([]byte(text)); got != want {
			t.Errorf("%q on %q: got %t, want %t", lookahead, text, got, want)
		}
	}
}

// BenchmarkMatch matches the sample of the OCI API's reference with as much of a body as probes look at.
func BenchmarkMatch(b *testing.B) {
	const sample = `^((?!false).|\s)*$`
	for _, c := range []struct{ name, expr, text string }{
		{"short", sample, `{"status":"UP","ready":true}`},
		{"64KiB", sample, strings.Repeat("all is well ", 64<<10/12)},
		{"worst", `^((?!(?:a?){150}b).|\s)*$`, strings.Repeat("a", 64<<10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := Compile(c.expr)
			if err != nil {
				b.Fatal(err)
			}
			text := []byte(c.text)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				e.Match(text)
			}
		})
	}
}
