// Package wheel provides a hierarchical timing wheel: any number of timers, each a Node inside the thing it times, with
// arming, cancelling and expiring at constant cost and no allocation.
//
// A loop owns one Wheel and is its only caller. It tells the wheel the time once a turn and takes what is due:
//
//	w.Advance(now)
//	for n := w.Pop(); n != nil; n = w.Pop() { … }   // may Arm and Cancel any node
//	when, ok := w.Next()                            // sleep until then
//
// Time runs in ticks of 1 ms. A deadline is rounded up to a tick and the clock down, so a timer is never early and at
// most one tick late. There are four levels of 2048 slots; a slot holds nodes in lists:
//
//	level    one slot spans    the level reaches
//	  0          1 ms              2.0 s
//	  1          2.048 s          69.9 min
//	  2         69.9 min          99.4 days
//	  3         99.4 days          558 years, beyond the last instant an int64 can name
//
// A node goes to the lowest level at which fewer than 2048 slots lie between now and its deadline, and *cascades* to a
// lower one later. Unlike in most wheels that does not happen when the clock enters its slot: each slot remembers the
// earliest deadline in it, and is emptied when that is due. A level's nodes lie in order of slots, so the earliest
// deadline of all is that of the first occupied slot of one of the four levels; bitmaps find those without walking.
//
// An example. At 10 s, A is armed for 70.0005 s, B and C for 71 s: ticks 70001 and 71000. That is too far for level 0; on
// level 1 all three fall into slot 34 (69.632 s up to 71.680 s), 30 slots ahead of slot 4, where the clock stands. The
// slot notes 70001, and that is what Next returns: nothing happens when the clock enters the slot at 69.632 s. At
// 70.001 s Advance empties it. A is due; B and C, now 999 ticks away, cascade to level 0, slot 71000 mod 2048 = 1368;
// Next returns 71 s. Had A been cancelled in the meantime, the slot would still say 70001: the loop would have woken
// once for nothing, and B and C would have cascaded all the same. Those are the only idle wake-ups. Each empties a slot
// above level 0 and moves its nodes to a lower level, so no node is in more than three of them.
//
// The alternative not taken is a heap: exact without cascades, but its log n steps each wait for memory (ADR 0002). Nor
// are there fewer slots on more levels, as is usual: at a cascade every node has to be fetched from memory, so what
// counts is how many cascades a node meets, and here a deadline within 69.9 min meets one.
//
// Ownership: no locks, one goroutine at a time. The Wheel points to armed nodes and they to each other, so a struct
// with an armed Node in it must be neither moved nor overwritten. Built with the tag invariants, the wheel checks that,
// and that no node is armed or cancelled through a wheel other than its own.
//
// Limits: instants are int64 nanoseconds of package clock, 0 or later. A deadline in the last millisecond that an int64
// can name, timeout.Never in particular, may be armed and never fires. One Advance moves every node that is due and the
// rest of their slots: its cost is bounded by the number of nodes (ADR 0002 has it), not by the time gone by.
//
// It follows spec/timeouts.md TO-01 (never early), TO-02 (late by little) and TO-10 (a jump of the clock fires once).
package wheel

import (
	"math"
	"time"
)

// Tick is the resolution of a Wheel.
const Tick = time.Millisecond

// Instants and ticks.
const (
	tickNs   = int64(Tick)
	lastTick = math.MaxInt64 / tickNs // the last tick whose instant an int64 can name
	noTick   = int64(math.MaxInt64)   // later than any tick
)

// Node is one timer, embedded in whatever it times. The zero value is a timer that is not armed. An armed Node must not
// be copied, moved or overwritten. It is kept at 32 bytes so that it mostly lies in one cache line.
type Node struct {
	owner             // who armed it; empty without the tag invariants
	next, prev *Node  // neighbours in the ring; nil when not armed
	when       int64  // the instant it was armed for; in a ring's head, the earliest tick put there since it was empty
	Ref        uint32 // the user's: which thing the node is in. The wheel does not look at it.
	ring       uint16 // index into Wheel.rings of the ring it was put in last
	Kind       uint8  // the user's: which of its timers it is
	_          uint8
}

