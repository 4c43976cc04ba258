package httpproxy

import (
	"net/netip"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// forward sends the request in p.in[:n], of which size bytes are the head in p.head, to the exchange's connection, as far
// as it has come.
func (p *Proxy) forward(f *front, n, size int) (more bool) {
	x := f.x
	p.out = p.requestHead(f, p.out[:0])
	used, alive := p.passUp(f, p.in[size:n], true)
	if !alive {
		return false
	}
	if x.sentAt = x.up.Last; !x.is(retried) {
		f.listener.Stats.Routed.Add(1)
		if x.to.counts != nil {
			x.to.counts.Requests.Add(1)
		}
	}
	used += size
	if p.replayable(f, used) {
		x.replay = p.pool.Keep(p.in[:used])
	}
	if used < n {
		f.held = p.pool.Keep(p.in[used:n])
	}
	p.enter(f, exchanging)
	return f.conn.Is(relay.Readable|relay.Ended|relay.Failed) || x.back.conn.Is(relay.Failed)
}

// requestHead appends the head as backends see it: who asked is added, and what concerns one connection only is left out.
func (p *Proxy) requestHead(f *front, out []byte) []byte {
	x, l := f.x, f.listener
	client := f.client().Addr()
	e := &p.edit
	*e = http1.Edit{Framing: p.head.RequestFraming(), Upgrade: x.is(offersUpgrade), Drop: l.drop, DropNames: l.dropNames, Lines: l.lines}
	e.ForwardedFor = appendAddr(p.addr[:0], client)
	if l.plan.Timeouts.Model == timeout.Directional {
		e.Lines = p.ociLines(e)
	}
	if x.is(continued) {
		e.Drop |= http1.Set(http1.Expect)
	}
	if l.subject {
		e.Lines = p.subjectLine(f, e)
	}
	if x.site != nil {
		p.editUp(x, e)
	}
	if !p.head.Has(http1.Host) && p.head.Form() != http1.Absolute { // HTTP/1.0: the address that the client reached
		e.Host = p.localHost(f)
	}
	p.noteForwarded(x, e)
	return p.head.AppendRequest(out, p.in, e)
}

// ociLines returns the field lines that OCI adds to those of the Classic Load Balancer.
func (p *Proxy) ociLines(e *http1.Edit) []byte {
	p.lines = append(p.lines[:0], e.Lines...)
	p.lines = http1.AppendField(p.lines, "X-Real-IP", e.ForwardedFor)
	if host := p.head.Authority(p.in); len(host) > 0 {
		p.lines = http1.AppendField(p.lines, "X-Forwarded-Host", host)
	}
	return p.lines
}

// noteForwarded keeps X-Forwarded-For as the backend gets it, but for its last part, which is the client's own address.
func (p *Proxy) noteForwarded(x *exchange, e *http1.Edit) {
	told := p.head.Get(p.in, http1.XForwardedFor)
	x.text = append(x.text[:x.cuts[3]], told[:min(len(told), record.TextMax)]...)
	if len(x.text) > int(x.cuts[3]) {
		x.text = append(x.text, ", "...)
		x.text = append(x.text, e.ForwardedFor...)
	}
	x.cuts[4] = uint32(len(x.text))
}

// localHost returns the address that a client has reached, for a request without Host.
func (p *Proxy) localHost(f *front) []byte {
	at := f.listener.Addr
	if at.Addr().IsUnspecified() {
		if a := sys.LocalAddr(int(f.conn.FD)); a.IsValid() {
			at = a
		}
	}
	host := at.Addr().Unmap().String()
	if at.Addr().Unmap().Is6() {
		host = "[" + host + "]"
	}
	return []byte(host)
}

func appendAddr(dst []byte, a netip.Addr) []byte { return a.WithZone("").AppendTo(dst) }

// passUp sends p.out, which a head may be in, and what of b belongs to the request behind it. It returns how many bytes of
// b are used; those of a trailer section that has not come whole are not, nor is the next request.
func (p *Proxy) passUp(f *front, b []byte, withHead bool) (used int, alive bool) {
	x := f.x
	out := p.out
	if !withHead {
		out = out[:0]
	}
	used, trailers, fault := p.measure(&x.request, b, &x.bodyUp)
	if fault != http1.NoFault {
		x.fault = fault
		x.set(closeBack)
		p.fail(f, 400, reason.BadRequest, timeout.Deadline{})
		return 0, false
	}
	before := used - trailers
	if trailers > 0 {
		out = append(out, b[:before]...)
		drop := f.upDrops()
		out = p.trailers.AppendTrailers(out, b[before:used], drop.ids, drop.names)
		p.out, b, before = out, nil, 0
	}
	p.sendUp(x, out, b[:before])
	return used, true
}

// measure finds how much of b belongs to the message that r reads, framing and all, and counts its payload. The trailer
// section is the last part of it, and is in p.trailers.
func (p *Proxy) measure(r *http1.Receiver, b []byte, payload *uint64) (used, trailers int, fault http1.Fault) {
	for used < len(b) && !r.Done() {
		s := r.NextRaw(b[used:], &p.trailers, nil)
		if s.Event == http1.EventReset {
			return used, 0, s.Fault
		}
		*payload += uint64(s.Data)
		used += s.Skip + s.Data
		if s.Event == http1.EventTrailers {
			return used, s.Skip, http1.NoFault
		}
		if s.Skip+s.Data == 0 {
			break // a part of the trailer section
		}
	}
	return used, 0, http1.NoFault
}

// sendUp writes to the backend. What small bodies there are go in one piece with the head.
func (p *Proxy) sendUp(x *exchange, head, body []byte) {
	c := x.back
	head, body = p.join(head, body)
	c.sent += uint64(p.send(&c.conn, &x.up, head, body))
}

// moveUp passes on what the client sends of its request. It reports whether the exchange goes on.
func (p *Proxy) moveUp(f *front) bool {
	x := f.x
	for moved := 0; moved < turnBytesMax; {
		c := x.back
		if c == nil || c.conn.Is(relay.Failed) {
			return true // moveDown finds out what a backend that has gone said before
		}
		if !p.flush(f, &x.up, &c.conn) || x.request.Done() {
			return true
		}
		if !f.conn.Is(relay.Readable) {
			return p.stillComes(f)
		}
		if n, ok := p.spliceUp(f); ok {
			moved += n
			continue
		}
		n := p.unhold(&f.held, 0)
		got := p.read(&f.conn, p.in[n:n+readBytes])
		if got == 0 {
			if n > 0 {
				f.held = p.pool.Keep(p.in[:n])
			}
			continue
		}
		f.listener.Stats.BytesUp.Add(uint64(got))
		p.came(f, &x.up)
		x.up.Judge(got)
		n += got
		moved += got
		used, alive := p.passUp(f, p.in[:n], false)
		if !alive {
			return false
		}
		p.replayMore(x, used)
		if used < n {
			f.held = p.pool.Keep(p.in[used:n])
		}
	}
	p.loop.Again(int(f.conn.FD))
	return true
}

// spliceUp moves a piece of the request's body without looking at it, if it is one for that.
func (p *Proxy) spliceUp(f *front) (n int, ok bool) {
	x := f.x
	if f.held != nil || x.replay != nil {
		return 0, false
	}
	before := x.moved()
	if n, ok = p.splice(&f.conn, &x.back.conn, &x.up, &x.request); n > 0 {
		f.gap(stats.InExchange, x.up.Last-before)
	}
	x.bodyUp += uint64(n)
	x.back.sent += uint64(n)
	f.listener.Stats.BytesUp.Add(uint64(n))
	return n, ok
}

// stillComes reports whether the rest of a request may yet come. If not, it was cut short: the backend must not take it
// for whole, so its connection ends, and the client, should it still listen, is told (RFC 9112 §8).
func (p *Proxy) stillComes(f *front) bool {
	switch {
	case f.conn.Is(relay.Failed):
		return true // exchange ends it
	case f.conn.Is(relay.Ended):
		p.fail(f, 408, reason.ClientClosed, timeout.Deadline{})
		return false
	}
	return true
}
