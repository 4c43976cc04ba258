// Package backend provides the live state of backends, which outlives the plans that name them.
//
// A Registry, owned by the engine, holds one Backend for each key that a plan names or a connection still uses, and
// builds from a plan the Sets that loops choose from. Backends are shared by all loops: what changes is atomic, because
// counts must be exact across loops (least connections, connection limits) while everything else of a loop is its own.
// Health and addresses are reported into it from goroutines of health checks and name resolution. Picker, one per
// (loop, set), asks package balance. Nothing here blocks.
package backend

import (
	"net/netip"
	"sync/atomic"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
)

// Backend is the live state of one address and port.
type Backend struct {
	// Fixed after New.
	Key      plan.BackendKey
	Endpoint string // "host:port"
	id       uint64 // for hashing: the same in every process

	// Guarded by the registry's mu.
	named   bool   // by the plan
	applied uint64 // the plan that named it anew, by Registry.applied

	// Atomic.
	config   atomic.Pointer[plan.Backend]
	addrs    atomic.Pointer[[]netip.AddrPort]
	rotation atomic.Uint32 // which address of a name is next
	status   atomic.Pointer[Status]
	proven   atomic.Bool
	active   atomic.Int64
	conns    atomic.Int64
	closings atomic.Uint64 // pooled connections that it closed first
	connects atomic.Uint64
	fails    atomic.Uint64
	missed   atomic.Uint64 // connections of health checks that failed
	closing  atomic.Pointer[Closing]
}

// Status is what health checks say.
type Status struct {
	Up     bool
	Detail string
}

// Closing is an end set for the connections of a backend that should have none any more.
type Closing struct {
	At  int64 // ns of clock.Now
	Why reason.Reason
}

func newBackend(key plan.BackendKey) *Backend {
	b := &Backend{Key: key, Endpoint: key.Endpoint(), id: balance.HashID(key.Endpoint())}
	b.status.Store(&Status{Up: true})
	if addr, err := netip.ParseAddr(key.Host); err == nil {
		b.SetAddrs([]netip.AddrPort{netip.AddrPortFrom(addr, key.Port)})
	}
	return b
}

// Endpoints returns the endpoints of backends as one text.
func Endpoints(list []*Backend) string {
	if len(list) == 0 {
		return ""
	}
	text := list[0].Endpoint
	for _, b := range list[1:] {
		text += ", " + b.Endpoint
	}
	return text
}

// SetAddrs replaces the addresses of a backend. Open connections keep the one they have. Callable from anywhere.
func (b *Backend) SetAddrs(addrs []netip.AddrPort) { b.addrs.Store(&addrs) }

// Addrs returns the addresses; none before a name has been resolved.
func (b *Backend) Addrs() []netip.AddrPort {
	if p := b.addrs.Load(); p != nil {
		return *p
	}
	return nil
}

// NextAddr returns the address for the next connection: the addresses of a name take turns.
func (b *Backend) NextAddr() (netip.AddrPort, bool) {
	addrs := b.Addrs()
	if len(addrs) == 0 {
		return netip.AddrPort{}, false
	}
	return addrs[int(b.rotation.Add(1))%len(addrs)], true
}

// SetStatus records what health checks say. Callable from anywhere.
func (b *Backend) SetStatus(s Status) {
	if s.Up {
		b.proven.Store(true)
	}
	b.status.Store(&s)
}

// Proven says whether health checks have said that it is up since it came into the plan.
func (b *Backend) Proven() bool { return b.proven.Load() }

// Status returns what health checks said last.
func (b *Backend) Status() Status { return *b.status.Load() }

// Closing returns the end set for the backend's connections, or nil.
func (b *Backend) Closing() *Closing { return b.closing.Load() }

// Acquire counts a connection, unless the backend has as many as it may; Release ends it. Callable from any loop.
func (b *Backend) Acquire() bool {
	limit := int64(b.config.Load().ConnectionsMax)
	if n := b.active.Add(1); limit > 0 && n > limit {
		b.active.Add(-1)
		return false
	}
	return true
}

// Release ends what Acquire began.
func (b *Backend) Release() {
	if b.active.Add(-1) < 0 {
		panic("backend: released more often than acquired")
	}
}

// Active returns what Acquire has counted: connections of TCP listeners, those being opened included, and exchanges of
// HTTP listeners.
func (b *Backend) Active() int64 { return b.active.Load() }

// OpenConn counts a back-end connection of the HTTP proxy, unless the backend has as many as it may; CloseConn ends it.
// An exchange counts by itself (Acquire), as connections outlive exchanges in pools. Callable from any loop.
func (b *Backend) OpenConn() bool {
	limit := int64(b.config.Load().ConnectionsMax)
	if n := b.conns.Add(1); limit > 0 && n > limit {
		b.conns.Add(-1)
		return false
	}
	return true
}

// CloseConn ends what OpenConn began.
func (b *Backend) CloseConn() {
	if b.conns.Add(-1) < 0 {
		panic("backend: more connections closed than opened")
	}
}

// Conns returns the number of back-end connections of the HTTP proxy, pooled ones included.
func (b *Backend) Conns() int64 { return b.conns.Load() }

// ClosedIdle counts a pooled connection that the backend closed before lull did (SH-08).
func (b *Backend) ClosedIdle() { b.closings.Add(1) }

// ClosingsIdle returns how many there were.
func (b *Backend) ClosingsIdle() uint64 { return b.closings.Load() }

// Limited says whether there is a limit on its connections, so that somebody may wait for one to end.
func (b *Backend) Limited() bool { return b.config.Load().ConnectionsMax > 0 }

// Poolable says whether unused connections to the backend are worth keeping.
func (b *Backend) Poolable() bool { return !b.config.Load().Offline && b.closing.Load() == nil }

// Serves says whether addr is one of the backend's addresses: a name may have come to mean others.
func (b *Backend) Serves(addr netip.AddrPort) bool {
	for _, a := range b.Addrs() {
		if a == addr {
			return true
		}
	}
	return false
}

// Connected and ConnectFailed count attempts.
func (b *Backend) Connected() { b.connects.Add(1) }

// ConnectFailed counts an attempt that failed.
func (b *Backend) ConnectFailed() { b.fails.Add(1) }

// ProbeFailed counts a connection of a health check that did not come about.
func (b *Backend) ProbeFailed() { b.missed.Add(1) }

// ProbeFails returns how many did not.
func (b *Backend) ProbeFails() uint64 { return b.missed.Load() }

// Connects returns how many attempts succeeded and failed.
func (b *Backend) Connects() (succeeded, failed uint64) { return b.connects.Load(), b.fails.Load() }

// keeps says whether a session that the backend has begun may go on there: one that is drained finishes
// its sessions, unless the plan says otherwise.
func (b *Backend) keeps() bool {
	c := b.config.Load()
	return !c.Offline && !(c.Drain && c.DrainSessions) && b.closing.Load() == nil && b.status.Load().Up && len(b.Addrs()) > 0
}

// Withheld says whether the plan keeps new connections from the backend, whatever health checks say of it.
func (b *Backend) Withheld() bool {
	c := b.config.Load()
	return c.Drain || c.Offline
}

// usable says whether a new connection may go to the backend, but for its connection limit.
func (b *Backend) usable() bool {
	c := b.config.Load()
	return !c.Drain && !c.Offline && c.Weight > 0 && b.closing.Load() == nil && b.status.Load().Up && len(b.Addrs()) > 0
}

// full says whether the backend has as many connections as it may.
func (b *Backend) full() bool {
	limit := int64(b.config.Load().ConnectionsMax)
	return limit > 0 && b.active.Load() >= limit
}
