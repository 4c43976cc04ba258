package awselb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"

	"lull/internal/lulltest"
)

// TestPromise does what lull promises first: no file, the generated credentials, the aws command, real traffic and real timeouts,
// connections that are open included.
func TestPromise(t *testing.T) {
	t.Parallel()
	if !alone() {
		t.Skip("the defaults of lull serve without a file may be taken where the network is shared")
	}
	l := prepare(t)
	l.api = "127.0.0.1:8440"
	l.start("serve")
	r := newRelay(t, l)
	w := &world{lull: l, user: newUser(t, l, r.url), relay: r, elb: l.client(), t: t, words: map[string]string{"region": l.region}}
	w.promise(netip.MustParseAddr("127.0.0.16")) // the first of the pool
}

// TestPromiseWithFile does the same with addresses of its own, and finds the load balancer by its name.
func TestPromiseWithFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.promise(netip.Addr{})
}

func (w *world) promise(address netip.Addr) {
	backend := w.at(1)
	w.web(backend, "80")
	w.do(row{
		line: `aws elb create-load-balancer --load-balancer-name my-loadbalancer --listeners Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=80 --availability-zones {region}a`,
		want: dns("my-loadbalancer"),
	})
	w.do(row{ // the default one is for port 80, which need not be ours
		line: `aws elb configure-health-check --load-balancer-name my-loadbalancer --health-check Target=TCP:80,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3`,
		want: healthCheckEcho("TCP:80"),
	})
	w.do(row{
		line: `aws elb register-instances-with-load-balancer --load-balancer-name my-loadbalancer --instances ` + backend.String(),
		want: `{"Instances": [{"InstanceId": "` + backend.String() + `"}]}`,
	})
	w.inService("my-loadbalancer", backend.String())
	if !address.IsValid() {
		address = w.resolve("my-loadbalancer")
	}
	at := netip.AddrPortFrom(address, uint16(port("80")))
	if out, err := exec.Command("curl", "-sS", "--max-time", "10", "http://"+at.String()+"/").CombinedOutput(); err != nil || string(out) != "hello\n" {
		w.t.Fatalf("curl: got %q, %v, want the backend's answer", out, err)
	}
	const modifyIdle = modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":%d}}"`
	w.do(row{line: fmt.Sprintf(modifyIdle, 30), want: modified(`"ConnectionSettings": {"IdleTimeout": 30}`)})

	c := w.ask(at)
	w.do(row{line: fmt.Sprintf(modifyIdle, 2), want: modified(`"ConnectionSettings": {"IdleTimeout": 2}`)})
	// It was quiet while the command started, which may be longer than the new timeout: so another is asked on and timed.
	if least, _ := c.quiet(w.t); least > 29*time.Second {
		w.t.Errorf("a connection that was open ended after %v of silence: the new timeout did not reach it", least)
	}
	w.ask(at).endsAfter(w.t, 2*time.Second)
	w.change(at)
	for _, command := range []string{"events --since all", "events --json --since all"} {
		w.said(command, "client-idle")
	}
}

// change sets the timeout by the SDK, which is quick, and wants an open connection to end by it: 3 s after its last byte.
func (w *world) change(at netip.AddrPort) {
	w.idle(20)
	c := w.ask(at)
	w.said("conns", c.LocalAddr().String(), "idle 20s")
	began := time.Now()
	w.idle(3)
	if took := time.Since(began); took > time.Second {
		w.t.Errorf("a change took %v", took)
	}
	w.said("conns", c.LocalAddr().String(), "idle 3s")
	c.endsAfter(w.t, 3*time.Second)
}

// said wants one of lull's commands to print all the words in one line.
func (w *world) said(command string, words ...string) {
	w.t.Helper()
	out, args := "", strings.Fields(command)
	lulltest.Within(w.t, patience, func() string {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		b, _ := w.Command(ctx, args...).Output() // events goes on for ever
		out = string(b)
		for line := range strings.Lines(out) {
			here := true
			for _, word := range words {
				here = here && strings.Contains(line, word)
			}
			if here {
				return ""
			}
		}
		return fmt.Sprintf("lull %s: got %q, want a line with %q", command, out, words)
	})
}

func (w *world) idle(seconds int32) {
	w.t.Helper()
	_, err := w.elb.ModifyLoadBalancerAttributes(context.Background(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerName: new("my-loadbalancer"), LoadBalancerAttributes: idleAttributes(seconds),
	})
	w.must(err)
}

// conn is a client's connection on which an exchange is over.
type conn struct {
	net.Conn
	asked, answered time.Time // its last byte came between the two
}

// ask has an exchange on a connection of its own and keeps that open.
func (w *world) ask(at netip.AddrPort) *conn {
	w.t.Helper()
	c, err := net.DialTimeout("tcp4", at.String(), patience)
	w.must(err)
	w.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	asked := time.Now()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: lull.test\r\n\r\n")
	w.must(err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	w.must(err)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || string(body) != "hello\n" {
		w.t.Fatalf("got %d, %q, %v, want the backend's answer", answer.StatusCode, body, err)
	}
	return &conn{c, asked, time.Now()}
}

// quiet waits until the connection is ended, and returns how long it was silent at least and at most.
func (c *conn) quiet(t testing.TB) (least, most time.Duration) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("a quiet connection: got %d bytes, %v, want its end", n, err)
	}
	return time.Since(c.answered), time.Since(c.asked)
}

// endsAfter wants the connection to end after that time, not earlier and little later.
func (c *conn) endsAfter(t testing.TB, want time.Duration) {
	t.Helper()
	if least, most := c.quiet(t); most < want || least > want+500*time.Millisecond {
		t.Errorf("an idle connection ended after %v to %v of silence, want %v", least, most, want)
	}
}
