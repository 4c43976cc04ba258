package lint

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the path all of lull's packages start with.
const module = "lull/"

// rule forbids packages an import, and says why. Linters see direct imports; this sees through lull's other packages
// and through other people's, but not into the standard library, where nearly everything reaches os and net.
type rule struct {
	from   []string // these packages and those below them, without the module
	except []string // but not these; who imports one of them does not import what it may
	deny   string   // full import path, and for lull's own and other people's packages what is below it
	allow  []string // of those, full import paths
	direct bool     // only what the package itself imports
	why    string
}

// pure are the packages with no sockets, no clocks and no goroutines.
//
//nolint:gochecknoglobals // a table
var pure = below("internal/dataplane/", "plan", "timeout", "reason", "balance", "http1", "proxyproto", "wheel", "record", "stats", "sticky", "connpool", "certs", "tlspolicy", "rules", "lookahead")

// doors are the packages that turn documents into plans.
//
//nolint:gochecknoglobals // a table
var doors = below("internal/control/", "file", "awselb", "ociapi")

// rules is the layering of the architecture.
//
//nolint:gochecknoglobals // a table
var rules = []rule{
	{from: []string{"internal/dataplane"}, deny: "net/http", why: "the data plane parses its own HTTP; net/http costs a goroutine and 20 KiB per connection"},
	{from: []string{"internal/dataplane"}, deny: "lull/internal/control", why: "the data plane is told by a plan and never looks back at who compiled it"},
	{from: []string{"internal/dataplane"}, deny: "lull/internal/console", why: "the data plane never looks back at its readers"},
	{from: []string{"internal/dataplane"}, deny: "lull/internal/cli", why: "the data plane never looks back at its readers"},
	{from: []string{"internal/dataplane"}, deny: "lull/internal/health", why: "health checks run on ordinary goroutines and post their results to the loops"},
	{from: []string{"internal/dataplane"}, deny: "lull/internal/resolver", why: "names are looked up on ordinary goroutines and addresses posted to the loops"},
	{from: []string{"internal/dataplane"}, deny: "github.com/spf13/cobra", why: "the data plane has no command line"},
	{from: []string{"internal/dataplane"}, deny: "github.com/prometheus", why: "counters are read by their scraper and not pushed"},
	{from: []string{"internal/dataplane"}, deny: "go.yaml.in/yaml", why: "documents are read by front doors"},
	{from: pure, deny: "lull/internal/dataplane/sys", why: "pure packages make no system calls"},
	{from: pure, deny: "lull/internal/dataplane/loop", why: "pure packages know no loop"},
	{from: pure, deny: "lull/internal/clock", why: "pure packages take now as an argument"},
	{from: pure, deny: "net", why: "pure packages have no sockets; addresses are net/netip values"},
	{from: pure, deny: "os", why: "pure packages touch no file and no process"},
	{from: pure, deny: "os/exec", why: "pure packages touch no file and no process"},
	{from: pure, deny: "os/signal", why: "pure packages touch no file and no process"},
	{from: doors, deny: "lull/internal/dataplane/loop", why: "front doors compile to a plan; control/apply alone talks to loops"},
	{from: doors, deny: "lull/internal/dataplane/sys", why: "front doors compile to a plan and make no system calls"},
	{from: doors[:1], deny: "lull/internal/control/awselb", why: "front doors never see each other; what both need belongs to the plan"},
	{from: doors[:1], deny: "lull/internal/control/ociapi", why: "front doors never see each other; what both need belongs to the plan"},
	{from: doors[1:2], deny: "lull/internal/control/file", why: "front doors never see each other; what both need belongs to the plan"},
	{from: doors[1:2], deny: "lull/internal/control/ociapi", why: "front doors never see each other; what both need belongs to the plan"},
	{from: doors[2:], deny: "lull/internal/control/file", why: "front doors never see each other; what both need belongs to the plan"},
	{from: doors[2:], deny: "lull/internal/control/awselb", why: "front doors never see each other; what both need belongs to the plan"},
	{
		from: []string{"internal", "cmd"}, except: []string{"internal/dataplane", "internal/control/apply"}, direct: true,
		deny: "lull/internal/dataplane/loop", why: "only control/apply talks to loops",
	},
	{
		from: []string{"internal", "cmd"}, except: []string{"internal/dataplane/sys"}, direct: true,
		deny: "unsafe", why: "raw memory belongs to dataplane/sys",
	},
	{
		from: []string{"internal", "cmd"}, except: []string{"internal/control/logdelivery"},
		deny: "github.com/aws", why: "AWS's libraries are the clients that tests use; lull speaks the protocols itself",
	},
	{
		from: []string{"internal/control/logdelivery"}, direct: true,
		deny: "github.com/aws", allow: []string{"github.com/aws/aws-sdk-go-v2/aws", "github.com/aws/aws-sdk-go-v2/aws/signer/v4"},
		why: "the delivery of access logs is where lull is the client of such an API, and takes over AWS's signer alone",
	},
	{from: []string{"internal", "cmd"}, deny: "github.com/oracle", why: "Oracle's libraries are the clients that tests use; lull speaks the protocols itself"},
	{from: []string{"internal/clock"}, deny: "lull", why: "the clock is below everything"},
}

