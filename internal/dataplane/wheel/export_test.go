package wheel

import "fmt"

// Shape of the wheel, for tests that cross its boundaries.
const (
	SlotBits = slotBits
	Levels   = levels
)

// Verify checks the whole wheel against itself: rings, bitmaps, earliest ticks, the order of slots, and the count.
func (w *Wheel) Verify() error {
	total := w.due.length() + w.late.length()
	for i := range levels * slots {
		if w.used.words[i>>wordBits]>>(i&wordMask)&1 == 0 {
			continue
		}
		inSlot := 0
		first, count := i, 1
		if i >= slots {
			first, count = upperRing(i), upper
		}
		for ring := first; ring < first+count; ring++ {
			n, err := w.verifyRing(i, ring)
			if err != nil {
				return err
			}
			inSlot += n
		}
		if inSlot == 0 {
			return fmt.Errorf("slot %d is marked and empty", i)
		}
		total += inSlot
	}
	for i, word := range w.used.words {
		summary := w.used.summary[i/words]>>(i%words)&1 == 1
		if summary != (word != 0) {
			return fmt.Errorf("word %d is %#x, its summary bit %v", i, word, summary)
		}
	}
	if total != w.len {
		return fmt.Errorf("%d nodes in the rings, Len %d", total, w.len)
	}
	if earliest := w.earliest(); w.next > earliest {
		return fmt.Errorf("next %d is later than the earliest tick %d", w.next, earliest)
	}
	return nil
}

// verifyRing checks one ring of a marked slot and returns how many nodes it holds.
func (w *Wheel) verifyRing(slot, ring int) (int, error) {
	s, shift := &w.rings[ring], slot/slots*slotBits
	for n := s.next; n != s; n = n.next {
		tick := ceilTick(n.when)
		ahead := tick>>shift - w.cur>>shift
		switch {
		case n.next.prev != n:
			return 0, fmt.Errorf("slot %d: the ring is broken", slot)
		case int(n.ring) != ring || int(tick>>shift)&slotMask != slot%slots:
			return 0, fmt.Errorf("slot %d: holds a node of ring %d, want %d, tick %d", slot, n.ring, ring, tick)
		case tick <= w.cur || ahead < 0 || ahead >= slots:
			return 0, fmt.Errorf("slot %d: tick %d at clock %d is %d slots ahead", slot, tick, w.cur, ahead)
		case tick < s.when:
			return 0, fmt.Errorf("slot %d: tick %d is before the ring's earliest %d", slot, tick, s.when)
		}
	}
	return s.length(), nil
}

// length counts the nodes of a ring.
func (head *Node) length() (count int) {
	for n := head.next; n != head; n = n.next {
		count++
	}
	return count
}
