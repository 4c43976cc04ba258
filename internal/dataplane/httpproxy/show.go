package httpproxy

import (
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
)

// record notes how a client's connection ended, once. d is the deadline that passed, or zero.
func (p *Proxy) record(f *front, why reason.Reason, d timeout.Deadline) {
	now := p.loop.Touch()
	f.listener.Stats.Closes[why].Add(1)
	r := record.Close{
		ID: f.id, Ends: f.ends(), TLS: f.secured(), Reason: why, Side: why.Info().Side, Traffic: f.traffic(now),
		Opened: clock.Wall(f.opened), Closed: clock.Wall(now), Age: time.Duration(now - f.opened),
	}
	if d.At != 0 {
		r.Timer, r.Setting, r.TimerFlow = d.Timer, d.Setting, d.Flow
		r.ArmedAt = time.Duration(d.At - int64(d.Setting) - f.opened)
		r.Late = time.Duration(now - max(d.At, f.listener.changed)) // a shortened limit may have lain in the past
	}
	p.closed = append(p.closed, r)
}

// name returns what a connection calls its listener as long as no request says more: of a port with one site that is the site, as during
// a request, so that a connection does not change its listener with each.
func (l *Listener) name() string {
	if len(l.sites) == 1 {
		return l.sites[0].plan.Name
	}
	return l.plan.Key.Name
}

func (f *front) ends() record.Ends {
	l := f.listener.plan
	e := record.Ends{
		LoadBalancer: l.Key.LoadBalancer, Listener: f.listener.name(), BackendSet: f.listener.target.picker.Set().Key.Name,
		Protocol: l.Speaks(), Client: f.client(), Peer: f.peer.Unpack(), Local: f.listener.Addr,
	}
	x := f.x
	if x == nil {
		return e
	}
	if x.site != nil {
		if e.Listener, e.BackendSet = x.site.plan.Name, ""; x.to != &f.listener.target {
			e.BackendSet = x.to.picker.Set().Key.Name
		}
	}
	if x.served != nil {
		e.Backend, e.BackendAddr = x.served.Endpoint, x.target.Unpack()
		vain := x.tried
		if n := len(vain); n > 0 && vain[n-1] == x.served { // the last was in vain as well
			vain = vain[:n-1]
		}
		e.Tried = backend.Endpoints(vain)
	}
	return e
}

func (f *front) traffic(now int64) record.Traffic {
	t := record.Traffic{QuietUp: record.Never, QuietDown: record.Never, FirstUp: record.Never, FirstDown: record.Never, ConnectTook: record.Never, ConnectedAt: record.Never,
		Exchanges: int(f.exchanges)}
	if x := f.x; x != nil {
		t.QuietUp, t.QuietDown = record.Span(x.up.Last, now), record.Span(x.down.Last, now)
		t.PendingUp, t.PendingDown = x.up.Pending(), x.down.Pending()
		t.BytesUp, t.BytesDown = x.bodyUp, x.bodyDown
		t.ConnectTook, t.ConnectTries = time.Duration(x.connect), int(x.tries)
	}
	if f.conn.Is(relay.Ended) && !f.conn.Is(relay.Failed) {
		t.HalfClosed = "client"
	}
	return t
}

// recordExchange notes how an exchange ended, once. d is the deadline that passed, or zero.
func (p *Proxy) recordExchange(f *front, why reason.Reason, d timeout.Deadline) {
	x, l := f.x, f.listener
	l.Stats.Ends[why].Add(1)
	if x.site != nil {
		x.site.stats.Ends[why].Add(1)
		x.to.counts.Ended(why, x.bodyUp, x.bodyDown)
	}
	if x.status == 0 && why.Info().Side == reason.FrontEnd {
		l.Stats.Unheard.Add(1)
	}
	if !p.records.Followed() && !why.Info().Error && (x.status == 0 || x.answered != 0 || why == reason.Redirected) {
		return // nobody would see it
	}
	now := p.loop.Touch()
	r := f.tell(now)
	r.Reason, r.Side = why, why.Info().Side
	if d.At != 0 {
		r.Timer, r.Setting, r.TimerFlow = d.Timer, d.Setting, d.Flow
		r.ArmedAt = time.Duration(d.At - int64(d.Setting) - x.began)
		r.Late = time.Duration(now - max(d.At, l.changed))
	}
	p.ended = append(p.ended, r)
}

