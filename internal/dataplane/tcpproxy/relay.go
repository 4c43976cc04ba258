package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/reason"
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
		if c.legs[side].is(failed) {
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
	stuck := c.flows[side].pending() > 0
	drained := c.legs[side].is(ended) && !stuck
	if drained || stuck && side == client || c.legs[1-side].is(failed) {
		p.reset(c, side)
	}
}

// over says whether flow d has ended: its FIN came and was passed on after the last byte.
func (c *pair) over(d int) bool { return c.legs[1-d].is(finished) }

// move moves bytes of flow d until its source is drained, its target would block, or its turn is over. It reports
// whether the pair still lives.
func (p *Proxy) move(c *pair, d int) bool {
	from, to, f := &c.legs[d], &c.legs[1-d], &c.flows[d]
	for moved := 0; moved < turnBytesMax; {
		if !p.flush(c, d) {
			return true
		}
		if from.is(ended) {
			passFIN(from, to)
			return true
		}
		if !from.is(readable) || to.is(failed) {
			return true
		}
		n, alive := p.step(c, d, f)
		if !alive {
			return false
		}
		moved += n
	}
	p.loop.Again(int(from.fd))
	return true
}

// step takes what is there, once, and passes it on.
func (p *Proxy) step(c *pair, d int, f *flow) (n int, alive bool) {
	if f.bulk >= bulkSure {
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
	n, errno := sys.Read(int(from.fd), scratch)
	if errno != 0 {
		return 0, p.readFailed(c, d, errno)
	}
	if n == 0 {
		p.sawFIN(c, d)
		return 0, true
	}
	f.judge(n)
	p.took(c, d, n)
	if n < len(scratch) {
		p.drained(c, d)
	}
	to.hurry(f)
	written, errno := sys.Write(int(to.fd), scratch[:n])
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		to.set(failed | readable | ending)
		return n, true
	}
	if written < n {
		f.held = p.pool.Keep(scratch[written:n])
		p.blocked(to)
	}
	p.moved(f)
	return n, true
}

// drained notes that a short read has emptied flow d's source: what comes next makes a new edge. If a FIN was there
// before the read it is all that is left, and need not be read. Only a failed connection, and one with urgent data (at
// which the kernel ends a read early, RFC 9293 §3.8.5), must be read until there is nothing.
func (p *Proxy) drained(c *pair, d int) {
	from := &c.legs[d]
	switch {
	case from.is(urgent | failed):
	case from.is(ending):
		p.sawFIN(c, d)
	default:
		from.clear(readable)
	}
}

// hurry turns Nagle's algorithm off before the second write to a leg. The first is sent at once anyhow, and a connection
// that carries one message each way saves the system call.
func (l *leg) hurry(f *flow) {
	if f.first != 0 && !l.is(hasty) {
		sys.NoDelay(int(l.fd))
		l.set(hasty)
	}
}

// flush passes on what is held of flow d and reports whether nothing is held any more.
func (p *Proxy) flush(c *pair, d int) (empty bool) {
	to, f := &c.legs[1-d], &c.flows[d]
	if f.held == nil && f.pipe == nil {
		return true
	}
	if !to.is(writable) {
		return false
	}
	n, errno := p.writeHeld(to, f)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		p.blocked(to)
		return false
	case errno != 0:
		to.set(failed | readable | ending)
		p.letGo(f) // nobody will take it any more
		return false
	case n > 0:
		p.moved(f)
	}
	if f.pending() > 0 {
		p.blocked(to)
		return false
	}
	p.letGo(f)
	return true
}

// blocked notes that a leg takes no more for now. An event says when it does again; a front-end connection is watched for
// that only from the first time on, because its first event would otherwise be that it can be written, which costs a
// turn of the loop and is no news.
func (p *Proxy) blocked(l *leg) {
	l.clear(writable)
	if !l.is(watched) {
		l.set(watched)
		p.loop.Change(int(l.fd), loop.ConnEvents) // tells at once if it became writable meanwhile
	}
}

// writeHeld writes what is held, once.
func (p *Proxy) writeHeld(to *leg, f *flow) (n int, errno sys.Errno) {
	if f.held != nil {
		n, errno = sys.Write(int(to.fd), f.held.Bytes())
		f.held.Consume(n)
		return n, errno
	}
	n, errno = sys.Splice(f.pipe.R, int(to.fd), f.pipe.Len)
	f.pipe.Len -= n
	return n, errno
}

// letGo returns what a flow has on loan.
func (p *Proxy) letGo(f *flow) {
	if f.held != nil {
		p.pool.Return(f.held)
		f.held = nil
	}
	if f.pipe != nil {
		p.pool.ReturnPipe(f.pipe)
		f.pipe = nil
	}
}

// took counts bytes taken from the sending side of flow d.
func (p *Proxy) took(c *pair, d, n int) {
	c.flows[d].bytes += uint64(n)
	if d == client {
		c.listener.Stats.BytesUp.Add(uint64(n))
	} else {
		c.listener.Stats.BytesDown.Add(uint64(n))
	}
}

// moved dates a flow's last byte, after the system call that moved it.
func (p *Proxy) moved(f *flow) {
	f.last = p.loop.Touch()
	if f.first == 0 {
		f.first = f.last
	}
}

// sawFIN notes the end of flow d's source. A FIN is no byte: it re-arms nothing (TO-09). A connection that was reset
// ends the same way when a failed write has told of the reset already; that is no FIN.
func (p *Proxy) sawFIN(c *pair, d int) {
	c.legs[d].set(ended)
	c.legs[d].clear(readable)
	if c.firstFIN != reason.None || c.legs[d].is(failed) {
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
func passFIN(from, to *leg) {
	if to.is(finished) || from.is(failed) {
		return
	}
	to.set(finished)
	if last := to.is(ended) && from.is(finished); !last {
		sys.ShutdownWrite(int(to.fd))
	}
}

// readFailed handles a failed read of flow d's source and reports whether the pair still lives.
func (p *Proxy) readFailed(c *pair, d int, errno sys.Errno) bool {
	switch errno {
	case unix.EAGAIN:
		c.legs[d].clear(readable)
		return true
	case unix.EINTR:
		return true
	}
	p.reset(c, d)
	return false
}
