package httpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// readHeader looks whether the client's PROXY header is there. It only peeks until the header is whole, so what follows it
// stays in the socket.
func (p *Proxy) readHeader(f *front) (more bool) {
	fd := int(f.conn.FD)
	n, errno := sys.Peek(fd, p.in[:proxyproto.HeaderMax])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return false
	case errno != 0:
		f.conn.Set(relay.Failed)
		p.closeFront(f, reason.ClientReset, timeout.Deadline{})
		return false
	case n == 0:
		p.closeFront(f, reason.ClientClosed, timeout.Deadline{})
		return false
	}
	h, size, err := proxyproto.Parse(p.in[:n])
	if err != nil || (size == 0 && n == proxyproto.HeaderMax) {
		p.closeFront(f, reason.BadProxyHeader, timeout.Deadline{})
		return false
	}
	if size == 0 {
		switch { // an end behind a part of a header: the rest will never come
		case f.conn.Is(relay.Failed):
			p.closeFront(f, reason.ClientReset, timeout.Deadline{})
		case f.conn.Is(relay.Ending):
			p.closeFront(f, reason.ClientClosed, timeout.Deadline{})
		}
		return false
	}
	if _, errno = sys.Read(fd, p.in[:size]); errno != 0 {
		f.conn.Set(relay.Failed)
		p.closeFront(f, reason.ClientReset, timeout.Deadline{})
		return false
	}
	if !h.Local {
		f.header = &proxyproto.Ends{Source: h.Source, Dest: h.Dest}
	}
	f.conn.Set(relay.Readable) // what follows the header was there before this edge and is not told again
	if !p.count(f) {
		return false
	}
	p.welcome(f)
	return true
}
