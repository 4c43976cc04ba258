package health

// lane is one of the queues of turns. A lane is served when those before it are empty.
type lane uint8

const (
	laneRound   lane = iota // further addresses of backends that are being probed
	laneRegular             // backends of which something is known, which may have changed
	laneFirst               // new ones: however many there are, and even if none of them answers, those known before are not kept waiting
	laneCount
)

// turn is a probe that waits: of a prober, and once that has begun of one of its addresses.
type turn struct {
	prober *prober
	round  *round // nil: not begun
	index  int    // which of the round's addresses
}

// turns are the probes that wait for one of the workers, which come and go with them.
type turns struct {
	lanes   [laneCount]fifo
	workers int
}

// queueLocked adds a turn, and a worker if there may be one more.
func (c *Checker) queueLocked(l lane, t turn) {
	c.turns.lanes[l].push(t)
	if c.turns.workers < c.workersMaxLocked() {
		c.turns.workers++
		c.running.Go(c.work)
	}
}

// workersMaxLocked returns how many probes may be made at a time.
func (c *Checker) workersMaxLocked() int { return probesMax + c.probers/probersPerWorker }

// work takes turns until there is none.
func (c *Checker) work() {
	var t turn
	var err error
	for {
		var ok bool
		if t, ok = c.next(t, err); !ok {
			return
		}
		if t.round != nil {
			err = c.probeOne(t.round, t.index, t.prober.backend.key)
		}
	}
}

// next takes the result of a worker's turn, if that was a probe, and returns its next turn; without any the worker ends. A worker has the
// lock once for a probe, since there are hundreds of them. A turn without a round is one at which there was nothing to probe: many in a row
// must not keep others from the lock.
func (c *Checker) next(done turn, err error) (turn, bool) {
	c.lockBehindOthers()
	defer c.mu.Unlock()
	if done.round != nil && done.round.doneLocked(done.index, err) {
		done.prober.endedLocked(done.round)
	}
	t, ok := c.turns.pop()
	if !ok {
		c.turns.workers--
		return turn{}, false
	}
	if t.round == nil {
		t.round = c.beginLocked(t.prober)
	}
	return t, true
}

// lockBehindOthers takes mu for a prober's work, behind everybody else who wants it. A mutex is fair: of hundreds of workers that have more
// to do than there are cores, each would go before whoever comes to change or to ask something.
func (c *Checker) lockBehindOthers() {
	c.queue.Lock()
	c.mu.Lock()
	c.queue.Unlock()
}

// beginLocked makes a round of a prober's turn. The first address is the caller's to probe; the others are queued, since each
// is a connection of its own.
func (c *Checker) beginLocked(p *prober) *round {
	r := p.beginLocked(c.addrs(p.backend.key))
	if r == nil {
		return nil
	}
	for i := 1; i < len(r.endpoints); i++ {
		c.queueLocked(laneRound, turn{p, r, i})
	}
	return r
}

// pop takes the next turn.
func (t *turns) pop() (turn, bool) {
	for i := range t.lanes {
		if next, ok := t.lanes[i].pop(); ok {
			return next, true
		}
	}
	return turn{}, false
}

// waiting counts them.
func (t *turns) waiting() int {
	n := 0
	for i := range t.lanes {
		n += t.lanes[i].len()
	}
	return n
}

// fifo is a queue of turns. The zero value is empty.
type fifo struct {
	turns []turn
	head  int // index of the first
}

func (f *fifo) push(t turn) {
	if f.head > len(f.turns)/2 && len(f.turns) == cap(f.turns) {
		n := copy(f.turns, f.turns[f.head:])
		clear(f.turns[n:])
		f.turns, f.head = f.turns[:n], 0
	}
	f.turns = append(f.turns, t)
}

func (f *fifo) pop() (turn, bool) {
	if f.head == len(f.turns) {
		f.turns, f.head = nil, 0 // what a start-up took is given back
		return turn{}, false
	}
	t := f.turns[f.head]
	f.turns[f.head] = turn{}
	f.head++
	return t, true
}

func (f *fifo) len() int { return len(f.turns) - f.head }
