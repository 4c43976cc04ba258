// Package connpool provides the idle back-end connections of one loop: which connection to reuse for a backend, most
// recently used first.
//
// The HTTP proxy of a loop owns one Pool and calls it on that loop: Put when an exchange leaves a connection open, Take
// when the next one needs a connection, Remove when a pooled one ends, Oldest when room must be made.
//
// Most recently used first, because that connection is the least likely to be closed by its backend just now, and because
// those that are not needed then grow old and end by their timer. Taking turns would keep all of them alive for ever.
//
// The pool knows neither connections nor time. A connection is its ref, the index of its place in a table, and what is
// kept of it is five links in a slice with that index. Each connection is in two lists, its key's and that of the whole
// pool, so that every operation costs the same however many there are. A slice of refs for each key was not taken: what
// ends of itself, the oldest as a rule, would have to be searched for.
//
// Nothing is locked; a Pool belongs to its loop. Once the slices have their sizes nothing is allocated.
//
// Limits: the pool has none of its own, its user decides how many connections are worth keeping. Memory follows the
// highest ref ever put and the most keys that had connections at once; of keys without, emptyMax are remembered.
//
// It follows SH-07 to SH-09 and DI-11 of spec/timeouts.md; package timeout has the deadlines.
package connpool

import "fmt"

// emptyMax is how many keys without connections stay known. A backend's last connection is taken and put back with nearly
// every request, and the map is not to be changed each time. It is more than the backends of nearly any plan; for more
// than that the map is changed more often and nothing else happens. What backends that are gone hold on to is bounded by it.
const emptyMax = 1024

// Pool is a set of refs, each under a key. The zero value is empty and ready to use. Refs should be small: memory is
// taken for all below the highest.
type Pool[K comparable] struct {
	// Owned by the loop.
	links   []link       // by place, which is ref+1; links[0] closes the ring of all
	lists   []list[K]    // lists[0] closes the ring of those that are empty
	byKey   map[K]uint32 // index into lists
	unused  uint32       // the first of the lists that have no key, 0 without
	empties int          // lists in byKey without a connection
	len     int
}

// link is a connection's place in its two lists. All are places, 0 where there is none.
type link struct {
	older, newer uint32 // in the pool
	below, above uint32 // in the key's list: below was put before
	list         uint32 // the key's list; 0 = not in the pool
}

// list holds the connections of a key.
type list[K comparable] struct {
	key        K
	next, prev uint32 // while it is empty: its neighbours in that ring; without a key: the next such
	top        uint32 // the place of the most recently used
	len        int
}

// Len returns how many connections there are.
func (p *Pool[K]) Len() int { return p.len }

// LenOf returns how many connections there are of a key.
func (p *Pool[K]) LenOf(key K) int {
	i, ok := p.byKey[key]
	if !ok {
		return 0
	}
	return p.lists[i].len
}

// Put adds a connection, as the most recently used of its key and of the pool. It must not be in the pool.
func (p *Pool[K]) Put(key K, ref uint32) {
	at := ref + 1
	for int(at) >= len(p.links) {
		p.links = append(p.links, link{})
	}
	l := &p.links[at]
	if l.list != 0 {
		panic(fmt.Sprintf("connpool: connection %d is in the pool already", ref))
	}
	i := p.listOf(key)
	mine, ring := &p.lists[i], &p.links[0]
	*l = link{older: ring.older, newer: 0, below: mine.top, list: i}
	p.links[l.older].newer, ring.older = at, at
	p.links[l.below].above, mine.top = at, at // links[0].above is of no meaning
	mine.len++
	p.len++
}

// Take removes the most recently used connection of a key and returns it.
func (p *Pool[K]) Take(key K) (ref uint32, ok bool) {
	i, ok := p.byKey[key]
	if !ok || p.lists[i].len == 0 {
		return 0, false
	}
	at := p.lists[i].top
	p.remove(at)
	return at - 1, true
}

// Remove takes a connection out, wherever it is. It reports whether it was in the pool.
func (p *Pool[K]) Remove(ref uint32) bool {
	if int(ref) >= len(p.links)-1 || p.links[ref+1].list == 0 {
		return false
	}
	p.remove(ref + 1)
	return true
}

// Oldest returns the connection of the whole pool that was put in first. It stays there.
func (p *Pool[K]) Oldest() (ref uint32, ok bool) {
	if p.len == 0 {
		return 0, false
	}
	return p.links[0].newer - 1, true
}

// EachOf calls f with each connection of a key, the most recently used first. f may remove the one that it is given, and
// must not change the pool otherwise.
func (p *Pool[K]) EachOf(key K, f func(ref uint32)) {
	i, ok := p.byKey[key]
	if !ok {
		return
	}
	for at := p.lists[i].top; at != 0; {
		below := p.links[at].below
		f(at - 1)
		at = below
	}
}

// remove takes the connection at a place out of both lists.
func (p *Pool[K]) remove(at uint32) {
	l := p.links[at]
	p.links[at] = link{}
	p.links[l.older].newer, p.links[l.newer].older = l.newer, l.older
	p.links[l.below].above = l.above
	mine := &p.lists[l.list]
	if l.above == 0 {
		mine.top = l.below
	} else {
		p.links[l.above].below = l.below
	}
	p.len--
	if mine.len--; mine.len == 0 {
		p.emptied(l.list)
	}
}

// listOf returns the list of a key, for a connection to be put there.
func (p *Pool[K]) listOf(key K) uint32 {
	if i, ok := p.byKey[key]; ok {
		if p.lists[i].len == 0 {
			p.leaveEmpties(i)
		}
		return i
	}
	if p.byKey == nil {
		p.byKey, p.lists = map[K]uint32{}, make([]list[K], 1)
	}
	i := p.unused
	if i == 0 {
		i = uint32(len(p.lists))
		p.lists = append(p.lists, list[K]{})
	}
	p.unused = p.lists[i].next
	p.lists[i] = list[K]{key: key}
	p.byKey[key] = i
	return i
}

// emptied remembers a list that has just become empty, and forgets the one that has been for longest if they are many.
func (p *Pool[K]) emptied(i uint32) {
	ring, mine := &p.lists[0], &p.lists[i]
	mine.next, mine.prev = 0, ring.prev
	p.lists[ring.prev].next, ring.prev = i, i
	if p.empties++; p.empties <= emptyMax {
		return
	}
	i = ring.next
	p.leaveEmpties(i)
	delete(p.byKey, p.lists[i].key)
	p.lists[i] = list[K]{next: p.unused}
	p.unused = i
}

func (p *Pool[K]) leaveEmpties(i uint32) {
	mine := &p.lists[i]
	p.lists[mine.prev].next, p.lists[mine.next].prev = mine.next, mine.prev
	mine.next, mine.prev = 0, 0
	p.empties--
}
