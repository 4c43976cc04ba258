package sigv4

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// request makes up a verified request that passes until seconds after the suite's time.
func request(id byte, seconds int) Verified {
	v := Verified{Expires: suiteTime().Add(time.Duration(seconds) * time.Second)}
	v.signature[0] = id
	return v
}

func TestReplay(t *testing.T) {
	t.Parallel()
	type step struct {
		id      byte
		seconds int // of the request's end
		now     int
		want    bool
	}
	cases := []struct {
		name  string
		max   int
		steps []step
	}{
		{"again", 10, []step{{1, 300, 0, true}, {1, 300, 1, false}, {1, 300, 300, false}, {2, 300, 1, true}}},
		{"forgotten-after-its-end", 10, []step{{1, 300, 0, true}, {1, 300, 301, true}}},
		{"full-forgets-the-soonest", 2, []step{{1, 500, 0, true}, {2, 300, 0, true}, {3, 400, 0, true}, {1, 500, 1, false}, {3, 400, 1, false}, {2, 300, 1, true}}},
		{"at-least-one", 0, []step{{1, 300, 0, true}, {1, 300, 1, false}}},
	}
	for _, c := range cases {
		m := NewReplay(c.max)
		for i, s := range c.steps {
			if got := m.First(request(s.id, s.seconds), suiteTime().Add(time.Duration(s.now)*time.Second)); got != s.want {
				t.Errorf("%s: step %d: got %v, want %v", c.name, i, got, s.want)
			}
		}
	}
}

// TestReplayModel compares with a plain list, never full.
func TestReplayModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	m := NewReplay(1000)
	ends := map[byte]int{}
	for now := range 2000 {
		id, end := byte(random.UintN(256)), now+int(random.UintN(50))
		if known, found := ends[id]; found && known >= now {
			end = known // the same request has the same end
		}
		_, want := ends[id]
		want = !want || ends[id] < now
		if got := m.First(request(id, end), suiteTime().Add(time.Duration(now)*time.Second)); got != want {
			t.Fatalf("seed %d, second %d, request %d: got %v, want %v", seed, now, id, got, want)
		}
		ends[id] = end
		if len(m.mu.known) != len(m.mu.ends) {
			t.Fatalf("seed %d: %d known with %d ends", seed, len(m.mu.known), len(m.mu.ends))
		}
	}
}

// TestReplayRace has many present the same request at once: one is the first.
func TestReplayRace(t *testing.T) {
	t.Parallel()
	m := NewReplay(100)
	var first atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for id := range byte(50) {
				if m.First(request(id, 300), suiteTime()) {
					first.Add(1)
				}
			}
		})
	}
	group.Wait()
	if got := first.Load(); got != 50 {
		t.Errorf("got %d, want 50", got)
	}
}

// TestReplayVerified remembers real requests: the signature is what counts, not how the request looks.
func TestReplayVerified(t *testing.T) {
	t.Parallel()
	verifier, m := New(Options{Keys: suiteKeys()}), NewReplay(10)
	for i, d := range []draft{{method: "GET", url: "https://h/?a=1&b=2"}, {method: "GET", url: "https://h/?a=1&b=3"}} {
		r, err := d.sign(hashOf(""))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			v, err := verifier.Verify(r, nil, suiteTime())
			if err != nil {
				t.Fatal(err)
			}
			if got := m.First(v, suiteTime()); got != want {
				t.Errorf("request %d: got %v, want %v", i, got, want)
			}
			r.URL.RawQuery = r.URL.RawQuery[4:] + "&a=1"
			r.Header.Set("User-Agent", "another")
		}
	}
}
