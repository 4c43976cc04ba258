package httpproxy

import (
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// interimMax bounds the responses that precede the final one (RFC 9110 §15.2): a few hints, or a 102 now and then for as
// long as hours of work take.
const interimMax = 10000

// exchange moves what can be moved in both directions, and ends the exchange when its response has been delivered.
func (p *Proxy) exchange(f *front) (more bool) {
	x := f.x
	if !p.moveUp(f) || !p.moveDown(f) {
		return f.state == waiting
	}
	if f.conn.Is(relay.Failed) {
		p.clientGone(f)
		return false
	}
	if !x.response.Done() || f.state != exchanging {
		return false
	}
	if x.back != nil && x.request.Done() && x.up.Pending() == 0 {
		p.giveBack(x) // a slow client does not keep it from others
	}
	if x.down.Pending() > 0 {
		return false
	}
	return p.complete(f)
}

// moveDown passes on what the backend sends of its response. It reports whether the exchange goes on.
func (p *Proxy) moveDown(f *front) bool {
	x := f.x
	for moved := 0; moved < turnBytesMax; {
		if !p.flush(f, &x.down, &f.conn) || f.conn.Is(relay.Failed) || x.response.Done() {
			return true
		}
		c := x.back
		if !c.conn.Is(relay.Readable) {
			if c.conn.Is(relay.Ended) {
				return p.backEnded(f)
			}
			return true
		}
		if n, ok := p.spliceDown(f); ok {
			moved += n
			continue
		}
		n := p.unhold(&c.held, 0)
		got := p.read(&c.conn, p.in[n:n+readBytes])
		if got == 0 {
			if n > 0 {
				c.held = p.pool.Keep(p.in[:n])
			}
			continue
		}
		f.listener.Stats.BytesDown.Add(uint64(got))
		p.came(f, &x.down)
		if x.answerAt == 0 {
			x.answerAt = x.down.Last
			f.listener.Stats.Latency.Observe(x.answerAt - x.sentAt)
			x.to.counts.Answered(x.answerAt - x.sentAt)
		}
		moved += got
		x.down.Judge(got)
		if !p.takeResponse(f, p.in[:n+got]) {
			return false
		}
	}
	p.loop.Again(int(x.back.conn.FD))
	return true
}

// spliceDown moves a piece of the response's body without looking at it, if it is one for that.
func (p *Proxy) spliceDown(f *front) (n int, ok bool) {
	x := f.x
	if x.response.InHead() || x.body != bodyAsIs || x.back.held != nil {
		return 0, false
	}
	before := x.moved()
	if n, ok = p.splice(&x.back.conn, &f.conn, &x.down, &x.response); n > 0 {
		f.gap(stats.InExchange, x.down.Last-before)
	}
	x.bodyDown += uint64(n)
	f.listener.Stats.BytesDown.Add(uint64(n))
	return n, ok
}

// takeResponse passes on what b, the start of p.in, brings of the response: heads first, then the body. It reports whether
// the exchange goes on.
func (p *Proxy) takeResponse(f *front, b []byte) bool {
	x := f.x
	out := p.out[:0]
	for x.response.InHead() {
		s := x.response.Next(b, &p.head, f.responseLimits())
		switch {
		case s.Event == http1.EventReset:
			x.fault = s.Fault
			return p.badResponse(f, out)
		case s.Event == http1.EventNone:
			p.keepResponse(x, b)
			p.sendDown(f, out, nil)
			p.out = out
			return true
		case p.head.Status() == 101:
			return p.upgrade(f, out, b, s.Skip)
		case p.head.Interim():
			if x.interims++; x.interims > interimMax {
				return p.badResponse(f, out)
			}
			out = p.interim(x, out, b)
		case p.head.Status() == 408 && p.forNobody(x) && p.repeat(f, true):
			return false
		default:
			out = p.responseHead(f, out, b)
		}
		b = b[s.Skip:]
	}
	p.dropReplay(x)
	return p.passDown(f, out, b)
}

// interim appends a response that precedes the final one. HTTP/1.0 has none (RFC 9110 §15.2), and a 100 that lull itself has
// sent need not come twice.
func (p *Proxy) interim(x *exchange, out, b []byte) []byte {
	if x.minor == 0 || (p.head.Status() == 100 && x.is(continued)) {
		return out
	}
	drop := x.downDrops()
	p.edit = http1.Edit{Drop: drop.ids, DropNames: drop.names}
	return p.head.AppendResponse(out, b, &p.edit)
}

// responseHead appends the head of the final response, and settles how its body goes on and what becomes of the two
// connections.
func (p *Proxy) responseHead(f *front, out, b []byte) []byte {
	x := f.x
	x.status, x.answered = p.head.Status(), p.head.Status()
	f.responded(x.answered, false)
	if !p.head.KeepAlive() { // DI-12: Connection: close is obeyed, hints in Keep-Alive are not
		x.set(closeBack)
	}
	e := &p.edit
	*e = http1.Edit{Framing: p.head.ResponseFraming(x.method)}
	switch {
	case e.Framing.Kind == http1.Chunked && x.minor == 0:
		e.Framing, x.body = http1.Framing{Kind: http1.UntilClose}, bodyPlain
	case e.Framing.Kind == http1.UntilClose && x.minor > 0:
		e.Framing, x.body = http1.Framing{Kind: http1.Chunked}, bodyChunked
		x.set(closeBack)
	case e.Framing.Kind == http1.UntilClose:
		x.set(closeBack)
	}
	if e.Framing.Kind == http1.UntilClose { // the end of the connection is the end of the body (RFC 9112 §6.3)
		x.set(openEnded)
		if x.last == reason.None {
			x.last = reason.CloseAgreed
		}
	}
	if e.Framing.Kind == http1.None && p.head.Chunked() && x.minor == 0 { // RFC 9112 §6.1: not even in the answer to HEAD
		e.Framing.Kind = http1.UntilClose
	}
	p.aged(f)
	switch {
	case x.last != reason.None:
		e.Connection = "close"
	case x.minor == 0:
		e.Connection = "keep-alive"
	}
	e.Lines = p.sessionLines(f, b)
	p.editDown(x, e, b)
	return p.head.AppendResponse(out, b, e)
}

// sessionLines returns the field lines that tell the client which session it is in, if it needs to be told.
func (p *Proxy) sessionLines(f *front, b []byte) []byte {
	picker := f.x.to.picker
	sessions := picker.Set().Sessions
	if sessions == nil {
		return nil
	}
	index, found := picker.Index(f.x.served), picker.Index(f.x.session)
	if index < 0 {
		return nil // it has left the set meanwhile
	}
	p.lines = sessions.AppendSetCookie(p.lines[:0], index, found, &p.head, b)
	return p.lines
}

// passDown sends out, which heads may be in, and what b brings of the body. It reports whether the exchange goes on.
func (p *Proxy) passDown(f *front, out, b []byte) bool {
	x := f.x
	var used int
	var fault http1.Fault
	switch x.body {
	case bodyAsIs:
		p.out = out
		used, fault = p.passAsIs(f, b)
	case bodyChunked:
		used = len(b)
		x.response.Next(b, &p.trailers, nil) // all of it is payload
		x.bodyDown += uint64(used)
		if used > 0 {
			out = append(append(http1.AppendChunkLine(out, used), b...), http1.ChunkEnd...)
		}
		p.out = out
		p.sendDown(f, out, nil)
	case bodyPlain:
		p.out, used, fault = p.unchunk(x, out, b)
		p.sendDown(f, p.out, nil)
	}
	if fault != http1.NoFault {
		x.fault = fault
		return p.badResponse(f, nil)
	}
	if used < len(b) {
		if x.response.Done() {
			x.set(closeBack) // more than was announced: what it means nobody knows
		} else {
			p.keepResponse(x, b[used:])
		}
	}
	return true
}

// passAsIs sends p.out, and a body in the framing that it came in.
func (p *Proxy) passAsIs(f *front, b []byte) (used int, fault http1.Fault) {
	x := f.x
	used, trailers, fault := p.measure(&x.response, b, &x.bodyDown)
	before := used - trailers
	if trailers > 0 {
		p.out = append(p.out, b[:before]...)
		drop := x.downDrops()
		p.out = p.trailers.AppendTrailers(p.out, b[before:used], drop.ids, drop.names)
		before = 0
	}
	p.sendDown(f, p.out, b[:before])
	return used, fault
}

// unchunk appends the payload of chunks; trailers have no place in HTTP/1.0.
func (p *Proxy) unchunk(x *exchange, out, b []byte) (grown []byte, used int, fault http1.Fault) {
	for used < len(b) && !x.response.Done() {
		s := x.response.Next(b[used:], &p.trailers, nil)
		if s.Event == http1.EventReset {
			return out, used, s.Fault
		}
		out = append(out, b[used+s.Skip:used+s.Skip+s.Data]...)
		x.bodyDown += uint64(s.Data)
		used += s.Skip + s.Data
		if s.Skip+s.Data == 0 {
			break
		}
	}
	return out, used, http1.NoFault
}

// keepResponse holds bytes that say nothing until more come behind them.
func (p *Proxy) keepResponse(x *exchange, b []byte) {
	if len(b) > 0 {
		x.back.held = p.pool.Keep(b)
	}
}

// sendDown writes to the client.
func (p *Proxy) sendDown(f *front, head, body []byte) {
	if f.exchanges > 1 && f.held != nil {
		f.conn.Hurry() // pipelined: the last response may not have been acknowledged
	}
	head, body = p.join(head, body)
	p.send(&f.conn, &f.x.down, head, body)
}

// backEnded says what the end of the back-end connection means: the end of the response, or that there will be none. It
// reports whether the exchange goes on.
func (p *Proxy) backEnded(f *front) bool {
	x := f.x
	reset := x.back.conn.Is(relay.Failed) && !x.back.conn.Is(relay.ByFIN)
	x.set(closeBack)
	if x.back.conn.Is(relay.Violated) {
		x.secured, x.tlsFault = x.back.conn.TLS.Info(), x.back.conn.TLS.Fault()
		p.fail(f, 502, reason.BackendTLSViolation, timeout.Deadline{})
		return false
	}
	if x.answerAt == 0 {
		unseen, wait := p.unseen(x)
		if wait {
			return true
		}
		if p.repeat(f, unseen) {
			return false
		}
		p.fail(f, p.noAnswer(f), reason.BackendClosed, timeout.Deadline{})
		return false
	}
	if x.response.InHead() {
		x.fault = http1.Truncated
		return p.badResponse(f, nil)
	}
	truncated := x.back.conn.Is(relay.Truncated)
	if s := x.response.EOF(); !s.End || reset || truncated {
		why := reason.BackendClosed
		switch {
		case reset:
			why = reason.BackendReset
		case truncated:
			why = reason.BackendTruncated
		}
		p.fail(f, 0, why, timeout.Deadline{})
		return false
	}
	if x.body == bodyChunked {
		p.sendDown(f, lastChunk, nil)
	}
	return true
}

//nolint:gochecknoglobals // a constant
var lastChunk = []byte(http1.LastChunk)

// noAnswer returns the status for a backend that went away without a word (SH-12).
func (p *Proxy) noAnswer(f *front) int {
	if f.listener.plan.Timeouts.Model == timeout.Directional {
		return 502
	}
	return 504
}

// badResponse ends an exchange whose response cannot be understood. heads are interim ones that came before.
func (p *Proxy) badResponse(f *front, heads []byte) bool {
	f.x.set(closeBack)
	p.sendDown(f, heads, nil)
	p.fail(f, 502, reason.BadResponse, timeout.Deadline{})
	return false
}
