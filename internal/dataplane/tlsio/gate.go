package tlsio

import (
	"container/list"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"lull/internal/clock"
)

const (
	// handshakesMax bounds the clients' handshakes that have a goroutine, most of which wait for their peers: 45 KiB each,
	// measured with 2,000 that stalled. Those that come meanwhile wait for a place. Backends' have a place always: they are no
	// more than the connections that lull makes, and clients that stall must not keep others' requests from them.
	handshakesMax = 2048
	// stallGrace is how long a client may leave its handshake waiting while others have no place: several round trips to
	// anywhere. Without it a few thousand that stall would shut out everybody for the handshake's limit.
	stallGrace = time.Second
)

const (
	// tidyAfter is how many handshakes are worth a look at the memory that they left.
	tidyAfter = 200
	// tidyDelay is how long after the last of them that is, so that a storm is over.
	tidyDelay = 500 * time.Millisecond
)

// Gate admits handshakes: of the whole process, first come, first served. Safe for use by any goroutine.
type Gate struct {
	// Fixed after New.
	most  int
	slots chan struct{} // one for each handshake that may compute at a time

	// Guarded by mu.
	mu       sync.Mutex
	running  int
	places   int // of these, clients'
	queue    []*handshake
	head     int       // of queue: those before it have gone in
	stalled  list.List // clients' handshakes that wait for their peers, the longest first
	leaving  int       // of those that had waited too long, and have not ended yet
	looking  bool      // stalled will be looked at
	untidied int       // handshakes since the memory was tidied
	tidying  int       // of these, when that was last looked at; 0: it is not going to be
}

// NewGate returns a gate for a process. Handshakes compute on as many processors as there are, beside the loops, which the
// kernel lets have their share.
func NewGate() *Gate { return newGate(handshakesMax, runtime.NumCPU()) }

func newGate(most, computing int) *Gate {
	return &Gate{most: most, slots: make(chan struct{}, computing)}
}

// enter begins a handshake, or has it wait.
func (g *Gate) enter(h *handshake) {
	g.mu.Lock()
	defer g.mu.Unlock()
	server := h.conn.side.server
	if !server || g.places < g.most {
		g.running++
		if server {
			g.places++
		}
		go h.run()
		return
	}
	if g.head > len(g.queue)/2 { // under load it may never be empty
		g.queue = append(g.queue[:0], g.queue[g.head:]...)
		clear(g.queue[len(g.queue):cap(g.queue)])
		g.head = 0
	}
	g.queue = append(g.queue, h)
	if !g.looking {
		g.looking = true
		time.AfterFunc(0, g.makeRoom)
	}
}

// makeRoom has those give way that have waited too long for their peers, as many as there are others without a place.
func (g *Gate) makeRoom() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := clock.Now()
	for n := len(g.queue) - g.head - g.leaving; n > 0; n-- {
		first := g.stalled.Front()
		if first == nil || now-first.Value.(*handshake).waits < int64(stallGrace) {
			break
		}
		h := g.stalled.Remove(first).(*handshake)
		h.place = nil
		g.leaving++
		h.giveWay()
	}
	if g.looking = len(g.queue) > g.head; g.looking {
		time.AfterFunc(stallGrace/4, g.makeRoom)
	}
}

// waits notes that a client's handshake waits for its peer, and goesOn that it does no longer.
func (g *Gate) waits(h *handshake) {
	if h.conn.side.server {
		g.mu.Lock()
		h.waits, h.place = clock.Now(), g.stalled.PushBack(h)
		g.mu.Unlock()
	}
}

func (g *Gate) goesOn(h *handshake) {
	if h.conn.side.server {
		g.mu.Lock()
		if h.place != nil {
			g.stalled.Remove(h.place)
			h.place = nil
		}
		g.mu.Unlock()
	}
}

// leave ends a handshake, and begins the one that has waited longest and is still wanted.
func (g *Gate) leave(h *handshake) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.yielded() {
		g.leaving--
	}
	if h.conn.side.server {
		if g.nextIn() {
			return
		}
		g.places--
	}
	g.running--
	if g.untidied++; g.untidied >= tidyAfter && g.tidying == 0 {
		g.tidying = g.untidied
		time.AfterFunc(tidyDelay, g.tidy)
	}
}

// nextIn gives a place that has become free to the next that waits for one, and reports whether there was one.
func (g *Gate) nextIn() bool {
	for g.head < len(g.queue) {
		h := g.queue[g.head]
		g.queue[g.head] = nil
		g.head++
		if !h.unwanted() {
			go h.run()
			return true
		}
	}
	g.queue, g.head = g.queue[:0], 0
	return false
}

// tidy gives back the memory that many handshakes have left behind: garbage that nothing would collect for minutes, as
// connections that are idle allocate nothing. It waits until there was no handshake for tidyDelay.
func (g *Gate) tidy() {
	g.mu.Lock()
	if g.running > 0 || g.untidied != g.tidying {
		g.tidying = g.untidied
		g.mu.Unlock()
		time.AfterFunc(tidyDelay, g.tidy)
		return
	}
	g.untidied, g.tidying = 0, 0
	g.mu.Unlock()
	debug.FreeOSMemory()
}

func (h *handshake) unwanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone
}

// compute waits for a processor, and rest gives it back.
func (g *Gate) compute() { g.slots <- struct{}{} }

func (g *Gate) rest() { <-g.slots }

// Counts returns how many handshakes have a goroutine and how many wait for one.
func (g *Gate) Counts() (running, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running, len(g.queue) - g.head
}
