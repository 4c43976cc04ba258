package ociapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/health"
	"lull/internal/lulltest"
)

// The tests in engine*_test.go run the service before a real data plane: what the API is told is seen at sockets.

// Where the listeners of these tests are, at addresses that each test has to itself.
const (
	portHTTP  = 8080
	portTCP   = 8081
	portHTTPS = 8443
	portSSL   = 8444
)

// Tests mostly wait for timers, so many of them run at a time. A loop keeps its processor of the Go scheduler for the first
// millisecond of each wait, so there must be more of these than loops, or they would wait for each other.
const (
	testsAtATime = "24"
	loopsAtATime = 48
)

// TestMain has as many tests run at a time unless somebody has asked for another number.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", testsAtATime)
	}
	runtime.GOMAXPROCS(loopsAtATime)
	os.Exit(m.Run())
}

// blocks counts the blocks of addresses given to tests. They begin at a place that depends on the process, so that two runs at a
// time are not in each other's way.
var blocks atomic.Uint32

// block returns 127.x.y.0, of which no other test uses anything.
func block() netip.Addr {
	n := uint32(os.Getpid())*16 + blocks.Add(1)
	return netip.AddrFrom4([4]byte{127, byte(16 + n>>8%112), byte(n), 0})
}

// hostOf returns an address of a block.
func hostOf(block netip.Addr, n byte) netip.Addr {
	four := block.As4()
	four[3] = n
	return netip.AddrFrom4(four)
}

// world is a rig whose runtime and health checks are real.
type world struct {
	*rig
	block   netip.Addr
	engine  *lulltest.Engine
	applier *apply.Applier
	alive   uint16       // a port of 127.0.0.1 that takes connections: health checks that are to succeed ask there
	applied atomic.Int64 // when a change was last in force, before it was stored: ns of the wall clock
}

// newWorld returns one whose load balancers are at the addresses 1 to 9 of its block.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{rig: newRig(t), block: block()}
	w.engine = lulltest.StartWith(t, dataplane.Options{Loops: 1}, &plan.Plan{})
	w.applier = apply.New(w.engine.Engine)
	t.Cleanup(w.applier.Close)
	w.alive = lulltest.Sink(t).Addr.Port()
	w.o.Runtime, w.o.Health = w, w
	w.o.Addresses = []ociapi.AddressRange{{First: hostOf(w.block, 1), Last: hostOf(w.block, 9)}}
	w.restart()
	return w
}

// Change and Plan make the world a Runtime.
func (w *world) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	return w.applier.Change(apply.OCI, balancers, func() error {
		w.applied.Store(time.Now().UnixNano())
		if commit == nil {
			return nil
		}
		return commit()
	})
}

// Plan returns the plan in force.
func (w *world) Plan() *plan.Plan { return w.applier.Plan() }

// Results makes the world a Health.
func (w *world) Results(key plan.BackendKey) (list []ociapi.ProbeResult) {
	codes := map[health.Code]string{
		health.Unknown: "UNKNOWN", health.OK: "OK", health.InvalidStatus: "INVALID_STATUS_CODE", health.TimedOut: "TIMED_OUT",
		health.RegexMismatch: "REGEX_MISMATCH", health.ConnectFailed: "CONNECT_FAILED", health.IOError: "IO_ERROR",
	}
	for _, r := range w.applier.Health(key) {
		list = append(list, ociapi.ProbeResult{Code: codes[r.Code], At: r.At, Up: r.Up})
	}
	return list
}

// Tally makes the world a Health.
func (w *world) Tally(set plan.SetKey) ociapi.Tally {
	n := w.applier.Tally(set)
	return ociapi.Tally{OK: n.OK, NotOK: n.Partly + n.Failing + n.Offline}
}

// fields are the fields of a JSON object.
type fields map[string]any

// with returns the fields and those of others, which take the place of equal ones.
func (f fields) with(others ...fields) fields {
	out := fields{}
	for _, from := range append([]fields{f}, others...) {
		for name, v := range from {
			out[name] = v
		}
	}
	return out
}

func (f fields) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// backend returns a backend of a set.
func backend(at netip.AddrPort) fields {
	return fields{"ipAddress": at.Addr().String(), "port": at.Port()}
}

// set returns a backend set whose backends are well as long as nothing else is said.
func (w *world) set(at ...netip.AddrPort) fields {
	list := make([]fields, len(at))
	for i, a := range at {
		list[i] = backend(a)
	}
	return fields{"policy": "ROUND_ROBIN", "backends": list, "healthChecker": fields{"protocol": "TCP", "port": w.alive}}
}

func listener(protocol string, port int, set string) fields {
	return fields{"protocol": protocol, "port": port, "defaultBackendSetName": set}
}

// idle returns the connection configuration of an idle timeout.
func idle(seconds int) fields {
	return fields{"connectionConfiguration": fields{"idleTimeout": seconds}}
}

// make makes a load balancer and returns its path.
func (w *world) make(name string, all fields) string {
	w.t.Helper()
	text := all.String()
	return w.balancer(name, text[1:len(text)-1])
}

// web makes a load balancer with one HTTP listener and one TCP listener, both with more fields, before one set.
func (w *world) web(set fields, more ...fields) string {
	w.t.Helper()
	return w.make("web", fields{"backendSets": fields{"set": set}, "listeners": fields{
		"http": listener("HTTP", portHTTP, "set").with(more...), "tcp": listener("TCP", portTCP, "set").with(more...),
	}})
}

// put replaces a child, "listeners/http".
func (w *world) put(path, child string, with fields) wire.WorkRequest {
	w.t.Helper()
	return w.done("PUT", path+"/"+child, with.String())
}

// at returns where a port of a load balancer is.
func (w *world) at(path string, port uint16) netip.AddrPort {
	w.t.Helper()
	return netip.AddrPortFrom(netip.MustParseAddr(w.get(path).IPAddresses[0].IPAddress), port)
}

// dial connects to a port of a load balancer.
func (w *world) dial(path string, port uint16) *lulltest.Conn {
	w.t.Helper()
	return lulltest.Dial(w.t, w.at(path, port))
}

// dialHTTP connects to its port for HTTP.
func (w *world) dialHTTP(path string) *lulltest.HTTPConn {
	w.t.Helper()
	return lulltest.HTTP(w.dial(path, portHTTP))
}

// named returns backends that answer every HTTP request with their name, "b0", "b1", …
func (w *world) named(n int) (servers []*lulltest.HTTPServer, at []netip.AddrPort) {
	w.t.Helper()
	for i := range n {
		name := fmt.Sprintf("b%d", i)
		s := lulltest.ServeHTTP(w.t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(lulltest.Response(name)) })
		servers, at = append(servers, s), append(at, s.Addr)
	}
	return servers, at
}

// asked makes a request on a connection of its own, with more field lines, and returns the answer.
func (w *world) asked(path string, lines ...string) lulltest.Answer {
	w.t.Helper()
	c := w.dialHTTP(path)
	defer func() { _ = c.Close() }()
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n")
	return c.Answer("GET")
}

// closeOf returns how a client's connection ended, as lull has recorded it.
func (w *world) closeOf(client *lulltest.Conn) record.Close {
	w.t.Helper()
	return w.engine.CloseOf(lulltest.HTTP(client))
}
