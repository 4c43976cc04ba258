package httpproxy

import (
	"net/netip"
	"strconv"
	"strings"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/tcpproxy"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlsio"
)

// Listener is what one loop keeps of a listener: the settings in force and the counters. Every connection points to its
// own, so a change of settings reaches those that are open by being stored here (TO-06).
type Listener struct {
	// Owned by the loop.
	Addr    netip.AddrPort // where it really listens
	Stats   *stats.Listener
	plan    *plan.Listener
	tls     *tlsio.Server // nil: plain
	target  target
	closing *backend.Closing // an end set for its connections, or nil
	changed int64            // when the plan came into force; no deadline could have been kept before
	applied uint64           // the last change that concerned it, by Proxy.applied
	open    int              // clients' connections
	clients *acceptor.Addresses
	sites   []*site                 // in the order of the plan's; target has nothing to do then
	named   map[string]*site        // the same
	targets map[plan.SetKey]*target // of the sites

	// What the plan means for heads.
	requestLimits, responseLimits http1.Limits
	drop                          http1.IDSet // fields of a request that are not believed
	lines                         []byte      // field lines that every request gets
	subject                       bool        // there is a field for the subject of clients' certificates
	dropNames                     []string    // its name, in small letters
}

// Apply takes over a plan change. Open connections get the new settings at once; those already over a shortened limit
// end in this very turn, for their timers are due then. Connections of listeners that it does not concern are not looked at.
func (p *Proxy) Apply(ch tcpproxy.Change) {
	p.applied++
	p.forgetUnused()
	for _, lc := range ch.Listeners {
		l := p.listeners[lc.Plan.Key]
		if l == nil {
			l = &Listener{target: target{picker: backend.NewPicker(lc.Set, p.loop.Index)}}
			p.listeners[lc.Plan.Key] = l
		}
		delete(p.leaving, lc.Plan.Key)
		l.Addr, l.Stats, l.plan, l.tls, l.closing = lc.Addr, lc.Stats, lc.Plan, lc.TLS, nil
		l.target.picker.SetSet(lc.Set)
		l.applied, l.changed, l.clients = p.applied, ch.Now, lc.Clients
		l.takeSites(&lc, ch.Sets, p.loop.Index)
		l.compile()
		p.makeRoom(l.requestLimits.Head)
	}
	for _, key := range ch.Removed {
		if l := p.listeners[key]; l != nil && l.closing == nil {
			l.closing = &backend.Closing{At: ch.Now + int64(l.plan.Timeouts.Drain), Why: reason.ListenerRemoved}
			p.leaving[key] = l
		}
	}
	for _, l := range p.leaving { // a change may have set an end for the backends of their connections
		l.applied = p.applied
	}
	p.lookAt(func(l *Listener) bool { return l.applied == p.applied })
}

// compile works out what the plan means for heads.
func (l *Listener) compile() {
	l.requestLimits, l.responseLimits = http1.RequestLimits, http1.ResponseLimits
	l.requestLimits.Head = l.plan.HeadMax
	l.requestLimits.Line = max(l.requestLimits.Line, l.plan.HeadMax/4)
	l.responseLimits.Head = l.plan.HeadMax
	l.responseLimits.Line = l.requestLimits.Line
	l.drop = http1.Set(http1.XForwardedProto, http1.XForwardedPort)
	l.dropNames = l.twins()
	if l.subject = l.plan.TLS != nil && l.plan.TLS.SubjectHeader != ""; l.subject { // nobody but lull may tell it
		name := strings.ReplaceAll(strings.ToLower(l.plan.TLS.SubjectHeader), "_", "-")
		l.dropNames = append(l.dropNames, name)
		l.drop |= http1.IDs([]string{name})
	}
	l.lines = append(l.lines[:0:0], "X-Forwarded-Proto: "...)
	l.lines = append(l.lines, l.plan.Speaks()...)
	l.lines = append(l.lines, "\r\nX-Forwarded-Port: "...)
	l.lines = strconv.AppendUint(l.lines, uint64(l.Addr.Port()), 10)
	l.lines = append(l.lines, '\r', '\n')
	if l.plan.Timeouts.Model == timeout.Directional {
		l.drop |= http1.Set(http1.XRealIP, http1.XForwardedHost)
	}
	if len(l.sites) > 0 {
		l.compileSites()
	}
}

