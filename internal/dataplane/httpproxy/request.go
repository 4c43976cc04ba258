package httpproxy

import (
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// readFirst begins an exchange if there is a byte of a request: held from earlier, or in the socket. Empty lines are none:
// old clients send one after a body (RFC 9112 §2.2).
func (p *Proxy) readFirst(f *front) (more bool) {
	n := p.unhold(&f.held, 0)
	if emptyLines(p.in[:n]) {
		got := 0
		if f.conn.Is(relay.Readable) {
			got = p.read(&f.conn, p.in[n:n+readBytes])
			f.listener.Stats.BytesUp.Add(uint64(got))
		}
		if n += got; n > 0 && emptyLines(p.in[:n]) {
			f.held = p.pool.Keep(p.in[:n])
		}
		if got == 0 || f.held != nil {
			return p.nothing(f)
		}
	}
	x := p.begin(f)
	x.up.Last = x.began
	f.gap(stats.Waiting, x.began-f.since)
	return p.takeHead(f, n)
}

// emptyLines reports whether b holds nothing but empty lines, as many as may stand before a request.
func emptyLines(b []byte) bool {
	const lines = "\r\n\r\n"
	return len(b) <= len(lines) && string(b) == lines[:len(b)]
}

// readRest reads more of a head that has not come whole.
func (p *Proxy) readRest(f *front) (more bool) {
	if !f.conn.Is(relay.Readable) {
		return p.nothing(f)
	}
	n := p.unhold(&f.held, 0)
	got := p.read(&f.conn, p.in[n:n+readBytes])
	if got == 0 {
		f.held = p.pool.Keep(p.in[:n])
		return p.nothing(f)
	}
	f.listener.Stats.BytesUp.Add(uint64(got))
	p.came(f, &f.x.up)
	return p.takeHead(f, n+got)
}

// nothing says what it means that no byte came: nothing yet, or that none ever will.
func (p *Proxy) nothing(f *front) (more bool) {
	switch {
	case f.conn.Is(relay.Failed):
		p.clientGone(f)
	case !f.conn.Is(relay.Ended):
		return f.conn.Is(relay.Readable)
	case f.state == waiting:
		p.closeFront(f, reason.ClientClosed, timeout.Deadline{})
	default: // RFC 9112 §8: an incomplete request
		p.refuse(f, 408, reason.ClientClosed)
	}
	return false
}

// takeHead reads the head of a request from p.in[:n].
func (p *Proxy) takeHead(f *front, n int) (more bool) {
	x := f.x
	s := x.request.Next(p.in[:n], &p.head, &f.listener.requestLimits)
	switch s.Event {
	case http1.EventReset:
		x.fault = s.Fault
		x.desync = s.Fault.Info().Why
		p.refuse(f, p.tooLarge(f, s.Fault), faultReason(s.Fault))
		return false
	case http1.EventHead:
		x.headAt = x.up.Last
		return p.admit(f, n, s.Skip)
	case http1.EventNone, http1.EventData, http1.EventTrailers, http1.EventEnd:
	}
	f.held = p.pool.Keep(p.in[:n])
	if f.state == waiting {
		p.enter(f, reading)
	}
	return true
}

// faultReason returns the reason that goes with a request's fault: too much of something is another matter than nonsense.
func faultReason(f http1.Fault) reason.Reason {
	if f == http1.TargetLong || f == http1.LineLong || f == http1.HeadLong || f == http1.FieldsMany || f == http1.MethodLong {
		return reason.TooLarge
	}
	return reason.BadRequest
}
