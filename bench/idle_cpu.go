package main

import "lull/bench/load"

var idleCPU = scenario{
	name: "idle-cpu",
	about: "Processor time that the balancer uses while 9,000 pairs are open for 30 s and nothing moves on them. Two threads; " +
		"each pair has carried one message before.",
	run: runIdleCPU,
}

func runIdleCPU(x *session) error {
	used := x.figure(figure{name: "CPU while idle", unit: "ms", digits: 1, aim: aim{ratioAtMost: limit(1)}})
	return x.eachRound(func(c contender) error {
		s := setup{Threads: 2, Idle: longIdle}
		return x.try(c, s, load.Options{Role: "echo"}, func(t *trial) error {
			client, err := t.hold(x.size.idlePairs, messageBytes)
			if err != nil {
				return err
			}
			defer client.finish()
			// What opening the pairs left to do is not idling.
			if _, err = t.settledPss(t.balancer.pids); err != nil {
				return err
			}
			before, err := t.balancer.usage()
			if err != nil {
				return err
			}
			if err = t.pause(x.size.idleFor); err != nil {
				return err
			}
			after, err := t.balancer.usage()
			used.add(c.name, after.since(before).total.Seconds()*1000)
			return err
		})
	})
}
