package lint

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// guides are the documents that lead through the code by the names in it.
//
//nolint:gochecknoglobals // a constant in all but type
var guides = []string{"docs/architecture.md", "docs/life-of-a-connection.md", "docs/life-of-an-exchange.md"}

//nolint:gochecknoglobals // compiled once, read only
var (
	nameSpan = regexp.MustCompile("`([A-Za-z_][\\w./-]*)`")
	lastName = regexp.MustCompile(`[\w-]+$`)
)

// names is what a guide may mention: files and directories by their path or its end, and words of the code.
type names struct {
	paths map[string]bool // with every directory, and without any number of leading ones
	words map[string]bool // identifiers, and the text of strings
}

// codeNames collects the names of the tree.
func codeNames(files []textFile, code []*goFile) names {
	n := names{map[string]bool{}, map[string]bool{}}
	for _, f := range files {
		for p := f.path; p != "."; p = path.Dir(p) {
			parts := strings.Split(p, "/")
			for i := range parts {
				n.paths[strings.Join(parts[i:], "/")] = true
			}
		}
	}
	for _, f := range code {
		if f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.Ident:
				n.words[x.Name] = true
			case *ast.BasicLit:
				if text, err := strconv.Unquote(x.Value); err == nil {
					n.words[text] = true
					n.words[lastName.FindString(text)] = true // the key of a setting's path
				}
			}
			return true
		})
	}
	return n
}

// checkGuide wants every name in a code span to exist. A dotted name is judged by its parts: `loop.Post`, `timeouts.drain`.
func checkGuide(f textFile, n names) []finding {
	var found []finding
	for i, line := range prose(string(f.text)) {
		for _, m := range nameSpan.FindAllStringSubmatch(line, -1) {
			if name := m[1]; !n.paths[name] && !n.words[name] && !n.dotted(name) {
				found = append(found, finding{f.path, i + 1, fmt.Sprintf("%s exists no more: tell the story as the code has it now", name)})
			}
		}
	}
	return found
}

func (n names) dotted(name string) bool {
	parts := strings.Split(name, ".")
	for _, p := range parts {
		if !n.words[p] && !n.paths[p] {
			return false
		}
	}
	return len(parts) > 1
}

func TestDocsGuides(t *testing.T) {
	t.Parallel()
	n := codeNames(texts(t), goFiles(t))
	for _, guide := range guides {
		report(t, checkGuide(texts(t, guide)[0], n))
	}
}

func TestCheckGuide(t *testing.T) {
	t.Parallel()
	code := mustParse(t, "internal/a/b.go", "package a\n\nfunc Post() string { return \"timeouts.drain\" }\n")
	n := codeNames([]textFile{code.textFile}, []*goFile{code})
	for text, want := range map[string]int{
		"`Post` in `b.go`, `a/b.go`, `internal/a`": 0,
		"`a.Post` and `timeouts.drain`, `drain`":   0,
		"`Gone`":                                   1,
		"`a.Gone`, `c.go`":                         2,
		"`rst: true` and `GET /x` are no names":    0,
		"```\n`Gone`\n```":                         0,
	} {
		if got := checkGuide(textFile{"docs/x.md", []byte(text)}, n); len(got) != want {
			t.Errorf("%q: got %v, want %d findings", text, got, want)
		}
	}
}
