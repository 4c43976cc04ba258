package main

import (
	"fmt"
	"slices"
	"time"

	"lull/bench/load"
)

var idleLateness = scenario{
	name: "idle-lateness",
	about: "5,000 idle pairs reach a timeout of 3 s, either spread over one second or as near to one moment as their last " +
		"bytes can be brought. Lateness is the gap at the client's socket between its last byte, as the kernel stamped it, " +
		"and the end of the connection, less the timeout; below zero is too early. Deviation is the same without its sign, for " +
		"comparing with balancers that end some pairs too early. Two threads. The earliest and the latest are over all " +
		"rounds, the others medians of the rounds.",
	run: runIdleLateness,
}

// clockStepMax is how far the wall clock may be stepped during a trial. The kernel stamps packets with no other clock.
const clockStepMax = 100 * time.Microsecond

// touchesOnConn is how many messages a pair carries: the greeting that opens it and the touch that starts its timer.
const touchesOnConn = 2

// latenessFigures are the rows of one variant.
type latenessFigures struct {
	least, p50, p99, p999, most, deviation, notFIN, touched, observerGap, observerCPU *figure
}

func (x *session) latenessFigures(variant string) latenessFigures {
	ms := func(name string, t take, a aim) *figure {
		alone := a.ratioAtMost == nil
		return x.figure(figure{variant: variant, name: name, unit: "ms", digits: 2, take: t, alone: alone, aim: a})
	}
	return latenessFigures{
		least:     ms("earliest", takeLeast, aim{atLeast: limit(0)}),
		p50:       ms("lateness p50", takeMedian, aim{}),
		p99:       ms("lateness p99", takeMedian, aim{}),
		p999:      ms("lateness p99.9", takeMedian, aim{atMost: limit(5)}),
		most:      ms("latest", takeMost, aim{atMost: limit(50)}),
		deviation: ms("deviation p99.9", takeMedian, aim{ratioAtMost: limit(1)}),
		notFIN: x.figure(figure{
			variant: variant, name: "ended by RST, or not at all", unit: "pairs", take: takeMost, alone: true, aim: aim{atMost: limit(0)},
		}),
		touched:     ms("last bytes within", takeMedian, aim{}),
		observerGap: ms("observer: longest between looks", takeMost, aim{}),
		observerCPU: ms("observer: CPU", takeMedian, aim{}),
	}
}

// add takes one trial's result, and leaves its lateness without sign.
func (f latenessFigures) add(name string, e *load.Expiry) {
	slices.Sort(e.LatenessNanos)
	ms := func(nanos int64) float64 { return float64(nanos) / 1e6 }
	f.least.add(name, ms(e.LatenessNanos[0]))
	f.p50.add(name, ms(percentile(e.LatenessNanos, 0.50)))
	f.p99.add(name, ms(percentile(e.LatenessNanos, 0.99)))
	f.p999.add(name, ms(percentile(e.LatenessNanos, 0.999)))
	f.most.add(name, ms(e.LatenessNanos[len(e.LatenessNanos)-1]))
	for i, n := range e.LatenessNanos {
		e.LatenessNanos[i] = max(n, -n)
	}
	slices.Sort(e.LatenessNanos)
	f.deviation.add(name, ms(percentile(e.LatenessNanos, 0.999)))
	f.notFIN.add(name, float64(e.Resets+e.Open))
	f.touched.add(name, ms(e.TouchNanos))
	f.observerGap.add(name, ms(e.GapMaxNanos))
	f.observerCPU.add(name, ms(e.CPUNanos))
}

func runIdleLateness(x *session) error {
	for _, v := range []struct {
		name   string
		spread time.Duration
	}{{"within one second", time.Second}, {"at once", 0}} {
		f := x.latenessFigures(v.name)
		err := x.eachRound(func(c contender) error {
			s := setup{Threads: 2, Idle: x.size.expiryTimeout}
			backend := load.Options{Role: "echo", Echoes: touchesOnConn}
			return x.try(c, s, backend, func(t *trial) error {
				e, err := t.expire(v.spread)
				if err != nil {
					return err
				}
				f.add(c.name, e)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expire lets pairs run into the balancer's timeout.
func (t *trial) expire(spread time.Duration) (*load.Expiry, error) {
	c, err := t.startChild(load.Options{
		Role: "expire", Targets: []load.Address{t.balancer.listen},
		Conns: t.size.expiringPairs, Timeout: t.size.expiryTimeout, Spread: spread,
	}, nil)
	if err != nil {
		return nil, err
	}
	defer c.finish()
	r, err := c.next()
	if err != nil {
		return nil, err
	}
	if step := time.Duration(r.Expiry.ClockSteps).Abs(); step > clockStepMax {
		return nil, fmt.Errorf("the wall clock was stepped by %v during the trial: measure again", step)
	}
	if len(r.Expiry.LatenessNanos) == 0 {
		return nil, fmt.Errorf("none of %d pairs ended", t.size.expiringPairs)
	}
	return r.Expiry, nil
}
