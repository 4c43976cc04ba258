package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
)

// turnBytesMax bounds what one direction of one pair moves before the others of the loop have their turn: about
// 100 µs of copying.
const turnBytesMax = 512 << 10

// relay moves what can be moved in both directions, and ends the pair when both are over.
func (p *Proxy) relay(c *pair) {
	if !p.move(c, client) || !p.move(c, server) {
		return
	}
	for side := range c.legs {
		if c.legs[side].Is(relay.Failed) {
			p.passReset(c, side)
			return
		}
	}
	if c.over(client) && c.over(server) {
		p.finish(c, c.firstFIN)
	}
}

// passReset ends a pair of which one leg has failed. What that peer sent before it reset the connection is passed on
// first. A server that answers and closes with bytes unread sends just such a reset, and its answer is worth having: it
// is relayed at the client's pace, under the same timers as ever. For a client that has given up, a backend that takes
// no more now is not waited for: that would cost the client nothing and lull a pair.
func (p *Proxy) passReset(c *pair, side int) {
	if !p.move(c, side) {
		return
	}
	stuck := c.flows[side].Pending() > 0
	drained := c.legs[side].Is(relay.Ended) && !stuck
	if drained || stuck && side == client || c.legs[1-side].Is(relay.Failed) {
		p.reset(c, side)
	}
}

// over says whether flow d has ended: its FIN came and was passed on after the last byte.
func (c *pair) over(d int) bool { return c.legs[1-d].Is(relay.Finished) }

// move moves bytes of flow d until its source is drained, its target would block, or its turn is over. It reports
// whether the pair still lives.
func (p *Proxy) move(c *pair, d int) bool {
	from, to, f := &c.legs[d], &c.legs[1-d], &c.flows[d]
	for moved := 0; moved < turnBytesMax; {
		if !p.flush(c, d) {
			return true
		}
		if from.Is(relay.Ended) {
			if to.Is(relay.Failed) || to.Part(from, f, p.loop, p.pool) {
				passFIN(from, to)
			}
			return true
		}
		if !from.Is(relay.Readable) || to.Is(relay.Failed) {
			return true
		}
		n, alive := p.step(c, d, f)
		if !alive {
			return false
		}
		moved += n
	}
	p.loop.Again(int(from.FD))
	return true
}

// step takes what is there, once, and passes it on.
func (p *Proxy) step(c *pair, d int, f *relay.Flow) (n int, alive bool) {
	if f.Bulky() && c.legs[client].TLS == nil && c.legs[server].TLS == nil {
		if n, alive, spliced := p.splice(c, d); spliced {
			return n, alive
		}
	}
	return p.copy(c, d)
}

// copy reads into the loop's scratch buffer and writes from there, keeping what the target does not take.
func (p *Proxy) copy(c *pair, d int) (n int, alive bool) {
	from, to, f := &c.legs[d], &c.legs[1-d], &c.flows[d]
	scratch := p.loop.Scratch
	n, errno := from.Read(scratch)
	if errno != 0 {
		return 0, p.readFailed(c, d, errno)
	}
	if n == 0 {
		from.AtEnd()
		p.sawFIN(c, d)
		return 0, true
	}
	before := c.moved()
	f.Judge(n)
	p.took(c, d, n)
	if n < len(scratch) && from.Short() {
		p.sawFIN(c, d)
	}
	if f.First != 0 {
		to.Hurry()
	}
	wire, _, ok := to.Seal(scratch[:n], nil)
	var written int
	if errno = unix.EPIPE; ok {
		written, errno = sys.Write(int(to.FD), wire)
	}
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		to.Set(relay.Failed | relay.Readable | relay.Ending)
		return n, true
	}
	if written < len(wire) {
		f.Held = p.pool.Keep(wire[written:])
		to.Blocked(p.loop)
	}
	f.Moved(p.loop)
	c.gap(f.Last - before)
	return n, true
}

// flush passes on what is held of flow d and reports whether nothing is held any more.
func (p *Proxy) flush(c *pair, d int) (empty bool) {
	f := &c.flows[d]
	if f.Held == nil && f.Pipe == nil {
		return true
	}
	last, before := f.Last, c.moved()
	empty = f.Flush(&c.legs[1-d], p.loop, p.pool)
	if f.Last != last && c.state == relaying {
		c.gap(f.Last - before)
	}
	return empty
}

// moved returns when a byte last moved on the pair, or when it could have for the first time.
func (c *pair) moved() int64 { return max(c.since, c.flows[client].Last, c.flows[server].Last) }

// gap counts how long nothing had moved when something did.
func (c *pair) gap(ns int64) { c.listener.Stats.Gaps[stats.InTunnel].Observe(ns) }

// took counts bytes taken from the sending side of flow d.
func (p *Proxy) took(c *pair, d, n int) {
	first := c.flows[d].Bytes == 0 && n > 0
	c.flows[d].Bytes += uint64(n)
	if d == client {
		c.listener.Stats.BytesUp.Add(uint64(n))
	} else {
		if first && c.exchanges == 0 {
			c.listener.Stats.Greeted(p.loop.Now() - c.since)
		}
		c.listener.Stats.BytesDown.Add(uint64(n))
	}
}

// sawFIN notes the end of flow d's source. A FIN is no byte: it re-arms nothing (TO-09). A connection that was reset
// ends the same way when a failed write has told of the reset already; that is no FIN.
func (p *Proxy) sawFIN(c *pair, d int) {
	c.legs[d].Set(relay.Ended)
	c.legs[d].Clear(relay.Readable)
	if c.firstFIN != reason.None || c.legs[d].Is(relay.Failed) {
		return
	}
	c.firstFIN = reason.ClientClosed
	if d == server {
		c.firstFIN = reason.BackendClosed
	}
}

// passFIN sends a FIN on, once, when the last byte before it has been passed on. When that is the last thing missing,
// the close that follows sends it, and the system call is saved. Nothing is sent for a reset, which passReset passes on:
// behind a FIN it would not be seen.
func passFIN(from, to *relay.Conn) {
	if to.Is(relay.Finished) || from.Is(relay.Failed) {
		return
	}
	to.Set(relay.Finished)
	if last := to.Is(relay.Ended) && from.Is(relay.Finished); !last {
		sys.ShutdownWrite(int(to.FD))
	}
}

// readFailed handles a failed read of flow d's source and reports whether the pair still lives.
func (p *Proxy) readFailed(c *pair, d int, errno sys.Errno) bool {
	switch errno {
	case unix.EAGAIN:
		c.legs[d].Clear(relay.Readable)
		return true
	case unix.EINTR:
		return true
	case unix.EPROTO:
		p.violated(c, d)
		return false
	}
	p.reset(c, d)
	return false
}
