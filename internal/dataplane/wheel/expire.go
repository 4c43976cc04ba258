package wheel

// Advance moves the clock to now and makes every node due whose deadline, rounded up to a tick, has come. A clock that
// went back is ignored. While nothing is due it costs a division and a comparison, so it may be called every turn.
func (w *Wheel) Advance(now int64) {
	tick := floorTick(now)
	if tick < w.next {
		w.cur = max(w.cur, tick)
		return
	}
	w.collect(tick)
}

// Pop returns a node that is due, no longer armed, or nil when there is none left. Nodes of different ticks come in
// order of time if each tick got its own Advance; otherwise the order is not defined.
func (w *Wheel) Pop() *Node {
	n := w.due.next
	if n == &w.due {
		return nil
	}
	w.checkNode(n)
	w.remove(n)
	return n
}

// collect moves what is due at tick to the due ring, and the rest of the slots it opens to lower levels.
//
// It goes from the lowest level up: a cascade counts slots from the new tick, so it must find the levels below already
// rid of slots that belong to the past. The search for those still starts from the old tick, which they follow.
func (w *Wheel) collect(tick int64) {
	old := w.cur
	w.cur, w.next, w.stale = tick, noTick, false
	w.due.splice(&w.late)
	for level := range levels {
		for {
			slot := w.first(level, old)
			if slot < 0 {
				break
			}
			if opens := w.opens(slot); opens > tick {
				w.next = min(w.next, opens)
				break
			}
			w.used.remove(slot)
			if level == 0 {
				w.due.splice(&w.rings[slot])
			} else {
				w.cascade(w.upper(slot))
			}
		}
	}
}

// cascade empties a slot above level 0, from all ends of its rings in turn. Taking a node off writes to its neighbour,
// the next one at that end, which is thereby on its way from memory while the other ends are served.
func (w *Wheel) cascade(rings *[upper]Node) {
	for left := true; left; {
		left = false
		for i := range rings {
			head := &rings[i]
			n := head.next
			if n == head {
				continue
			}
			left = true
			next := n.next
			head.next, next.prev = next, head
			w.move(n)
			if n = head.prev; n != head {
				prev := n.prev
				head.prev, prev.next = prev, head
				w.move(n)
			}
		}
	}
}

// move puts a node that left an upper slot where it belongs now. Its slot's earliest deadline is due, so the clock stands
// in that slot or past it, and what is not due lands on a lower level.
func (w *Wheel) move(n *Node) {
	if tick := ceilTick(n.when); tick <= w.cur {
		w.due.push(n)
	} else {
		w.place(n, tick)
	}
}
