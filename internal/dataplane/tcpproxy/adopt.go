package tcpproxy

import (
	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
)

// Adoption is an HTTP connection that an Upgrade has made a tunnel (RFC 9110 §7.8). All that it refers to is this proxy's
// from then on: the connections, which the loop watches already, what the flows hold, and the counts that the HTTP proxy
// took (of the listener, the limit, the backend's exchanges and connections).
type Adoption struct {
	ID        uint64
	Listener  plan.ListenerKey
	Opened    int64
	Exchanges int // the one that ended with the Upgrade included: at least 1
	Client    relay.Conn
	Server    relay.Conn
	Up, Down  relay.Flow
	Backend   *backend.Backend
	Header    *proxyproto.Ends
	Peer      relay.Address
	Target    relay.Address
	Connect   int64 // how long the connect took, -1 unknown
	// Exchange is the record of the exchange that has become the tunnel, but for how it ends: that is how the tunnel does.
	Exchange  *record.Exchange
	Site      *plan.Site // of the exchange; nil without
	Counts    *stats.Site
	SetCounts *stats.Set          // of the backend set that the exchange was led to; nil without
	Clients   *acceptor.Addresses // where the connection is counted for its client's address; nil: it is not
}

// TellRoom has *room set when the end of an adopted connection has made room at a backend, for which requests may wait.
// Before the loop runs.
func (p *Proxy) TellRoom(room *bool) { p.room = room }

// Adopt goes on with a connection as a tunnel. The listener must be known here too.
func (p *Proxy) Adopt(a *Adoption) {
	c := p.takePair()
	c.id, c.opened, c.connect = a.ID, a.Opened, a.Connect
	c.listener = p.listeners[a.Listener]
	c.backend, c.header, c.peer, c.target = a.Backend, a.Header, a.Peer, a.Target
	c.legs = [2]relay.Conn{a.Client, a.Server}
	c.flows = [2]relay.Flow{a.Up, a.Down}
	c.exchanges, c.exchange, c.clients, c.set = uint32(a.Exchanges), a.Exchange, a.Clients, a.SetCounts
	if a.Site != nil {
		if c.site = c.listener.sites[a.Site.Name]; c.site == nil { // it has left the plan meanwhile
			c.site = &site{name: a.Site.Name, timeouts: a.Site.Timeouts(c.listener.plan), stats: a.Counts}
		}
	}
	c.node.Ref, c.node.Kind = c.index, uint8(loop.TCPPair)
	c.listener.open++
	for side := range c.legs {
		fd := int(c.legs[side].FD)
		p.loop.Rebind(fd, loop.TCPPair, c.ref(uint32(side)))
		if c.legs[side].Is(relay.Ended) {
			p.sawFIN(c, side)
		}
		c.legs[side].Set(relay.Readable) // what there is to read may have been told to the other handler
		p.loop.Again(fd)
	}
	p.enter(c, relaying)
}
