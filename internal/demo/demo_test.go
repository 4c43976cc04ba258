package demo_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"lull/internal/control/file"
	"lull/internal/dataplane/timeout"
	"lull/internal/demo"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	l := demo.Layout{Socket: "./x.sock", AWS: 1001, OCI: 1002, First: 1003, Second: 1004}
	c, err := file.Parse("lull.yaml", demo.Config(l))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings: got %q, want none", w)
	}
	if c.AdminSocket != l.Socket || c.AccessLog != (file.AccessLog{Path: "/dev/stdout", Format: "text"}) || c.Loops != 1 {
		t.Errorf("process: got %+v", c)
	}
	want := []struct {
		name  string
		model timeout.Model
		idle  time.Duration
		at    string
	}{
		{"aws", timeout.Shared, 10 * time.Second, "127.0.0.1:1001"},
		{"oci", timeout.Directional, 20 * time.Second, "127.0.0.1:1002"},
	}
	if n := len(c.Plan.LoadBalancers); n != len(want) {
		t.Fatalf("load balancers: got %d, want %d", n, len(want))
	}
	for i, w := range want {
		lb := c.Plan.LoadBalancers[i]
		li := lb.Listeners[0]
		if lb.Name != w.name || li.Address.String() != w.at || li.Timeouts.Model != w.model || li.Timeouts.Idle != w.idle {
			t.Errorf("load balancer %d: got %s at %s, %s, idle %s; want %+v", i, lb.Name, li.Address, li.Timeouts.Model,
				li.Timeouts.Idle, w)
		}
		b := li.BackendSet.Backends
		if len(b) != 2 || b[0].Key.Endpoint() != "127.0.0.1:1003" || b[1].Key.Endpoint() != "127.0.0.1:1004" {
			t.Errorf("load balancer %d: got backends %+v", i, b)
		}
	}
}

func TestListenTaken(t *testing.T) {
	t.Parallel()
	first, err := demo.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	taken := demo.Port(first)
	second, err := demo.Listen(taken)
	if err != nil {
		t.Fatalf("wanted port taken: %v", err)
	}
	defer second.Close()
	if got := demo.Port(second); got == taken || got == 0 {
		t.Errorf("port: got %d, want another than %d", got, taken)
	}
	if got, err := demo.FreePort(taken); err != nil || got == taken || got == 0 {
		t.Errorf("free port: got %d, %v, want another than %d", got, err, taken)
	}
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn)
}

func TestBackend(t *testing.T) {
	t.Parallel()
	l, err := demo.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	b := demo.Serve(l, "backend-1")
	c := dial(t, b.Addr())
	if _, err := io.WriteString(c, "ping\n"); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello from backend-1\nping\n" {
		t.Errorf("got %q, %v", got, err)
	}

	open := dial(t, b.Addr())
	if _, err := bufio.NewReader(open).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("an open connection survived Close")
	}
	if _, err := net.DialTimeout("tcp", b.Addr(), time.Second); err == nil {
		t.Error("a closed backend accepts")
	}
}
