package main

import "lull/bench/load"

var httpIdleMemory = scenario{
	name: "http-idle-memory",
	about: "User memory for each idle keep-alive connection: Pss of all of the balancer's processes with 8,500 connections open, " +
		"each of which has had one response of 128 bytes, less that before, divided. Two threads. They were opened 64 at a time, so " +
		"there are few idle back-end connections beside them.",
	suite: suiteHTTP,
	run: func(x *session) error {
		return x.connMemory("", setup{Threads: 2}, x.size.heldConns, aim{atMost: limit(0.5)}, func(t *trial, conns int) (*child, error) {
			return t.client(load.Options{Role: "get-hold", Conns: conns})
		})
	},
}

var httpWaitingMemory = scenario{
	name: "http-waiting-memory",
	about: "User memory for each request that waits for its response: as http-idle-memory, but the backend answers none of the " +
		"8,500 requests, each of which needs a back-end connection too.",
	suite: suiteHTTP,
	run: func(x *session) error {
		return x.connMemory("", setup{Threads: 2}, x.size.heldConns, aim{atMost: limit(2)}, (*trial).wait)
	},
}

// connMemory weighs every balancer with the connections that open makes.
func (x *session) connMemory(variant string, s setup, conns int, bounds aim, open func(t *trial, conns int) (*child, error)) error {
	each := x.figure(figure{variant: variant, name: "memory for each connection", unit: "KiB", digits: 2, aim: bounds})
	empty := x.figure(figure{variant: variant, name: "memory with no connection", unit: "MiB", digits: 1})
	files := x.figure(figure{variant: variant, name: "descriptors for each connection", digits: 2, alone: true})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, s, load.Options{Bytes: smallBody}, func(t *trial) error {
			m, err := t.memory(conns, func() (*child, error) { return open(t, conns) })
			if err != nil {
				return err
			}
			each.add(c.name, m.each/1024)
			empty.add(c.name, m.empty/(1<<20))
			files.add(c.name, m.files)
			return nil
		})
	})
}

// wait opens connections with a request on each, and returns once the backend has all of the requests.
func (t *trial) wait(conns int) (*child, error) {
	before, err := t.backend.ask()
	if err != nil {
		return nil, err
	}
	c, err := t.client(load.Options{Role: "wait", Conns: conns})
	if err != nil {
		return nil, err
	}
	err = t.until("bring every request to the backend", pairsMax, func() (bool, error) {
		r, asked := t.backend.ask()
		return r.Count-before.Count >= int64(conns), asked
	})
	if err != nil {
		c.finish()
		return nil, err
	}
	return c, nil
}
