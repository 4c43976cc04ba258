package main

import "lull/bench/load"

var requestCPU = scenario{
	name: "request-cpu",
	about: "64 long-lived connections, each sending 128 bytes and getting them back from the backend before it sends the next: " +
		"300,000 exchanges a round. CPU is the balancer's, user and system. The client is one thread, and so is the backend; " +
		"on a machine of two cores they share them with the balancer, so the rate is the machine's, not the balancer's alone.",
	run: runRequestCPU,
}

func runRequestCPU(x *session) error {
	for _, threads := range []int{1, 2} {
		v := threadsName(threads)
		cpu := x.figure(figure{variant: v, name: "CPU for each exchange", unit: "µs", digits: 2, aim: aim{ratioAtMost: limit(0.95)}})
		system := x.figure(figure{variant: v, name: "of it in the kernel", unit: "%", alone: true})
		rate := x.figure(figure{variant: v, name: "exchanges", unit: "1/s", higher: true})
		p50 := x.figure(figure{variant: v, name: "latency p50", unit: "µs"})
		p99 := x.figure(figure{variant: v, name: "latency p99", unit: "µs"})
		err := x.eachRound(func(c contender) error {
			s := setup{Threads: threads, Idle: longIdle}
			return x.try(c, s, load.Options{Role: "echo"}, func(t *trial) error {
				client, err := t.client(load.Options{
					Role: "exchange", Conns: busyConns, Bytes: messageBytes,
					Warm: x.size.exchangesWarm, Count: x.size.exchanges,
				})
				if err != nil {
					return err
				}
				defer client.finish()
				r, u, err := t.measured(client)
				if err != nil {
					return err
				}
				cpu.add(c.name, float64(u.total.Nanoseconds())/1e3/float64(r.Count))
				system.add(c.name, 100*u.systemShare())
				rate.add(c.name, float64(r.Count)*1e9/float64(r.Nanos))
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
