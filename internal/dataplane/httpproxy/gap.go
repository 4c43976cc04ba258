package httpproxy

import (
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
)

// gap counts how long nothing had moved on a client's connection, or on the one behind it, when something did.
func (f *front) gap(phase stats.Phase, ns int64) { f.listener.Stats.Gaps[phase].Observe(ns) }

// moved returns when a byte of the exchange last moved. The time that lull itself took to find a backend is nobody's silence.
func (x *exchange) moved() int64 { return max(x.began+x.waited, x.up.Last, x.down.Last) }

// came dates the last byte of a flow that something has come for, after the read.
func (p *Proxy) came(f *front, flow *relay.Flow) {
	before := f.x.moved()
	flow.Last = p.loop.Touch()
	f.gap(stats.InExchange, flow.Last-before)
}

// flush passes on what is held of a flow and reports whether nothing is held any more.
func (p *Proxy) flush(f *front, flow *relay.Flow, to *relay.Conn) (empty bool) {
	if flow.Held == nil && flow.Pipe == nil {
		return true
	}
	last, before := flow.Last, f.x.moved()
	empty = flow.Flush(to, p.loop, p.pool)
	if flow.Last != last {
		f.gap(stats.InExchange, flow.Last-before)
	}
	return empty
}
