package httpproxy

import (
	"math"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
)

// lineUp has the request in p.in[:n] wait in the queue of its load balancer, unless that is full. One that was in it before
// keeps its right to be.
func (p *Proxy) lineUp(f *front, n int) {
	x, picker := f.x, f.x.to.picker
	most := f.listener.plan.QueueMax
	if x.is(wasQueued) {
		most = math.MaxInt
	}
	if !picker.Set().Queue.Join(most) {
		p.decline(f, reason.QueueFull, timeout.Deadline{})
		return
	}
	if !x.is(wasQueued) {
		f.listener.Stats.Queued.Add(1)
	}
	x.queue = picker.Set().Queue
	p.room = p.room || picker.Room(x.tried) // it only lets others go first
	p.park(f, n)
}

// park has the request in p.in[:n] wait for a backend with room, or for a connection to the one that it has.
func (p *Proxy) park(f *front, n int) {
	f.held = p.pool.Keep(p.in[:n])
	f.x.asked = p.loop.Touch()
	f.x.set(wasQueued)
	p.queuedHere.Add(1)
	if f.x.queue != nil {
		f.x.to.queued++
	}
	p.enter(f, queued)
	p.noteOldest()
}

// leaveQueue ends the wait of a request. It is for enter, and for release.
func (p *Proxy) leaveQueue(f *front) {
	p.queue.remove(&p.fronts, f)
	p.queuedHere.Add(-1)
	p.noteOldest()
	x := f.x
	if x.queue != nil {
		x.queue.Leave()
		x.queue = nil
		x.to.queued--
	}
	took := p.loop.Now() - x.asked
	x.waited += took
	x.queuedNS += took
}

// serveQueue gives those that wait what there is room for, oldest first. One whose set has no room stays in its place, and so
// does one for which the room that there was has gone to another loop meanwhile.
func (p *Proxy) serveQueue() {
	next := p.queue.head
	for range p.queue.count {
		if next == 0 {
			return
		}
		f := p.fronts.At(next - 1)
		next = f.next
		picker := f.x.to.picker
		if f.x.backend == nil && !picker.Room(f.x.tried) && picker.Crowded(f.x.tried) {
			continue
		}
		if n, size, ok := p.readAgain(f); ok {
			p.enter(f, reading)
			p.route(f, n, size)
			p.serve(f)
		}
		if f.state == queued {
			p.queue.remove(&p.fronts, f)
			p.queue.insert(&p.fronts, f, next)
			p.noteOldest()
		}
	}
}

// noteOldest tells the other loops how long the first in the queue has waited.
func (p *Proxy) noteOldest() {
	since := int64(math.MaxInt64)
	if p.queue.head != 0 {
		x := p.fronts.At(p.queue.head - 1).x
		since = x.asked - x.queuedNS
	}
	p.oldest.Store(since)
}

// shareRoom gives the room that there may be now to those that wait. The loop whose first request has waited longest has the
// first go: otherwise the one on which an exchange ends, which is the one that was served, would take the room again and again.
func (p *Proxy) shareRoom() {
	first := p
	for _, q := range p.peers {
		if q.oldest.Load() < first.oldest.Load() {
			first = q
		}
	}
	if first == p {
		p.serveQueue()
		p.pokePeers()
		return
	}
	first.loop.Post(func() {
		first.serveQueue()
		first.pokePeers()
	})
}

// pokePeers has the other loops look at their queues: a backend's room is shared by all.
func (p *Proxy) pokePeers() {
	for _, q := range p.peers {
		q.Poke()
	}
}

// Poke has the proxy look at its queue, if it has one. Callable from anywhere.
func (p *Proxy) Poke() {
	if p.queuedHere.Load() > 0 && !p.poked.Swap(true) {
		p.loop.Post(func() {
			p.poked.Store(false)
			p.serveQueue()
		})
	}
}

// dropIdle closes a pooled connection to b of this loop, so that its place is free, and reports whether there was one.
func (p *Proxy) dropIdle(b *backend.Backend) bool {
	index, ok := p.idle.Take(b)
	if ok {
		p.endPooled(p.backs.At(index), reason.Reclaimed)
	}
	return ok
}

// dropIdleElsewhere has the other loops do that, and tell when they have: the place may have become free before they were asked.
func (p *Proxy) dropIdleElsewhere(b *backend.Backend) {
	for _, q := range p.peers {
		q.loop.Post(func() {
			q.dropIdle(b)
			p.Poke()
		})
	}
}
