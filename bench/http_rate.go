package main

import (
	"fmt"
	"slices"

	"lull/bench/load"
)

var httpRate = scenario{
	name: "http-rate",
	about: "How many requests a second, and how quickly at half of what HAProxy can do. First 64 keep-alive connections in a closed " +
		"loop, as in http-request-cpu, with bodies of 128 bytes. Then for 3 s an open loop over 64 connections: requests are due " +
		"at random times that do not depend on the answers, the same for every balancer, and latency counts from when a request " +
		"was due. In the open loop client and backend go before ordinary programs, so that it is the balancer that waits when the " +
		"machine is busy. With one thread the balancer has a processor of its own; with two it shares both with the client and " +
		"the backend, so that the rate is that of the machine with this balancer in it.",
	suite: suiteHTTP,
	run:   runHTTPRate,
}

func runHTTPRate(x *session) error {
	for _, threads := range []int{1, 2} {
		s := setup{Threads: threads, Alone: true}
		f := x.requestFigures(threadsName(threads), aim{}, aim{ratioAtLeast: limit(1.1), to: toHAProxy})
		if err := x.requests(s, busyConns, smallBody, x.size.requests, f); err != nil {
			return err
		}
		rate, ok := f.rate.reference(x.columns)
		if !ok {
			return nil // none has got this far; what broke is noted
		}
		if err := x.paced(s, rate/2); err != nil {
			return err
		}
	}
	return nil
}

// reference returns HAProxy's value, or that of the first balancer which has one.
func (f *figure) reference(balancers []string) (float64, bool) {
	for _, name := range slices.Concat([]string{toHAProxy}, balancers) {
		if v, ok := f.value(name); ok {
			return v, true
		}
	}
	return 0, false
}

// paced runs every round of an open loop at a rate.
func (x *session) paced(s setup, rate float64) error {
	v := fmt.Sprintf("%s, %.0f/s", threadsName(s.Threads), rate)
	atMost := aim{ratioAtMost: limit(1), to: toHAProxy}
	p50 := x.figure(figure{variant: v, name: "latency p50 from when due", unit: "µs", aim: atMost})
	p99 := x.figure(figure{variant: v, name: "latency p99 from when due", unit: "µs", aim: atMost})
	late := x.figure(figure{variant: v, name: "of it the client's lateness, p99", unit: "µs", alone: true})
	cpu := x.figure(figure{variant: v, name: "CPU for each request", unit: "µs", digits: 2})
	others := x.figure(figure{variant: v, name: "client and backend: CPU for each request", unit: "µs", digits: 2, alone: true})
	busy := x.figure(figure{variant: v, name: "processors that all of them keep busy", digits: 2, alone: true})
	got := x.figure(figure{variant: v, name: "requests", unit: "1/s", alone: true})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, s, load.Options{Bytes: smallBody, RealTime: true}, func(t *trial) error {
			client, err := t.client(load.Options{
				Role: "pace", RealTime: true, Conns: busyConns, Warm: x.size.requestsWarm,
				Rate: int(rate), Count: int(rate * x.size.paceFor.Seconds()),
			})
			if err != nil {
				return err
			}
			defer client.finish()
			r, own, rest, err := t.measuredAll(client)
			if err != nil {
				return err
			}
			p50.add(c.name, float64(r.LatencyP50Nanos)/1e3)
			p99.add(c.name, float64(r.LatencyP99Nanos)/1e3)
			late.add(c.name, float64(r.LateP99Nanos)/1e3)
			cpu.add(c.name, float64(own.total)/1e3/float64(r.Count))
			others.add(c.name, float64(rest)/1e3/float64(r.Count))
			busy.add(c.name, float64(own.total+rest)/float64(r.Nanos))
			got.add(c.name, float64(r.Count)*1e9/float64(r.Nanos))
			return nil
		})
	})
}
