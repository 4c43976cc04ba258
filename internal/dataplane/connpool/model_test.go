package connpool_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lull/internal/dataplane/connpool"
)

// entry is a connection in the model.
type entry struct {
	key int
	ref uint32
}

// model is the pool in its most naive form, side by side with a real one: what is in it in the order it was put in.
type model struct {
	t    testing.TB
	pool connpool.Pool[int]
	in   []entry
	ops  int
}

func (m *model) index(ref uint32) int {
	return slices.IndexFunc(m.in, func(e entry) bool { return e.ref == ref })
}

// of returns the connections of a key, the most recently used first.
func (m *model) of(key int) (refs []uint32) {
	for _, e := range slices.Backward(m.in) {
		if e.key == key {
			refs = append(refs, e.ref)
		}
	}
	return refs
}

func (m *model) put(key int, ref uint32) {
	if m.index(ref) < 0 {
		m.pool.Put(key, ref)
		m.in = append(m.in, entry{key, ref})
		return
	}
	defer func() {
		if recover() == nil {
			m.t.Fatalf("op %d: Put(%d, %d) of a connection that is in the pool: got no panic", m.ops, key, ref)
		}
	}()
	m.pool.Put(key, ref)
}

func (m *model) take(key int) {
	ref, ok := m.pool.Take(key)
	want := m.of(key)
	if ok != (len(want) > 0) || ok && ref != want[0] {
		m.t.Fatalf("op %d: Take(%d) = %d, %v, want the first of %v", m.ops, key, ref, ok, want)
	}
	if ok {
		i := m.index(ref)
		m.in = slices.Delete(m.in, i, i+1)
	}
}

func (m *model) remove(ref uint32) {
	i := m.index(ref)
	if got := m.pool.Remove(ref); got != (i >= 0) {
		m.t.Fatalf("op %d: Remove(%d) = %v, want %v", m.ops, ref, got, i >= 0)
	}
	if i >= 0 {
		m.in = slices.Delete(m.in, i, i+1)
	}
}

// each goes through the connections of a key and removes those that mask names by their position.
func (m *model) each(key int, mask uint64) {
	want := m.of(key)
	var got []uint32
	m.pool.EachOf(key, func(ref uint32) {
		if got = append(got, ref); mask>>(len(got)%64)&1 != 0 {
			m.remove(ref)
		}
	})
	if !slices.Equal(got, want) {
		m.t.Fatalf("op %d: EachOf(%d) gave %v, want %v", m.ops, key, got, want)
	}
}

// check compares what can be seen from outside, and all that is inside.
func (m *model) check(key int) {
	if got := m.pool.Len(); got != len(m.in) {
		m.t.Fatalf("op %d: Len() = %d, want %d", m.ops, got, len(m.in))
	}
	if got, want := m.pool.LenOf(key), len(m.of(key)); got != want {
		m.t.Fatalf("op %d: LenOf(%d) = %d, want %d", m.ops, key, got, want)
	}
	ref, ok := m.pool.Oldest()
	if ok != (len(m.in) > 0) || ok && ref != m.in[0].ref {
		m.t.Fatalf("op %d: Oldest() = %d, %v, want the first of %v", m.ops, ref, ok, m.in)
	}
	if err := m.pool.Verify(); err != nil {
		m.t.Fatalf("op %d: %v", m.ops, err)
	}
}

// step carries out one operation and compares.
func (m *model) step(op byte, key int, ref uint32, mask uint64) {
	m.ops++
	switch op % 8 {
	case 0, 1, 2:
		m.put(key, ref)
	case 3, 4:
		m.take(key)
	case 5:
		m.remove(ref)
	case 6: // what a proxy does that has no descriptor left
		if oldest, ok := m.pool.Oldest(); ok {
			m.remove(oldest)
		}
	case 7:
		m.each(key, mask)
	}
	m.check(key)
}

// TestModel is the property test: random operations, pool and model side by side.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		keys, refs int
	}{{"one-key", 1, 8}, {"few-keys", 5, 40}, {"more-keys-than-connections", 60, 20}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			for range 10 {
				m := &model{t: t}
				for range 1000 {
					m.step(byte(r.Uint32()), r.IntN(c.keys), uint32(r.IntN(c.refs)), r.Uint64())
				}
			}
		})
	}
}

// FuzzPool looks for operations that the pool carries out differently from the model.
func FuzzPool(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 1, 1, 3, 1, 0, 7, 1, 255})
	f.Fuzz(func(t *testing.T, program []byte) {
		m := &model{t: t}
		for ; len(program) >= 3; program = program[3:] {
			m.step(program[0], int(program[1]%16), uint32(program[2]%32), uint64(program[2])*0x0101010101010101)
		}
	})
}