// below returns the names under a directory.
func below(dir string, names ...string) []string {
	var paths []string
	for _, name := range names {
		paths = append(paths, dir+name)
	}
	return paths
}

// imports is what each package imports directly. Only packages outside the standard library are keys.
type imports map[string][]string

// readImports asks go list for the imports of lull and of everything that lull imports.
func readImports(t *testing.T) imports {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	graph := imports{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		graph[fields[0]] = fields[1:]
	}
	return graph
}

// within reports whether a package is one of the directories or below one.
func within(pkg string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return pkg == dir || strings.HasPrefix(pkg, dir+"/")
	})
}

// applies reports whether the rule binds a package.
func (r rule) applies(pkg string) bool {
	name, ours := strings.CutPrefix(pkg, module)
	return ours && within(name, r.from) && !within(name, r.except)
}

// chain returns how a package comes to import what the rule forbids, or nil if it does not.
func (r rule) chain(graph imports, pkg string) []string {
	paths := [][]string{{pkg}}
	seen := map[string]bool{pkg: true}
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		for _, next := range graph[path[len(path)-1]] {
			longer := append(slices.Clone(path), next)
			if (next == r.deny || (!standard(r.deny) && strings.HasPrefix(next, r.deny+"/"))) && !slices.Contains(r.allow, next) {
				return longer
			}
			if !seen[next] && !standard(next) && !r.direct && !within(strings.TrimPrefix(next, module), r.except) {
				paths = append(paths, longer)
			}
			seen[next] = true
		}
	}
	return nil
}

// standard reports whether an import path is the standard library's.
func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".") && first+"/" != module
}

// checkImports holds a graph against a rule.
func checkImports(graph imports, r rule) []finding {
	var found []finding
	for pkg := range graph {
		if !r.applies(pkg) {
			continue
		}
		if chain := r.chain(graph, pkg); chain != nil {
			found = append(found, finding{strings.TrimPrefix(pkg, module), 0, "drop the import " + strings.Join(chain, " -> ") + ": " + r.why})
		}
	}
	return found
}

func TestLayers(t *testing.T) {
	t.Parallel()
	graph := readImports(t)
	for _, r := range rules {
		report(t, checkImports(graph, r))
	}
}

func TestCheckImports(t *testing.T) {
	t.Parallel()
	r := rule{from: []string{"internal/a"}, except: []string{"internal/a/free"}, deny: "net/http", why: "why"}
	narrow := rule{from: []string{"internal/a"}, deny: "x.example/y", allow: []string{"x.example/y/z"}, why: "why"}
	own := rule{from: []string{"internal/a"}, deny: "lull/internal/b", direct: true, why: "why"}
	cases := []struct {
		name  string
		rule  rule
		graph imports
		want  int
	}{
		{"clean", r, imports{"lull/internal/a": {"fmt"}}, 0},
		{"direct", r, imports{"lull/internal/a": {"net/http"}}, 1},
		{"below", r, imports{"lull/internal/a/x": {"net/http"}}, 1},
		{"sibling", r, imports{"lull/internal/ab": {"net/http"}}, 0},
		{"through-ours", r, imports{"lull/internal/a": {"lull/internal/c"}, "lull/internal/c": {"net/http"}}, 1},
		{"through-theirs", r, imports{"lull/internal/a": {"x.example/y"}, "x.example/y": {"net/http"}}, 1},
		{"except", r, imports{"lull/internal/a/free": {"net/http"}}, 0},
		{"through-excepted", r, imports{"lull/internal/a": {"lull/internal/a/free"}, "lull/internal/a/free": {"net/http"}}, 0},
		{"allowed", narrow, imports{"lull/internal/a": {"x.example/y/z"}}, 0},
		{"below-allowed", narrow, imports{"lull/internal/a": {"x.example/y/z/w"}}, 1},
		{"std-below-is-another", r, imports{"lull/internal/a": {"net/http/httputil"}}, 0},
		{"own-direct", own, imports{"lull/internal/a": {"lull/internal/b/x"}}, 1},
		{"own-transitive", own, imports{"lull/internal/a": {"lull/internal/c"}, "lull/internal/c": {"lull/internal/b"}}, 0},
		{"cycle", r, imports{"lull/internal/a": {"lull/internal/c"}, "lull/internal/c": {"lull/internal/a"}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := checkImports(c.graph, c.rule); len(got) != c.want {
				t.Errorf("%v: got %v, want %d findings", c.graph, got, c.want)
			}
		})
	}
}
