package buf

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/sys"
)

// panics reports whether f panics.
func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestKeep(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1 << 10, 1<<10 + 1, 4<<10 - 1, 4 << 10, 4<<10 + 1, 16 << 10, 16<<10 + 1, 64 << 10, 112 << 10} {
		p := NewPool(0)
		data := bytes.Repeat([]byte{7}, size)
		data[size-1] = 8
		b := p.Keep(data)
		clear(data) // what is kept is a copy
		if b.Len() != size || b.Bytes()[size-1] != 8 {
			t.Errorf("Keep(%d bytes): got %d, last %d", size, b.Len(), b.Bytes()[size-1])
		}
		b.Consume(size - 1)
		if got := b.Bytes(); b.Len() != 1 || got[0] != 8 {
			t.Errorf("after Consume(%d): got %v", size-1, got)
		}
		b.Consume(1)
		if b.Len() != 0 || len(b.Bytes()) != 0 {
			t.Errorf("after all: %d bytes are left", b.Len())
		}
		p.Return(b)
	}
	p := NewPool(0)
	large := p.Keep(make([]byte, 112<<10+1))
	if large.Len() != 112<<10+1 {
		t.Errorf("Keep of more than the largest size: got %d bytes", large.Len())
	}
	p.Return(large)
	if again := p.Keep(make([]byte, 112<<10+1)); again == large {
		t.Error("a buffer of more than the largest size was kept for the next use")
	}
	both := p.KeepBoth([]byte("head"), []byte("body"))
	if got := string(both.Bytes()); got != "headbody" {
		t.Errorf("KeepBoth: got %q", got)
	}
}

func TestKeepReusesWhole(t *testing.T) {
	t.Parallel()
	p := NewPool(0)
	b := p.Keep([]byte("a long message"))
	b.Consume(3)
	p.Return(b)
	again := p.Keep([]byte("short"))
	if again != b {
		t.Error("a returned buffer was not lent again")
	}
	if got := string(again.Bytes()); got != "short" {
		t.Errorf("a buffer lent again holds %q, want %q", got, "short")
	}
	p.Return(again)
}

func TestReturnTwice(t *testing.T) {
	t.Parallel()
	p := NewPool(1)
	b := p.Keep([]byte("x"))
	p.Return(b)
	if !panics(func() { p.Return(b) }) {
		t.Error("a buffer returned twice: no panic")
	}
	pipe := p.TakePipe()
	p.ReturnPipe(pipe)
	if !panics(func() { p.ReturnPipe(pipe) }) {
		t.Error("a pipe returned twice: no panic")
	}
	if p.Lent() != 0 {
		t.Errorf("on loan: %d, want 0", p.Lent())
	}
	p.Close()
}

func TestLoansCounted(t *testing.T) {
	t.Parallel()
	p := NewPool(2)
	var buffers []*Buffer
	for i := range 3 * kept[2] {
		buffers = append(buffers, p.Keep(make([]byte, 5000)))
		if p.Lent() != i+1 {
			t.Fatalf("on loan: %d, want %d", p.Lent(), i+1)
		}
	}
	pipe := p.TakePipe()
	if p.Lent() != 3*kept[2]+1 {
		t.Errorf("with a pipe on loan: %d, want %d", p.Lent(), 3*kept[2]+1)
	}
	p.ReturnPipe(pipe)
	for _, b := range buffers {
		p.Return(b)
	}
	if p.Lent() != 0 {
		t.Errorf("after all: %d on loan, want 0", p.Lent())
	}
	for class := range p.free {
		if n := len(p.free[class]); n > kept[class] {
			t.Errorf("class %d keeps %d free buffers, want at most %d", class, n, kept[class])
		}
	}
	p.Close()
}

func TestPipesBounded(t *testing.T) {
	t.Parallel()
	const most = 3
	p := NewPool(most)
	var pipes []*Pipe
	for range most {
		pipe := p.TakePipe()
		if pipe == nil {
			t.Fatalf("no pipe after %d, want %d", len(pipes), most)
		}
		pipes = append(pipes, pipe)
	}
	if p.TakePipe() != nil {
		t.Errorf("more than %d pipes were lent", most)
	}
	if p.Lent() != most {
		t.Errorf("on loan: %d, want %d", p.Lent(), most)
	}
	p.ReturnPipe(pipes[0])
	if again := p.TakePipe(); again != pipes[0] {
		t.Error("a free pipe was not lent again")
	}
	for _, pipe := range pipes {
		p.ReturnPipe(pipe)
	}
	p.Close()
	if p.pipesOpen != 0 {
		t.Errorf("open after Close: %d", p.pipesOpen)
	}
	if NewPool(0).TakePipe() != nil {
		t.Error("a pool without pipes lent one")
	}
}

func TestPipesKeptBounded(t *testing.T) {
	t.Parallel()
	p := NewPool(pipesKeptMax + 3)
	var pipes []*Pipe
	for range pipesKeptMax + 3 {
		pipes = append(pipes, p.TakePipe())
	}
	for _, pipe := range pipes {
		p.ReturnPipe(pipe)
	}
	if len(p.pipes) != pipesKeptMax || p.pipesOpen != pipesKeptMax {
		t.Errorf("kept: %d of %d open, want %d", len(p.pipes), p.pipesOpen, pipesKeptMax)
	}
	p.Close()
}

// TestPipeWithBytes: what one connection left in a pipe must never reach another.
func TestPipeWithBytes(t *testing.T) {
	t.Parallel()
	p := NewPool(1)
	pipe := p.TakePipe()
	if _, err := write(pipe.W, "secret"); err != 0 {
		t.Fatalf("write: %v", err)
	}
	pipe.Len = 6
	p.ReturnPipe(pipe)
	fresh := p.TakePipe()
	if fresh == nil || fresh == pipe || fresh.Len != 0 {
		t.Fatalf("lent after a pipe with bytes: %+v, want a new one", fresh)
	}
	if n := sys.Unread(fresh.R); n != 0 {
		t.Errorf("the new pipe holds %d bytes", n)
	}
	p.ReturnPipe(fresh)
	p.Close()
}

func write(fd int, s string) (int, sys.Errno) {
	n, err := unix.Write(fd, []byte(s))
	if err != nil {
		return 0, err.(sys.Errno) //nolint:errorlint,forcetypeassert // package unix returns bare errnos
	}
	return n, 0
}
