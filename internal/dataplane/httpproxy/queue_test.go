package httpproxy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lull/internal/dataplane/relay"
)

// TestList: a list keeps its order, both ways, whatever is added, inserted and removed.
func TestList(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	var table relay.Table[front]
	var l list
	var want []uint32
	for range 2000 {
		at := 0
		if len(want) > 0 {
			at = random.IntN(len(want))
		}
		switch random.IntN(3) {
		case 0:
			f, index := table.Take()
			f.index = index
			l.add(&table, f)
			want = append(want, index)
		case 1:
			f, index := table.Take()
			f.index = index
			next := uint32(0) // the end
			if at = random.IntN(len(want) + 1); at < len(want) {
				next = want[at] + 1
			}
			l.insert(&table, f, next)
			want = slices.Insert(want, at, index)
		case 2:
			if len(want) == 0 {
				continue
			}
			f := table.At(want[at])
			l.remove(&table, f)
			table.GiveBack(want[at])
			want = slices.Delete(want, at, at+1)
		}
		var forth, back []uint32
		for at := l.head; at != 0; at = table.At(at - 1).next {
			forth = append(forth, at-1)
		}
		for at := l.tail; at != 0; at = table.At(at - 1).prev {
			back = append(back, at-1)
		}
		slices.Reverse(back)
		if !slices.Equal(forth, want) || !slices.Equal(back, want) || l.count != len(want) {
			t.Fatalf("seed %d: got %v, backwards %v, %d; want %v", seed, forth, back, l.count, want)
		}
	}
}