// Armed reports whether the node is in a wheel. A node is until Pop or Cancel: one that is due but not popped counts.
func (n *Node) Armed() bool { return n.next != nil }

// When returns the exact instant the node was armed for. It keeps the last one after the node has been popped.
func (n *Node) When() int64 { return n.when }

// Wheel is a set of armed nodes. Use New.
type Wheel struct {
	// Owned by the loop.
	cur   int64 // the tick of the last Advance; every node in a slot is later
	next  int64 // no node is due before this tick; noTick if there is none, cur if late holds any
	len   int   // armed nodes, due ones included
	stale bool  // next may be earlier than need be: the node that set it may be gone
	turn  uint  // counts the nodes put into slots, to spread them over a slot's rings
	due   Node  // the ring of nodes collected by Advance that Pop has not returned
	late  Node  // the ring of nodes armed for cur or before: due at the next Advance that does not go back
	used  occupancy
	rings [ringCount]Node // slot by slot; valid only while the slot's bit in used is set
}

// New returns an empty wheel whose clock stands at now. It takes 450 KiB of address space; a loop whose timeouts are
// below an hour touches a third of it.
func New(now int64) *Wheel {
	w := &Wheel{cur: max(floorTick(now), 0), next: noTick}
	w.due.clear()
	w.late.clear()
	return w
}

// Len returns how many nodes are armed.
func (w *Wheel) Len() int { return w.len }

// Arm sets n to expire at when, cancelling what it was armed for before. If when has already passed, n is due at the
// next call of Advance, and not before that: nodes that re-arm themselves in the past do not keep Pop going for ever.
func (w *Wheel) Arm(n *Node, when int64) {
	w.Cancel(n)
	n.arm(w)
	n.when = when
	w.len++
	tick := ceilTick(when)
	if tick <= w.cur {
		w.late.push(n)
		w.next = w.cur
		return
	}
	w.place(n, tick)
}

// Cancel takes n out of the wheel; a due node will not be popped any more. It does nothing if n is not armed.
func (w *Wheel) Cancel(n *Node) {
	w.checkNode(n)
	if !n.Armed() {
		return
	}
	if ceilTick(n.when) <= w.next {
		w.stale = true
	}
	w.remove(n)
}

// Next returns the instant at which Advance has something to do, and false if no node is armed. It is never later than
// the earliest deadline, rounded up to a tick. It is earlier only when the first node of a slot above level 0 was
// cancelled: once for that slot (see the package comment). It has passed already if a node is due.
func (w *Wheel) Next() (when int64, ok bool) {
	if w.len == 0 {
		return 0, false
	}
	if !w.due.empty() {
		return w.cur * tickNs, true
	}
	if w.stale {
		w.next = w.earliest()
		w.stale = false
	}
	if w.next > lastTick {
		return math.MaxInt64, true
	}
	return w.next * tickNs, true
}

// remove takes an armed node out of its ring, whichever that is.
func (w *Wheel) remove(n *Node) {
	prev, next := n.prev, n.next
	prev.next, next.prev = next, prev
	n.prev, n.next = nil, nil
	n.disarm()
	w.len--
	// n.ring is out of date for a node that is due or late, but then the ring it leaves is not that one.
	if prev == next && prev == &w.rings[n.ring] {
		w.vacate(int(n.ring))
	}
}

// floorTick returns the last tick that has begun at t.
func floorTick(t int64) int64 {
	if t%tickNs < 0 {
		return t/tickNs - 1
	}
	return t / tickNs
}

// ceilTick returns the first tick that begins at t or later.
func ceilTick(t int64) int64 {
	if t%tickNs > 0 {
		return t/tickNs + 1
	}
	return t / tickNs
}
