package connpool

import "fmt"

// EmptyMax is emptyMax for tests.
const EmptyMax = emptyMax

// Known returns how many keys the pool knows, and for how many it has room.
func (p *Pool[K]) Known() (keys, room int) { return len(p.byKey), max(len(p.lists)-1, 0) }

// Knows reports whether the pool remembers a key, with connections or without.
func (p *Pool[K]) Knows(key K) bool {
	_, ok := p.byKey[key]
	return ok
}

// Verify walks everything that is linked and returns what is wrong.
func (p *Pool[K]) Verify() error {
	if p.len == 0 && p.links == nil {
		return nil
	}
	seen, last := 0, uint32(0)
	for at := p.links[0].newer; at != 0; at = p.links[at].newer {
		if p.links[at].older != last || p.links[at].list == 0 {
			return fmt.Errorf("place %d in the ring of all: got %+v behind %d", at, p.links[at], last)
		}
		last = at
		seen++
	}
	if seen != p.len || p.links[0].older != last || p.links[0].list != 0 {
		return fmt.Errorf("the ring of all: got %d places, %+v, want %d, the newest %d", seen, p.links[0], p.len, last)
	}
	empties, total := 0, 0
	for key, i := range p.byKey {
		l := &p.lists[i]
		if l.key != key {
			return fmt.Errorf("list %d: got key %v, want %v", i, l.key, key)
		}
		n, above := 0, uint32(0)
		for at := l.top; at != 0; at = p.links[at].below {
			if p.links[at].above != above || p.links[at].list != i {
				return fmt.Errorf("place %d of key %v: got %+v below %d", at, key, p.links[at], above)
			}
			above = at
			n++
		}
		if n != l.len {
			return fmt.Errorf("key %v: got %d connections, want %d", key, n, l.len)
		}
		if total += n; n == 0 {
			empties++
		}
	}
	return p.verifyEmpties(empties, total)
}

func (p *Pool[K]) verifyEmpties(empties, total int) error {
	if total != p.len || empties != p.empties || empties > emptyMax {
		return fmt.Errorf("got %d connections, %d empty lists, want %d, %d", total, empties, p.len, p.empties)
	}
	if p.lists == nil {
		return nil
	}
	n, last := 0, uint32(0)
	for i := p.lists[0].next; i != 0; i = p.lists[i].next {
		if p.lists[i].prev != last || p.lists[i].len != 0 {
			return fmt.Errorf("empty list %d: got %+v behind %d", i, p.lists[i], last)
		}
		last = i
		n++
	}
	unused := 0
	for i := p.unused; i != 0; i = p.lists[i].next {
		unused++
	}
	if n != p.empties || p.lists[0].prev != last || unused+len(p.byKey) != len(p.lists)-1 {
		return fmt.Errorf("got %d empty lists in the ring, %d unused, want %d of %d known and %d in all", n, unused, p.empties, len(p.byKey), len(p.lists)-1)
	}
	return nil
}
