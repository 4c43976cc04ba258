package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a data plane's memory.
type memory struct {
	log       Log
	exchanges Exchanges
	health    Ring[HealthChange]
}

func (m *memory) history() History { return History{Conns: &m.log.Ring, Exchanges: &m.exchanges.Ring} }

// at returns an instant so many milliseconds after some other.
func at(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

// closed appends the ends of connections at those instants, each with its instant as the id.
func (m *memory) closed(instants ...int) {
	for _, ms := range instants {
		m.log.Append([]Close{{ID: uint64(ms), Closed: at(ms)}})
	}
}

// exchanged appends the ends of exchanges at those instants, each with its instant as the connection.
func (m *memory) exchanged(instants ...int) {
	for _, ms := range instants {
		m.exchanges.Append([]Exchange{{Conn: uint64(ms), Ended: at(ms)}})
	}
}

// names writes entries as "c5" or "x5", after their kind and id.
func names(batch []Entry) []string {
	var out []string
	for _, e := range batch {
		switch {
		case e.Health != nil:
			out = append(out, "h"+e.Health.Backend)
		case e.Close != nil:
			out = append(out, fmt.Sprint("c", e.Close.ID))
		default:
			out = append(out, fmt.Sprint("x", e.Exchange.Conn))
		}
	}
	return out
}

// read returns all that is there from a place on.
func (m *memory) read(t *testing.T, from Place) (got []string, lost uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := m.history().Follow(ctx, from, func(batch []Entry, missed uint64) error {
		got = append(got, names(batch)...)
		lost += missed
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, lost
}

func TestHistoryMergesByTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		closed, exchanged []int
		want              []string
	}{
		{"nothing", nil, nil, nil},
		{"connections", []int{1, 2}, nil, []string{"c1", "c2"}},
		{"exchanges", nil, []int{1, 2}, []string{"x1", "x2"}},
		{"in-turns", []int{2, 4}, []int{1, 3, 5}, []string{"x1", "c2", "x3", "c4", "x5"}},
		{"exchange-first", []int{1, 2}, []int{1, 2}, []string{"x1", "c1", "x2", "c2"}},
		{"apart", []int{8, 9}, []int{1, 2}, []string{"x1", "x2", "c8", "c9"}},
		{"out-of-step", []int{6}, []int{10, 5}, []string{"c6", "x10", "x5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m memory
			m.closed(tt.closed...)
			m.exchanged(tt.exchanged...)
			if got, lost := m.read(t, Place{}); !slices.Equal(got, tt.want) || lost != 0 {
				t.Errorf("got %v and %d lost, want %v and none", got, lost, tt.want)
			}
		})
	}
}

// TestHistoryMergesAcrossBatches has many of one kind before the first of the other, and several batches of both.
func TestHistoryMergesAcrossBatches(t *testing.T) {
	t.Parallel()
	var m memory
	for ms := range 10 * readBatch {
		if ms < 3*readBatch || ms%7 > 0 {
			m.exchanged(ms)
		} else {
			m.closed(ms)
		}
	}
	got, lost := m.read(t, Place{})
	if len(got) != 10*readBatch || lost != 0 {
		t.Fatalf("%d entries and %d lost, want %d and none", len(got), lost, 10*readBatch)
	}
	for i, name := range got {
		if name[1:] != fmt.Sprint(i) {
			t.Fatalf("entry %d is %s, want them in the order of time", i, name)
		}
	}
}

// TestHistoryRoundsEnd has an exchange and its connection end in the middle of a round in which no exchange was to come.
func TestHistoryRoundsEnd(t *testing.T) {
	t.Parallel()
	var m memory
	m.closed(1)
	reader := newMerge(m.history(), Place{})
	reader.begin()
	m.exchanged(2)
	m.closed(3)
	var got []string
	for range 2 {
		for reader.more() {
			batch, _ := reader.next()
			got = append(got, names(batch)...)
		}
		reader.begin()
	}
	if want := []string{"c1", "x2", "c3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHistoryPlaces(t *testing.T) {
	t.Parallel()
	var m memory
	m.closed(10, 20, 30)
	m.exchanged(11, 21)
	h := m.history()
	for _, tt := range []struct {
		name string
		from Place
		want []string
	}{
		{"next", h.Next(), nil},
		{"oldest", h.Oldest(), []string{"c10", "x11", "c20", "x21", "c30"}},
		{"from-before", h.From(at(5)), []string{"c10", "x11", "c20", "x21", "c30"}},
		{"from-the-very-instant", h.From(at(20)), []string{"c20", "x21", "c30"}},
		{"from-between", h.From(at(22)), []string{"c30"}},
		{"from-after", h.From(at(31)), nil},
	} {
		if got, _ := m.read(t, tt.from); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFollowBatchesWhatComesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m memory
		var calls [][]string
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- m.history().Follow(ctx, Place{}, func(batch []Entry, _ uint64) error {
				calls = append(calls, names(batch))
				return nil
			})
		}()
		for _, ms := range []int{1, 2, 3} { // one turn of a loop each, a millisecond apart
			synctest.Wait()
			m.exchanged(ms)
			m.closed(ms)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(followPause)
		synctest.Wait()
		m.closed(7)
		time.Sleep(2 * followPause)
		synctest.Wait()
		m.exchanged(8)
		cancel() // the record before the end must still arrive
		if err := <-done; err != nil {
			t.Errorf("Follow = %v, want nil", err)
		}
		want := [][]string{{"x1", "c1", "x2", "c2", "x3", "c3"}, {"c7"}, {"x8"}}
		if !slices.EqualFunc(calls, want, slices.Equal) {
			t.Errorf("batches %v, want %v", calls, want)
		}
	})
}

func TestFollowWakesEveryReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m memory
		ctx, cancel := context.WithCancel(t.Context())
		enough := errors.New("enough")
		var woken sync.WaitGroup
		for range 5 {
			woken.Go(func() {
				if err := m.history().Follow(ctx, Place{}, func([]Entry, uint64) error { return enough }); !errors.Is(err, enough) {
					t.Errorf("Follow = %v, want %v", err, enough)
				}
			})
		}
		synctest.Wait()
		m.exchanged(1)
		time.Sleep(2 * followPause)
		cancel() // ends those that sleep on, for the test to fail and not to hang
		woken.Wait()
	})
}

