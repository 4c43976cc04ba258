package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/sys"
)

// A flow is judged by its reads: one that fills the scratch buffer speaks for bulk, a small one against it. Copying is
// the cheaper way for short messages (two system calls and no pipe), splicing for long runs.
const (
	bulkSure  = 4        // bulk marks at which a flow is spliced
	bulkMost  = 8        // so many that a few small reads in between do not end it
	smallRead = 16 << 10 // a read below this speaks against bulk
)

// judge takes one read of n bytes into account.
func (f *flow) judge(n int) {
	switch {
	case n >= 64<<10:
		f.bulk = min(f.bulk+2, bulkMost)
	case n < smallRead && f.bulk > 0:
		f.bulk--
	}
}

// splice moves bytes of flow d through a pipe, without copying them. It reports how many, whether the pair lives, and
// whether it could be done that way at all: if every pipe is on loan, or the kernel refuses, the flow is copied.
func (p *Proxy) splice(c *pair, d int) (n int, alive, spliced bool) {
	from, f := &c.legs[d], &c.flows[d]
	pipe := p.pool.TakePipe()
	if pipe == nil {
		return 0, true, false
	}
	n, errno := sys.Splice(int(from.fd), pipe.W, buf.PipeBytes)
	if errno != 0 || n == 0 {
		p.pool.ReturnPipe(pipe)
		return p.spliceEnded(c, d, errno)
	}
	pipe.Len, f.pipe = n, pipe
	f.judge(n)
	p.took(c, d, n)
	p.moved(f) // a byte taken counts even if none of it is passed on now
	p.flush(c, d)
	return n, true, true
}

// spliceEnded handles a splice that brought nothing: the end of the stream, nothing there yet, or a failure.
func (p *Proxy) spliceEnded(c *pair, d int, errno sys.Errno) (n int, alive, spliced bool) {
	switch errno {
	case 0:
		p.sawFIN(c, d)
		return 0, true, true
	case unix.EINVAL:
		c.flows[d].bulk = 0
		return 0, true, false
	}
	return 0, p.readFailed(c, d, errno), true
}
