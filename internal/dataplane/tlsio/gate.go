package tlsio

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// handshakesMax bounds the handshakes that have a goroutine, most of which wait for their peers: some 20 KiB each. A peer
// that stalls keeps its place until the handshake's limit; those that come meanwhile wait, their bytes in their sockets.
const handshakesMax = 2048

const (
	// tidyAfter is how many handshakes are worth a look at the memory they left: some 30 KiB each.
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
	queue    []*handshake
	head     int // of queue: those before it have gone in
	untidied int // handshakes since the memory was tidied
	tidying  int // of these, when that was last looked at; 0: it is not going to be
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
	if g.running < g.most {
		g.running++
		go h.run()
		return
	}
	if g.head > len(g.queue)/2 { // under load it may never be empty
		g.queue = append(g.queue[:0], g.queue[g.head:]...)
		clear(g.queue[len(g.queue):cap(g.queue)])
		g.head = 0
	}
	g.queue = append(g.queue, h)
}

// leave ends a handshake, and begins the one that has waited longest and is still wanted.
func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.head < len(g.queue) {
		h := g.queue[g.head]
		g.queue[g.head] = nil
		g.head++
		if !h.unwanted() {
			go h.run()
			return
		}
	}
	g.queue, g.head = g.queue[:0], 0
	g.running--
	if g.untidied++; g.untidied >= tidyAfter && g.tidying == 0 {
		g.tidying = g.untidied
		time.AfterFunc(tidyDelay, g.tidy)
	}
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
