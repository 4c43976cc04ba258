package httpproxy

import (
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/tcpproxy"
)

// upgrade makes a tunnel of an exchange that the backend has answered with 101 (RFC 9110 §7.8, §15.2.2). The head of that
// answer is in p.head, read from the first size bytes of b; what follows belongs to the other protocol already. out holds
// interim responses. It reports false, as the exchange ends here in any case.
func (p *Proxy) upgrade(f *front, out, b []byte, size int) bool {
	x := f.x
	if !x.is(offersUpgrade) || !x.request.Done() || !p.head.Upgrades() || x.up.Pending() > 0 {
		return p.badResponse(f, out)
	}
	x.status, x.answered = 101, 101
	f.responded(101, false)
	p.edit = http1.Edit{Framing: http1.Framing{Kind: http1.Tunnel}, Upgrade: true}
	p.editDown(x, &p.edit, b)
	out = p.head.AppendResponse(out, b, &p.edit)
	p.sendDown(f, out, b[size:])
	p.out = out
	told := f.tell(p.loop.Now())
	c := x.back
	a := tcpproxy.Adoption{
		ID: f.id, Listener: f.listener.plan.Key, Opened: f.opened, Exchanges: int(f.exchanges), Client: f.conn, Server: c.conn,
		Down: x.down, Backend: x.backend, Header: f.header, Peer: f.peer, Target: c.target, Connect: x.connect,
		Exchange: &told, Clients: f.clients,
	}
	if x.site != nil {
		a.Site, a.Counts, a.SetCounts = x.site.plan, x.site.stats, x.to.counts
	}
	a.Up = relay.Flow{Last: x.up.Last, Held: f.held}
	a.Up.Bytes, a.Down.Bytes = uint64(a.Up.Pending()), uint64(len(b)-size)
	f.held = nil
	if c.conn.TLS != nil && a.Up.Held != nil {
		wire, _, _ := c.conn.Seal(a.Up.Held.Bytes(), nil)
		p.pool.Return(a.Up.Held)
		a.Up.Held = p.pool.Keep(wire)
	}
	p.loop.Wheel.Cancel(&f.node)
	p.loop.Wheel.Cancel(&c.node)
	x.back, x.backend = nil, nil
	x.down.Held, x.down.Pipe = nil, nil
	p.forgetBack(c)
	p.forget(f)
	p.tunnels.Adopt(&a)
	return false
}
