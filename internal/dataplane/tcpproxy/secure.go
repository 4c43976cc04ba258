package tcpproxy

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlsio"
)

// teller returns what a handshake of the pair calls when there is something to do. The pair may have ended by then, or be on
// to another backend: then there is nothing.
func (p *Proxy) teller(c *pair) func() {
	id, index := c.id, c.index
	look := func() {
		switch c := p.pairs.At(index); {
		case c.id != id:
		case c.state == securing:
			p.shakeFront(c)
		case c.state == connecting && c.legs[server].TLS != nil:
			p.shakeBack(c)
		}
	}
	return func() { p.loop.Post(look) }
}

// shakeFront goes on with the client's handshake.
func (p *Proxy) shakeFront(c *pair) {
	l := &c.legs[client]
	switch stage := l.Shake(p.loop); stage {
	case relay.Shaking:
	case relay.Secured:
		s := c.listener.Stats
		s.Handshakes.Add(1)
		if l.TLS.Info().Resumed {
			s.Resumed.Add(1)
		}
		p.connect(c)
	case relay.Refused, relay.Untrusted, relay.SpokePlain:
		if stage == relay.Untrusted {
			c.listener.Stats.Untrusted.Add(1)
		}
		l.Set(relay.Readable)
		p.close(c, reason.HandshakeFailed)
	case relay.HungUp:
		p.close(c, reason.ClientClosed)
	case relay.Broken:
		p.reset(c, client)
	}
}

// secureBack begins the handshake with a backend that has been connected to. It is part of the connect, and has its limit.
func (p *Proxy) secureBack(c *pair, t *tlsio.Client) {
	l := &c.legs[server]
	if c.flows[client].Pending() > 0 { // of the PROXY header: a socket that is connected just now has room for that
		p.reset(c, server)
		return
	}
	l.TLS = t.New(c.backend.Key, p.area, p.teller(c))
	l.TLS.Begin()
}

// shakeBack goes on with the handshake with a backend.
func (p *Proxy) shakeBack(c *pair) {
	why := reason.BackendHandshakeFailed
	switch l := &c.legs[server]; l.Shake(p.loop) {
	case relay.Shaking:
		return
	case relay.Secured:
		s := c.listener.Stats
		s.BackHandshakes.Add(1)
		if l.TLS.Info().Resumed {
			s.BackResumed.Add(1)
		}
		p.open(c)
		return
	case relay.Untrusted:
		why = reason.BackendUntrusted
	case relay.Refused, relay.HungUp, relay.Broken, relay.SpokePlain:
	}
	c.listener.Stats.BackFailed.Add(1)
	p.connectFailed(c, why, timeout.Deadline{})
}

// violated ends a pair because the peer on that side broke the rules of TLS. What it has sent before was passed on; the other
// side must not take that for the whole.
func (p *Proxy) violated(c *pair, side int) {
	why := reason.TLSViolation
	if side == server {
		why = reason.BackendTLSViolation
	}
	p.record(c, why, timeout.Deadline{})
	l, held := &c.legs[side], &c.flows[1-side]
	if held.Pending() > 0 {
		l.Set(relay.Parted) // an alert in the middle of a record would be none
		held.LetGo(p.pool)
	}
	l.ShutdownWrite()
	l.Set(relay.Readable) // it may be in the middle of sending: what still comes would make an RST of a close, and destroy the alert
	c.legs[1-side].Set(relay.Doomed)
	p.enter(c, lingering)
	p.linger(c)
}

// trim has TLS give back what it keeps for large records. It is called when a timer has fired before its time, so once in an
// idle time at most: a pair that moves much has its buffers made anew as rarely, and an idle one is soon without.
func (c *pair) trim() {
	for side := range c.legs {
		if t := c.legs[side].TLS; t != nil && !t.Shaking() {
			t.Idle()
		}
	}
}

// secured returns what is known of TLS on both sides.
func (c *pair) secured() record.Secured {
	var s record.Secured
	if t := c.legs[client].TLS; t != nil {
		s.Front, s.Fault = *t.Info(), t.Fault()
	}
	if t := c.legs[server].TLS; t != nil {
		s.Back = *t.Info()
		s.Fault = later(s.Fault, t.Fault())
	}
	if c.attempts != nil && c.backend == nil {
		s.Fault = later(s.Fault, c.attempts.fault)
	}
	return s
}

// later returns the fault that came last, if there was one.
func later(first, second string) string {
	if second != "" {
		return second
	}
	return first
}
