package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

// scenario is one kind of load and the figures taken under it.
type scenario struct {
	name   string
	about  string                   // one Markdown paragraph: what is done, what is counted
	suite  suite                    // as what the balancers are compared
	rivals func(*bench) []contender // who competes, the first against the others; nil = all that the options name
	run    func(*session) error
}

// suite is a part of the benchmark that is run, and reported, for itself.
type suite uint8

const (
	suiteTCP     suite = iota // as TCP load balancers
	suiteHTTP                 // as HTTP ones
	suiteTLS                  // as HTTP ones with TLS on one side
	suiteAPI                  // lull alone, with many load balancers of the Classic ELB API
	suiteOCI                  // the same, of the OCI Load Balancer API
	suiteConsole              // lull's web console, beside the page of statistics that HAProxy has
)

// suites lists what belongs to each.
var suites = [...]struct {
	prefix   string  // of its scenarios' names
	results  string  // names the markers in the README
	examples []setup // configurations to show, but for what is the same in all
}{
	suiteTCP:  {"", "results", []setup{{}}},
	suiteHTTP: {"http-", "http results", []setup{{HTTP: true}}},
	suiteTLS:  {"tls-", "tls results", []setup{{HTTP: true, TLS: tls13}, {HTTP: true, BackTLS: true}}},
	suiteAPI:  {"api", "api results", nil}, // its configuration is short and says nothing
	suiteOCI:  {"oci", "oci results", nil},

	suiteConsole: {"console-", "console results", []setup{{Console: consoleExample}}},
}

// scenarios lists them in the order of the report.
var scenarios = []scenario{
	idleMemory, idleCPU, idleLateness, requestCPU, connectRate, bulk, acceptBalance, wheelTimers,
	httpRequestCPU, httpRate, httpIdleMemory, httpWaitingMemory, httpConnectRate, httpBulk, httpUpgrade, httpGoPeers,
	httpAllocations,
	tlsRequestCPU, tlsHandshakes, tlsMemory, tlsBulk, tlsBack,
	apiChanges, ociReading, ociPolicy, consolePages, consoleLive,
}

// bench is one run of the program.
type bench struct {
	// Fixed after New.
	ctx        context.Context
	o          options
	size       sizes
	contenders []contender
	goPeers    []contender // for httpGoPeers
	absent     []string    // balancers that were left out, and why
	self       string      // this program's file, for the child processes
	dir        string      // holds generated configurations until the end of the run
	certs      certs
	log        io.Writer

	started int // balancers started so far; numbers their directories
}

func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	b := &bench{ctx: ctx, o: o, size: fullSizes, log: log}
	if o.quick {
		b.size = quickSizes
	}
	var err error
	if b.contenders, b.absent, err = pick(o.names, o.lull); err != nil {
		return nil, err
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	var more []string
	b.goPeers, more = present(goKinds(b.self))
	b.absent = append(b.absent, more...)
	if b.dir, err = os.MkdirTemp("", "lull-bench-"); err != nil {
		return nil, fmt.Errorf("make a directory for configurations: %w", err)
	}
	b.certs = certsIn(b.dir)
	if err = b.certs.make(); err != nil {
		b.close()
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	return b, nil
}

func (b *bench) close() {
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(b.log, "bench:", err)
	}
}

// runAll runs every scenario that the options ask for. One that breaks is reported as broken and the next one runs.
func (b *bench) runAll() *report {
	r := &report{bench: b, began: wallTime()}
	for _, s := range scenarios {
		x := b.newSession(s)
		if !b.o.scenarios.MatchString(s.name) || b.ctx.Err() != nil || len(x.contenders) == 0 {
			continue
		}
		b.runOne(x)
		r.sessions = append(r.sessions, x)
	}
	return r
}

func (b *bench) newSession(s scenario) *session {
	x := &session{bench: b, scenario: s, contenders: b.contenders, failed: map[string]error{}}
	if s.rivals != nil {
		x.contenders = s.rivals(b)
	}
	for _, c := range x.contenders {
		x.columns = append(x.columns, c.name)
	}
	return x
}

// runOne runs a scenario and notes how far other programs disturbed it.
func (b *bench) runOne(x *session) {
	fmt.Fprintf(b.log, "%s:", x.scenario.name)
	before, err1 := machineLoadNow()
	broken := x.scenario.run(x)
	after, err2 := machineLoadNow()
	x.foreign = after.foreign(before)
	x.broken = errors.Join(append(slices.Collect(maps.Values(x.failed)), broken, err1, err2)...)
	fmt.Fprintf(b.log, " %.0f s, others used %.0f %% of the machine\n", after.at.Sub(before.at).Seconds(), 100*x.foreign)
}

// session is one scenario's course in this run.
type session struct {
	*bench
	scenario   scenario
	contenders []contender // who competes here
	columns    []string    // balancers with a column in the table
	figures    []*figure
	foreign    float64          // share of the machine that other programs used meanwhile
	failed     map[string]error // balancers that broke
	broken     error            // all that went wrong
}

// figure adds a row to the scenario's table.
func (x *session) figure(f figure) *figure {
	x.figures = append(x.figures, &f)
	return &f
}

// eachRound calls f for every balancer in every round, in an order that differs between rounds. A balancer that breaks
// is left out of the rest of the scenario and the others go on; the error is for a run that is cancelled.
func (x *session) eachRound(f func(contender) error) error {
	for round := range x.o.rounds {
		for _, c := range order(x.contenders, round) {
			if x.failed[c.name] != nil {
				continue
			}
			if err := x.ctx.Err(); err != nil {
				return err
			}
			if err := f(c); err != nil {
				x.failed[c.name] = fmt.Errorf("%s, round %d: %w", c.name, round+1, err)
			}
			fmt.Fprint(x.log, ".")
		}
	}
	return nil
}

// order rotates by the round and runs every other round backwards, so that over a few rounds each comes in every place and after each
// of the others.
func order[T any](cs []T, round int) []T {
	k := round % len(cs)
	o := slices.Concat(cs[k:], cs[:k])
	if round%2 == 1 {
		slices.Reverse(o)
	}
	return o
}

// pause waits for d or until the run is cancelled.
func (b *bench) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// until asks done every few milliseconds, for limit at most.
func (b *bench) until(what string, limit time.Duration, done func() (bool, error)) error {
	const every = 5 * time.Millisecond
	for range limit / every {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := b.pause(every); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: not within %v", what, limit)
}
