package httpproxy

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// replayMax bounds a request that may be sent again: a form, a JSON document. What is larger has usually been taken in
// part before the backend's FIN comes.
const replayMax = 64 << 10

// replayable reports whether the used bytes of the request, all that was sent of it, are to be kept for another go (SH-09).
func (p *Proxy) replayable(f *front, used int) bool {
	x := f.x
	return x.is(reused) && !x.is(retried) && f.listener.plan.StaleRetry && used <= replayMax && !x.is(offersUpgrade)
}

// replayMore keeps what was sent since, the first used bytes of p.in, or gives up on repeating the request.
func (p *Proxy) replayMore(x *exchange, used int) {
	if x.replay == nil || used == 0 {
		return
	}
	old := x.replay
	x.replay = nil
	if old.Len()+used <= replayMax {
		x.replay = p.pool.KeepBoth(old.Bytes(), p.in[:used])
	}
	p.pool.Return(old)
}

func (p *Proxy) dropReplay(x *exchange) {
	if x.replay != nil {
		p.pool.Return(x.replay)
		x.replay = nil
	}
}

// repeat sends a request that met a dead connection to a fresh one, once, if that is safe, and reports whether it did
// (SH-09). A connection that carries its first request cannot have been stale. unseen says that nobody can have seen it.
func (p *Proxy) repeat(f *front, unseen bool) bool {
	x := f.x
	if !x.is(reused) || x.is(retried) {
		return false
	}
	if x.replay == nil || !(x.method.Idempotent() || unseen) {
		f.listener.Stats.RetriesRefused.Add(1)
		return false
	}
	f.listener.Stats.Retries.Add(1)
	x.set(retried)
	x.marks &^= reused
	if x.last != reason.AmbiguousRequest { // which goes with the request and not with the connection
		x.marks &^= closeBack
	}
	n := copy(p.in, x.replay.Bytes())
	n += p.unhold(&f.held, n)
	p.dropReplay(x)
	p.sayClosedIdle(x)
	x.up.LetGo(p.pool)
	x.up.First, x.bodyUp, x.sentAt, x.answerAt = 0, 0, 0, 0
	p.closeBack(x)
	p.letGo(x)
	p.enter(f, reading)
	if size, ok := p.reread(f, n); ok {
		p.route(f, n, size)
	}
	return true
}

// unseen reports whether no process at the backend can have seen any byte of the request. The backend's FIN acknowledges
// all that its kernel had taken before; if that is nothing of the request, the process that closed cannot have read any of
// it. An RST alone proves nothing: it is also what a process that has read and then died leaves behind. Nor does the
// close_notify of TLS: its sender may go on to read. If the FIN that should follow it has not come, a request that needs the
// proof is better kept until it does: wait is true then. The idle timeout bounds that.
func (p *Proxy) unseen(x *exchange) (yes, wait bool) {
	c := x.back
	if !c.conn.Is(relay.ByFIN) || c.sent == c.sentBefore {
		return false, false
	}
	switch c.conn.FIN() {
	case relay.FINNever:
		return false, false
	case relay.FINAwaited:
		return false, x.is(reused) && x.replay != nil && !x.method.Idempotent()
	case relay.FINCame:
	}
	acked, errno := sys.Acknowledged(int(c.conn.FD))
	return errno == 0 && acked <= c.sentBefore+1, false // the SYN counts as one
}

// forNobody reports whether a response on a connection that served before cannot be meant for this exchange: the backend's
// kernel has taken none of the request. Some servers send a 408 before they close a connection that has been idle for too
// long, and it may cross a request.
func (p *Proxy) forNobody(x *exchange) bool {
	if !x.is(reused) || x.interims > 0 {
		return false
	}
	acked, errno := sys.Acknowledged(int(x.back.conn.FD))
	return errno == 0 && acked <= x.back.sentBefore+1
}

// sayClosedIdle counts a pooled connection that its backend closed before lull did, and that was reused before lull knew (SH-08).
func (p *Proxy) sayClosedIdle(x *exchange) {
	c := x.back
	c.backend.ClosedIdle()
	p.recordPooled(c, reason.BackendClosedIdle, timeout.Deadline{}, x.began)
}
