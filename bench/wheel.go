package main

import (
	"fmt"
	"os/exec"
	"strings"
)

var wheelTimers = scenario{
	name: "wheel",
	about: "lull's timer wheel alone, by go test -bench in internal/dataplane/wheel with up to 1,000,000 timers armed: more than " +
		"the descriptors of this machine allow connections.",
	run: runWheel,
}

const (
	wheelPackage = "lull/internal/dataplane/wheel"
	// wheelMax is more than five rounds of two dozen benchmarks take, setting up a million timers for each.
	wheelMax = "40m"
)

// runWheel only hands on what the package's own benchmarks print; they have no peer to be compared with.
func runWheel(x *session) error {
	cmd := exec.CommandContext(x.ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem",
		"-benchtime", x.size.benchtime, "-count", fmt.Sprint(x.o.rounds), "-timeout", wheelMax, wheelPackage)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -bench: %w: %s", err, out)
	}
	const subject = "lull"
	x.columns = []string{subject}
	figures := map[string]*figure{}
	for _, m := range parseBenchmarks(string(out)) {
		if strings.HasSuffix(m.unit, "/op") && m.unit != "ns/op" && m.value == 0 {
			continue // a row for each thing that is not allocated would bury the others
		}
		key := m.name + " " + m.unit
		if figures[key] == nil {
			figures[key] = x.figure(figure{variant: m.name, name: m.unit, digits: 1})
		}
		figures[key].add(subject, m.value)
	}
	if len(figures) == 0 {
		return fmt.Errorf("go test -bench: no benchmark in %s", wheelPackage)
	}
	return nil
}

// measurement is one number of one line of benchmark output.
type measurement struct {
	name  string // without Benchmark and the -N of GOMAXPROCS
	unit  string
	value float64
}

// parseBenchmarks reads the output of go test -bench: name, number of turns, then pairs of value and unit.
func parseBenchmarks(text string) []measurement {
	var ms []measurement
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		name, ok := strings.CutPrefix(line, "Benchmark")
		if !ok || len(f) < 4 {
			continue
		}
		name = strings.Fields(name)[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		for i := 2; i+1 < len(f); i += 2 {
			var v float64
			if _, err := fmt.Sscan(f[i], &v); err == nil {
				ms = append(ms, measurement{name, f[i+1], v})
			}
		}
	}
	return ms
}
