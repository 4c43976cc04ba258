package relay

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/tlsio"
)

// Conn is a connection. The marks remember what edge-triggered epoll says only once.
type Conn struct {
	FD    int32 // -1: not open
	Marks Marks
	TLS   *tlsio.Conn // nil: plain
}

// Marks is a set of what is known of a connection.
type Marks uint32

// The marks.
const (
	Readable  Marks = 1 << iota // there may be bytes, an end or an error to read
	Writable                    // the socket may take bytes
	Ending                      // a FIN or an error is there behind the bytes
	Ended                       // the end of the stream was read
	Finished                    // our FIN was sent: nothing more may be written
	Failed                      // the peer reset the connection, or the network did
	Hasty                       // Nagle's algorithm is off
	Watched                     // its events tell when it can be written
	Urgent                      // it had urgent data: a short read does not mean that nothing is left
	Doomed                      // its peer gets an RST once it has acknowledged what was sent
	ByFIN                       // a read has told that the stream ended with a FIN, whatever came behind it
	NoFIN                       // it failed and no FIN had come, as was learned otherwise than by a read: none will tell of it
	Talking                     // its peer may be in the middle of sending: a plain close could destroy what it was sent
	Parted                      // TLS: close_notify was sent, or must not be
	Truncated                   // TLS: the stream ended without close_notify
	Violated                    // TLS: the peer broke its rules, or has said that lull did
)

// Is reports whether any of the marks is set.
func (c *Conn) Is(m Marks) bool { return c.Marks&m != 0 }

// Set sets marks.
func (c *Conn) Set(m Marks) { c.Marks |= m }

// Clear takes marks away.
func (c *Conn) Clear(m Marks) { c.Marks &^= m }

// Open reports whether there is a descriptor.
func (c *Conn) Open() bool { return c.FD >= 0 }

// Mark remembers what an edge said.
func (c *Conn) Mark(events uint32) {
	if events&sys.In != 0 {
		c.Set(Readable)
	}
	if events&sys.Out != 0 {
		c.Set(Writable)
	}
	if events&(sys.RdHup|sys.Hup|sys.Err) != 0 {
		c.Set(Readable | Ending)
	}
	if events&sys.Err != 0 {
		c.Set(Failed)
	}
	if events&sys.Pri != 0 {
		c.Set(Urgent)
	}
}

// Short notes that a short read has emptied the socket: what comes next makes a new edge. If a FIN was there before the
// read it is all that is left and need not be read, and fin is true. Only a failed connection, and one with urgent data
// (at which the kernel ends a read early, RFC 9293 §3.8.5), must be read until there is nothing.
func (c *Conn) Short() (fin bool) {
	switch {
	case c.Is(Urgent | Failed):
		return false
	case c.TLS != nil && (c.Is(Ending) || c.TLS.Over() || c.TLS.More()):
		return false // the next read tells how the stream ends
	case c.Is(Ending):
		c.Set(Ended | ByFIN)
		fin = true
	}
	c.Clear(Readable)
	return fin
}

// AtEnd notes that a read has found the end of the stream.
func (c *Conn) AtEnd() {
	c.Set(Ended)
	if !c.Is(NoFIN) {
		c.Set(ByFIN)
	}
	if c.TLS != nil && c.TLS.Truncated() {
		c.Set(Truncated)
	}
	c.Clear(Readable)
}

// Blocked notes that a connection takes no more for now. An event says when it does again; a front-end connection is
// watched for that only from the first time on, because its first event would otherwise be that it can be written, which
// costs a turn of the loop and is no news.
func (c *Conn) Blocked(l *loop.Loop) {
	c.Clear(Writable)
	if !c.Is(Watched) {
		c.Set(Watched)
		l.Change(int(c.FD), loop.ConnEvents) // tells at once if it became writable meanwhile
	}
}

// Broke notes a connection's error that was not learned from a read. The kernel tells of an error only once, so that a later
// read finds no more than the end, as behind a FIN. It is EPIPE where there was one.
func (c *Conn) Broke(errno sys.Errno) {
	c.Set(Failed | Readable | Ending)
	if errno != unix.EPIPE {
		c.Set(NoFIN)
	}
}

// Hurry turns Nagle's algorithm off, once. It is called before the second write to a connection: the first is sent at once
// anyhow, and a connection that carries one message each way saves the system call.
func (c *Conn) Hurry() {
	if !c.Is(Hasty) {
		sys.NoDelay(int(c.FD))
		c.Set(Hasty)
	}
}

// Address is a netip.AddrPort in 20 bytes without a pointer.
type Address struct {
	ip   [16]byte // IPv4 as IPv4-mapped
	port uint16
	set  bool
}

// Pack returns a in its small form.
func Pack(a netip.AddrPort) Address {
	if !a.IsValid() {
		return Address{}
	}
	return Address{a.Addr().As16(), a.Port(), true}
}

// Unpack returns the address in its usual form.
func (a *Address) Unpack() netip.AddrPort {
	if !a.set {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a.ip).Unmap(), a.port)
}
