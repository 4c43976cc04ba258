package main

import "lull/bench/load"

var connectRate = scenario{
	name: "connect-rate",
	about: "20,000 connections a round, 64 at a time: connect, one exchange of 128 bytes, FIN from the client, FIN from the " +
		"balancer. Client and backend spread over several loopback addresses, so that closed connections which still hold " +
		"their ports for a minute do not run anyone out of them.",
	run: runConnectRate,
}

func runConnectRate(x *session) error {
	for _, threads := range []int{1, 2} {
		v := threadsName(threads)
		rate := x.figure(figure{variant: v, name: "connections", unit: "1/s", higher: true, aim: aim{ratioAtLeast: limit(1)}})
		cpu := x.figure(figure{variant: v, name: "CPU for each connection", unit: "µs", digits: 1, aim: aim{ratioAtMost: limit(1)}})
		system := x.figure(figure{variant: v, name: "of it in the kernel", unit: "%", alone: true})
		p50 := x.figure(figure{variant: v, name: "connect to close p50", unit: "µs"})
		p99 := x.figure(figure{variant: v, name: "connect to close p99", unit: "µs"})
		err := x.eachRound(func(c contender) error {
			s := setup{Threads: threads, Idle: longIdle}
			return x.try(c, s, load.Options{Role: "echo"}, func(t *trial) error {
				client, err := t.client(load.Options{Role: "churn", Conns: busyConns, Count: x.size.connects, Bytes: messageBytes})
				if err != nil {
					return err
				}
				defer client.finish()
				r, u, err := t.measured(client)
				if err != nil {
					return err
				}
				rate.add(c.name, float64(r.Count)*1e9/float64(r.Nanos))
				cpu.add(c.name, float64(u.total.Nanoseconds())/1e3/float64(r.Count))
				system.add(c.name, 100*u.systemShare())
				p50.add(c.name, float64(r.LatencyP50Nanos)/1e3)
				p99.add(c.name, float64(r.LatencyP99Nanos)/1e3)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
