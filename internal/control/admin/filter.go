package admin

import (
	"fmt"
	"net/netip"
	"net/url"

	"lull/internal/dataplane/record"
)

// Filter picks connections by their ends. Empty fields pick all.
type Filter struct {
	Listener string // "listener" or "loadbalancer/listener"
	Backend  string // "host:port" as configured, or the address connected to; the port may be left out
	Client   string // address, address:port, or prefix such as 10.0.0.0/8
}

// values appends the filter to a query.
func (f Filter) values(q url.Values) {
	for name, value := range map[string]string{"listener": f.Listener, "backend": f.Backend, "client": f.Client} {
		if value != "" {
			q.Set(name, value)
		}
	}
}

// A matcher is a Filter that has been understood.
type matcher struct {
	listener string
	backend  string
	clients  netip.Prefix // invalid: any
	port     uint16       // of the client; 0: any
}

// newMatcher reads the filter of a query.
func newMatcher(q url.Values) (matcher, error) {
	m := matcher{listener: q.Get("listener"), backend: q.Get("backend")}
	client := q.Get("client")
	if client == "" {
		return m, nil
	}
	if prefix, err := netip.ParsePrefix(client); err == nil {
		m.clients = prefix.Masked()
		return m, nil
	}
	addr, err := netip.ParseAddr(client)
	if err != nil {
		both, portErr := netip.ParseAddrPort(client)
		if portErr != nil {
			return m, fmt.Errorf("client %q: must be an address, address:port or prefix, such as 192.0.2.7, "+
				"[2001:db8::7]:4711 or 10.0.0.0/8", client)
		}
		addr, m.port = both.Addr(), both.Port()
	}
	addr = addr.Unmap().WithZone("")
	m.clients = netip.PrefixFrom(addr, addr.BitLen())
	return m, nil
}

// accepts reports whether a connection with those ends is wanted.
func (m *matcher) accepts(e *record.Ends) bool {
	return m.acceptsListener(e) && m.acceptsBackend(e) && m.acceptsClient(e.Client)
}

func (m *matcher) acceptsListener(e *record.Ends) bool {
	return m.listener == "" || m.listener == e.Listener || m.listener == e.LoadBalancer+"/"+e.Listener
}

func (m *matcher) acceptsBackend(e *record.Ends) bool {
	if m.backend == "" || m.backend == e.Backend || m.backend == host(e.Backend) {
		return true
	}
	return e.BackendAddr.IsValid() &&
		(m.backend == e.BackendAddr.String() || m.backend == e.BackendAddr.Addr().String())
}

func (m *matcher) acceptsClient(client netip.AddrPort) bool {
	if !m.clients.IsValid() {
		return true
	}
	return m.clients.Contains(client.Addr().Unmap().WithZone("")) && (m.port == 0 || m.port == client.Port())
}
