package lint

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// byPackage groups the files that make up packages by directory, tests aside.
func byPackage(files []*goFile) map[string][]*goFile {
	dirs := map[string][]*goFile{}
	for _, f := range files {
		if !f.isTest() {
			dir := path.Dir(f.path)
			dirs[dir] = append(dirs[dir], f)
		}
	}
	return dirs
}

// checkPackageDoc wants one doc comment per package, in the file where people look for it.
func checkPackageDoc(dir string, files []*goFile) []finding {
	var found []finding
	var documented []string
	for _, f := range files {
		if f.ast.Doc == nil || strings.TrimSpace(f.ast.Doc.Text()) == "" {
			continue
		}
		documented = append(documented, path.Base(f.path))
		name := f.ast.Name.Name
		home := []string{"doc.go", name + ".go"}
		if !slices.Contains(home, path.Base(f.path)) {
			found = append(found, finding{f.path, f.line(f.ast.Doc.Pos()),
				fmt.Sprintf("move the package comment to %s or %s, where people look for it", home[1], home[0])})
		}
		if want := "Package " + name + " "; name != "main" && !strings.HasPrefix(f.ast.Doc.Text(), want) {
			found = append(found, finding{f.path, f.line(f.ast.Doc.Pos()), fmt.Sprintf("start the package comment with %q", want)})
		}
	}
	switch len(documented) {
	case 0:
		return append(found, finding{dir, 0, "write a package comment: what it is, who calls it and on which goroutine or loop, " +
			"the design and the alternative not taken, ownership, limits, specification sections"})
	case 1:
		return found
	default:
		slices.Sort(documented)
		return append(found, finding{dir, 0, "keep one package comment; there is one in each of " + strings.Join(documented, ", ")})
	}
}

func TestPackageDoc(t *testing.T) {
	t.Parallel()
	dirs := byPackage(goFiles(t))
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		report(t, checkPackageDoc(dir, dirs[dir]))
	}
}

// checkName refuses package names that do not say what the package provides.
func checkName(dir string) []finding {
	for _, word := range []string{"util", "common", "helper", "base", "manager", "types"} {
		name := path.Base(dir)
		if name == word || name == word+"s" || strings.HasSuffix(name, word) || strings.HasSuffix(name, word+"s") {
			return []finding{{dir, 0, fmt.Sprintf("rename the package: %q does not say what it provides; complete \"this package provides …\" without %q", name, word)}}
		}
	}
	return nil
}

func TestPackageNames(t *testing.T) {
	t.Parallel()
	for _, dir := range slices.Sorted(maps.Keys(byPackage(goFiles(t)))) {
		report(t, checkName(dir))
	}
}

func TestCheckPackageDoc(t *testing.T) {
	t.Parallel()
	const doc = "// Package a is.\npackage a\n"
	cases := []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"one", map[string]string{"x/a.go": doc, "x/b.go": "package a\n"}, 0},
		{"doc-go", map[string]string{"x/doc.go": doc}, 0},
		{"none", map[string]string{"x/a.go": "package a\n"}, 1},
		{"detached", map[string]string{"x/a.go": "// Package a is.\n\npackage a\n"}, 1},
		{"two", map[string]string{"x/a.go": doc, "x/doc.go": doc}, 1},
		{"wrong-file", map[string]string{"x/b.go": doc}, 1},
		{"wrong-start", map[string]string{"x/a.go": "// This is a.\npackage a\n"}, 1},
		{"main", map[string]string{"x/main.go": "// Lull runs.\npackage main\n"}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var files []*goFile
			for name, text := range c.files {
				files = append(files, mustParse(t, name, text))
			}
			if got := checkPackageDoc("x", files); len(got) != c.want {
				t.Errorf("%q: got %d findings %v, want %d", c.files, len(got), got, c.want)
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]int{
		"internal/clock": 0, "internal/lulltest": 0, "internal/utils": 1, "a/common": 1, "a/httputil": 1, "a/types": 1, "a/poolmanager": 1,
	} {
		if got := checkName(dir); len(got) != want {
			t.Errorf("%s: got %v, want %d findings", dir, got, want)
		}
	}
}
