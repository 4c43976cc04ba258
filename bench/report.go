package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lull/bench/load"
)

// foreignMax is the share of the machine above which the work of others is taken to have spoilt a scenario. It leaves room
// for the kernel's own threads and for ticks charged to the wrong process. With 26 to 37 % taken by others, two columns of the
// same binary came out up to 7 % apart in processor time for each exchange, and up to a factor of two in its rate.
const foreignMax = 0.05

// report is what a run found.
type report struct {
	*bench
	began    time.Time
	sessions []*session
}

// err joins what broke; a missed aim is a result, not an error.
func (r *report) err() error {
	errs := []error{r.ctx.Err()}
	for _, s := range r.sessions {
		if s.broken != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.scenario.name, s.broken))
		}
	}
	return errors.Join(errs...)
}

// publish writes the report where the options say.
func (r *report) publish(o options, stdout io.Writer) error {
	full := r.header() + r.tables() + r.configurations()
	if _, err := io.WriteString(stdout, full); err != nil {
		return err
	}
	if o.output != "" {
		if err := os.MkdirAll(filepath.Dir(o.output), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(o.output, []byte(full), 0o644); err != nil {
			return err
		}
	}
	if o.readme == "" {
		return nil
	}
	old, err := os.ReadFile(o.readme)
	if err != nil {
		return err
	}
	text := string(old)
	for i, s := range suites {
		part := r.only(suite(i))
		if len(part.sessions) == 0 {
			continue // what stands there was measured another time, and says when
		}
		if text, err = splice(text, s.results, part.header()+part.tables()); err != nil {
			return fmt.Errorf("%s: %w", o.readme, err)
		}
	}
	return os.WriteFile(o.readme, []byte(text), 0o644)
}

// only returns the part of a report that is about one suite.
func (r *report) only(of suite) *report {
	part := &report{bench: r.bench, began: r.began}
	for _, s := range r.sessions {
		if s.scenario.suite == of {
			part.sessions = append(part.sessions, s)
		}
	}
	return part
}

// kinds returns the programs that took part, each once, and in the order of the columns.
func (r *report) kinds() []kind {
	var ks []kind
	for _, s := range r.sessions {
		for _, c := range s.contenders {
			if !slices.ContainsFunc(ks, func(k kind) bool { return k.name == c.kind.name }) {
				ks = append(ks, c.kind)
			}
		}
	}
	return ks
}

// markers returns the lines between which results go in a document that is otherwise written by hand.
func markers(name string) (begin, end string) {
	return "<!-- " + name + ": begin (generated) -->\n", "<!-- " + name + ": end -->\n"
}

// splice replaces what is between the markers of that name in text.
func splice(text, name, results string) (string, error) {
	begin, end := markers(name)
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("no lines %q and %q to put the results between", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + results + end + after, nil
}

func (r *report) header() string {
	var w strings.Builder
	fmt.Fprintf(&w, "Measured %s, %d round(s), on %s.\n", r.began.Format("2006-01-02"), r.o.rounds, machine())
	for _, k := range r.kinds() {
		fmt.Fprintf(&w, "%s: `%s`.\n", k.name, k.version())
	}
	for _, a := range r.absent {
		fmt.Fprintln(&w, a)
	}
	if r.o.quick {
		fmt.Fprintln(&w, "\n**A quick run: the loads are far smaller than described and the figures mean nothing.**")
	}
	if len(r.contenders) > 1 {
		fmt.Fprintf(&w, "\nValues are medians of the rounds with (least–most); the ratio is %s to the better of the others, or to "+
			"the one that the aim names, with the (least–most) within a round.\n", r.contenders[0].name)
	}
	return w.String()
}

func (r *report) tables() string {
	var w strings.Builder
	for _, s := range r.sessions {
		fmt.Fprintf(&w, "\n### %s\n\n%s\n\n", s.scenario.name, s.scenario.about)
		if s.broken != nil {
			fmt.Fprintf(&w, "**Broken:** %s\n\n", strings.Join(strings.Fields(s.broken.Error()), " "))
		}
		w.WriteString(s.table())
		fmt.Fprintf(&w, "\nOther programs used %.0f %% of the machine meanwhile", 100*s.foreign)
		if s.foreign > foreignMax {
			w.WriteString(": **disturbed, measure again**")
		}
		w.WriteString(".\n")
	}
	w.WriteByte('\n')
	return w.String()
}

// table renders the figures that were measured at least once, with a column for each balancer.
func (s *session) table() string {
	names := s.columns
	var w strings.Builder
	fmt.Fprintf(&w, "| | figure | %s | ratio | aim | |\n", strings.Join(names, " | "))
	fmt.Fprintf(&w, "|---|---|%s---|---|---|\n", strings.Repeat("---|", len(names)))
	variant := ""
	for _, f := range s.figures {
		if len(f.samples) == 0 {
			continue
		}
		shown := f.variant
		if shown == variant {
			shown = "" // only in the first row of its group
		}
		variant = f.variant
		fmt.Fprintf(&w, "| %s | %s |", shown, f.label())
		for _, n := range names {
			fmt.Fprintf(&w, " %s |", f.cell(n))
		}
		ratio := ""
		if r, ok := f.ratio(names[0], names[1:]); ok {
			ratio = fmt.Sprintf("%.2f", r)
			if least, most, ok := f.ratioExtremes(names[0], names[1:]); ok {
				ratio += fmt.Sprintf(" (%.2f–%.2f)", least, most)
			}
		}
		fmt.Fprintf(&w, " %s | %s | %s |\n", ratio, f.aim, f.verdict(names[0], names[1:]))
	}
	return w.String()
}

// label is a figure's name with its unit.
func (f *figure) label() string {
	if f.unit == "" {
		return f.name
	}
	return f.name + ", " + f.unit
}

// cell shows a balancer's value and, where there are several samples, how far apart they lie.
func (f *figure) cell(balancer string) string {
	v, ok := f.value(balancer)
	if !ok {
		return "–"
	}
	text := fmt.Sprintf("%.*f", f.digits, v)
	if len(f.samples[balancer]) > 1 && f.take == takeMedian {
		least, most := f.extremes(balancer)
		text += fmt.Sprintf(" (%.*f–%.*f)", f.digits, least, f.digits, most)
	}
	return text
}

// configurations shows the configurations that each kind of balancer was given in each suite.
func (r *report) configurations() string {
	var w strings.Builder
	w.WriteString("## Configurations\n\nWith two threads and one of the eight backends; ports and directories differ from trial to trial.\n")
	for i, s := range suites {
		for _, example := range s.examples {
			example.Threads, example.Idle, example.Dir, example.Certs = 2, longIdle, "DIR", certsIn("DIR")
			example.Listen = netip.AddrPortFrom(balancerHost, 20000)
			example.Backends = []load.Address{netip.AddrPortFrom(backendHost(0), 20001)}
			for _, k := range r.only(suite(i)).kinds() {
				text, err := k.render(example)
				if err != nil {
					text = err.Error()
				}
				fmt.Fprintf(&w, "\n```\n# %s\n%s```\n", k.file, text)
			}
		}
	}
	return w.String()
}
