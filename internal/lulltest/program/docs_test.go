package program_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lull/internal/lulltest/program"
	"lull/internal/lulltest/testca"
)

// root is the repository, seen from this package.
const root = "../../.."

// fences matches the fenced blocks of a document: their language and their text.
//
//nolint:gochecknoglobals // compiled once
var fences = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks returns a document's fenced blocks of a language.
func blocks(t *testing.T, path, language string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fences.FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// documents returns README.md and what lies below docs.
func documents(t *testing.T) []string {
	t.Helper()
	found := []string{filepath.Join(root, "README.md")}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		more, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	return found
}

// writeCertificates writes every certificate, key, authority and credential that the documents name.
func writeCertificates(t *testing.T, d *program.Dir) {
	t.Helper()
	ca := testca.NewFor(t)
	for _, r := range []testca.Request{
		{CommonName: "cert"}, {CommonName: "other"}, {CommonName: "shop"}, {CommonName: "shop-rsa", RSA: true}, {CommonName: "wildcard"},
	} {
		r.Names = []string{r.CommonName + ".example.com"}
		i := ca.IssueFor(t, r)
		d.Write(r.CommonName+".pem", string(i.Chain))
		d.Write(strings.Replace(r.CommonName+".key", "cert.key", "key.pem", 1), string(i.Key))
		d.Write("backend.pub", string(i.Chain)) // whose public key counts
	}
	for _, name := range []string{"ca.pem", "clients.pem", "internal-ca.pem"} {
		d.Write(name, string(ca.PEM()))
	}
	d.Write("s3.credentials", "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n")
}

// inListener returns a whole file with a listener that has a part of a document in it.
func inListener(part string) string {
	return "load_balancers:\n  - name: lb\n    listeners:\n      - name: l\n        protocol: https\n        port: 8443\n        backend_set: s\n        " +
		strings.ReplaceAll(strings.TrimSuffix(part, "\n"), "\n", "\n        ") +
		"\n    backend_sets: [{name: s, backends: [{address: 127.0.0.1, port: 9001}]}]\n"
}

// TestDocsFiles runs every whole lull.yaml of the documents through lull check, and those that show a part of one together
// with a load balancer.
func TestDocsFiles(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	writeCertificates(t, d)
	whole := 0
	for _, path := range documents(t) {
		for _, text := range blocks(t, path, "yaml") {
			switch {
			case strings.Contains(text, "load_balancers:"):
				whole++
			case strings.HasPrefix(text, "tls:"):
				text = inListener(text)
			case strings.HasPrefix(text, "backend_sets:"):
				continue // too small a part; other documents have it in its place
			default:
				text += before(d.At(9))[strings.Index(before(d.At(9)), "load_balancers:"):]
			}
			d.Write("lull.yaml", text)
			if got := d.Run("check", "lull.yaml"); got.Code != 0 || got.Stderr != "" {
				t.Errorf("%s: lull check of\n%s\ngot exit code %d\n%s", path, text, got.Code, got.Stderr)
			}
		}
	}
	if whole < 2 {
		t.Errorf("got %d whole files in the documents, want README.md's and lull-yaml.md's: does the test still find them?", whole)
	}
}

// TestDocsReadmeCheck holds README.md to what lull check really prints about README.md's files.
func TestDocsReadmeCheck(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	readme := filepath.Join(root, "README.md")
	const command = "$ bin/lull check lull.yaml\n"
	var printed []string
	for _, text := range blocks(t, readme, "yaml") {
		d.Write("lull.yaml", text)
		printed = append(printed, command+d.Run("check", "lull.yaml").Stdout)
	}
	shown := 0
	for _, text := range blocks(t, readme, "console") {
		if !strings.HasPrefix(text, command) {
			continue
		}
		shown++
		if !slices.Contains(printed, text) {
			t.Errorf("README.md shows\n%s\nbut about its files lull says\n%s", text, strings.Join(printed, "\n"))
		}
	}
	if shown == 0 {
		t.Error("README.md does not show, in a block of its own, what lull check prints about any of its files")
	}
}

// TestDocsCommands finds commands and flags of lull in the documents that lull does not know.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	command := regexp.MustCompile(`(?m)^\$ (?:bin/|\./bin/)?lull ([a-z]+)(.*)$`)
	flag := regexp.MustCompile(`--[a-z-]+`)
	help := map[string]string{}
	ask := func(path string, name []string) string {
		key := strings.Join(name, " ")
		if help[key] == "" {
			got := d.Run(append([]string{"help"}, name...)...)
			if got.Code != 0 {
				t.Errorf("%s: there is no command %q", path, key)
			}
			help[key] = got.Stdout
		}
		return help[key]
	}
	holds := func(name string) bool {
		return strings.Contains(ask("the documents", []string{name}), "Available Commands:")
	}
	for _, path := range documents(t) {
		for _, text := range append(blocks(t, path, "console"), blocks(t, path, "")...) {
			for _, m := range command.FindAllStringSubmatch(text, -1) {
				name := []string{m[1]}
				if holds(m[1]) { // lull keys create
					name = append(name, strings.Fields(m[2] + " ?")[0])
				}
				about := ask(path, name)
				for _, f := range flag.FindAllString(m[2], -1) {
					if !strings.Contains(about, f) {
						t.Errorf("%s: lull %s has no %s", path, strings.Join(name, " "), f)
					}
				}
			}
		}
	}
	if len(help) < 4 {
		t.Errorf("got commands %v, want more: does the test still find them?", help)
	}
}
