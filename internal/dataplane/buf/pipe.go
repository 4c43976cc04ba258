package buf

import "lull/internal/dataplane/sys"

// PipeBytes is the most that may be in a pipe: with a buffer's 64 KiB it keeps within the 128 KiB that lull holds for
// one slow reader, as a direction has either the one or the other.
const PipeBytes = 128 << 10

// pipesKeptMax bounds the free pipes kept open: as many bulk transfers as usually run at once on a loop.
const pipesKeptMax = 32

// Pipe is a kernel pipe through which spliced bytes pass.
type Pipe struct {
	R, W int // descriptors
	Len  int // bytes in it
	lent bool
}

// TakePipe lends an empty pipe, or nil when there are as many as there may be; the caller then copies.
func (p *Pool) TakePipe() *Pipe {
	if n := len(p.pipes); n > 0 {
		pipe := p.pipes[n-1]
		p.pipes = p.pipes[:n-1]
		p.lent++
		pipe.lent = true
		return pipe
	}
	if p.pipesOpen >= p.pipesMax {
		return nil
	}
	r, w, errno := sys.Pipe(PipeBytes)
	if errno != 0 {
		return nil
	}
	p.pipesOpen++
	p.lent++
	return &Pipe{R: r, W: w, lent: true}
}

// ReturnPipe takes a pipe back. One with bytes in it (its connection ended) cannot be lent again and is closed.
func (p *Pool) ReturnPipe(pipe *Pipe) {
	if !pipe.lent {
		panic("buf: a pipe was returned twice")
	}
	pipe.lent = false
	p.lent--
	if pipe.Len > 0 || len(p.pipes) >= pipesKeptMax {
		pipe.close()
		p.pipesOpen--
		return
	}
	p.pipes = append(p.pipes, pipe)
}

func (p *Pipe) close() {
	sys.Close(p.R)
	sys.Close(p.W)
}
