package awselb

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// The tests in engine*_test.go run the service before a real data plane: what the API is told is seen at sockets.

// Where the listeners of these tests are, at addresses that each test has to itself.
const (
	portHTTP = 8080
	portTCP  = 8081
)

// loopsAtATime: a loop keeps its processor of the Go scheduler for the first millisecond of each wait, and the engines of parallel
// tests would wait for each other.
const loopsAtATime = 32

// blocks counts the blocks of addresses given to tests. They begin at a place that depends on the process, so that two runs at a
// time are not in each other's way.
//
//nolint:gochecknoglobals // one for the process
var blocks atomic.Uint32

// block returns 127.x.y.0, of which no other test uses anything.
func block() netip.Addr {
	n := uint32(os.Getpid())*16 + blocks.Add(1)
	return netip.AddrFrom4([4]byte{127, byte(128 + n>>8%112), byte(n), 0})
}

// host returns an address of a block.
func hostOf(block netip.Addr, n byte) netip.Addr {
	four := block.As4()
	four[3] = n
	return netip.AddrFrom4(four)
}

// world is a rig whose runtime is real.
type world struct {
	*rig
	block   netip.Addr
	engine  *dataplane.Engine
	applier *apply.Applier
	applied atomic.Int64 // when a change was last in force, before it was stored: ns of the wall clock
}

// newWorld returns one whose load balancers are at the addresses 1 to 9 of its block. Its instances are at the addresses from 100:
// i-1 and i-2 in zone a, i-3 in zone b.
func newWorld(t *testing.T) *world {
	t.Helper()
	if runtime.GOMAXPROCS(0) < loopsAtATime {
		runtime.GOMAXPROCS(loopsAtATime)
	}
	w := &world{block: block()}
	w.rig = newRig(t, func(o *Options) {
		o.Addresses = []AddressRange{{hostOf(w.block, 1), hostOf(w.block, 9)}}
		o.Now = time.Now
		w.run(t)
		o.Runtime = w
	})
	for i, zone := range []string{"us-west-2a", "us-west-2a", "us-west-2b"} {
		w.instances.set(fmt.Sprintf("i-%d", i+1), hostOf(w.block, byte(100+i)).String(), zone)
	}
	return w
}

// run starts an engine.
func (w *world) run(t *testing.T) {
	t.Helper()
	e, err := dataplane.New(dataplane.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.engine, w.applier = e, apply.New(e)
	t.Cleanup(e.Close)
	t.Cleanup(w.applier.Close)
}

// Change, Plan and Backend make the world a Runtime.
func (w *world) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	return w.applier.Change(apply.AWSELB, balancers, func() error {
		w.applied.Store(time.Now().UnixNano())
		if commit == nil {
			return nil
		}
		return commit()
	})
}

// Plan returns the plan in force.
func (w *world) Plan() *plan.Plan { return w.applier.Plan() }

// Backend returns what is known of a backend.
func (w *world) Backend(key plan.BackendKey) (BackendState, bool) {
	t, found := w.engine.Backend(key)
	return BackendState{Key: t.Key, Up: t.Up, Proven: t.Proven, Detail: t.Detail, Active: t.Active, Conns: t.Conns}, found
}

// form makes a request that must succeed.
func (w *world) asks(format string, args ...any) {
	w.t.Helper()
	if _, err := w.doForm(fmt.Sprintf(format, args...)); err != nil {
		w.t.Fatalf(format+": %v", append(args, err)...)
	}
}

// create makes a load balancer "web" with a listener for HTTP and one for TCP before the backends, in those zones.
func (w *world) create(b *backends, zones ...string) {
	w.t.Helper()
	form := fmt.Sprintf("Action=CreateLoadBalancer&LoadBalancerName=web"+
		"&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=%d&Listeners.member.1.InstancePort=%d"+
		"&Listeners.member.2.Protocol=TCP&Listeners.member.2.LoadBalancerPort=%d&Listeners.member.2.InstancePort=%d",
		portHTTP, b.http, portTCP, b.tcp)
	for i, zone := range zones {
		form += fmt.Sprintf("&AvailabilityZones.member.%d=%s", i+1, zone)
	}
	w.asks("%s", form)
	w.asks("Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target=TCP:%d&HealthCheck.Interval=300&HealthCheck.Timeout=60"+
		"&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=2", b.tcp)
}

// register registers instances and waits until they are in service.
func (w *world) register(ids ...string) {
	w.t.Helper()
	w.do(registration(ids...))
	w.awaitHealth(ids, " InService N/A: N/A")
}

// awaitHealth waits until all instances have a health.
func (w *world) awaitHealth(ids []string, want string) {
	w.t.Helper()
	var got []string
	if !lulltest.Eventually(func() bool {
		got = w.health(ids...)
		return !slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, want) })
	}) {
		w.t.Fatalf("health: got %q, want all %q", got, want)
	}
}

// node returns where a node of the load balancer is, by its place among the zones.
func (w *world) node(i int) netip.Addr {
	w.t.Helper()
	return w.document("web").Nodes[i].Address
}

// modify changes attributes, "ConnectionSettings.IdleTimeout=30".
func (w *world) modify(attributes string) {
	w.t.Helper()
	w.asks("Action=ModifyLoadBalancerAttributes&LoadBalancerName=web&LoadBalancerAttributes.%s", attributes)
}

// backends are hosts that answer HTTP on one port and TCP on another, the same on all.
type backends struct {
	http, tcp uint16
	asked     chan string   // takes the name of a host that has got a request for /slow
	answer    chan struct{} // closed: those are answered
}

