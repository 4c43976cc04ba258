package demo_test

import (
	"testing"
	"time"

	"lull/internal/control/file"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/demo"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	l := demo.Layout{
		Socket: "./x.sock", Data: "./x-data", API: 3001, AWS: demo.Ports{TCP: 1001, HTTP: 2001}, OCI: demo.Ports{TCP: 1002, HTTP: 2002},
		First: demo.Ports{TCP: 1003, HTTP: 2003}, Second: demo.Ports{TCP: 1004, HTTP: 2004},
	}
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
	type listener struct {
		name     plan.ListenerKey
		protocol plan.Protocol
		model    timeout.Model
		idle     time.Duration
		at       string
		backends [2]string
		checked  bool
		sticky   bool
	}
	tcp, http := [2]string{"127.0.0.1:1003", "127.0.0.1:1004"}, [2]string{"127.0.0.1:2003", "127.0.0.1:2004"}
	want := []listener{
		{plan.ListenerKey{LoadBalancer: "aws", Name: "web"}, plan.HTTP, timeout.Shared, 5 * time.Second, "127.0.0.1:2001", http, true, false},
		{plan.ListenerKey{LoadBalancer: "aws", Name: "echo"}, plan.TCP, timeout.Shared, 10 * time.Second, "127.0.0.1:1001", tcp, false, false},
		{plan.ListenerKey{LoadBalancer: "oci", Name: "web"}, plan.HTTP, timeout.Directional, 5 * time.Second, "127.0.0.1:2002", http, true, true},
		{plan.ListenerKey{LoadBalancer: "oci", Name: "echo"}, plan.TCP, timeout.Directional, 20 * time.Second, "127.0.0.1:1002", tcp, false, false},
	}
	var got []listener
	for _, lb := range c.Plan.LoadBalancers {
		for _, li := range lb.Listeners {
			set := li.BackendSet
			if len(set.Backends) != 2 {
				t.Fatalf("%v: got %d backends, want 2", li.Key, len(set.Backends))
			}
			got = append(got, listener{li.Key, li.Protocol, li.Timeouts.Model, li.Timeouts.Idle, li.Address.String(),
				[2]string{set.Backends[0].Key.Endpoint(), set.Backends[1].Key.Endpoint()}, set.HealthCheck != nil, set.Stickiness != nil})
		}
	}
	if len(got) != len(want) {
		t.Fatalf("listeners: got %d, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("listener %d: got %+v, want %+v", i, got[i], want[i])
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
