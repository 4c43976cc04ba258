package httpproxy

import (
	"cmp"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlsio"
)

// welcome goes on with a client whose address is known: with the TLS handshake if its listener wants one.
func (p *Proxy) welcome(f *front) {
	if f.listener.tls == nil {
		p.enter(f, waiting)
		return
	}
	id, index := f.id, f.index
	look := func() {
		if same := p.fronts.At(index); same.id == id && same.state == securing {
			p.serve(same)
		}
	}
	f.conn.TLS = f.listener.tls.New(p.area, func() { p.loop.Post(look) })
	p.enter(f, securing)
}

// shakeFront goes on with the client's handshake, and reports whether there may be more to do.
func (p *Proxy) shakeFront(f *front) (more bool) {
	switch stage := f.conn.Shake(p.loop); stage {
	case relay.Shaking:
	case relay.Secured:
		s := f.listener.Stats
		s.Handshakes.Add(1)
		if f.conn.TLS.Info().Resumed {
			s.Resumed.Add(1)
		}
		p.enter(f, waiting)
		return true
	case relay.SpokePlain:
		p.plainHTTP(f)
	case relay.Refused, relay.Untrusted:
		if stage == relay.Untrusted {
			f.listener.Stats.Untrusted.Add(1)
		}
		f.conn.Set(relay.Talking | relay.Readable) // what it has sent would make an RST of a close, and destroy the alert
		p.closeFront(f, reason.HandshakeFailed, timeout.Deadline{})
	case relay.HungUp:
		p.closeFront(f, reason.ClientClosed, timeout.Deadline{})
	case relay.Broken:
		f.conn.Set(relay.Failed)
		p.closeFront(f, reason.ClientReset, timeout.Deadline{})
	}
	return false
}

// plainHTTP answers a client that speaks HTTP without TLS, so that whoever has mistaken the scheme learns of it.
func (p *Proxy) plainHTTP(f *front) {
	f.conn.TLS = nil
	f.conn.Set(relay.Readable)
	x := p.begin(f)
	x.up.Last = x.began
	p.decline(f, reason.PlainHTTP, timeout.Deadline{})
}

// unidentified reports whether the client has sent no certificate to a listener that wants one.
func (f *front) unidentified() bool {
	l := f.listener.plan.TLS
	return l != nil && l.ClientAuth == plan.ClientCertRequired && (f.conn.TLS == nil || !f.conn.TLS.Identified())
}

// identityStatus is what such a client is answered. It comes through the handshake so that it learns why; a certificate that is not
// accepted fails that.
func (f *front) identityStatus() int {
	return cmp.Or(f.listener.plan.Answers.NoIdentity, reason.NoClientCert.Info().Status)
}

// subjectLine returns the field lines of e with the subject of the client's certificate, if it has sent one.
func (p *Proxy) subjectLine(f *front, e *http1.Edit) []byte {
	if f.conn.TLS == nil || !f.conn.TLS.Identified() {
		return e.Lines
	}
	p.lines = append(p.lines[:0], e.Lines...) // which may be p.lines already, or the listener's own
	p.lines = append(p.lines, f.listener.plan.TLS.SubjectHeader...)
	p.lines = append(p.lines, ": "...)
	p.lines = append(p.lines, f.conn.TLS.Info().Subject...)
	p.lines = append(p.lines, "\r\n"...)
	return p.lines
}

// secureBack begins the handshake with a backend that has been connected to. It is part of the connect, and has its limit.
func (p *Proxy) secureBack(f *front, t *tlsio.Client) {
	c := f.x.back
	id, index := c.id, c.index
	look := func() {
		if same := p.backs.At(index); same.id == id && same.state == backSecuring {
			asking := same.x.front
			p.shakeBack(asking)
			p.serve(asking)
		}
	}
	c.tls, c.state = t, backSecuring
	c.conn.TLS = t.New(c.backend.Key, p.area, func() { p.loop.Post(look) })
	c.conn.TLS.Begin()
}

// shakeBack goes on with the handshake with a backend.
func (p *Proxy) shakeBack(f *front) {
	why, c := reason.BackendHandshakeFailed, f.x.back
	switch c.conn.Shake(p.loop) {
	case relay.Shaking:
		return
	case relay.Secured:
		s := f.listener.Stats
		s.BackHandshakes.Add(1)
		if c.conn.TLS.Info().Resumed {
			s.BackResumed.Add(1)
		}
		c.sent = uint64(c.conn.TLS.Wrote())
		p.begun(f)
		return
	case relay.Untrusted:
		why = reason.BackendUntrusted
	case relay.Refused, relay.HungUp, relay.Broken, relay.SpokePlain:
	}
	f.listener.Stats.BackFailed.Add(1)
	p.connectFailed(f, why, timeout.Deadline{})
}

// secured returns what is known of TLS on both sides, as far as the exchange under way has come.
func (f *front) secured() record.Secured {
	var s record.Secured
	if t := f.conn.TLS; t != nil {
		s.Front, s.Fault = *t.Info(), t.Fault()
	}
	if x := f.x; x != nil {
		if x.secured != nil {
			s.Back = *x.secured
		}
		if x.tlsFault != "" {
			s.Fault = x.tlsFault
		}
	}
	return s
}

func (c *back) secured() record.Secured {
	if c.conn.TLS == nil {
		return record.Secured{}
	}
	return record.Secured{Back: *c.conn.TLS.Info(), Fault: c.conn.TLS.Fault()}
}
