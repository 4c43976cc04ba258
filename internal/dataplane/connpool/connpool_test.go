package connpool_test

import (
	"fmt"
	"testing"

	"lull/internal/dataplane/connpool"
)

func TestEmptyPool(t *testing.T) {
	t.Parallel()
	var p connpool.Pool[string]
	if ref, ok := p.Take("a"); ok {
		t.Errorf("Take = %d, want none", ref)
	}
	if ref, ok := p.Oldest(); ok {
		t.Errorf("Oldest = %d, want none", ref)
	}
	if p.Remove(0) || p.Remove(1<<32-1) {
		t.Error("Remove = true, want false")
	}
	p.EachOf("a", func(ref uint32) { t.Errorf("EachOf gave %d, want nothing", ref) })
	if p.Len() != 0 || p.LenOf("a") != 0 {
		t.Errorf("got %d connections, %d of a, want none", p.Len(), p.LenOf("a"))
	}
}

func TestMostRecentlyUsedFirst(t *testing.T) {
	t.Parallel()
	var p connpool.Pool[string]
	p.Put("a", 3)
	p.Put("b", 0)
	p.Put("a", 7)
	p.Put("a", 1)
	if ref, ok := p.Oldest(); !ok || ref != 3 {
		t.Errorf("Oldest = %d, %v, want 3", ref, ok)
	}
	for _, want := range []uint32{1, 7, 3} {
		if ref, ok := p.Take("a"); !ok || ref != want {
			t.Errorf("Take = %d, %v, want %d", ref, ok, want)
		}
	}
	if ref, ok := p.Take("a"); ok {
		t.Errorf("Take = %d, want none: what is left is of another key", ref)
	}
	if ref, ok := p.Oldest(); !ok || ref != 0 {
		t.Errorf("Oldest = %d, %v, want 0", ref, ok)
	}
}

func TestPutTwicePanics(t *testing.T) {
	t.Parallel()
	var p connpool.Pool[string]
	p.Put("a", 3)
	defer func() {
		if got, want := fmt.Sprint(recover()), "connpool: connection 3 is in the pool already"; got != want {
			t.Errorf("got panic %q, want %q", got, want)
		}
		if p.Len() != 1 || p.LenOf("a") != 1 || p.LenOf("b") != 0 {
			t.Errorf("got %d connections, %d of a, %d of b, want 1, 1, 0", p.Len(), p.LenOf("a"), p.LenOf("b"))
		}
	}()
	p.Put("b", 3)
}

// TestBackendsComeAndGo shows that keys without connections are forgotten, those that are used the least first.
func TestBackendsComeAndGo(t *testing.T) {
	t.Parallel()
	var p connpool.Pool[int]
	const hot = -1
	for key := range 10 * connpool.EmptyMax {
		p.Put(hot, 0)
		p.Put(key, 1)
		p.Take(key)
		p.Take(hot)
	}
	if err := p.Verify(); err != nil {
		t.Error(err)
	}
	if keys, room := p.Known(); keys != connpool.EmptyMax || room > connpool.EmptyMax+2 {
		t.Errorf("got %d keys known and room for %d, want %d and hardly more", keys, room, connpool.EmptyMax)
	}
	if !p.Knows(hot) || p.Knows(0) || !p.Knows(10*connpool.EmptyMax-1) {
		t.Errorf("got hot %v, first %v, last %v known, want true, false, true", p.Knows(hot), p.Knows(0), p.Knows(10*connpool.EmptyMax-1))
	}
}

// TestManyBackends has more backends in use, turn by turn, than keys are remembered.
func TestManyBackends(t *testing.T) {
	t.Parallel()
	var p connpool.Pool[int]
	const keys = 2 * connpool.EmptyMax
	for range 3 {
		for key := range keys {
			p.Put(key, uint32(key))
		}
		if known, room := p.Known(); known != keys || room != keys {
			t.Fatalf("got %d keys known and room for %d, want %d", known, room, keys)
		}
		for key := range keys {
			if ref, ok := p.Take(key); !ok || ref != uint32(key) {
				t.Fatalf("Take(%d) = %d, %v, want the only one put", key, ref, ok)
			}
		}
		if err := p.Verify(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := filled(8, 64)
	for name, run := range map[string]func(){
		"take-put": func() { takePut(p, 3) },
		"last-one": func() {
			p.Put(100, 1000) // a key that has no other connection
			p.Take(100)
		},
		"remove-put": func() {
			p.Remove(17)
			p.Put(17%8, 17)
		},
		"oldest": func() { p.Oldest() },
		"each":   func() { p.EachOf(3, func(uint32) {}) },
	} {
		run()
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}

// filled returns a pool of so many keys and connections, dealt out in turn.
func filled(keys, conns int) *connpool.Pool[int] {
	p := &connpool.Pool[int]{}
	for ref := range conns {
		p.Put(ref%keys, uint32(ref))
	}
	return p
}

func takePut(p *connpool.Pool[int], key int) {
	ref, _ := p.Take(key)
	p.Put(key, ref)
}

// BenchmarkTakePut is what a pool does for an exchange. "spare" keys have other connections besides; a "single" key is
// without any in between; with "too-many" of those, keys are forgotten each time.
func BenchmarkTakePut(b *testing.B) {
	for _, c := range []struct {
		name        string
		keys, conns int
	}{{"spare", 8, 1024}, {"single", 8, 8}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			p := filled(c.keys, c.conns)
			for i := 0; b.Loop(); i++ {
				takePut(p, i%c.keys)
			}
		})
	}
	b.Run("too-many", func(b *testing.B) {
		b.ReportAllocs()
		p := filled(1, 0)
		for i := 0; b.Loop(); i++ {
			p.Put(i%(4*connpool.EmptyMax), 0)
			p.Take(i % (4 * connpool.EmptyMax))
		}
	})
}

func BenchmarkRemovePut(b *testing.B) {
	b.ReportAllocs()
	p := filled(8, 1024)
	for i := 0; b.Loop(); i++ {
		ref := uint32(i*37) % 1024
		p.Remove(ref)
		p.Put(int(ref%8), ref)
	}
}
