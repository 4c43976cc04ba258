package relay

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/sys"
)

// Flow is one direction of a relay. It holds bytes only while the receiving side would block, and then either in Held
// or in Pipe.
type Flow struct {
	Last  int64  // when a byte last moved, 0 = never
	First int64  // when the first byte was passed on, 0 = never
	Bytes uint64 // taken from the sending side
	Held  *buf.Buffer
	Pipe  *buf.Pipe
	bulk  uint8
}

// A flow is judged by its reads: one that fills the scratch buffer speaks for bulk, a small one against it. Copying is
// the cheaper way for short messages (two system calls and no pipe), splicing for long runs.
const (
	bulkSure  = 4        // bulk marks at which a flow is spliced
	bulkMost  = 8        // so many that a few small reads in between do not end it
	bulkRead  = 64 << 10 // a read of this size speaks for bulk
	smallRead = 16 << 10 // a read below this speaks against it
)

// Judge takes one read of n bytes into account.
func (f *Flow) Judge(n int) {
	switch {
	case n >= bulkRead:
		f.bulk = min(f.bulk+2, bulkMost)
	case n < smallRead && f.bulk > 0:
		f.bulk--
	}
}

// Bulky says whether the flow is better spliced.
func (f *Flow) Bulky() bool { return f.bulk >= bulkSure }

// NotBulky makes the flow prove itself again.
func (f *Flow) NotBulky() { f.bulk = 0 }

// Pending returns how many bytes wait for the receiving side.
func (f *Flow) Pending() int {
	n := 0
	if f.Held != nil {
		n = f.Held.Len()
	}
	if f.Pipe != nil {
		n += f.Pipe.Len
	}
	return n
}

// Moved dates the flow's last byte, after the system call that moved it.
func (f *Flow) Moved(l *loop.Loop) {
	f.Last = l.Touch()
	if f.First == 0 {
		f.First = f.Last
	}
}

// Flush passes on what is held and reports whether nothing is held any more.
func (f *Flow) Flush(to *Conn, l *loop.Loop, pool *buf.Pool) (empty bool) {
	if f.Held == nil && f.Pipe == nil {
		return true
	}
	if !to.Is(Writable) {
		return false
	}
	n, errno := f.writeHeld(to)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		to.Blocked(l)
		return false
	case errno != 0:
		to.Broke(errno)
		f.LetGo(pool) // nobody will take it any more
		return false
	case n > 0:
		f.Moved(l)
	}
	if f.Pending() > 0 {
		to.Blocked(l)
		return false
	}
	f.LetGo(pool)
	return true
}

// writeHeld writes what is held, once.
func (f *Flow) writeHeld(to *Conn) (n int, errno sys.Errno) {
	if f.Held != nil {
		n, errno = sys.Write(int(to.FD), f.Held.Bytes())
		f.Held.Consume(n)
		return n, errno
	}
	n, errno = sys.Splice(f.Pipe.R, int(to.FD), f.Pipe.Len)
	f.Pipe.Len -= n
	return n, errno
}

// LetGo returns what the flow has on loan.
func (f *Flow) LetGo(pool *buf.Pool) {
	if f.Held != nil {
		pool.Return(f.Held)
		f.Held = nil
	}
	if f.Pipe != nil {
		pool.ReturnPipe(f.Pipe)
		f.Pipe = nil
	}
}
