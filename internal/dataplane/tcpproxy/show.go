package tcpproxy

import (
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
)

// record notes how a pair ended, once. d is the deadline that passed, or zero.
func (p *Proxy) record(c *pair, why reason.Reason, d timeout.Deadline) {
	now := p.loop.Touch()
	c.listener.Stats.Closes[why].Add(1)
	r := record.Close{
		ID: c.id, Ends: c.ends(), TLS: c.secured(), Reason: why, Side: why.Info().Side, Traffic: c.traffic(now),
		Opened: clock.Wall(c.opened), Closed: clock.Wall(now), Age: time.Duration(now - c.opened),
	}
	if d.At != 0 {
		r.Timer, r.Setting, r.TimerFlow = d.Timer, d.Setting, d.Flow
		r.ArmedAt = time.Duration(d.At - int64(d.Setting) - c.opened)
		r.Late = time.Duration(now - max(d.At, c.listener.changed)) // a shortened limit may have lain in the past
	}
	p.closed = append(p.closed, r)
	if c.exchange != nil {
		p.recordExchange(c, &r)
	}
}

// recordExchange completes the record of the exchange that had become this tunnel: it ended as the tunnel did.
func (p *Proxy) recordExchange(c *pair, r *record.Close) {
	x := c.exchange
	c.listener.Stats.Ends[r.Reason].Add(1)
	if c.site != nil {
		c.site.stats.Ends[r.Reason].Add(1)
	}
	x.Reason, x.Side, x.Ended, x.Took = r.Reason, r.Side, r.Closed, r.Closed.Sub(x.Started)
	x.TLS.Fault = later(x.TLS.Fault, r.TLS.Fault)
	x.BytesUp += r.BytesUp
	x.BytesDown += r.BytesDown
	x.QuietUp, x.QuietDown = r.QuietUp, r.QuietDown
	c.set.Ended(r.Reason, x.BytesUp, x.BytesDown)
	x.Timer, x.Setting, x.TimerFlow, x.Late = r.Timer, r.Setting, r.TimerFlow, r.Late
	x.ArmedAt = r.Opened.Add(r.ArmedAt).Sub(x.Started)
	p.ended = append(p.ended, *x)
}

func (c *pair) ends() record.Ends {
	l := c.listener.plan
	e := record.Ends{
		LoadBalancer: l.Key.LoadBalancer, Listener: l.Key.Name, BackendSet: c.listener.picker.Set().Key.Name,
		Protocol: l.Speaks(), Client: c.clientAddress(), Peer: c.peer.Unpack(), Local: c.listener.Addr,
		BackendAddr: c.target.Unpack(),
	}
	if c.site != nil {
		e.Listener = c.site.name
	}
	switch {
	case c.backend != nil:
		e.Backend, e.BackendSet, e.Tried = c.backend.Endpoint, c.backend.Key.Set.Name, backend.Endpoints(c.tried())
	case c.attempts != nil:
		last := len(c.attempts.tried) - 1
		e.Backend, e.Tried = c.attempts.tried[last].Endpoint, backend.Endpoints(c.attempts.tried[:last])
	}
	return e
}

func (c *pair) traffic(now int64) record.Traffic {
	up, down := &c.flows[client], &c.flows[server]
	t := record.Traffic{
		BytesUp: up.Bytes, BytesDown: down.Bytes, PendingUp: up.Pending(), PendingDown: down.Pending(),
		QuietUp: record.Span(up.Last, now), QuietDown: record.Span(down.Last, now),
		FirstUp: record.Span(c.opened, up.First), FirstDown: record.Span(c.opened, down.First),
		ConnectTook: time.Duration(c.connect), ConnectedAt: record.Never, ConnectTries: len(c.tried()),
	}
	if c.backend != nil {
		t.ConnectTries++
	}
	t.Exchanges, t.Upgraded = int(c.exchanges), c.exchanges > 0
	if c.state == relaying {
		t.ConnectedAt = time.Duration(c.since - c.opened)
	}
	if c.firstFIN == reason.ClientClosed {
		t.HalfClosed = "client"
	} else if c.firstFIN == reason.BackendClosed {
		t.HalfClosed = "backend"
	}
	return t
}

// Show appends snapshots of up to most pairs to dst, from the index on, and returns the index to go on from; more is
// false after the last.
func (p *Proxy) Show(dst []record.Live, from uint32, most int) (list []record.Live, next uint32, more bool) {
	now := p.loop.Touch()
	for ; from < p.pairs.Size() && most > 0; from++ {
		most--
		if c := p.pairs.At(from); c.state != free {
			dst = append(dst, p.show(c, now))
		}
	}
	return dst, from, from < p.pairs.Size()
}

func (p *Proxy) show(c *pair, now int64) record.Live {
	d := p.deadline(c)
	return record.Live{
		ID: c.id, Ends: c.ends(), TLS: c.secured(), State: c.state.String(), Age: time.Duration(now - c.opened), Traffic: c.traffic(now),
		Timer: d.Timer, Setting: d.Setting, TimerFlow: d.Flow, Why: d.Why, FiresIn: time.Duration(d.At - now),
	}
}

// Pairs returns the number of pairs there are.
func (p *Proxy) Pairs() int { return p.pairs.Used() }
