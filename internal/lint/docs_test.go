package lint

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

//nolint:gochecknoglobals // compiled once, read only
var (
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	scheme    = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
	heading   = regexp.MustCompile(`^#{1,6} +(.*)$`)
	codeSpan  = regexp.MustCompile("`[^`]*`")
	adrName   = regexp.MustCompile(`^docs/adr/(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$`)
	dated     = regexp.MustCompile(`(?m)^Date: \d{4}-\d{2}-\d{2}\b`)
	headDated = regexp.MustCompile(`\A# .*\n+.*\b\d{4}-\d{2}-\d{2}\b`)
	status    = regexp.MustCompile(`(?m)(^|\. )Status: (proposed|accepted|rejected|superseded by \[\d{4}\]\([^)]+\))\.?$`)
)

// prose returns a document's lines, with those inside code fences emptied and code spans removed.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced {
			lines[i] = ""
		}
	}
	return lines
}

// anchor returns the fragment that a heading gets on the usual code hosts.
func anchor(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// anchors returns the fragments of a document's headings.
func anchors(text string) []string {
	var found []string
	for _, line := range prose(text) {
		if m := heading.FindStringSubmatch(line); m != nil {
			found = append(found, anchor(m[1]))
		}
	}
	return found
}

// checkLinks wants every relative link of a document to lead to a file or directory, and its fragment to a heading.
// tree holds the text of every file by path.
func checkLinks(f textFile, tree map[string]string) []finding {
	var found []finding
	for i, line := range prose(string(f.text)) {
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
			if why := broken(f.path, m[1], tree); why != "" {
				found = append(found, finding{f.path, i + 1, fmt.Sprintf("correct the link %q: %s", m[1], why)})
			}
		}
	}
	return found
}

// broken says why a link leads nowhere; empty if it leads somewhere or out of the repository.
func broken(from, target string, tree map[string]string) string {
	if scheme.MatchString(target) {
		return ""
	}
	file, fragment, _ := strings.Cut(target, "#")
	dest := from
	if file != "" {
		dest = path.Join(path.Dir(from), file)
	}
	text, ok := tree[dest]
	if !ok {
		for name := range tree {
			if strings.HasPrefix(name, dest+"/") {
				return ""
			}
		}
		return "there is no " + dest
	}
	if fragment != "" && strings.HasSuffix(dest, ".md") && !slices.Contains(anchors(text), fragment) {
		return fmt.Sprintf("%s has no heading with the anchor %q", dest, fragment)
	}
	return ""
}

// checkADR wants a decision record to have the parts that make it worth keeping.
func checkADR(f textFile) []finding {
	var found []finding
	add := func(text string) { found = append(found, finding{f.path, 0, text}) }
	text := string(f.text)
	name := adrName.FindStringSubmatch(f.path)
	if name == nil {
		return []finding{{f.path, 0, "name the record docs/adr/NNNN-short-title.md"}}
	}
	if !strings.HasPrefix(text, "# "+name[1]+": ") {
		add("start the record with \"# " + name[1] + ": what was decided\"")
	}
	if !dated.MatchString(text) {
		add("add a line \"Date: YYYY-MM-DD\"")
	}
	if !status.MatchString(text) {
		add("add a line \"Status: proposed\", accepted, rejected, or superseded by [NNNN](file)")
	}
	for _, part := range []string{"Problem", "Options", "Decision", "What would change our mind"} {
		if !strings.Contains(text, "\n## "+part) {
			add("add a section \"## " + part + "\"")
		}
	}
	return found
}

func TestDocsLinks(t *testing.T) {
	t.Parallel()
	tree := map[string]string{}
	for _, f := range texts(t) {
		tree[f.path] = string(f.text)
	}
	for _, f := range texts(t, ".md") {
		report(t, checkLinks(f, tree))
	}
}

func TestDocsDecisions(t *testing.T) {
	t.Parallel()
	numbers := map[string]string{}
	for _, f := range texts(t, ".md") {
		if path.Dir(f.path) != "docs/adr" || path.Base(f.path) == "README.md" {
			continue
		}
		report(t, checkADR(f))
		number := path.Base(f.path)[:4]
		if other := numbers[number]; other != "" {
			t.Errorf("%s: take the next free number: %s has the same", f.path, other)
		}
		numbers[number] = f.path
	}
}

func TestDocsInternalsDated(t *testing.T) {
	t.Parallel()
	for _, f := range texts(t, ".md") {
		if path.Dir(f.path) == "docs/internals" && !headDated.Match(f.text) {
			t.Errorf("%s: write the date below the title, as YYYY-MM-DD: internal notes outlive their truth", f.path)
		}
	}
}

func TestCheckLinks(t *testing.T) {
	t.Parallel()
	tree := map[string]string{"README.md": "# Lull\n", "docs/a.md": "# One `two`, three\n```\n# not a heading\n```\n"}
	for text, want := range map[string]int{
		"[x](docs/a.md)":                                 0,
		"[x](docs)":                                      0,
		"[x](docs/a.md#one-two-three)":                   0,
		"[x](docs/a.md#not-a-heading)":                   1,
		"[x](docs/b.md)":                                 1,
		"[x](#lull) and [y](#other)":                     1,
		"[x](https://a.example/b.md)":                    0,
		"`[x](docs/b.md)`":                               0,
		"```\n[x](docs/b.md)\n```":                       0,
		"[x](docs/b.md) and [y](docs/c.md)":              2,
		"![picture](docs/a.png) [m](mailto:a@b.example)": 1,
	} {
		if got := checkLinks(textFile{"README.md", []byte(text)}, tree); len(got) != want {
			t.Errorf("%q: got %v, want %d findings", text, got, want)
		}
	}
}

func TestCheckADR(t *testing.T) {
	t.Parallel()
	const whole = "# 0001: x\n\nDate: 2026-01-02\nStatus: accepted\n\n## Problem\n\n## Options\n\n## Decision\n\n## What would change our mind\n"
	cases := []struct {
		name, path, text string
		want             int
	}{
		{"whole", "docs/adr/0001-x.md", whole, 0},
		{"superseded", "docs/adr/0001-x.md", strings.Replace(whole, "accepted", "superseded by [0002](0002-y.md)", 1), 0},
		{"one-line", "docs/adr/0001-x.md", strings.Replace(whole, "\nStatus: accepted", ". Status: accepted.", 1), 0},
		{"options-and-cost", "docs/adr/0001-x.md", strings.Replace(whole, "Options", "Options and their cost", 1), 0},
		{"number", "docs/adr/0002-x.md", whole, 1},
		{"name", "docs/adr/one.md", whole, 1},
		{"no-date", "docs/adr/0001-x.md", strings.Replace(whole, "Date", "When", 1), 1},
		{"status", "docs/adr/0001-x.md", strings.Replace(whole, "accepted", "fine", 1), 1},
		{"no-section", "docs/adr/0001-x.md", strings.Replace(whole, "## Options\n", "", 1), 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := checkADR(textFile{c.path, []byte(c.text)}); len(got) != c.want {
				t.Errorf("got %v, want %d findings", got, c.want)
			}
		})
	}
}
