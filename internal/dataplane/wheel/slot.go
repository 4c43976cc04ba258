package wheel

// The shape of the wheel. Slots are numbered through the levels. With 2048 slots a level, a 60 s timer reaches its end in
// one cascade, the heads of level 0 fit in a core's second-level cache, and four levels reach every int64.
//
// A slot above level 0 has two rings, which take nodes in turn. A list is walked at the pace of memory, one wait for each
// node, and a cascade walks up to thousands of nodes not touched for a minute; from both ends of two rings it has four
// waits under way at once, which halved the cost of expiry (ADR 0002). Four rings gained nothing more.
const (
	slotBits  = 11
	slots     = 1 << slotBits
	slotMask  = slots - 1
	levels    = 4
	upper     = 2 // rings of a slot above level 0
	ringCount = slots + (levels-1)*slots*upper
)

// The levels reach every int64 instant (without this a distant deadline would need a case of its own), and a ring's
// index fits its field.
const (
	_ = uint((slots-1)<<(slotBits*(levels-1)) - lastTick - 1)
	_ = uint16(ringCount - 1)
)

// place puts n into the slot for tick, which must be later than w.cur.
func (w *Wheel) place(n *Node, tick int64) {
	w.next = min(w.next, tick)
	base, shift := 0, 0
	for tick>>shift-w.cur>>shift >= slots {
		shift += slotBits
		base += slots
	}
	slot := base + int(tick>>shift)&slotMask
	ring := slot
	if slot >= slots {
		w.turn++
		ring = upperRing(slot) + int(w.turn%upper)
	}
	if w.used.add(slot) {
		w.clear(slot)
	}
	n.ring = uint16(ring)
	head := &w.rings[ring]
	if tick < head.when || head.empty() {
		head.when = tick
	}
	head.push(n)
}

// clear makes the rings of a slot that comes into use empty ones.
func (w *Wheel) clear(slot int) {
	if slot < slots {
		w.rings[slot].clear()
		return
	}
	rings := w.upper(slot)
	for i := range rings {
		rings[i].clear()
	}
}

// vacate unmarks the slot of a ring that has become empty, unless another of its rings is not.
func (w *Wheel) vacate(ring int) {
	slot := ring
	if ring >= slots {
		slot = slots + (ring-slots)/upper
		if w.opens(slot) != noTick {
			return
		}
	}
	w.used.remove(slot)
}

// opens returns the tick at which an occupied slot has something due: that of its earliest node, or above level 0 of one
// that was earlier but has been cancelled. It returns noTick if no node is left.
func (w *Wheel) opens(slot int) int64 {
	if slot < slots {
		return w.rings[slot].when
	}
	tick, rings := noTick, w.upper(slot)
	for i := range rings {
		if !rings[i].empty() {
			tick = min(tick, rings[i].when)
		}
	}
	return tick
}

// upper returns the rings of a slot above level 0.
func (w *Wheel) upper(slot int) *[upper]Node {
	first := upperRing(slot)
	return (*[upper]Node)(w.rings[first : first+upper])
}

// upperRing returns the index of the first ring of a slot above level 0.
func upperRing(slot int) int { return slots + (slot-slots)*upper }

// earliest returns the first tick at which Advance has something to do: a search of four bitmaps.
func (w *Wheel) earliest() int64 {
	if !w.late.empty() {
		return w.cur
	}
	tick := noTick
	for level := range levels {
		if slot := w.first(level, w.cur); slot >= 0 {
			tick = min(tick, w.opens(slot))
		}
	}
	return tick
}

// first returns the level's first occupied slot as seen from the tick from, or -1. All of a level's nodes lie less than
// one turn ahead of the clock, so the order round the level is the order in time.
func (w *Wheel) first(level int, from int64) int {
	return w.used.first(level, int(from>>(level*slotBits))&slotMask)
}

// clear makes head an empty ring.
func (head *Node) clear() { head.next, head.prev = head, head }

// empty reports whether no node is in the ring.
func (head *Node) empty() bool { return head.next == head }

// push adds n at the end of the ring. It reads nothing of the nodes already there: a write does not wait for memory.
func (head *Node) push(n *Node) {
	last := head.prev
	n.prev, n.next = last, head
	last.next, head.prev = n, n
}

// splice moves all nodes of the ring from to the end of the ring head without touching those in between. A node keeps
// the number of its old ring, which remove can tell is out of date.
func (head *Node) splice(from *Node) {
	if from.empty() {
		return
	}
	first, last, end := from.next, from.prev, head.prev
	end.next, first.prev = first, end
	last.next, head.prev = head, last
	from.clear()
}
