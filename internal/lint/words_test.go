package lint

import (
	"regexp"
	"strings"
	"testing"
)

// Marks of unfinished work. They are assembled here so that this file does not contain them.
//
//nolint:gochecknoglobals // compiled once, read only
var (
	leftover = regexp.MustCompile(`\b(` + "FIX" + `ME|` + "XX" + `X|` + "HA" + `CK)\b`)
	later    = regexp.MustCompile(`\b` + "TO" + `DO\b(\(#\d+\))?`)
)

// machinePath matches directories that exist on somebody's machine only. What stands before must not be part of a
// longer path or URL, and what follows must be a name.
//
//nolint:gochecknoglobals // compiled once, read only
var machinePath = regexp.MustCompile(`(^|[^\w./-])/(work|root|home|Users)/\w`)

// checkMarks looks for unfinished work in a comment or a script.
func checkMarks(file string, line int, text string) []finding {
	if mark := leftover.FindString(text); mark != "" {
		return []finding{{file, line, mark + ": finish it, or open an issue and write " + "TO" + "DO(#number)"}}
	}
	if m := later.FindStringSubmatch(text); m != nil && m[1] == "" {
		return []finding{{file, line, "give the " + "TO" + "DO an issue number, as in " + "TO" + "DO(#12), or do it now"}}
	}
	return nil
}

// checkPaths looks for paths of one machine.
func checkPaths(f textFile) []finding {
	var found []finding
	for i, line := range strings.Split(string(f.text), "\n") {
		if machinePath.MatchString(line) {
			found = append(found, finding{f.path, i + 1, "write a path relative to the repository, or one from a setting or t.TempDir: this one exists on one machine"})
		}
	}
	return found
}

func TestMarksInCode(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				report(t, checkMarks(f.path, f.line(c.Pos()), c.Text))
			}
		}
	}
}

func TestMarksInScripts(t *testing.T) {
	t.Parallel()
	for _, f := range texts(t, "Makefile", ".yml", ".yaml", ".sh", "/run", ".tmpl", ".css", ".js", ".py", ".mod") {
		for i, line := range strings.Split(string(f.text), "\n") {
			report(t, checkMarks(f.path, i+1, line))
		}
	}
}

func TestMachinePaths(t *testing.T) {
	t.Parallel()
	for _, f := range texts(t) {
		report(t, checkPaths(f))
	}
}

func TestCheckMarks(t *testing.T) {
	t.Parallel()
	todo := "TO" + "DO"
	for text, want := range map[string]int{
		"// nothing": 0, "// " + todo: 1, "// " + todo + ": later": 1, "// " + todo + "(me): x": 1, "// " + todo + "(#12): x": 0,
		"// " + "FIX" + "ME": 1, "# " + "XX" + "X here": 1, "mktemp lull.XXXXXX": 0,
	} {
		if got := checkMarks("a.go", 1, text); len(got) != want {
			t.Errorf("%q: got %v, want %d findings", text, got, want)
		}
	}
}

func TestCheckPaths(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"cd " + "/wor" + "k/tree": 1, "path=\"" + "/ro" + "ot/x\"": 1, "/hom" + "e/me/x": 1,
		"/var/log/lull.log": 0, "docs/work/x": 0, "https://a.example/home/page": 0, "GET /workRequests/1": 0, "../home/x": 0, "/work": 0,
	} {
		if got := checkPaths(textFile{"a", []byte(text)}); len(got) != want {
			t.Errorf("%q: got %v, want %d findings", text, got, want)
		}
	}
}
