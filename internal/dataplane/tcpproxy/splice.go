package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/sys"
)

// splice moves bytes of flow d through a pipe, without copying them. It reports how many, whether the pair lives, and
// whether it could be done that way at all: if every pipe is on loan, or the kernel refuses, the flow is copied.
func (p *Proxy) splice(c *pair, d int) (n int, alive, spliced bool) {
	from, f := &c.legs[d], &c.flows[d]
	pipe := p.pool.TakePipe()
	if pipe == nil {
		return 0, true, false
	}
	n, errno := sys.Splice(int(from.FD), pipe.W, buf.PipeBytes)
	if errno != 0 || n == 0 {
		p.pool.ReturnPipe(pipe)
		return p.spliceEnded(c, d, errno)
	}
	before := c.moved()
	pipe.Len, f.Pipe = n, pipe
	f.Judge(n)
	p.took(c, d, n)
	f.Moved(p.loop) // a byte taken counts even if none of it is passed on now
	c.gap(f.Last - before)
	f.Flush(&c.legs[1-d], p.loop, p.pool) // which is no news
	return n, true, true
}

// spliceEnded handles a splice that brought nothing: the end of the stream, nothing there yet, or a failure.
func (p *Proxy) spliceEnded(c *pair, d int, errno sys.Errno) (n int, alive, spliced bool) {
	switch errno {
	case 0:
		p.sawFIN(c, d)
		return 0, true, true
	case unix.EINVAL:
		c.flows[d].NotBulky()
		return 0, true, false
	}
	return 0, p.readFailed(c, d, errno), true
}
