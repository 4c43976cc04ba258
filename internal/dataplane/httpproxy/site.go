package httpproxy

import (
	"strings"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/tcpproxy"
	"lull/internal/dataplane/timeout"
)

// target is a backend set that exchanges of a listener are led to, as one loop sees it. They point to theirs.
type target struct {
	picker *backend.Picker
	counts *stats.Set // nil for a listener's own, which its counters tell of
	queued int        // requests in the queue that wait for a backend of the set
}

// site is what one loop keeps of a site of a listener. Exchanges point to theirs, so that a change of settings reaches those that
// are open (TO-06). One that is gone from the plan keeps what it had until the last of them has ended.
type site struct {
	// Owned by the loop.
	plan     *plan.Site
	stats    *stats.Site
	timeouts timeout.Settings // the listener's, with the site's idle time
	targets  []*target        // in the order of the plan's sets
	table    *rules.Table

	// What the plan means for heads.
	requestLimits, responseLimits http1.Limits
	narrow                        bool   // requestLimits are narrower than those that the listener reads by
	idName                        string // of the field for a request's id, in small letters with hyphens
	up, down                      drops
}

// takeSites takes over the sites of a plan.
func (l *Listener) takeSites(lc *tcpproxy.ListenerChange, sets map[plan.SetKey]*backend.Set, loop int) {
	oldSites, oldTargets := l.named, l.targets
	if len(lc.Plan.Sites) == 0 {
		l.sites, l.named, l.targets = nil, nil, nil
		return
	}
	l.sites, l.named, l.targets = nil, map[string]*site{}, map[plan.SetKey]*target{}
	for i, ps := range lc.Plan.Sites {
		s := oldSites[ps.Name]
		if s == nil {
			s = &site{}
		}
		s.plan, s.stats, s.timeouts, s.targets = ps, lc.Sites[i], ps.Timeouts(lc.Plan), nil
		for _, set := range ps.Sets {
			t := l.targets[set.Key]
			if t == nil {
				if t = oldTargets[set.Key]; t == nil {
					t = &target{picker: backend.NewPicker(sets[set.Key], loop)}
				}
				t.picker.SetSet(sets[set.Key])
				t.counts = sets[set.Key].Counts(loop)
				l.targets[set.Key] = t
			}
			s.targets = append(s.targets, t)
		}
		l.sites, l.named[ps.Name] = append(l.sites, s), s
	}
}

// compileSites works out what the sites of the plan mean for heads. The listener reads heads as large as any of them takes: which
// one is meant is known only then.
func (l *Listener) compileSites() {
	l.requestLimits.Head, l.requestLimits.Line = 0, 0
	for _, s := range l.sites {
		s.compile(l)
		l.requestLimits.Head = max(l.requestLimits.Head, s.requestLimits.Head)
		l.requestLimits.Line = max(l.requestLimits.Line, s.requestLimits.Line)
	}
	for _, s := range l.sites {
		s.narrow = s.requestLimits.Head < l.requestLimits.Head || s.requestLimits.Line < l.requestLimits.Line
	}
}

func (s *site) compile(l *Listener) {
	if s.table = s.plan.Table; s.table == nil {
		s.table, _ = rules.New(&rules.Config{}) // nothing can be wrong with that
	}
	s.requestLimits, s.responseLimits = s.table.HeadLimits(), http1.ResponseLimits
	s.responseLimits.Head, s.responseLimits.Line = s.requestLimits.Head, s.requestLimits.Line
	var up, down []string
	if e := s.plan.Request; e != nil {
		up = append(up, e.Dropped()...)
	}
	if e := s.plan.Response; e != nil {
		down = append(down, e.Dropped()...)
	}
	if s.plan.RequestID != "" {
		s.idName = strings.ReplaceAll(strings.ToLower(s.plan.RequestID), "_", "-")
		up, down = append(up, s.idName), append(down, s.idName)
	}
	s.up = newDrops(l.drop, up)
	s.up.names = append(s.up.names, l.dropNames...) // whose IDs are in l.drop, but for those that stay under their own names
	s.down = newDrops(0, down)
}

// enterSite finds the site of the request in p.head by its host, and reports whether the request goes on.
func (p *Proxy) enterSite(f *front) bool {
	x, l := f.x, f.listener
	i := 0
	if l.plan.Hosts != nil {
		if found, ok := l.plan.Hosts.Find(p.head.Authority(p.in)); ok && uint(found) < uint(len(l.sites)) {
			i = found
		}
	}
	x.site = l.sites[i]
	x.site.stats.Requests.Add(1)
	if x.site.plan.RequestID != "" {
		p.identify(x)
	}
	if x.site.narrow {
		if x.fault = p.head.Exceeds(p.in, &x.site.requestLimits); x.fault != http1.NoFault {
			p.refuse(f, p.tooLarge(f, x.fault), reason.TooLarge)
			return false
		}
	}
	return true
}

// decide asks the site's table what becomes of the request in p.in[:n]. It reports whether the request is to be forwarded: then
// its backend set is known.
func (p *Proxy) decide(f *front, n, size int) (forward, more bool) {
	x := f.x
	r := &p.asked
	*r = rules.Request{Head: &p.head, Bytes: p.in, Client: f.client().Addr(), Secure: f.listener.plan.TLS != nil}
	d := x.site.table.Decide(r)
	switch {
	case d.Action == rules.Forward && uint(d.Set) < uint(len(x.site.targets)):
		x.to = x.site.targets[d.Set]
		return true, false
	case d.Action == rules.Forward:
		p.decline(f, reason.NoBackend, timeout.Deadline{})
		return false, false
	}
	return false, p.reply(f, n, size, &d)
}

// timeouts returns what is in force for the front: those of the site of its exchange, once that is known.
func (f *front) timeouts() *timeout.Settings {
	if x := f.x; x != nil && x.site != nil {
		return &x.site.timeouts
	}
	return &f.listener.plan.Timeouts
}

// responded counts a response, lull's own or a backend's.
func (f *front) responded(status int, own bool) {
	class := &f.listener.Stats.BackendStatus[status/100%10%6]
	if own {
		class = &f.listener.Stats.OwnStatus[status/100%10%6]
	}
	class.Add(1)
	if x := f.x; x.site != nil {
		x.site.stats.Responded(status, own)
		x.to.counts.Responded(status)
	}
}
