// Package load provides the two ends of the traffic that the benchmark sends through a load balancer: backends and
// clients, each made to cost as little as it can.
//
// The benchmark starts itself again as a child process and calls Main there, once for the backend and once for the
// client, because each side of 9,000 pairs fills most of the 20,000 descriptors that one process may hold. A child
// works on one locked thread; a second goroutine only reads standard input. Child and parent talk in lines: the child
// writes one Report in JSON whenever it has reached a stage, and goes on to the next stage when it reads a line; end
// of input means stop. So the parent can read the balancer's meters between stages, with nothing moving.
//
// The clients are raw sockets on one epoll instance rather than goroutines: on a machine with few cores the generator
// takes its share from the balancer under test, and a goroutine switch costs as much as the system call it surrounds.
// Outside tools were no alternative, since those for HTTP cannot speak a bare echo and those for bulk cannot hold
// thousands of idle connections.
//
// No balancer can gain by answering something else: an HTTP client accepts status 200 alone, counts every body's bytes
// and compares samples of them with what the backend sends, and the backend refuses a balancer that adds no X-Forwarded
// fields. A client that speaks TLS judges every handshake. Anything unexpected ends the child with an error, and with it
// the trial.
//
// Every stage is bounded in count, and stallMax ends a stage in which nothing moves.
package load

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stallMax is how long a stage may see no event at all before it is given up. It is far above the longest silence that
// any scenario plans (a timeout of 3 s), so only something broken reaches it.
const stallMax = 20 * time.Second

// Report is what a child tells its parent at the end of a stage. Fields that a stage does not use stay zero.
type Report struct {
	Stage    string `json:"stage"`
	Nanos    int64  `json:"nanos,omitempty"`    // how long the stage took
	Count    int64  `json:"count,omitempty"`    // connections, exchanges or bytes: what the stage moves
	Errors   int64  `json:"errors,omitempty"`   // connections that ended otherwise than planned
	CPUNanos int64  `json:"cpu,omitempty"`      // processor time of the client in this stage; exchanges only
	Accepted int64  `json:"accepted,omitempty"` // backend: connections accepted so far

	LatencyP50Nanos int64 `json:"latencyP50,omitempty"`
	LatencyP99Nanos int64 `json:"latencyP99,omitempty"`
	LateP99Nanos    int64 `json:"lateP99,omitempty"` // pace: from when a request was due until the client saw it

	Expiry *Expiry `json:"expiry,omitempty"`
}

// Expiry is what the client of the lateness scenario saw.
type Expiry struct {
	LatenessNanos []int64 `json:"lateness"` // one for each pair: end observed − last byte − timeout
	TouchNanos    int64   `json:"touch"`    // from the first pair's last byte to the last pair's
	CPUNanos      int64   `json:"cpu"`      // what observing cost the client's process
	GapMaxNanos   int64   `json:"gapMax"`   // longest time between two looks at the poller: how late an observation can be
	Resets        int64   `json:"resets"`   // pairs that ended by RST rather than FIN
	Open          int64   `json:"open"`     // pairs still open when the observer gave up
	ClockSteps    int64   `json:"steps"`    // how far the wall clock was stepped meanwhile, in ns; must be about zero
}

// Stages, in Report.Stage.
const (
	StageReady = "ready" // listening, or all connections open
	StageCount = "count" // a backend's answer to a line
	StageDone  = "done"
)

// Options is one child's task. The parent turns it into arguments with Args, the child back with Main.
type Options struct {
	Role      string        // one of roles
	Targets   []Address     // backends: where to listen; clients: where to connect to
	Conns     int           // clients: how many connections to hold at a time
	Count     int           // how many exchanges or connections to make
	Bytes     int64         // source: bytes sent on each connection; server: size of a body; other clients: of a message
	Warm      int           // exchanges before the measured ones; get-churn: connections
	Echoes    int           // echo: messages answered on a connection before it is left alone; 0 = no limit
	Rate      int           // pace: requests a second
	RealTime  bool          // run before ordinary processes
	Forwarded string        // server: refuse requests that do not say for whom they are and that they came by this scheme
	Timeout   time.Duration // expire: the balancer's idle timeout
	Spread    time.Duration // expire: over how long the last bytes are spread

	TLS         string // get, get-hold, get-churn, post-hold, server: the version of TLS to speak, "1.2" or "1.3"; empty = none
	Certificate string // file in PEM: the server's chain, or the certificate that a client is to be shown
	Key         string // server: file in PEM
	Resumed     bool   // get-churn: all but the first handshake of each of the o.Conns at a time are resumed ones
}

// Address is one IPv4 address and port.
type Address = netip.AddrPort

