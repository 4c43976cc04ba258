package httpproxy

import (
	"bytes"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
)

// admit judges the request in p.head, the head of which is the first size bytes of p.in[:n].
func (p *Proxy) admit(f *front, n, size int) (more bool) {
	x, l := f.x, f.listener
	l.Stats.Requests.Add(1)
	x.method, x.minor = p.head.Method(), uint8(p.head.Minor())
	x.to = &l.target
	p.note(f)
	if l.sites != nil && !p.enterSite(f) {
		return false
	}
	if x.method == http1.CONNECT { // a reverse proxy opens no tunnels to anywhere (RFC 9110 §9.3.6)
		p.refuse(f, 400, reason.BadRequest)
		return false
	}
	if f.unidentified() {
		p.refuse(f, f.identityStatus(), reason.NoClientCert)
		return false
	}
	p.promise(f)
	if x.desync = p.head.Classify(p.in[:n]); x.desync != http1.WhyNone {
		l.Stats.Noncompliant.Add(1)
		switch http1.Decide(l.plan.Desync, x.desync.Class()) {
		case http1.Block:
			p.refuse(f, 400, reason.BadRequest)
			return false
		case http1.ForwardClose:
			x.last = reason.AmbiguousRequest
			x.set(closeBack)
		case http1.Forward:
		}
	}
	if x.site != nil {
		if forward, more := p.decide(f, n, size); !forward {
			return more
		}
	}
	if set := x.to.picker.Set(); set.Sessions != nil {
		if i := set.Sessions.Find(&p.head, p.in[:n]); i >= 0 {
			x.session = set.Backends[i]
		}
	}
	if p.head.ExpectsContinue() && !x.request.Done() && l.plan.Timeouts.Model == timeout.Shared {
		// The Classic Load Balancer answers by itself, at once; backends do not see the expectation.
		x.set(continued)
		if n == size {
			p.send(&f.conn, &x.down, goOn, nil)
			f.conn.Hurry()
			x.down.First = 0 // of the response
		}
	}
	return p.route(f, n, size)
}

//nolint:gochecknoglobals // a constant
var goOn = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// promise decides whether the client's connection may go on after this exchange (RFC 9112 §9.3, DI-10, PR-02).
func (p *Proxy) promise(f *front) {
	x, s := f.x, &f.listener.plan.Timeouts
	switch {
	case !p.head.KeepAlive():
		x.last = reason.CloseAgreed
		x.set(lastAsked)
	case s.FrontRequestsMax > 0 && s.Model == timeout.Directional && int(f.exchanges) >= s.FrontRequestsMax:
		x.last = reason.RequestCap
	}
	if p.head.Upgrades() && !p.offersHTTP2() {
		x.set(offersUpgrade)
	}
}

// offersHTTP2 reports whether an Upgrade line, be it one of several, names HTTP/2: inside a tunnel it would carry requests
// that nobody here sees.
func (p *Proxy) offersHTTP2() bool {
	fields := p.head.Fields()
	for i := range fields {
		if f := &fields[i]; f.ID == http1.Upgrade && bytes.Contains(bytes.ToLower(f.Value(p.in)), []byte("h2c")) {
			return true
		}
	}
	return false
}

// note keeps what the records tell of the request: method, host, target, user agent. X-Forwarded-For follows when it is sent.
func (p *Proxy) note(f *front) {
	x := f.x
	t := x.text[:0]
	for i, part := range [...][]byte{p.head.MethodText(p.in), p.head.Authority(p.in), p.head.Target(p.in), p.head.Get(p.in, http1.UserAgent)} {
		t = append(t, part[:min(len(part), record.TextMax)]...)
		x.cuts[i] = uint32(len(t))
	}
	x.text, x.cuts[4] = t, uint32(len(t))
}

// said returns the part of the text between two cuts.
func (x *exchange) said(part int) string {
	from := uint32(0)
	if part > 0 {
		from = x.cuts[part-1]
	}
	return string(x.text[from:x.cuts[part]])
}

// aged ends the promise to go on where that became untrue while the exchange ran.
func (p *Proxy) aged(f *front) {
	if x := f.x; x.last == reason.None {
		switch {
		case f.listener.closing != nil:
			x.last = reason.Drained
		case f.listener.plan.Timeouts.Aged(f.opened, p.loop.Now()):
			x.last = reason.AgeCap
		case !x.request.Done(): // an early answer; the rest of the request is not waited for
			x.last = reason.CloseAgreed
		case f.conn.Is(relay.Ended) && f.held == nil:
			x.last = reason.ClientClosed
		}
	}
}
