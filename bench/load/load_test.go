package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// child is a role played on a goroutine, with its standard input and output in the test's hands.
type child struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func start(t *testing.T, o Options) *child {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &child{t: t, in: inW, out: bufio.NewScanner(outR), done: make(chan error, 1)}
	c.out.Buffer(nil, 1<<20)
	go func() {
		err := Main(o.Args(), inR, outW)
		outW.CloseWithError(io.EOF)
		c.done <- err
	}()
	t.Cleanup(func() { inW.Close() })
	return c
}

func (c *child) next(stage string) Report {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("child ended: %v", <-c.done)
	}
	var r Report
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		c.t.Fatal(err)
	}
	if r.Stage != stage {
		c.t.Fatalf("stage: got %+v, want %s", r, stage)
	}
	return r
}

func (c *child) goOn() {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in); err != nil {
		c.t.Fatal(err)
	}
}

func freeAddress(t *testing.T) Address {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func startBackend(t *testing.T, o Options) (*child, []Address) {
	t.Helper()
	o.Targets = []Address{freeAddress(t)}
	b := start(t, o)
	b.next(StageReady)
	return b, o.Targets
}

func TestOptionsSurviveArgs(t *testing.T) {
	t.Parallel()
	want := Options{
		Role: "expire", Targets: []Address{netip.MustParseAddrPort("127.0.1.1:1"), netip.MustParseAddrPort("127.0.1.2:2")},
		Conns: 3, Count: 4, Bytes: 5, Warm: 6, Echoes: 7, Timeout: 8 * time.Second, Spread: 9 * time.Millisecond,
		Rate: 10, RealTime: true, Forwarded: "http", TLS: "1.3", Certificate: "a", Key: "b", Resumed: true,
	}
	got, err := parseOptions(want.Args())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parseOptions: got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "127.0.0.1", "[::1]:80", "a:1"} {
		if _, err := parseOptions([]string{"-targets", bad}); err == nil {
			t.Errorf("parseOptions with targets %q: got no error", bad)
		}
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	b, targets := startBackend(t, Options{Role: "echo"})
	c := start(t, Options{Role: "exchange", Targets: targets, Conns: 8, Bytes: 128, Warm: 50, Count: 200})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 200 || r.Nanos == 0 || r.LatencyP50Nanos == 0 || r.LatencyP99Nanos < r.LatencyP50Nanos {
		t.Errorf("report: got %+v, want 200 exchanges and their times", r)
	}
	b.goOn()
	if r := b.next(StageCount); r.Accepted != 8 {
		t.Errorf("accepted: got %d, want 8", r.Accepted)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{0, 16} {
		t.Run(fmt.Sprint(bytes), func(t *testing.T) {
			t.Parallel()
			_, targets := startBackend(t, Options{Role: "echo", Echoes: 1})
			c := start(t, Options{Role: "hold", Targets: targets, Conns: 200, Bytes: bytes})
			if r := c.next(StageReady); r.Count != 200 {
				t.Errorf("open: got %d, want 200", r.Count)
			}
			c.in.Close()
			if err := <-c.done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestChurn(t *testing.T) {
	t.Parallel()
	_, targets := startBackend(t, Options{Role: "echo"})
	c := start(t, Options{Role: "churn", Targets: targets, Conns: 8, Count: 100, Bytes: 128})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 100 || r.LatencyP50Nanos == 0 {
		t.Errorf("report: got %+v, want 100 connections and their times", r)
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 1
	_, targets := startBackend(t, Options{Role: "source", Bytes: size})
	c := start(t, Options{Role: "sink", Targets: targets, Conns: 3, Bytes: size})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 3*size {
		t.Errorf("received: got %d bytes, want %d", r.Count, 3*size)
	}
}

// TestBulkCut wants a stream that ends too soon to be an error rather than a fast run.
func TestBulkCut(t *testing.T) {
	t.Parallel()
	_, targets := startBackend(t, Options{Role: "source", Bytes: 10})
	c := start(t, Options{Role: "sink", Targets: targets, Conns: 1, Bytes: 11})
	c.next(StageReady)
	c.goOn()
	if c.out.Scan() {
		t.Errorf("report: got %s, want none", c.out.Text())
	}
	if err := <-c.done; err == nil {
		t.Error("got no error, want one for the missing byte")
	}
}

// TestExpire plays the balancer itself: it answers twice on each connection and closes it a known time later.
func TestExpire(t *testing.T) {
	t.Parallel()
	const timeout, late = 300 * time.Millisecond, 40 * time.Millisecond
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go closeLate(conn, timeout+late)
		}
	}()
	targets := []Address{netip.MustParseAddrPort(l.Addr().String())}
	c := start(t, Options{Role: "expire", Targets: targets, Conns: 20, Timeout: timeout, Spread: 50 * time.Millisecond})
	e := c.next(StageDone).Expiry
	if e == nil || len(e.LatenessNanos) != 20 || e.Open != 0 || e.Resets != 0 {
		t.Fatalf("expiry: got %+v, want 20 pairs, none open, none reset", e)
	}
	if e.TouchNanos < int64(20*time.Millisecond) {
		t.Errorf("last bytes: got within %v, want nearly 50ms", time.Duration(e.TouchNanos))
	}
	for _, n := range e.LatenessNanos {
		if got := time.Duration(n); got < late || got > late+2*time.Second {
			t.Errorf("lateness: got %v, want %v and a little", got, late)
		}
	}
}

// closeLate echoes two messages, the greeting and the touch, and closes after d.
func closeLate(conn net.Conn, d time.Duration) {
	defer conn.Close()
	buf := make([]byte, messageBytes)
	for range 2 {
		if _, err := io.ReadFull(conn, buf); err != nil {
			return
		}
		if _, err := conn.Write(buf); err != nil {
			return
		}
	}
	<-time.NewTimer(d).C
}

func TestArrival(t *testing.T) {
	t.Parallel()
	if _, err := arrival(nil); err == nil {
		t.Error("no control message: got no error")
	}
	if _, err := arrival(unix.UnixRights(1)); err == nil {
		t.Error("another control message: got no error")
	}
}

func TestUnknownRole(t *testing.T) {
	t.Parallel()
	err := Main(Options{Role: "x", Targets: []Address{netip.MustParseAddrPort("127.0.0.1:1")}}.Args(), nil, nil)
	if err == nil {
		t.Error("got no error")
	}
}
