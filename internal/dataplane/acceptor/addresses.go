package acceptor

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// Addresses counts the open connections of each client's address to a listener, on all loops together (OCI's
// IP_BASED_MAX_CONNECTIONS). An address is remembered while it has a connection, so that the limit on connections bounds the memory.
// Safe for use by any loop.
//
// A loop waits for another here only when both have a client of the same shard come or go in the same instant, and then for the
// look into a map. Counters without a lock would have to share a place between addresses, and refuse one for the other.
type Addresses struct {
	seed   maphash.Seed
	shards [addressShards]addressShard
}

// addressShards is a few times the loops that there are on most machines.
const addressShards = 32

type addressShard struct {
	// Guarded by mu.
	mu   sync.Mutex
	open map[netip.Addr]int
}

// NewAddresses returns counts of nothing.
func NewAddresses() *Addresses {
	a := &Addresses{seed: maphash.MakeSeed()}
	for i := range a.shards {
		a.shards[i].open = map[netip.Addr]int{}
	}
	return a
}

// shard returns the shard of an address, and the address as it is counted: one that is mapped into IPv6 is the IPv4 one.
func (a *Addresses) shard(client netip.Addr) (*addressShard, netip.Addr) {
	client = client.Unmap().WithZone("")
	return &a.shards[maphash.Comparable(a.seed, client)%addressShards], client
}

// Enter counts a connection of the client, unless it has most already; 0 stands for no bound. Leave ends what it began.
func (a *Addresses) Enter(client netip.Addr, most int) bool {
	s, client := a.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.open[client]
	if most > 0 && n >= most {
		return false
	}
	s.open[client] = n + 1
	return true
}

// Leave uncounts a connection of the client.
func (a *Addresses) Leave(client netip.Addr) {
	s, client := a.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := s.open[client]; n {
	case 0:
		panic("acceptor: more connections of an address ended than began")
	case 1:
		delete(s.open, client)
	default:
		s.open[client] = n - 1
	}
}

// Len returns how many addresses have a connection.
func (a *Addresses) Len() (n int) {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		n += len(s.open)
		s.mu.Unlock()
	}
	return n
}