func TestFollowTellsLost(t *testing.T) {
	t.Parallel()
	var m memory
	m.log.Append(closes(1, logMax+25))
	m.exchanges.Append(exchanges(1, logMax+5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var got, lost uint64
	err := m.history().Follow(ctx, Place{Conns: 5}, func(batch []Entry, missed uint64) error {
		if len(batch) > 2*readBatch {
			t.Errorf("batch of %d, want at most %d", len(batch), 2*readBatch)
		}
		got += uint64(len(batch))
		lost += missed
		return nil
	})
	if err != nil || got != 2*logMax || lost != 25 {
		t.Errorf("Follow gave %d records, %d lost, %v, want %d, 25, nil", got, lost, err, 2*logMax)
	}
}

func TestFollowEndsWithError(t *testing.T) {
	t.Parallel()
	var m memory
	m.log.Append(closes(1, 2*readBatch))
	full := errors.New("full")
	calls := 0
	err := m.history().Follow(t.Context(), Place{}, func([]Entry, uint64) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("Follow = %v after %d calls, want %v after 1", err, calls, full)
	}
}

// TestFollowConcurrently has several loops append while readers follow: every reader sees every record once, those of
// each kind in one order, and each connection after its exchange.
func TestFollowConcurrently(t *testing.T) {
	t.Parallel()
	const loops, each = 3, 1000
	var m memory
	ctx, cancel := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	var conns, requests [3][]uint64
	for r := range conns {
		readers.Go(func() {
			ended := map[uint64]bool{}
			err := m.history().Follow(ctx, Place{}, func(batch []Entry, lost uint64) error {
				if lost > 0 {
					t.Errorf("reader %d lost %d", r, lost)
				}
				for _, e := range batch {
					if e.Exchange != nil {
						requests[r] = append(requests[r], e.Exchange.Conn)
						ended[e.Exchange.Conn] = true
						continue
					}
					conns[r] = append(conns[r], e.Close.ID)
					if !ended[e.Close.ID] {
						t.Errorf("reader %d saw connection %d before its exchange", r, e.Close.ID)
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("reader %d: %v", r, err)
			}
		})
	}
	for loop := range uint64(loops) {
		writers.Go(func() {
			for i := uint64(0); i < each; i += 10 {
				m.exchanges.Append(exchanges(loop*each+i, 10))
				m.log.Append(closes(loop*each+i, 10))
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
	for r := range conns {
		if !slices.Equal(conns[r], conns[0]) || !slices.Equal(requests[r], requests[0]) {
			t.Errorf("readers %d and 0 saw different orders", r)
		}
		if len(conns[r]) != loops*each || len(requests[r]) != loops*each {
			t.Errorf("reader %d saw %d connections and %d exchanges, want %d of each", r, len(conns[r]), len(requests[r]), loops*each)
		}
	}
}

// BenchmarkFollow reads what 50 turns of a busy loop appended.
func BenchmarkFollow(b *testing.B) {
	var m memory
	xs := exchanges(1, 40)
	ended := errors.New("ended")
	reader := newMerge(m.history(), Place{})
	b.ReportAllocs()
	for b.Loop() {
		for range 50 {
			m.exchanges.Append(xs)
		}
		for reader.begin(); reader.more(); {
			if batch, lost := reader.next(); len(batch) == 0 || lost > 0 {
				b.Fatal(ended)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/record")
}

// TestHistoryHasHealth: changes of health come with what ended, wake a reader by themselves, and are only in a History that asks for them.
func TestHistoryHasHealth(t *testing.T) {
	t.Parallel()
	var m memory
	h := m.history()
	h.Health = &m.health
	change := func(ms int) { m.health.Append([]HealthChange{{Backend: fmt.Sprint(ms), At: at(ms)}}) }
	change(1)
	from := h.Next()
	ctx, cancel := context.WithCancel(t.Context())
	come := make(chan []string)
	done := make(chan error)
	go func() {
		done <- h.Follow(ctx, from, func(batch []Entry, _ uint64) error {
			come <- names(batch)
			return nil
		})
	}()
	change(2)
	if got := <-come; !slices.Equal(got, []string{"h2"}) {
		t.Errorf("got %q, want the change that came", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	m.closed(3)
	if got, _ := m.read(t, m.history().Oldest()); !slices.Equal(got, []string{"c3"}) {
		t.Errorf("got %q where nobody asks for health", got)
	}
	for name, c := range map[string]struct {
		place Place
		want  []string
	}{"oldest": {h.Oldest(), []string{"h1", "h2", "c3"}}, "from": {h.From(at(2)), []string{"h2", "c3"}}, "next": {h.Next(), nil}} {
		var got []string
		if err := h.Follow(ctx, c.place, func(batch []Entry, _ uint64) error {
			got = append(got, names(batch)...)
			return nil
		}); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}
