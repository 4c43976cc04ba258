package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// The sizes at which a file or a function has stopped being readable in one sitting.
const (
	fileLinesMax = 800 // aim for 100 to 400
	funcLinesMax = 70  // aim for 25; comment lines do not count, as in funlen
)

// checkFileSize refuses files that are too long to be read.
func checkFileSize(f textFile) []finding {
	lines := bytes.Count(f.text, []byte("\n"))
	if lines <= fileLinesMax {
		return nil
	}
	return []finding{{f.path, 0, fmt.Sprintf("split the file by noun: it has %d lines, at most %d are allowed", lines, fileLinesMax)}}
}

// checkFuncSize refuses long functions, unless one says why it is long.
func checkFuncSize(f *goFile) []finding {
	var found []finding
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil || excused(f, fn) {
			continue
		}
		if lines := bodyLines(f, fn); lines > funcLinesMax {
			found = append(found, finding{f.path, f.line(fn.Pos()), fmt.Sprintf(
				"split %s: it has %d lines without comments, at most %d are allowed (or `//nolint:funlen // why`)", fn.Name.Name, lines, funcLinesMax)})
		}
	}
	return found
}

// bodyLines counts the lines of a function between the first and the last, without those that are only comment.
func bodyLines(f *goFile, fn *ast.FuncDecl) int {
	lines := f.line(fn.End()) - f.line(fn.Pos()) - 1
	src := bytes.Split(f.text, []byte("\n"))
	for _, group := range f.ast.Comments {
		if group.Pos() < fn.Body.Pos() || group.End() > fn.End() {
			continue
		}
		for n := f.line(group.Pos()); n <= f.line(group.End()); n++ {
			if bytes.HasPrefix(bytes.TrimSpace(src[n-1]), []byte("//")) {
				lines--
			}
		}
	}
	return lines
}

// excused reports whether the function carries a funlen exception with a reason.
func excused(f *goFile, fn *ast.FuncDecl) bool {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			marker, why, _ := strings.Cut(strings.TrimPrefix(c.Text, "//"), "//")
			near := f.line(c.Pos()) == f.line(fn.Pos()) || f.line(c.Pos()) == f.line(fn.Pos())-1
			if near && strings.HasPrefix(marker, "nolint:") && strings.Contains(marker, "funlen") && strings.TrimSpace(why) != "" {
				return true
			}
		}
	}
	return false
}

func TestFileSize(t *testing.T) {
	t.Parallel()
	for _, f := range texts(t, ".go") {
		report(t, checkFileSize(f))
	}
}

func TestFuncSize(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if !f.isTest() {
			report(t, checkFuncSize(f))
		}
	}
}

func TestCheckFuncSize(t *testing.T) {
	t.Parallel()
	long := "{\n" + strings.Repeat("\tx++\n", funcLinesMax+1) + "}\n"
	cases := []struct {
		name, text string
		want       int
	}{
		{"short", "func f() { x++ }\n", 0},
		{"limit", "func f() {\n" + strings.Repeat("\tx++\n", funcLinesMax) + "}\n", 0},
		{"long", "func f() " + long, 1},
		{"comments", "func f() {\n" + strings.Repeat("\tx++\n", funcLinesMax) + strings.Repeat("\t// why\n", 9) + "}\n", 0},
		{"excused", "//nolint:funlen // one table\nfunc f() " + long, 0},
		{"excused-doc", "// f is.\n//\n//nolint:funlen // one table\nfunc f() " + long, 0},
		{"no-reason", "//nolint:funlen\nfunc f() " + long, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := mustParse(t, "a.go", "package a\n\nvar x int\n\n"+c.text)
			if got := checkFuncSize(f); len(got) != c.want {
				t.Errorf("got %v, want %d findings", got, c.want)
			}
		})
	}
}

func TestCheckFileSize(t *testing.T) {
	t.Parallel()
	for lines, want := range map[int]int{1: 0, fileLinesMax: 0, fileLinesMax + 1: 1} {
		f := textFile{"a.go", []byte(strings.Repeat("\n", lines))}
		if got := checkFileSize(f); len(got) != want {
			t.Errorf("%d lines: got %v, want %d findings", lines, got, want)
		}
	}
}