// newBackends starts backends at the addresses of instances.
func (w *world) newBackends(ids ...string) *backends {
	w.t.Helper()
	b := &backends{asked: make(chan string, 100), answer: make(chan struct{})}
	for _, id := range ids {
		host, _, _ := w.instances.Lookup(id)
		b.http = w.serveHTTP(b, id, host)
		b.tcp = serveTCP(w.t, id, host, b.tcp)
	}
	return b
}

// serveHTTP answers with the name; requests for /slow are answered when the test wants.
func (w *world) serveHTTP(b *backends, name, host string) uint16 {
	w.t.Helper()
	l := listenAt(w.t, host, b.http)
	s := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if in.URL.Path == "/slow" {
			b.asked <- name
			select {
			case <-b.answer:
			case <-in.Context().Done():
			}
		}
		_, _ = io.WriteString(out, name)
	}), ErrorLog: nil}
	go func() { _ = s.Serve(l) }()
	w.t.Cleanup(func() { _ = s.Close() })
	return portOf(l)
}

// await waits until a request for /slow has come.
func (b *backends) await(t *testing.T) {
	t.Helper()
	select {
	case <-b.asked:
	case <-time.After(lulltest.Patience):
		t.Fatal("the request does not reach a backend")
	}
}

// serveTCP greets with the name and then echoes lines.
func serveTCP(t *testing.T, name, host string, port uint16) uint16 {
	t.Helper()
	l := listenAt(t, host, port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, name+"\n")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return portOf(l)
}

// listenAt listens at a port of an address, at a free one if it is 0.
func listenAt(t *testing.T, host string, port uint16) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// get makes a request over a connection of its own and returns the answer's status and body.
func (w *world) get(node netip.Addr, path string) (status int, body string) {
	w.t.Helper()
	status, body, err := fetch(node, path)
	if err != nil {
		w.t.Fatalf("GET %s of %s: %v", path, node, err)
	}
	return status, body
}

// fetch does that on any goroutine.
func fetch(node netip.Addr, path string) (status int, body string, err error) {
	client := http.Client{Timeout: lulltest.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://%s:%d%s", node, portHTTP, path))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// tunnel is a client's connection to the TCP listener.
type tunnel struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
	host   string // the name of the backend
}

// dial connects and waits for the backend's greeting. The host is empty if there is no backend.
func (w *world) dial(node netip.Addr) *tunnel {
	w.t.Helper()
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(node, portTCP).String(), lulltest.Patience)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	out := &tunnel{Conn: c, t: w.t, reader: bufio.NewReader(c)}
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	line, _ := out.reader.ReadString('\n')
	out.host = strings.TrimSuffix(line, "\n")
	return out
}

// echo sends a line and expects it back.
func (c *tunnel) echo() {
	c.t.Helper()
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		c.t.Fatalf("send: %v", err)
	}
	if line, err := c.reader.ReadString('\n'); err != nil || line != "hello\n" {
		c.t.Fatalf("got %q and %v, want what was sent", line, err)
	}
}

// ended waits for the end of the connection.
func (c *tunnel) ended() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	if line, err := c.reader.ReadString('\n'); err == nil || os.IsTimeout(err) {
		c.t.Fatalf("got %q and %v, want the connection closed", line, err)
	}
}

// httpHosts asks a node for its hosts, often enough to hear of all.
func (w *world) httpHosts(node netip.Addr) []string {
	w.t.Helper()
	return w.hosts(func() string {
		status, body := w.get(node, "/")
		if status != http.StatusOK {
			return strconv.Itoa(status)
		}
		return body
	})
}

// tcpHosts is httpHosts for the TCP listener.
func (w *world) tcpHosts(node netip.Addr) []string {
	w.t.Helper()
	return w.hosts(func() string {
		c := w.dial(node)
		_ = c.Close()
		return c.host
	})
}

// hosts calls ask so often that each of three hosts in turn is met, and returns the answers, sorted.
func (w *world) hosts(ask func() string) []string {
	met := map[string]bool{}
	for range 8 {
		met[ask()] = true
	}
	var all []string
	for name := range met {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// wantHosts asks both listeners of a node.
func (w *world) wantHosts(node netip.Addr, want ...string) {
	w.t.Helper()
	if got := w.httpHosts(node); !slices.Equal(got, want) {
		w.t.Errorf("HTTP at %s: got %q, want %q", node, got, want)
	}
	if got := w.tcpHosts(node); !slices.Equal(got, want) {
		w.t.Errorf("TCP at %s: got %q, want %q", node, got, want)
	}
}

// closesOf returns how a connection ended, as lull has recorded it.
func (w *world) closeOf(client net.Conn) (found record.Close) {
	w.t.Helper()
	local := client.LocalAddr().(*net.TCPAddr).AddrPort()
	if !lulltest.Eventually(func() bool {
		all := make([]record.Close, w.engine.Log().Next())
		n, _, _ := w.engine.Log().Read(0, all)
		i := slices.IndexFunc(all[:n], func(r record.Close) bool { return r.Ends.Client == local })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	}) {
		w.t.Fatal("the end of the connection is not recorded")
	}
	return found
}

// checkListeners says how many listeners the store and the service have.
func (w *world) checkListeners(want int) {
	w.t.Helper()
	if got := len(w.document("web").Listeners); got != want {
		w.t.Errorf("%d listeners, want %d", got, want)
	}
	entries, _ := w.store.List(keyPrefix)
	stored, err := decode(entries[0].Key, entries[0].Value)
	if err != nil || len(stored.Listeners) != want {
		w.t.Errorf("stored: got %v and %v, want %d listeners", stored, err, want)
	}
}
