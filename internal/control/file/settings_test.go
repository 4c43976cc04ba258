package file

import (
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

// TestTable checks what the readers and the reference take for granted of every row.
func TestTable(t *testing.T) {
	t.Parallel()
	for i := range settings {
		s := &settings[i]
		t.Run(s.path, func(t *testing.T) {
			t.Parallel()
			if byPath[s.path] != s {
				t.Error("the path has two rows")
			}
			if parent, _ := splitPath(s.path); parent != "" && byPath[strings.TrimSuffix(parent, "[]")] == nil {
				t.Errorf("no row for %s", parent)
			}
			if s.doc == "" || !strings.HasSuffix(s.doc, ".") {
				t.Errorf("doc: got %q, want a sentence", s.doc)
			}
			holder := s.kind == kindMapping || s.kind == kindList
			if holder != (s.effect == "") {
				t.Errorf("effect %q of a %s", s.effect, s.kind)
			}
			if !holder && s.required == (s.def != "" || s.defNote != "") {
				t.Errorf("required %v with default %q %q, want either", s.required, s.def, s.defNote)
			}
			checkDefault(t, s)
		})
	}
}

// checkDefault makes sure that a default would be accepted if it were written down.
func checkDefault(t *testing.T, s *setting) {
	t.Helper()
	if s.def == "" {
		return
	}
	switch s.kind {
	case kindDuration, kindSeconds, kindInteger:
		if n, ok := parseNumber(s.kind, s.def); !ok || !s.admits(n) {
			t.Errorf("default %s is not allowed: %s", s.def, s.allowed())
		}
	case kindWord:
		if !strings.Contains(", "+s.allowed()+",", ", "+s.def+",") {
			t.Errorf("default %s is not one of %s", s.def, s.allowed())
		}
	case kindBoolean:
		if s.def != "false" && s.def != "true" {
			t.Errorf("default %s: want a truth value", s.def)
		}
	case kindPath:
		if !pathChars.MatchString(s.def) {
			t.Errorf("default %s is not allowed: %s", s.def, s.allowed())
		}
	case kindMapping, kindList, kindName, kindText, kindAddress, kindHost, kindEndpoint, kindToken, kindDomain, kindFile, kindFiles, kindTexts,
		kindSecurity:
	}
}

func TestPolicyWords(t *testing.T) {
	t.Parallel()
	for _, w := range byPath["load_balancers[].backend_sets[].policy"].words {
		if p, ok := plan.ParsePolicy(w); !ok || p.String() != w {
			t.Errorf("policy %q: got %v, %v", w, p, ok)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	cases := map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Minute: "5400s", 1500 * time.Millisecond: "1500ms",
		time.Microsecond: "1µs", -time.Second: "-1s",
	}
	for d, want := range cases {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d): got %q, want %q", d, got, want)
		}
	}
}
