package httpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
)

// spliceMin is how much of a body must be to come for a pipe to pay: fewer bytes are copied in the time that it takes.
const spliceMin = 256 << 10

// splice moves payload of a body of known length through a pipe, without copying it, once the flow has shown itself bulky.
// It reports how many bytes, and whether it could be done that way at all.
func (p *Proxy) splice(from, to *relay.Conn, f *relay.Flow, r *http1.Receiver) (n int, spliced bool) {
	left := r.Body().Left()
	if left < spliceMin || !f.Bulky() || from.TLS != nil || to.TLS != nil {
		return 0, false
	}
	pipe := p.pool.TakePipe()
	if pipe == nil {
		return 0, false
	}
	n, errno := sys.Splice(int(from.FD), pipe.W, int(min(left, buf.PipeBytes)))
	if errno != 0 || n == 0 {
		p.pool.ReturnPipe(pipe)
		return 0, noSplice(from, f, errno)
	}
	pipe.Len, f.Pipe = n, pipe
	f.Judge(n)
	r.Pass(n)
	f.Moved(p.loop) // a byte taken counts even if none of it is passed on now
	f.Flush(to, p.loop, p.pool)
	return n, true
}

// noSplice notes why nothing came: nothing is there, the stream has ended or failed, or the kernel cannot do it.
func noSplice(from *relay.Conn, f *relay.Flow, errno sys.Errno) (spliced bool) {
	switch errno {
	case unix.EINVAL:
		f.NotBulky()
		return false
	case unix.EINTR:
	case unix.EAGAIN:
		from.Clear(relay.Readable)
	case 0:
		from.AtEnd()
	default:
		from.Set(relay.Failed | relay.Ended)
		from.Clear(relay.Readable)
	}
	return true
}
