package main

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"lull/bench/load"
)

var consoleLive = scenario{
	name: "console-live",
	about: "What people who look at live pages cost the traffic. 8,000 idle keep-alive connections, and over 200 more an open loop of 4,000 requests a second, as in " +
		"http-rate, with bodies of 128 bytes. In turns of 2 s nobody looks, nobody looks again, one does, and 50 do: half of them at lists of connections, each with " +
		"another filter, the others at five pages of other kinds, ten at each. Everybody has seen a part half a second before a turn begins, and two rounds of parts are in it. A ratio is to " +
		"the turn without pages in the same course of turns, four of which there are over all rounds, in an order that changes; “none, again” is what two turns alike differ by. The loops' " +
		"processor time is that of their threads (`/proc/PID/task`), which do nothing else; what makes the pages is on other threads, and is in " +
		"the process's time. HAProxy has no live pages: there as many readers load its page of statistics (`stats enable`, one proxy) once a second, which has no " +
		"list of connections in it and is made on the threads that carry the traffic. The readers are one thread of low priority; client and backend " +
		"go before ordinary programs. Two threads, which share two processors with the rest.",
	suite:  suiteConsole,
	rivals: consoleRivals,
	run:    runConsoleLive,
}

const (
	// liveConns is how many connections the steady load uses.
	liveConns = 200
	// liveEvery is how often HAProxy's page is loaded, which is how often lull's pages move.
	liveEvery = time.Second
	// liveCost is what the loops may use with all pages open, as a ratio: no more than two turns alike differ by on a machine that has
	// nothing else to do.
	liveCost = 1.02
	// betweenRounds is how long a turn waits once everybody has seen a part, so that it begins in the middle between two rounds of parts
	// and has the next two in it, with all that is done for them.
	betweenRounds = liveEvery / 2
	// liveMost is how many live pages there are at most.
	liveMost = 50
)

// Variants of the scenario.
const (
	liveNone  = "no page"
	liveAgain = "none, again"
	liveOne   = "1 live page"
	liveMany  = "50 live pages"
)

// liveVariants are in the order of the table. The first is what the others are compared with.
var liveVariants = []struct {
	name  string
	pages int
	alone bool // for lull alone: it saves time
}{{liveNone, 0, false}, {liveAgain, 0, true}, {liveOne, 1, true}, {liveMany, liveMost, false}}

// livePaths are the pages to look at, for lull's console: every other one is a list of connections.
func livePaths(n int) []string {
	others := []string{"page=overview", "page=balancer&load_balancer=bench", "page=listener&load_balancer=bench&listener=main", "page=reasons", "page=keepalive"}
	paths := make([]string, n)
	for i := range paths {
		query := others[i/2%len(others)]
		if i%2 == 0 {
			query = "page=connections&idle=" + url.QueryEscape(fmt.Sprintf("%dms", 20*(1+i/2)))
			if i%4 == 0 {
				query += "&order=soonest"
			}
		}
		paths[i] = "/console/live?" + query
	}
	return paths
}

// liveFigures are the rows of a variant.
type liveFigures struct {
	p50, p99, loops, process *figure // of the turn without pages: absolute; of the others: ratios to it
	late                     *figure
	more                     *figure // processor time beside the loops, ms a second
	parts, kib, readers      *figure
}

func newLiveFigures(x *session, variant string, pages int) *liveFigures {
	f := &liveFigures{}
	var least aim // of the loops' processor time
	if pages == liveMost {
		least.atMost = limit(liveCost)
	}
	row := func(name, unit string, digits int) *figure {
		return x.figure(figure{variant: variant, name: name, unit: unit, digits: digits, alone: true})
	}
	if variant == liveNone {
		f.p50, f.p99 = row("latency p50 from when due", "µs", 0), row("latency p99 from when due", "µs", 0)
		f.late = row("of it the client's lateness, p99", "µs", 0)
		f.loops, f.process = row("CPU of the loops", "ms/s", 1), row("CPU of the process", "ms/s", 1)
	} else {
		f.p50, f.p99 = row("latency p50, ratio to no page", "", 3), row("latency p99, ratio to no page", "", 3)
		f.loops, f.process = row("CPU of the loops, ratio to no page", "", 3), row("CPU of the process, ratio to no page", "", 3)
		f.loops.aim = least
	}
	f.more = row("CPU beside the loops", "ms/s", 1)
	if pages > 0 {
		f.parts, f.kib = row("parts or pages that came", "1/s", 1), row("bytes that came", "KiB/s", 0)
		f.readers = row("the readers' own CPU", "ms/s", 1)
	}
	return f
}

// liveTurn is what one turn came to.
type liveTurn struct {
	p50, p99, late float64 // µs
	loops, process float64 // ms of processor time a second
	parts, kib     float64 // a second
	readers        float64 // ms of processor time a second
}

func runConsoleLive(x *session) error {
	figures := map[string]*liveFigures{}
	for _, v := range liveVariants {
		figures[v.name] = newLiveFigures(x, v.name, v.pages)
	}
	return x.fewRounds(func(c contender, rounds int) error {
		backend := load.Options{Role: "server", Bytes: smallBody, Forwarded: "http", RealTime: true}
		return x.tryConsole(c, setup{HTTP: true}, backend, func(t *trial) error {
			return t.liveRound(c, share(x.size.consoleTurns, rounds), figures)
		})
	})
}

