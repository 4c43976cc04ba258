package main

import "lull/bench/load"

var httpConnectRate = scenario{
	name: "http-connect-rate",
	about: "20,000 connections a round, 64 at a time, with one request each: connect, GET with Connection: close, response of 128 " +
		"bytes, FIN from the balancer. One thread on a processor of its own.",
	suite: suiteHTTP,
	run:   runHTTPConnectRate,
}

func runHTTPConnectRate(x *session) error {
	cpu := x.figure(figure{name: "CPU for each connection", unit: "µs", digits: 1})
	system := x.figure(figure{name: "of it in the kernel", unit: "%", alone: true})
	rate := x.figure(figure{name: "connections", unit: "1/s", higher: true})
	made := x.figure(figure{name: "back-end connections for each", digits: 2, alone: true})
	p50 := x.figure(figure{name: "connect to close p50", unit: "µs"})
	p99 := x.figure(figure{name: "connect to close p99", unit: "µs"})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, setup{Threads: 1, Alone: true}, load.Options{Bytes: smallBody}, func(t *trial) error {
			client, err := t.client(load.Options{Role: "get-churn", Conns: busyConns, Count: x.size.requestConnects})
			if err != nil {
				return err
			}
			defer client.finish()
			before, err := t.accepted()
			if err != nil {
				return err
			}
			r, u, err := t.measured(client)
			if err != nil {
				return err
			}
			after, err := t.accepted()
			if err != nil {
				return err
			}
			n := float64(r.Count)
			cpu.add(c.name, float64(u.total)/1e3/n)
			system.add(c.name, 100*u.systemShare())
			rate.add(c.name, n*1e9/float64(r.Nanos))
			made.add(c.name, float64(after-before)/n)
			p50.add(c.name, float64(r.LatencyP50Nanos)/1e3)
			p99.add(c.name, float64(r.LatencyP99Nanos)/1e3)
			return nil
		})
	})
}
