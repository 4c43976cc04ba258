package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func exampleReport(t *testing.T) *report {
	t.Helper()
	var cs []contender
	for _, k := range kinds("/nonexistent/lull") {
		cs = append(cs, contender{k.name, k})
	}
	b := &bench{ctx: t.Context(), o: options{rounds: 3}, contenders: cs}
	x := &session{bench: b, scenario: scenario{name: "example", about: "What it does."}, contenders: cs, columns: []string{"lull", "haproxy", "nginx"}}
	f := x.figure(figure{variant: "1 thread", name: "CPU", unit: "µs", digits: 1, aim: aim{ratioAtMost: limit(1)}})
	g := x.figure(figure{variant: "1 thread", name: "rate", unit: "1/s", higher: true})
	x.figure(figure{variant: "2 threads", name: "unmeasured"})
	for i, name := range x.columns {
		for round := range 3 {
			f.add(name, float64(10*(i+1)+round))
		}
	}
	g.add("lull", 5)
	return &report{bench: b, sessions: []*session{x}}
}

func TestTable(t *testing.T) {
	t.Parallel()
	want := strings.Join([]string{
		"| | figure | lull | haproxy | nginx | ratio | aim | |",
		"|---|---|---|---|---|---|---|---|",
		"| 1 thread | CPU, µs | 11.0 (10.0–12.0) | 21.0 (20.0–22.0) | 31.0 (30.0–32.0) | 0.52 (0.50–0.55) | ratio ≤ 1 | pass |",
		"|  | rate, 1/s | 5 | – | – |  |  |  |",
		"",
	}, "\n")
	if got := exampleReport(t).sessions[0].table(); got != want {
		t.Errorf("table: got\n%s\nwant\n%s", got, want)
	}
}

func TestSplice(t *testing.T) {
	t.Parallel()
	begin, end := markers("results")
	text := "before\n" + begin + "old\n" + end + "after\n"
	want := "before\n" + begin + "\nnew\n" + end + "after\n"
	got, err := splice(text, "results", "new\n")
	if err != nil || got != want {
		t.Errorf("splice: got %q, %v; want %q", got, err, want)
	}
	if again, err := splice(got, "results", "new\n"); err != nil || again != want {
		t.Errorf("splice again: got %q, %v; want no change", again, err)
	}
	for _, bad := range []string{"", begin, end, end + begin} {
		if got, err := splice(bad, "results", "new"); err == nil {
			t.Errorf("splice(%q): got %q, want an error", bad, got)
		}
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	readme, output := filepath.Join(dir, "README.md"), filepath.Join(dir, "results", "today.md")
	page := ""
	for _, of := range suites {
		name := of.results
		begin, end := markers(name)
		page += begin + "old " + name + "\n" + end
	}
	if err := os.WriteFile(readme, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	if err := exampleReport(t).publish(options{output: output, readme: readme}, &stdout); err != nil {
		t.Fatal(err)
	}
	full, err := os.ReadFile(output)
	if err != nil || string(full) != stdout.String() {
		t.Errorf("output: got %d bytes, %v; want what was printed, %d bytes", len(full), err, stdout.Len())
	}
	spliced, err := os.ReadFile(readme)
	if err != nil || !strings.Contains(string(spliced), "| 1 thread | CPU") || strings.Contains(string(spliced), "# haproxy.cfg") {
		t.Errorf("readme: got %s, %v; want the tables without the configurations", spliced, err)
	}
	if strings.Contains(string(spliced), "old results") || !strings.Contains(string(spliced), "old http results") {
		t.Errorf("readme: got %s; want the results of TCP replaced and those of HTTP, which was not run, left", spliced)
	}
	for _, part := range []string{"# haproxy.cfg", "# nginx.conf", "# lull.yaml", "mode tcp", "3 round(s)"} {
		if !strings.Contains(string(full), part) {
			t.Errorf("report: got no %q", part)
		}
	}
}

// TestConfigurations wants each kind shown as what it was run as.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	r := exampleReport(t)
	r.sessions[0].scenario.suite = suiteHTTP
	r.sessions[0].contenders = append(r.sessions[0].contenders, contender{"caddy", goKinds("bench")[1]})
	got := r.configurations()
	for _, part := range []string{"mode http", "protocol: http", "keepalive 1024;", "# Caddyfile"} {
		if !strings.Contains(got, part) {
			t.Errorf("configurations: got no %q in %s", part, got)
		}
	}
	if strings.Contains(got, " ssl ") {
		t.Errorf("configurations: got one for TLS, which was not run: %s", got)
	}
	r.sessions[0].scenario.suite = suiteTLS
	secure := r.configurations()
	for _, part := range []string{"ssl crt DIR/ecdsa-both.pem", "proxy_ssl_verify on;", "tls: {certificate: DIR/ecdsa.pem", "tls: {ca: DIR/authority.pem"} {
		if !strings.Contains(secure, part) {
			t.Errorf("configurations: got no %q in %s", part, secure)
		}
	}
	if strings.Contains(got, "mode tcp") {
		t.Errorf("configurations: got one for TCP, which was not run: %s", got)
	}
}

// TestReadmeHasMarkers keeps the repository's own page usable by -readme.
func TestReadmeHasMarkers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range suites {
		if _, err := splice(string(text), of.results, "x"); err != nil {
			t.Error(err)
		}
	}
}

func TestReportErr(t *testing.T) {
	t.Parallel()
	r := exampleReport(t)
	if err := r.err(); err != nil {
		t.Errorf("nothing broke: got %v", err)
	}
	r.sessions[0].broken = os.ErrNotExist
	if err := r.err(); err == nil || !strings.Contains(err.Error(), "example") {
		t.Errorf("one broke: got %v, want its name", err)
	}
	if !strings.Contains(r.tables(), "**Broken:**") {
		t.Error("tables: got no word about what broke")
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no-rounds":   {"-rounds", "0"},
		"many-rounds": {"-rounds", "101"},
		"regexp":      {"-run", "("},
		"argument":    {"x"},
		"unknown":     {"-x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseOptions(args, new(strings.Builder)); err == nil {
				t.Errorf("parseOptions(%q): got no error", args)
			}
		})
	}
	o, err := parseOptions([]string{"-quick", "-rounds", "9", "-run", "^idle"}, new(strings.Builder))
	if err != nil || o.rounds != 1 || !o.scenarios.MatchString("idle-cpu") || o.scenarios.MatchString("bulk") {
		t.Errorf("parseOptions: got %+v, %v; want one round of the idle scenarios", o, err)
	}
}

// TestScenarioNames keeps names usable in -run and in headings.
func TestScenarioNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range scenarios {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s.name) || seen[s.name] || s.about == "" {
			t.Errorf("scenario %q: want a new lower-case name and a description", s.name)
		}
		seen[s.name] = true
		for i, of := range suites {
			if of.prefix != "" && strings.HasPrefix(s.name, of.prefix) != (s.suite == suite(i)) {
				t.Errorf("scenario %q: in the suite %q, want the name to say so", s.name, suites[s.suite].results)
			}
		}
	}
}