// liveRound takes all figures of a fresh balancer.
func (t *trial) liveRound(c contender, turns int, figures map[string]*liveFigures) error {
	held, err := t.client(load.Options{Role: "get-hold", Conns: t.size.consoleIdle})
	if err != nil {
		return err
	}
	defer held.finish()
	l := &liveBench{trial: t, haproxy: c.kind.name == toHAProxy}
	if err = l.warmUp(); err != nil {
		return err
	}
	if l.visitor, err = t.visitor(); err != nil {
		return err
	}
	var variants []int
	for i, one := range liveVariants {
		if !one.alone || !l.haproxy {
			variants = append(variants, i)
		}
	}
	for turn := range turns {
		got := map[string]liveTurn{}
		for _, i := range order(variants, turn) {
			one := liveVariants[i]
			if got[one.name], err = l.turn(one.pages); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
		for name, one := range got {
			figures[name].add(c.name, one, got[liveNone])
		}
	}
	r, err := held.ask()
	if err == nil && r.Errors > 0 {
		err = fmt.Errorf("%d of %d idle connections were ended meanwhile", r.Errors, t.size.consoleIdle)
	}
	return err
}

// add adds what a turn came to.
func (f *liveFigures) add(column string, is, none liveTurn) {
	rows := []struct {
		f        *figure
		is, none float64
	}{{f.p50, is.p50, none.p50}, {f.p99, is.p99, none.p99}, {f.loops, is.loops, none.loops}, {f.process, is.process, none.process}}
	for _, r := range rows {
		switch {
		case f.late != nil:
			r.f.add(column, r.is)
		case r.none > 0:
			r.f.add(column, r.is/r.none)
		}
	}
	f.more.add(column, is.process-is.loops)
	if f.late != nil {
		f.late.add(column, is.late)
	}
	if f.parts != nil {
		f.parts.add(column, is.parts)
		f.kib.add(column, is.kib)
		f.readers.add(column, is.readers)
	}
}

// liveBench is a balancer at whose pages somebody looks.
type liveBench struct {
	*trial
	visitor *visitor
	haproxy bool
	loops   []int // threads
}

// load is a client that has made its connections and waits to begin a turn of some length.
func (l *liveBench) load(turn time.Duration) (*child, error) {
	n := max(1, int(float64(l.size.consoleRate)*turn.Seconds()))
	return l.client(load.Options{Role: "pace", RealTime: true, Conns: liveConns, Warm: l.size.consoleRate / 10, Rate: l.size.consoleRate, Count: n})
}

// warmUp finds the loops' threads before there is any traffic, and then has a turn of it that is not counted.
func (l *liveBench) warmUp() (err error) {
	if l.loops, err = l.loopsOf(l.balancer.process.pid(), l.setup.Threads); err != nil {
		return err
	}
	client, err := l.load(l.size.consoleTurn / 2)
	if err != nil {
		return err
	}
	defer client.finish()
	_, err = client.ask()
	return err
}

// look has so many readers look at the balancer's pages; nil if none does.
func (l *liveBench) look(pages int) (*readers, error) {
	switch {
	case pages == 0:
		return nil, nil
	case l.haproxy:
		return l.read(l.visitor, slices.Repeat([]string{statsPath}, pages), liveEvery)
	}
	return l.read(l.visitor, livePaths(pages), 0)
}

// turn measures one turn with so many pages open.
func (l *liveBench) turn(pages int) (got liveTurn, err error) {
	client, err := l.load(l.size.consoleTurn)
	if err != nil {
		return got, err
	}
	defer client.finish()
	rs, err := l.look(pages)
	if err != nil {
		return got, err
	}
	if rs != nil {
		defer func() {
			if ended := rs.finish(); err == nil {
				err = ended
			}
		}()
		if err = l.pause(betweenRounds); err != nil {
			return got, err
		}
	}
	return l.measureTurn(client, rs)
}

func (l *liveBench) measureTurn(client *child, rs *readers) (got liveTurn, err error) {
	before, err := threadsOf(l.balancer.process.pid())
	if err != nil {
		return got, err
	}
	var saw seen
	if rs != nil {
		if saw, err = rs.look(); err != nil {
			return got, err
		}
	}
	r, own, err := l.measured(client)
	if err != nil {
		return got, err
	}
	after, err := threadsOf(l.balancer.process.pid())
	if err != nil {
		return got, err
	}
	seconds := float64(r.Nanos) / 1e9
	perSecond := func(d time.Duration) float64 { return millis(d.Nanoseconds()) / seconds }
	got = liveTurn{
		p50: float64(r.LatencyP50Nanos) / 1e3, p99: float64(r.LatencyP99Nanos) / 1e3, late: float64(r.LateP99Nanos) / 1e3,
		loops: perSecond(after.since(before).sum(l.loops)), process: perSecond(own.total),
	}
	if rs == nil {
		return got, nil
	}
	now, err := rs.look()
	more := now.since(saw)
	got.parts, got.kib, got.readers = float64(more.parts)/seconds, float64(more.bytes)/1024/seconds, perSecond(more.cpu)
	return got, err
}
