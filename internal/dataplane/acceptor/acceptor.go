// Package acceptor provides the listening sockets of a loop: accepting, the connection limit, and an even spread of
// connections over the loops.
//
// One Acceptor belongs to each loop and runs on its thread. Every loop has a socket of its own for each listener, bound
// with SO_REUSEPORT, so the kernel spreads connections and no lock is shared. It spreads by hash, which is uneven while
// connections are few (of 64, one loop of two has more than 60 % about once in seven); so a loop that has clearly more than
// the least loaded one hands what it accepts to that one. Not chosen: one socket in all loops' pollers with
// EPOLLEXCLUSIVE, which wakes whichever loop sleeps and so fills one loop first.
//
// Listening sockets are level-triggered and usually accept one connection a turn: an accept that finds nothing is not
// cheap (the kernel makes a socket and a file first, 1 µs), and an edge could be left only by one of those. A listener that
// had something in stormTurns turns running accepts until nothing is left.
//
// When the limit is reached or descriptors run out, a listener pauses: its connections wait in the kernel's backlog, and
// a timer tries again every retryAfter until there is room (PR-04). No error can make it spin.
package acceptor

import (
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/wheel"
)

const (
	// acceptsMax bounds what one listener accepts before the loop's other work has its turn.
	acceptsMax = 64
	// stormTurns is how many turns running a listener accepts one connection each before it takes them in bulk.
	stormTurns = 8
	// retryAfter is how long a paused listener waits: short for a person, long for a processor.
	retryAfter = 20 * time.Millisecond
	// lastAcceptsMax bounds what is accepted from a backlog when its listener closes: the kernel's usual largest backlog.
	lastAcceptsMax = 4096
)

// Proxy is what takes accepted connections on one loop.
type Proxy interface {
	Take(fd int, peer netip.AddrPort, key plan.ListenerKey)
	Reclaim() bool
}

// Peer is one loop as the acceptors of all loops see it.
type Peer struct {
	Loop  *loop.Loop
	Load  *atomic.Int64 // its connections, those on their way to it included
	Proxy Proxy
}

// Acceptor accepts the connections of one loop.
type Acceptor struct {
	// Fixed after New.
	loop  *loop.Loop
	peers []Peer // all loops, by index
	limit *Limit

	// Owned by the loop.
	sockets []*socket // by ref; nil where closed
}

// socket is a listening socket of this loop.
type socket struct {
	fd      int
	key     plan.ListenerKey
	watched bool   // registered with the loop
	paused  bool   // waits for the retry timer, and for no events
	turn    uint64 // in which it accepted last
	streak  int    // turns running in which it did
	node    wheel.Node
}

// New returns the acceptor of loop l.
func New(l *loop.Loop, peers []Peer, limit *Limit) *Acceptor {
	a := &Acceptor{loop: l, peers: peers, limit: limit}
	l.Handle(loop.Acceptor, a)
	return a
}

// Listen begins to accept from a listening socket, which the acceptor owns from now on.
func (a *Acceptor) Listen(fd int, key plan.ListenerKey) {
	ref := a.freeRef()
	s := &socket{fd: fd, key: key}
	s.node.Ref, s.node.Kind = ref, uint8(loop.Acceptor)
	a.sockets[ref] = s
	a.watch(s)
}

// Rename gives a socket to another listener, which has the same address in a new plan.
func (a *Acceptor) Rename(fd int, key plan.ListenerKey) {
	for _, s := range a.sockets {
		if s != nil && s.fd == fd {
			s.key = key
		}
	}
}

// Close accepts what is in the socket's backlog already, so that nobody whom the kernel has answered is reset, and
// closes it. A socket whose address lives on in another one should be unlisted some time before: a client whose handshake is under
// way now, and whose ACK comes after, is reset.
func (a *Acceptor) Close(fd int) {
	for ref, s := range a.sockets {
		if s == nil || s.fd != fd {
			continue
		}
		sys.Unlist(fd)
		for range lastAcceptsMax {
			if !a.acceptOne(s) {
				break
			}
		}
		a.loop.Wheel.Cancel(&s.node)
		a.loop.Forget(fd)
		sys.StopListening(fd)
		sys.Close(fd)
		a.sockets[ref] = nil
	}
}

// CloseAll closes every socket.
func (a *Acceptor) CloseAll() {
	for _, s := range a.sockets {
		if s != nil {
			a.Close(s.fd)
		}
	}
}

func (a *Acceptor) freeRef() uint32 {
	for i, s := range a.sockets {
		if s == nil {
			return uint32(i)
		}
	}
	a.sockets = append(a.sockets, nil)
	return uint32(len(a.sockets) - 1)
}

