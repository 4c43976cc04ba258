// Package buf provides what a loop lends to connections whose peer does not take bytes as fast as they come: buffers
// for copied bytes and kernel pipes for spliced ones.
//
// A Pool belongs to one loop and is used on its thread only: no locks. An idle connection holds nothing. Whoever takes
// a buffer or pipe returns it, once, when it is empty or when the connection ends; the loan count shows leaks to tests.
// The sizes bound what lull holds for one slow reader: a buffer holds one read (64 or 96 KiB) with its head, and a pipe is never
// given more than 128 KiB. Not chosen: sync.Pool, which gives back under memory pressure of others and cannot be counted.
package buf

// sizes are the classes of buffers. A remainder is usually either the tail of one message or most of a full read.
//
//nolint:gochecknoglobals // a constant table
var sizes = [...]int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 112 << 10}

// kept bounds the free buffers of each class that a pool keeps; more go to the garbage collector. Some 2 MiB per loop
// cover a burst without pinning its memory for ever. Small ones are many: each request to a pooled connection borrows one.
//
//nolint:gochecknoglobals // a constant table
var kept = [len(sizes)]int{512, 64, 16, 16, 8}

// Buffer holds bytes that a peer has not accepted yet.
type Buffer struct {
	data  []byte
	class int
	r, w  int
	lent  bool
}

// Bytes returns what is held; valid until the next call on b.
func (b *Buffer) Bytes() []byte { return b.data[b.r:b.w] }

// Len returns how many bytes are held.
func (b *Buffer) Len() int { return b.w - b.r }

// Consume drops the first n bytes.
func (b *Buffer) Consume(n int) { b.r += n }

// Pool lends buffers and pipes to the connections of one loop.
type Pool struct {
	// Owned by the loop.
	free      [len(sizes)][]*Buffer
	pipes     []*Pipe // free ones
	pipesOpen int     // free and lent
	pipesMax  int
	lent      int // buffers and pipes out on loan
}

// NewPool returns a pool that opens at most pipesMax pipes (two descriptors each).
func NewPool(pipesMax int) *Pool { return &Pool{pipesMax: pipesMax} }

// Lent returns how many buffers and pipes are out on loan.
func (p *Pool) Lent() int { return p.lent }

// Keep copies data into a buffer on loan. The caller bounds it: more than the largest size is for rare things such as a
// large head, and is not kept for the next use.
func (p *Pool) Keep(data []byte) *Buffer { return p.KeepBoth(data, nil) }

// KeepBoth is Keep for data in two parts.
func (p *Pool) KeepBoth(a, b []byte) *Buffer {
	size, class := len(a)+len(b), 0
	for class < len(sizes) && sizes[class] < size {
		class++
	}
	held := p.take(class, size)
	held.r, held.w = 0, copy(held.data, a)
	held.w += copy(held.data[held.w:], b)
	return held
}

func (p *Pool) take(class, size int) *Buffer {
	p.lent++
	if class == len(sizes) {
		return &Buffer{data: make([]byte, size), class: class, lent: true}
	}
	free := p.free[class]
	if len(free) == 0 {
		return &Buffer{data: make([]byte, sizes[class]), class: class, lent: true}
	}
	b := free[len(free)-1]
	p.free[class] = free[:len(free)-1]
	b.lent = true
	return b
}

// Return takes a buffer back.
func (p *Pool) Return(b *Buffer) {
	if !b.lent {
		panic("buf: a buffer was returned twice")
	}
	b.lent = false
	p.lent--
	scramble(b.data)
	if b.class < len(sizes) && len(p.free[b.class]) < kept[b.class] {
		p.free[b.class] = append(p.free[b.class], b)
	}
}

// Close gives the free pipes' descriptors back. The pool must not be used afterwards.
func (p *Pool) Close() {
	for _, pipe := range p.pipes {
		pipe.close()
	}
	p.pipesOpen -= len(p.pipes)
	p.pipes = nil
}
