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
	for {
		t, ok := c.next()
		if !ok {
			return
		}
		if t.round == nil {
			if t.round = c.begin(t.prober); t.round == nil {
				continue
			}
		}
		err := c.probeOne(t.round, t.index, t.prober.backend.key.Host)
		c.done(t, err)
	}
}

// next returns the next turn; without any the worker ends.
func (c *Checker) next() (turn, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.turns.lanes {
		if t, ok := c.turns.lanes[i].pop(); ok {
			return t, true
		}
	}
	c.turns.workers--
	return turn{}, false
}

// begin makes a round of a prober's turn. The first address is the caller's to probe; the others are queued, since each
// is a connection of its own.
func (c *Checker) begin(p *prober) *round {
	addrs := c.addrs(p.backend.key)
	c.mu.Lock()
	defer c.mu.Unlock()
	r := p.beginLocked(addrs)
	if r == nil {
		return nil
	}
	for i := 1; i < len(r.endpoints); i++ {
		c.queueLocked(laneRound, turn{p, r, i})
	}
	return r
}

// done takes the result of an address.
func (c *Checker) done(t turn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.round.doneLocked(t.index, err) {
		t.prober.endedLocked(t.round)
	}
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