// tell returns the record of an exchange as it stands now.
func (f *front) tell(now int64) record.Exchange {
	x := f.x
	r := record.Exchange{
		Conn: f.id, Number: int(f.exchanges), Ends: f.ends(), TLS: f.secured(), Started: clock.Wall(x.began), Ended: clock.Wall(now),
		Took: time.Duration(now - x.began), Scheme: f.listener.plan.Speaks(), Minor: int(x.minor),
		Status: x.status, BackendStatus: x.answered, Upgraded: x.status == 101, Fault: x.fault, Desync: x.desync,
		BytesUp: x.bodyUp, BytesDown: x.bodyDown, QuietUp: record.Span(x.up.Last, now), QuietDown: record.Span(x.down.Last, now),
		HeadTook: record.Span(x.began, x.headAt), SentAfter: record.Span(x.began, x.sentAt), AnswerTook: record.Span(x.sentAt, x.answerAt),
		FirstAfter: record.Span(x.answerAt, x.down.First), ConnectTook: time.Duration(x.connect), QueueTook: time.Duration(x.queuedNS),
		Tries: int(x.tries), Reused: x.is(reused), Retried: x.is(retried),
	}
	if x.tries > 0 {
		pool := f.listener.plan.Timeouts.PoolDeadline(now)
		r.PoolTimer, r.PoolSetting = pool.Timer, pool.Setting
		r.PoolUnused = time.Duration(x.unused)
	}
	if f.state == queued {
		r.QueueTook += time.Duration(now - x.asked)
	}
	if x.headAt != 0 {
		r.Method, r.Host, r.Target, r.UserAgent, r.Forwarded = x.said(0), x.said(1), x.said(2), x.said(3), x.said(4)
	}
	return r
}

// recordPooled notes how a back-end connection ended that no exchange used at the time until.
func (p *Proxy) recordPooled(c *back, why reason.Reason, d timeout.Deadline, until int64) {
	c.listener.Stats.PoolCloses[why].Add(1)
	now := p.loop.Touch()
	pool := c.listener.plan.Timeouts.PoolDeadline(c.since)
	r := record.Close{
		ID: c.id, Pooled: true, Ends: c.ends(), TLS: c.secured(), Reason: why, Side: why.Info().Side, Traffic: c.traffic(until),
		PoolTimer: pool.Timer, PoolSetting: pool.Setting,
		Opened: clock.Wall(c.opened), Closed: clock.Wall(now), Age: time.Duration(now - c.opened),
	}
	if d.At != 0 {
		r.Timer, r.Setting = d.Timer, d.Setting
		r.ArmedAt = time.Duration(d.At - int64(d.Setting) - c.opened)
		r.Late = time.Duration(now - max(d.At, c.listener.changed))
	}
	p.closed = append(p.closed, r)
}

func (c *back) ends() record.Ends {
	l := c.listener.plan
	return record.Ends{
		LoadBalancer: l.Key.LoadBalancer, Listener: c.listener.name(), BackendSet: c.backend.Key.Set.Name, Backend: c.backend.Endpoint,
		Protocol: l.Speaks(), Local: c.listener.Addr, BackendAddr: c.target.Unpack(),
	}
}

// traffic of a pooled connection: nothing has moved either way since it came into the pool.
func (c *back) traffic(now int64) record.Traffic {
	quiet := time.Duration(now - c.since)
	return record.Traffic{QuietUp: quiet, QuietDown: quiet, FirstUp: record.Never, FirstDown: record.Never, ConnectTook: record.Never, ConnectedAt: record.Never,
		Exchanges: int(c.exchanges)}
}

// Show appends snapshots of up to most connections to dst, from the place on, and returns the place to go on from; more is
// false after the last. Clients' connections come first, then those in the pool.
func (p *Proxy) Show(dst []record.Live, from uint32, most int) (list []record.Live, next uint32, more bool) {
	now := p.loop.Touch()
	clients, all := p.fronts.Size(), p.fronts.Size()+p.backs.Size()
	for ; from < all && most > 0; from++ {
		most--
		if from < clients {
			if f := p.fronts.At(from); f.state != free {
				dst = append(dst, p.show(f, now))
			}
		} else if c := p.backs.At(from - clients); c.state == backPooled {
			dst = append(dst, c.show(now))
		}
	}
	return dst, from, from < all
}

func (p *Proxy) show(f *front, now int64) record.Live {
	d := p.deadline(f)
	return record.Live{
		ID: f.id, Ends: f.ends(), TLS: f.secured(), State: f.word(), Age: time.Duration(now - f.opened), Traffic: f.traffic(now),
		Timer: d.Timer, Setting: d.Setting, TimerFlow: d.Flow, Why: d.Why, FiresIn: time.Duration(d.At - now),
	}
}

func (c *back) show(now int64) record.Live {
	d := c.listener.plan.Timeouts.PoolDeadline(c.since)
	return record.Live{
		ID: c.id, Pooled: true, Ends: c.ends(), TLS: c.secured(), State: "pooled", Age: time.Duration(now - c.opened), Traffic: c.traffic(now),
		Timer: d.Timer, Setting: d.Setting, Why: d.Why, FiresIn: time.Duration(d.At - now),
	}
}

// Pooled returns the number of unused back-end connections. Callable from anywhere.
func (p *Proxy) Pooled() int { return int(p.pooled.Load()) }

// Counts are what a proxy holds.
type Counts struct {
	Fronts, Backs, Pooled, Exchanges int
}

// Counts returns what the proxy holds now.
func (p *Proxy) Counts() Counts {
	return Counts{p.fronts.Used(), p.backs.Used(), p.idle.Len(), p.active}
}

// Add adds what another proxy holds.
func (c *Counts) Add(o Counts) {
	c.Fronts += o.Fronts
	c.Backs += o.Backs
	c.Pooled += o.Pooled
	c.Exchanges += o.Exchanges
}