// Args returns the command line that makes Main do o.
func (o Options) Args() []string {
	targets := make([]string, len(o.Targets))
	for i, t := range o.Targets {
		targets[i] = t.String()
	}
	return []string{
		"-role", o.Role, "-targets", strings.Join(targets, ","),
		"-conns", fmt.Sprint(o.Conns), "-count", fmt.Sprint(o.Count), "-bytes", fmt.Sprint(o.Bytes),
		"-warm", fmt.Sprint(o.Warm), "-echoes", fmt.Sprint(o.Echoes),
		"-rate", fmt.Sprint(o.Rate), fmt.Sprintf("-realtime=%t", o.RealTime),
		"-forwarded", o.Forwarded, "-timeout", o.Timeout.String(), "-spread", o.Spread.String(),
		"-tls", o.TLS, "-certificate", o.Certificate, "-key", o.Key, fmt.Sprintf("-resumed=%t", o.Resumed),
	}
}

func parseOptions(args []string) (Options, error) {
	var o Options
	var targets string
	set := flag.NewFlagSet("load", flag.ContinueOnError)
	set.StringVar(&o.Role, "role", "", "what to be")
	set.StringVar(&targets, "targets", "", "addresses, comma separated")
	set.IntVar(&o.Conns, "conns", 0, "connections at a time")
	set.IntVar(&o.Count, "count", 0, "exchanges or connections to make")
	set.Int64Var(&o.Bytes, "bytes", 0, "bytes for each connection or message")
	set.IntVar(&o.Warm, "warm", 0, "exchanges before the measured ones")
	set.IntVar(&o.Echoes, "echoes", 0, "answers on each connection")
	set.IntVar(&o.Rate, "rate", 0, "requests a second")
	set.StringVar(&o.Forwarded, "forwarded", "", "refuse requests without X-Forwarded fields, one of which names this scheme")
	set.BoolVar(&o.RealTime, "realtime", false, "run before ordinary processes")
	set.DurationVar(&o.Timeout, "timeout", 0, "idle timeout of the balancer")
	set.DurationVar(&o.Spread, "spread", 0, "spread of the last bytes")
	set.StringVar(&o.TLS, "tls", "", "version of TLS to speak")
	set.StringVar(&o.Certificate, "certificate", "", "file of the certificate to show or to be shown")
	set.StringVar(&o.Key, "key", "", "file of the key")
	set.BoolVar(&o.Resumed, "resumed", false, "resume sessions")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	for t := range strings.SplitSeq(targets, ",") {
		a, err := netip.ParseAddrPort(t)
		if err != nil || !a.Addr().Is4() {
			return o, fmt.Errorf("targets %q: want IPv4 address:port, comma separated", targets)
		}
		o.Targets = append(o.Targets, a)
	}
	return o, nil
}

// roles maps Options.Role to the function that plays it.
var roles = map[string]func(Options, *parent) error{
	// Backends.
	"echo":   runEcho,
	"source": runSource,
	"server": runServer,
	// Clients of the TCP backends.
	"hold":     runHold,
	"exchange": runExchange,
	"expire":   runExpire,
	"churn":    runChurn,
	"sink":     runSink,
	// Clients of the HTTP backend.
	"get":       runGet,
	"get-hold":  runGetHold,
	"post-hold": runPostHold,
	"get-churn": runGetChurn,
	"pace":      runPace,
	"upgrade":   runUpgrade,
	"wait":      runWait,
}

// Main plays the role that args ask for until it is done or in ends.
func Main(args []string, in io.Reader, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	run, ok := roles[o.Role]
	if !ok {
		return fmt.Errorf("role %q: unknown", o.Role)
	}
	// A collection would land in somebody's measurement; what a child allocates is bounded by its connections.
	debug.SetGCPercent(-1)
	if o.TLS != "" {
		// But handshakes leave garbage, some 50 KiB each.
		debug.SetMemoryLimit(tlsMemory + int64(o.Conns)*tlsConnMemory)
	}
	if o.RealTime {
		runtime.LockOSThread() // for good: no other goroutine is to inherit the priority
		preferThread()
	}
	return run(o, newParent(in, out))
}

// tlsMemory and tlsConnMemory are from where on a process that speaks TLS collects garbage: well above what its
// connections hold, so that it does so once in thousands of handshakes.
const tlsMemory, tlsConnMemory = 128 << 20, 64 << 10

// preferThread asks for real-time priority, so that a balancer or another program that is busy on every core does not
// hold this thread up. Sleeps of such a thread end when they are due, too, where the kernel may add 50 µs to others'. It
// is refused without privilege; whoever needs it reports how late it was either way. Being nice by −20 would not do,
// since the kernel weighs that only against threads of the same session.
func preferThread() {
	realTime := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	_ = unix.SchedSetAttr(0, &realTime, 0)
}

// parent is the other end of a child's standard input and output.
type parent struct {
	out   *json.Encoder
	lines chan struct{} // one for each line read; closed at end of input
}

func newParent(in io.Reader, out io.Writer) *parent {
	p := &parent{out: json.NewEncoder(out), lines: make(chan struct{})}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			p.lines <- struct{}{}
		}
	}()
	return p
}

// tell reports a stage.
func (p *parent) tell(r Report) error { return p.out.Encode(r) }

// wait blocks until the parent sends a line; false means that it wants no more.
func (p *parent) wait() bool {
	_, ok := <-p.lines
	return ok
}
