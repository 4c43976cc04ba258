package main

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"lull/bench/load"
)

// backendHosts is how many addresses the backend has. A balancer has 28,000 ports towards each of them, and a
// connection that it closed first blocks one for a minute.
const backendHosts = 8

// warmConns is how many connections are made and ended before anything is measured, so that what a balancer does only
// once (mapping its code, filling its pools' first page) is not counted against the load.
const warmConns = 16

// trial is one balancer, freshly started, with a backend behind it.
type trial struct {
	*bench
	setup    setup
	balancer *balancer
	backend  *child
	cpus     *unix.CPUSet // for the client and the backend; nil = all
}

// try starts a backend and a balancer in front of it, warms them up, calls f and ends them.
func (b *bench) try(c contender, s setup, backend load.Options, f func(*trial) error) error {
	var err error
	if backend.Targets, err = backendAddresses(); err != nil {
		return err
	}
	s.Certs = b.certs
	t := &trial{bench: b}
	_, t.cpus = s.processors()
	if t.backend, err = b.startChild(backend, t.cpus); err != nil {
		return err
	}
	defer t.backend.finish()
	if _, err = t.backend.next(); err != nil {
		return err
	}
	s.Backends = backend.Targets
	t.setup = s
	if t.balancer, err = b.startBalancer(c, s); err != nil {
		return err
	}
	defer t.balancer.stop()
	if err = t.warm(backend); err == nil {
		err = f(t)
	}
	if err != nil {
		return fmt.Errorf("%w; the balancer said: %q", err, t.balancer.process.lastSaid())
	}
	return nil
}

func backendHost(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i)}) }

// backendAddresses returns the same free port on every backend host.
func backendAddresses() ([]load.Address, error) {
	first, err := freePort(backendHost(0))
	if err != nil {
		return nil, err
	}
	as := make([]load.Address, backendHosts)
	for i := range as {
		as[i] = netip.AddrPortFrom(backendHost(i), first.Port())
	}
	return as, nil
}

// client starts a client of the balancer and waits until it is ready.
func (t *trial) client(o load.Options) (*child, error) {
	o.Targets = []load.Address{t.balancer.listen}
	if o.TLS = t.setup.TLS; o.TLS != "" {
		o.Certificate = t.setup.Certificate()
	}
	c, err := t.startChild(o, t.cpus)
	if err != nil {
		return nil, err
	}
	if _, err := c.next(); err != nil {
		c.finish()
		return nil, err
	}
	return c, nil
}

// warm makes and ends a few connections, unless what the backend answers is long.
func (t *trial) warm(backend load.Options) error {
	o := load.Options{Role: "hold", Conns: warmConns, Bytes: messageBytes}
	switch {
	case backend.Role == "server" && backend.Bytes <= largeBody:
		o = load.Options{Role: "get-hold", Conns: warmConns}
	case backend.Role != "echo":
		return nil
	}
	c, err := t.client(o)
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	c.finish()
	return nil
}

// accepted is how many connections the backend has accepted.
func (t *trial) accepted() (int, error) {
	r, err := t.backend.ask()
	return int(r.Accepted), err
}

// pairsMax bounds how long the balancer may take to open the back-end connections of pairs that are already accepted.
const pairsMax = 10 * time.Second

// hold opens pairs, each having exchanged bytes, and returns once the backend has all of them too.
func (t *trial) hold(pairs int, bytes int64) (*child, error) {
	before, err := t.accepted()
	if err != nil {
		return nil, err
	}
	c, err := t.client(load.Options{Role: "hold", Conns: pairs, Bytes: bytes})
	if err != nil {
		return nil, err
	}
	err = t.until("open back-end connections", pairsMax, func() (bool, error) {
		n, asked := t.accepted()
		return n-before >= pairs, asked
	})
	if err != nil {
		c.finish()
		return nil, err
	}
	return c, nil
}

// measured runs a client's next stage and returns its report and what the balancer used during it.
func (t *trial) measured(c *child) (load.Report, usage, error) {
	stop, err := t.profile()
	if err != nil {
		return load.Report{}, usage{}, err
	}
	defer stop()
	before, err := t.balancer.usage()
	if err != nil {
		return load.Report{}, usage{}, err
	}
	r, err := c.ask()
	if err != nil {
		return r, usage{}, err
	}
	after, err := t.balancer.usage()
	return r, after.since(before), err
}

// measuredAll is measured with the processor time of client and backend too.
func (t *trial) measuredAll(c *child) (r load.Report, own usage, others time.Duration, err error) {
	backend := []int{t.backend.pid()}
	before, err := usageOf(backend)
	if err != nil {
		return r, own, others, err
	}
	if r, own, err = t.measured(c); err != nil {
		return r, own, others, err
	}
	after, err := usageOf(backend)
	return r, own, after.since(before).total + time.Duration(r.CPUNanos), err
}

// threadsName is how a variant with n threads is called.
func threadsName(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}
