package httpproxy

import (
	"cmp"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/rules"
)

// The limits on redirects: each token of one stands for a part of the request's target, so that a small request could ask for a
// large answer. Both are as long as a line may be by default.
const (
	redirectTargetMax = 8 << 10
	locationMax       = 8 << 10
)

// causes are the reasons for which a table refuses or answers.
//
//nolint:gochecknoglobals // a constant table
var causes = [...]reason.Reason{
	rules.ByHead: reason.BadRequest, rules.ByAccess: reason.AccessDenied, rules.ByMethod: reason.MethodRefused, rules.ByRedirect: reason.Redirected,
}

// reply answers the request in p.in[:n], of which size bytes are the head, as its site's table wants it. Nothing is wrong with the
// client's connection, so that it goes on if the whole request is there; a body that is still to come is not waited for.
func (p *Proxy) reply(f *front, n, size int, d *rules.Decision) (more bool) {
	x := f.x
	why := causes[d.Cause]
	own := page{status: d.Status, headline: headline(d.Status, why), allow: d.Allow}
	if d.Redirect != nil {
		if p.lines = p.lines[:0]; len(p.head.Target(p.in)) <= redirectTargetMax {
			p.lines = d.Redirect.AppendLocation(p.lines, &p.asked)
		}
		if own.location = p.lines; len(own.location) == 0 || len(own.location) > locationMax {
			p.refuse(f, p.tooLarge(f, http1.TargetLong), reason.TooLarge)
			return false
		}
	}
	used, _, fault := p.measure(&x.request, p.in[size:n], &x.bodyUp)
	if fault != http1.NoFault {
		x.fault = fault
		p.refuse(f, 400, reason.BadRequest)
		return false
	}
	if used += size; used < n {
		f.held = p.pool.Keep(p.in[used:n])
	}
	p.aged(f)
	x.status, x.own = d.Status, why
	f.responded(x.status, true)
	own.last = x.last != reason.None
	p.out = p.appendPage(f, p.out[:0], &own)
	p.sendOwn(f)
	if x.response.End(); x.down.Pending() > 0 && !f.conn.Is(relay.Failed) {
		p.enter(f, exchanging)
		return false
	}
	return p.complete(f)
}

// outcome returns how an exchange ended whose response was delivered.
func (x *exchange) outcome() reason.Reason { return cmp.Or(x.own, reason.Completed) }

// statusFor returns the status that goes with a reason. The clouds differ in some.
func (l *Listener) statusFor(why reason.Reason) int {
	a := &l.plan.Answers
	own := 0
	switch why { //nolint:exhaustive // the others are the same everywhere
	case reason.NoBackend, reason.QueueFull:
		own = a.NoBackend
	case reason.ConnectRefused, reason.ConnectUnreachable:
		own = a.Refused
	}
	return cmp.Or(own, why.Info().Status)
}

// tooLarge returns the status for a request whose head has a fault.
func (p *Proxy) tooLarge(f *front, fault http1.Fault) int {
	if own := f.listener.plan.Answers.TooLarge; own != 0 && fault != http1.MethodLong && faultReason(fault) == reason.TooLarge {
		return own
	}
	return fault.Info().Cloud
}
