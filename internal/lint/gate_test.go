package lint

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

//nolint:gochecknoglobals // compiled once, read only
var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):.*## `)
	makeCall   = regexp.MustCompile(`(?m)^[^#\n]*\bmake (?:-s )?([a-z-]+)`)
)

// onlyByHand are targets that nobody's gate runs, with the reason.
//
//nolint:gochecknoglobals // a table
var onlyByHand = map[string]string{
	"help": "prints the targets", "run": "does not end", "check": "is format, vet, lint and test", "race": "takes long; test has the detector too",
	"cover": "informs", "bench": "takes long; bench-quick shows that it works", "benchstat": "builds a tool", "clean": "removes",
}

// called returns the first group of every match in a file of the repository, once each, sorted.
func called(t *testing.T, pattern *regexp.Regexp, file string) []string {
	t.Helper()
	found := map[string]bool{}
	for _, m := range pattern.FindAllSubmatch(texts(t, file)[0].text, -1) {
		found[string(m[1])] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func TestGateRunsTheTargets(t *testing.T) {
	t.Parallel()
	var want []string
	for _, target := range called(t, makeTarget, "Makefile") {
		if onlyByHand[target] == "" {
			want = append(want, target)
		}
	}
	for _, gate := range []string{".ci/run", ".github/workflows/ci.yml"} {
		if got := called(t, makeCall, gate); !slices.Equal(got, want) {
			t.Errorf("%s runs the make targets\n%v, but the Makefile describes\n%v: make them agree, or put a target in onlyByHand with the reason", gate, got, want)
		}
	}
}

func TestGateScriptsParse(t *testing.T) {
	t.Parallel()
	for _, f := range texts(t) {
		interpreter := regexp.MustCompile(`^#!/(?:usr/bin/env |bin/)(bash|sh)\n`).FindSubmatch(f.text)
		if interpreter == nil {
			continue
		}
		shell, err := exec.LookPath(string(interpreter[1]))
		if err != nil {
			t.Skipf("no %s here", interpreter[1])
		}
		cmd := exec.Command(shell, "-n", f.path)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: correct the script: %v\n%s", f.path, err, out)
		}
	}
}