// twins returns the fields that no request may have with underscores for hyphens: applications that are told of both under one name
// would take a client's word for lull's. Those that tell of clients are left out everywhere. Those that frame a body are where rules
// decide what reaches a backend, as what such a backend took for the next request would have passed by the rules; elsewhere they
// count as ambiguous, and the desync mode decides. With their hyphens all have an ID, to which this is nothing.
func (l *Listener) twins() []string {
	names := []string{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"}
	if l.plan.Timeouts.Model == timeout.Directional {
		names = append(names, "x-real-ip", "x-forwarded-host")
	}
	if len(l.sites) > 0 {
		names = append(names, "transfer-encoding", "content-length")
	}
	return names
}

// responseLimits returns the limits for the head of the response to the request under way.
func (f *front) responseLimits() *http1.Limits {
	if s := f.x.site; s != nil {
		return &s.responseLimits
	}
	return &f.listener.responseLimits
}

// Drain sets an end for every connection (rule: SIGTERM), unless one was set that is earlier.
func (p *Proxy) Drain(now int64) {
	for _, l := range p.listeners {
		if at := now + int64(l.plan.Timeouts.Drain); l.closing == nil || at < l.closing.At {
			l.closing = &backend.Closing{At: at, Why: reason.Shutdown}
		}
	}
	p.lookAt(func(*Listener) bool { return true })
}

// lookAt holds the connections of some listeners against the settings in force: about a millisecond for 9,000. Those that have no
// reason to stay end now, the others' timers fire no later than they must.
func (p *Proxy) lookAt(concerned func(*Listener) bool) {
	p.each(func(f *front) {
		if !concerned(f.listener) {
			return
		}
		f.countAnew()
		if f.listener.closing != nil && f.state == waiting && f.exchanges > 0 && f.held == nil && !f.conn.Is(relay.Readable) {
			p.closeFront(f, reason.Drained, timeout.Deadline{})
			return
		}
		p.rearm(f)
	})
	p.eachBack(func(c *back) {
		if c.state != backPooled || !concerned(c.listener) {
			return
		}
		if !c.backend.Poolable() || c.listener.closing != nil {
			p.closePooled(c, reason.Drained, timeout.Deadline{})
			return
		}
		if d := c.listener.plan.Timeouts.PoolDeadline(c.since); !c.node.Armed() || d.At < c.node.When() {
			p.loop.Wheel.Arm(&c.node, d.At)
		}
	})
	p.room = true // more may be had now, or nothing any more
}

// EndAll ends every connection now.
func (p *Proxy) EndAll(why reason.Reason) {
	p.each(func(f *front) {
		if f.state != lingering {
			if f.x != nil {
				p.recordExchange(f, why, timeout.Deadline{})
			}
			p.record(f, why, timeout.Deadline{})
		}
		p.release(f, f.state == exchanging && f.x.is(openEnded)) // or what came of a response would look whole
	})
	p.eachBack(func(c *back) { p.closePooled(c, why, timeout.Deadline{}) })
	fronts{p}.TurnEnd()
}

// forgetUnused drops listeners without connections that an earlier change removed. One that this change removes may yet
// get what lies in its socket's backlog.
func (p *Proxy) forgetUnused() {
	for key, l := range p.leaving {
		if l.open == 0 {
			delete(p.listeners, key)
			delete(p.leaving, key)
		}
	}
}

// each calls f for every client's connection there is; f may end it.
func (p *Proxy) each(f func(*front)) {
	for i := range p.fronts.Size() {
		if c := p.fronts.At(i); c.state != free {
			f(c)
		}
	}
}

// eachBack calls f for every back-end connection there is; f may end it.
func (p *Proxy) eachBack(f func(*back)) {
	for i := range p.backs.Size() {
		if c := p.backs.At(i); c.state != backFree {
			f(c)
		}
	}
}
