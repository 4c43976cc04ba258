package ociapi

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSharedMap changes clones of clones beside plain maps: each is what its map is, and what it was cloned from stays as it was.
func TestSharedMap(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	random := rand.New(rand.NewPCG(seed, 1))
	type pair struct {
		shared sharedMap[int, int]
		plain  map[int]int
	}
	pairs := []pair{{plain: map[int]int{}}}
	for range 300 {
		from := &pairs[random.IntN(len(pairs))]
		next := pair{shared: from.shared.clone(), plain: maps.Clone(from.plain)}
		for range random.IntN(50) {
			key := random.IntN(500)
			if random.IntN(3) == 0 {
				next.shared.remove(key)
				delete(next.plain, key)
			} else {
				next.shared.set(key, random.Int())
				next.plain[key] = next.shared.get(key)
			}
		}
		pairs = append(pairs, next)
	}
	for i := range pairs {
		p := &pairs[i]
		if got := maps.Collect(p.shared.all()); !maps.Equal(got, p.plain) || p.shared.len() != len(p.plain) {
			t.Fatalf("seed %d, map %d: got %d entries %v, want %v", seed, i, p.shared.len(), got, p.plain)
		}
		for key := range 500 {
			if got := p.shared.get(key); got != p.plain[key] {
				t.Fatalf("seed %d, map %d: got %d of %d, want %d", seed, i, got, key, p.plain[key])
			}
		}
	}
}
