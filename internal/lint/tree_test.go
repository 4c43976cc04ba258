package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// finding is one departure from the house style: where, what is wrong, and what to do about it.
type finding struct {
	file string
	line int // 0: the file as a whole
	text string
}

// String returns "file:line: text", which editors can jump to.
func (f finding) String() string {
	if f.line == 0 {
		return f.file + ": " + f.text
	}
	return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text)
}

// report fails the test with every finding.
func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// textFile is a file of the repository with its path from the root.
type textFile struct {
	path string
	text []byte
}

// goFile is a parsed Go file. Its positions are in fset.
type goFile struct {
	textFile
	ast  *ast.File
	fset *token.FileSet
}

// isTest reports whether only tests compile the file.
func (f *goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// line returns the line a position is on.
func (f *goFile) line(p token.Pos) int { return f.fset.Position(p).Line }

// parseGo parses one file's text.
func parseGo(path, text string) (*goFile, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &goFile{textFile{path, []byte(text)}, parsed, fset}, nil
}

// mustParse parses made-up text for a check's own test.
func mustParse(t *testing.T, path, text string) *goFile {
	t.Helper()
	f, err := parseGo(path, text)
	if err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
	return f
}

// skipDirs are directories that hold nothing written by hand.
//
//nolint:gochecknoglobals // a constant in all but type
var skipDirs = []string{"bin", "lull-data", "node_modules", "testdata"}

// hidden reports whether a directory is some tool's own and not ours.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." && name != ".ci" && name != ".github"
}

// tree reads every text file of the repository, once.
//
//nolint:gochecknoglobals // shared by all the tests of the package; read only
var tree = sync.OnceValues(func() ([]textFile, error) {
	var files []textFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (hidden(d.Name()) || slices.Contains(skipDirs, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(text, 0) >= 0 { // a NUL: an image or a binary
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, textFile{filepath.ToSlash(rel), text})
		return err
	})
	return files, err
})

// goTree parses every Go file of the repository, once.
//
//nolint:gochecknoglobals // shared by all the tests of the package; read only
var goTree = sync.OnceValues(func() ([]*goFile, error) {
	files, err := tree()
	var parsed []*goFile
	for _, f := range files {
		if !strings.HasSuffix(f.path, ".go") || err != nil {
			continue
		}
		var g *goFile
		if g, err = parseGo(f.path, string(f.text)); err == nil {
			parsed = append(parsed, g)
		}
	}
	return parsed, err
})

// texts returns the repository's text files whose path ends in one of the suffixes; all of them if none is given.
func texts(t *testing.T, suffixes ...string) []textFile {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	var picked []textFile
	for _, f := range files {
		if len(suffixes) == 0 || slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(f.path, s) }) {
			picked = append(picked, f)
		}
	}
	if len(picked) == 0 {
		t.Fatalf("no file ends in %q: has the tree moved?", suffixes)
	}
	return picked
}

// goFiles returns the repository's Go files.
func goFiles(t *testing.T) []*goFile {
	t.Helper()
	files, err := goTree()
	if err != nil {
		t.Fatalf("parse the tree: %v", err)
	}
	return files
}
