package main

import (
	"fmt"

	"lull/bench/load"
)

var idleMemory = scenario{
	name: "idle-memory",
	about: "User memory for each idle pair: Pss of all of the balancer's processes with 4,000 pairs open, less that before, " +
		"divided. Two threads. In one variant each pair has carried a message of 128 bytes both ways, in the other none.",
	run: runIdleMemory,
}

func runIdleMemory(x *session) error {
	for _, v := range []struct {
		name  string
		bytes int64
	}{{"after one exchange", messageBytes}, {"never used", 0}} {
		perPair := x.figure(figure{variant: v.name, name: "memory for each pair", unit: "KiB", digits: 2, aim: aim{atMost: limit(1)}})
		empty := x.figure(figure{variant: v.name, name: "memory with no pair", unit: "MiB", digits: 1})
		files := x.figure(figure{variant: v.name, name: "descriptors for each pair", digits: 2, alone: true})
		err := x.eachRound(func(c contender) error {
			s := setup{Threads: 2, Idle: longIdle}
			return x.try(c, s, load.Options{Role: "echo"}, func(t *trial) error {
				m, err := t.memory(x.size.memoryPairs, func() (*child, error) { return t.hold(x.size.memoryPairs, v.bytes) })
				if err != nil {
					return err
				}
				perPair.add(c.name, m.each/1024)
				empty.add(c.name, m.empty/(1<<20))
				files.add(c.name, m.files)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// memoryUse is what connections cost a balancer: bytes without any, bytes and descriptors for each.
type memoryUse struct{ empty, each, files float64 }

// memory weighs the balancer before and after open, which opens conns connections.
func (t *trial) memory(conns int, open func() (*child, error)) (memoryUse, error) {
	before, filesBefore, err := t.weigh()
	if err != nil {
		return memoryUse{}, err
	}
	c, err := open()
	if err != nil {
		return memoryUse{}, err
	}
	defer c.finish()
	after, filesAfter, err := t.weigh()
	if err != nil {
		return memoryUse{}, err
	}
	r, err := c.ask()
	if err == nil && r.Errors > 0 {
		err = fmt.Errorf("%d of %d connections were ended while they were held", r.Errors, conns)
	}
	return memoryUse{
		empty: float64(before),
		each:  float64(after-before) / float64(conns),
		files: float64(filesAfter-filesBefore) / float64(conns),
	}, err
}

// weigh reads the balancer's memory, once settled, and its number of descriptors.
func (t *trial) weigh() (bytes int64, files int, err error) {
	for _, pid := range t.balancer.pids {
		var n int
		if n, err = openFiles(pid); err != nil {
			return 0, 0, err
		}
		files += n
	}
	bytes, err = t.settledPss(t.balancer.pids)
	return bytes, files, err
}
