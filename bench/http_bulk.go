package main

import "lull/bench/load"

var httpBulk = scenario{
	name: "http-bulk",
	about: "One response with a body of 1 GiB. The backend writes 256 KiB at a time; the client discards fifteen of every sixteen " +
		"256 KiB inside the kernel and compares the sixteenth with what was sent. CPU is the balancer's for the whole GiB. One thread.",
	suite: suiteHTTP,
	run:   func(x *session) error { return x.bulkHTTP(setup{Threads: 1, Alone: true}) },
}

// bulkHTTP runs every round of one large response.
func (x *session) bulkHTTP(s setup) error {
	cpu := x.figure(figure{name: "CPU", unit: "s", digits: 3})
	system := x.figure(figure{name: "of it in the kernel", unit: "%", alone: true})
	rate := x.figure(figure{name: "throughput", unit: "MiB/s", higher: true})
	rest := x.figure(figure{name: "client and backend: CPU", unit: "s", digits: 3, alone: true})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, s, load.Options{Bytes: x.size.bulkBytes}, func(t *trial) error {
			client, err := t.client(load.Options{Role: "get", Conns: 1, Count: 1})
			if err != nil {
				return err
			}
			defer client.finish()
			r, u, others, err := t.measuredAll(client)
			if err != nil {
				return err
			}
			cpu.add(c.name, u.total.Seconds())
			system.add(c.name, 100*u.systemShare())
			rest.add(c.name, others.Seconds())
			rate.add(c.name, float64(x.size.bulkBytes)/(1<<20)*1e9/float64(r.Nanos))
			return nil
		})
	})
}
