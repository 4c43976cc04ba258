package main

import (
	"fmt"

	"lull/bench/load"
)

var httpRequestCPU = scenario{
	name: "http-request-cpu",
	about: "64 or 512 keep-alive connections, each sending a GET and waiting for the whole response before it sends the next: " +
		"100,000 requests a round with bodies of 128 bytes, 40,000 with 64 KiB. CPU is the balancer's, user and system. One thread " +
		"on a processor of its own; client and backend share the other, and what they use is in the table too.",
	suite: suiteHTTP,
	run:   runHTTPRequestCPU,
}

// toHAProxy is the aim of the figures that are compared with HAProxy rather than with the better peer.
const toHAProxy = "haproxy"

func runHTTPRequestCPU(x *session) error {
	for _, v := range []struct {
		conns int
		body  int64
		count int
	}{
		{busyConns, smallBody, x.size.requests}, {manyConns, smallBody, x.size.requests},
		{busyConns, largeBody, x.size.requestsLarge}, {manyConns, largeBody, x.size.requestsLarge},
	} {
		f := x.requestFigures(fmt.Sprintf("%d × %s", v.conns, bytesName(v.body)), aim{ratioAtMost: limit(0.9), to: toHAProxy}, aim{})
		s := setup{Threads: 1, Alone: true}
		if err := x.requests(s, v.conns, v.body, v.count, f); err != nil {
			return err
		}
	}
	return nil
}

// requestFigures are the rows of one closed loop of requests.
type requestFigures struct {
	cpu, system, busy, others, rate, p50, p99 *figure

	made *figure // connections to backends; nil = nobody asks
}

func (x *session) requestFigures(variant string, cpu, rate aim) requestFigures {
	info := func(name, unit string, digits int) *figure {
		return x.figure(figure{variant: variant, name: name, unit: unit, digits: digits, alone: true})
	}
	return requestFigures{
		cpu:    x.figure(figure{variant: variant, name: "CPU for each request", unit: "µs", digits: 2, aim: cpu}),
		system: info("of it in the kernel", "%", 0),
		rate:   x.figure(figure{variant: variant, name: "requests", unit: "1/s", higher: true, aim: rate}),
		busy:   info("processors that the balancer keeps busy", "", 2),
		others: info("client and backend: CPU for each request", "µs", 2),
		p50:    x.figure(figure{variant: variant, name: "latency p50", unit: "µs"}),
		p99:    x.figure(figure{variant: variant, name: "latency p99", unit: "µs"}),
	}
}

// requests runs every round of one closed loop.
func (x *session) requests(s setup, conns int, body int64, count int, f requestFigures) error {
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, s, load.Options{Bytes: body}, func(t *trial) error {
			client, err := t.client(load.Options{Role: "get", Conns: conns, Warm: x.size.requestsWarm, Count: count})
			if err != nil {
				return err
			}
			defer client.finish()
			before, err := t.accepted()
			if err != nil {
				return err
			}
			r, own, others, err := t.measuredAll(client)
			if err != nil {
				return err
			}
			if f.made != nil {
				after, err := t.accepted()
				if err != nil {
					return err
				}
				f.made.add(c.name, float64(after-before))
			}
			n, nanos := float64(r.Count), float64(r.Nanos)
			f.cpu.add(c.name, float64(own.total)/1e3/n)
			f.system.add(c.name, 100*own.systemShare())
			f.rate.add(c.name, n*1e9/nanos)
			f.busy.add(c.name, float64(own.total)/nanos)
			f.others.add(c.name, float64(others)/1e3/n)
			f.p50.add(c.name, float64(r.LatencyP50Nanos)/1e3)
			f.p99.add(c.name, float64(r.LatencyP99Nanos)/1e3)
			return nil
		})
	})
}

// tryHTTP is try with the HTTP backend.
func (x *session) tryHTTP(c contender, s setup, backend load.Options, f func(*trial) error) error {
	s.HTTP, s.Idle = true, longIdle
	backend.Role, backend.Forwarded = "server", s.scheme()
	if s.BackTLS {
		backend.TLS, backend.Certificate, backend.Key = tls13, x.certs.ECDSA, x.certs.ECDSAKey
	}
	return x.try(c, s, backend, f)
}

// bytesName is how a number of bytes is called.
func bytesName(n int64) string {
	if n >= 1024 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
