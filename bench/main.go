// Command bench compares lull with HAProxy and nginx as TCP and as HTTP load balancers, the latter with TLS too, on one
// machine in one run, and prints what it found as Markdown.
//
// People run it through make bench; CI runs it with -quick, which is too small to mean anything but keeps it working.
// Everything happens on one goroutine; the traffic comes from child processes (see bench/load).
//
// A scenario is one file here; those of HTTP begin with http_, those of TLS with tls_. It runs every balancer in every round, each time as a fresh
// process on a fresh port with a generated configuration, in an order that changes from round to round, so that a machine
// that grows slower or warmer during the run treats all alike. A figure is the median over the rounds; its extremes are
// printed beside it, and the ratio is lull to the better peer, or to the one that the aim names. The alternative, one long
// run for each balancer, made differences of 10 % between two runs of the same binary. A balancer may be named twice
// (-balancers haproxy,haproxy), which shows how far apart equals come out.
//
// The balancer's processor time is read from the kernel's clock of its processes, its memory from smaps_rollup; both
// cover all of its processes, and nothing is asked of the balancer itself except how it spread its connections.
//
// Traffic stays on loopback, and every count and wait is bounded. Children end with this process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"lull/bench/goproxy"
	"lull/bench/load"
)

// loadCommand as first argument makes this process one end of the traffic.
const loadCommand = "load"

// roundsMax bounds -rounds: the longest scenario takes about three minutes a round.
const roundsMax = 100

// options is the command line.
type options struct {
	scenarios *regexp.Regexp
	rounds    int
	quick     bool
	names     string // of balancers, comma separated; empty = all there are
	lull      string // path of lull's binary
	output    string // file for the report; empty = standard output only
	readme    string // file with markers to put the tables between; empty = none
	profiles  string // directory for profiles of the balancers; empty = none are made
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == loadCommand {
		return load.Main(args[1:], stdin, stdout)
	}
	if len(args) > 0 && args[0] == proxyCommand {
		return goproxy.Main(args[1:], stdout)
	}
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	// The kernel ends a child when the thread that started it ends (PDEATHSIG), so that thread must be this one.
	runtime.LockOSThread()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	b, err := newBench(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	r := b.runAll()
	if err := r.publish(o, stdout); err != nil {
		return err
	}
	return r.err()
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var pattern string
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&pattern, "run", "", "run only the scenarios that match this regular expression")
	set.IntVar(&o.rounds, "rounds", 5, "rounds of each scenario")
	set.BoolVar(&o.quick, "quick", false, "one round of small counts: shows that everything works, measures nothing")
	set.StringVar(&o.names, "balancers", "", "balancers to compare, the first against the others; one may come twice (default lull,haproxy,nginx)")
	set.StringVar(&o.lull, "lull", "bin/lull", "lull's binary")
	set.StringVar(&o.output, "o", "", "write the report to this file as well")
	set.StringVar(&o.readme, "readme", "", "put the tables between the markers of this file")
	set.StringVar(&o.profiles, "perf", "", "record the balancers under load with perf into this directory; spoils the figures")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.scenarios, err = regexp.Compile(pattern); err != nil {
		return o, fmt.Errorf("-run %q: %w", pattern, err)
	}
	if o.rounds < 1 || o.rounds > roundsMax {
		return o, fmt.Errorf("-rounds %d: out of range, allowed 1..%d", o.rounds, roundsMax)
	}
	if o.quick {
		o.rounds = 1
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("argument %q: none are allowed", strings.Join(set.Args(), " "))
	}
	return o, nil
}
