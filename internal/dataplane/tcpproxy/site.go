package tcpproxy

import (
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// site is what one loop keeps of a site of an HTTP listener for the tunnels that its exchanges become. They point to it, so that
// a change of settings reaches them (TO-06).
type site struct {
	name     string
	timeouts timeout.Settings // the listener's, with the site's idle time
	stats    *stats.Site
}

// takeSites takes over the sites of a plan. A tunnel of one that is gone keeps what it had.
func (l *Listener) takeSites(lc *ListenerChange) {
	old := l.sites
	if l.sites = nil; len(lc.Plan.Sites) == 0 {
		return
	}
	l.sites = make(map[string]*site, len(lc.Plan.Sites))
	for i, ps := range lc.Plan.Sites {
		s := old[ps.Name]
		if s == nil {
			s = &site{name: ps.Name}
		}
		s.timeouts, s.stats = ps.Timeouts(lc.Plan), lc.Sites[i]
		l.sites[ps.Name] = s
	}
}

// limits returns the timeouts in force for the pair.
func (c *pair) limits() *timeout.Settings {
	if c.site != nil {
		return &c.site.timeouts
	}
	return &c.listener.plan.Timeouts
}

// count counts a tunnel for its client's address, if its listener has come to do so since it was accepted.
func (c *pair) count() {
	if l := c.listener; l.clients != nil && c.clients == nil && c.exchanges > 0 {
		l.clients.Enter(c.clientAddress().Addr(), 0)
		c.clients = l.clients
	}
}
