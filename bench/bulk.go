package main

import (
	"fmt"

	"lull/bench/load"
)

var bulk = scenario{
	name: "bulk",
	about: "1 GiB from the backend to the client, through one connection or in eight parts through eight. The backend writes " +
		"256 KiB at a time from one buffer, the client discards inside the kernel, so neither should be what limits the rate. " +
		"CPU is the balancer's for the whole GiB.",
	run: runBulk,
}

func runBulk(x *session) error {
	for _, v := range []struct{ conns, threads int }{{1, 1}, {bulkConns, 1}, {bulkConns, 2}} {
		name := fmt.Sprintf("%d × %d MiB, %s", v.conns, x.size.bulkBytes/int64(v.conns)>>20, threadsName(v.threads))
		cpu := x.figure(figure{variant: name, name: "CPU", unit: "s", digits: 3, aim: aim{ratioAtMost: limit(1)}})
		system := x.figure(figure{variant: name, name: "of it in the kernel", unit: "%", alone: true})
		rate := x.figure(figure{variant: name, name: "throughput", unit: "MiB/s", higher: true, aim: aim{ratioAtLeast: limit(1)}})
		err := x.eachRound(func(c contender) error {
			s := setup{Threads: v.threads, Idle: longIdle}
			each := x.size.bulkBytes / int64(v.conns)
			return x.try(c, s, load.Options{Role: "source", Bytes: each}, func(t *trial) error {
				client, err := t.client(load.Options{Role: "sink", Conns: v.conns, Bytes: each})
				if err != nil {
					return err
				}
				defer client.finish()
				r, u, err := t.measured(client)
				if err != nil {
					return err
				}
				cpu.add(c.name, u.total.Seconds())
				system.add(c.name, 100*u.systemShare())
				rate.add(c.name, float64(r.Count)/(1<<20)*1e9/float64(r.Nanos))
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
