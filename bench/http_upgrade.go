package main

import "lull/bench/load"

var httpUpgrade = scenario{
	name: "http-upgrade",
	about: "64 connections that were upgraded to WebSocket before anything is measured, each sending 128 bytes and getting them back " +
		"from the backend before it sends the next: 100,000 exchanges a round. One thread on a processor of its own.",
	suite: suiteHTTP,
	run:   runHTTPUpgrade,
}

func runHTTPUpgrade(x *session) error {
	cpu := x.figure(figure{name: "CPU for each exchange", unit: "µs", digits: 2})
	system := x.figure(figure{name: "of it in the kernel", unit: "%", alone: true})
	rate := x.figure(figure{name: "exchanges", unit: "1/s", higher: true})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, setup{Threads: 1, Alone: true, Upgrades: true}, load.Options{Bytes: smallBody}, func(t *trial) error {
			client, err := t.client(load.Options{
				Role: "upgrade", Conns: busyConns, Bytes: messageBytes, Warm: x.size.requestsWarm, Count: x.size.requests,
			})
			if err != nil {
				return err
			}
			defer client.finish()
			r, u, err := t.measured(client)
			if err != nil {
				return err
			}
			cpu.add(c.name, float64(u.total)/1e3/float64(r.Count))
			system.add(c.name, 100*u.systemShare())
			rate.add(c.name, float64(r.Count)*1e9/float64(r.Nanos))
			return nil
		})
	})
}