// Ready accepts; see loop.Handler.
func (a *Acceptor) Ready(ref, _ uint32) {
	s := a.sockets[ref]
	if s.paused {
		return // an event of the same batch as the one that found the limit
	}
	if turn := a.loop.Stats.Turns.Load(); turn == s.turn+1 {
		s.streak++
		s.turn = turn
	} else {
		s.streak, s.turn = 0, turn
	}
	most := 1
	if s.streak >= stormTurns {
		most = acceptsMax
	}
	for range most {
		if !a.acceptOne(s) {
			s.streak = 0
			return
		}
	}
}

// Expired lets a paused listener try again; see loop.Handler.
func (a *Acceptor) Expired(n *wheel.Node) { a.watch(a.sockets[n.Ref]) }

// watch has the loop tell of connections. The user's limit on epoll watches can stand against it; then it is tried again.
func (a *Acceptor) watch(s *socket) {
	var errno sys.Errno
	if s.watched {
		errno = a.loop.Change(s.fd, loop.ListenEvents)
	} else {
		errno = a.loop.Register(s.fd, loop.Acceptor, s.node.Ref, loop.ListenEvents)
		s.watched = errno == 0
	}
	if errno != 0 {
		a.pause(s)
		return
	}
	s.paused = false
}

// TurnEnd does nothing; see loop.Handler.
func (a *Acceptor) TurnEnd() {}

// acceptOne accepts a connection and reports whether there may be another. If not, either the backlog is empty or the
// listener is paused.
func (a *Acceptor) acceptOne(s *socket) (again bool) {
	near := a.limit.near()
	if !a.limit.acquire() && !(a.reclaim() && a.limit.acquire()) {
		a.pause(s)
		return false
	}
	fd, peer, errno := sys.Accept(s.fd)
	if errno != 0 {
		a.limit.Release()
		return a.acceptFailed(s, errno)
	}
	if near { // one for one, and only when somebody really came; before it is placed, or it might be the one
		a.reclaim()
	}
	a.place(s, fd, peer)
	return true
}

// reclaim ends a connection of this loop that has not begun its work, if there is one (PR-03).
func (a *Acceptor) reclaim() bool { return a.peers[a.loop.Index].Proxy.Reclaim() }

// acceptFailed decides whether to go on after a failed accept. accept(2) hands on errors of the new connection
// (ECONNABORTED and the network's own): those concern nobody any more, the next one may be fine. Any other error would
// most likely come again at once, so the listener pauses.
func (a *Acceptor) acceptFailed(s *socket, errno sys.Errno) (again bool) {
	switch errno {
	case unix.EAGAIN:
		return false
	case unix.EINTR:
		return true
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
		a.pause(s)
		return false
	}
	a.loop.Stats.AcceptErrors.Add(1)
	if ofConnection(errno) {
		return true
	}
	a.pause(s)
	return false
}

// ofConnection says whether an error of accept(2) is the new connection's and not the listening socket's.
func ofConnection(errno sys.Errno) bool {
	switch errno {
	case unix.ECONNABORTED, unix.EPERM, unix.EPROTO, unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ETIMEDOUT:
		return true
	}
	return false
}

// pause stops accepting for a while: no events, so that the loop can sleep although the backlog is not empty.
func (a *Acceptor) pause(s *socket) {
	a.loop.Stats.AcceptPauses.Add(1)
	s.paused = true
	if s.watched {
		a.loop.Change(s.fd, loop.NoEvents)
	}
	a.loop.Wheel.Arm(&s.node, a.loop.Now()+int64(retryAfter))
}

// place gives a connection to this loop, or to the least loaded one if this one has clearly more.
func (a *Acceptor) place(s *socket, fd int, remote netip.AddrPort) {
	mine := a.loop.Index
	to := chooseLoop(a.peers, mine)
	a.peers[to].Load.Add(1)
	if to == mine {
		a.peers[to].Proxy.Take(fd, remote, s.key)
		return
	}
	a.loop.Stats.HandedToOthers.Add(1)
	target, key := a.peers[to], s.key
	target.Loop.Post(func() { target.Proxy.Take(fd, remote, key) })
}

// chooseLoop returns the loop that takes a connection accepted by the loop mine. The slack keeps short-lived connections,
// whose numbers waver, where they are, and still holds the busier of two loops below 56 % of 64 connections.
func chooseLoop(peers []Peer, mine int) int {
	least := mine
	for i := range peers {
		if peers[i].Load.Load() < peers[least].Load.Load() {
			least = i
		}
	}
	low := peers[least].Load.Load()
	if peers[mine].Load.Load() <= low+2+low/8 {
		return mine
	}
	return least
}
