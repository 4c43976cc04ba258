package accesslog

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lull/internal/dataplane/record"
)

// appendExchanges does what a loop does that ends exchanges with the numbers first … last: it appends all of them while
// they are wanted, otherwise only those that went wrong.
func appendExchanges(exchanges *record.Exchanges, first, last int) {
	for n := first; n <= last; n++ {
		x := doneExchange()
		x.Number = n
		if exchanges.Followed() || x.Troubled() {
			exchanges.Append([]record.Exchange{x})
		}
	}
}

// TestWriterFollowsExchanges has nobody else follow: without the Writer, no ordinary exchange would be remembered.
func TestWriterFollowsExchanges(t *testing.T) {
	t.Parallel()
	const many = 3000
	var log record.Log
	var exchanges record.Exchanges
	path := filepath.Join(t.TempDir(), "access.log")
	appendExchanges(&exchanges, 1, 10) // before the log was opened: not its business
	w, err := Open(&log, &exchanges, nil, path, Text, quiet())
	if err != nil {
		t.Fatal(err)
	}
	appendExchanges(&exchanges, 1, many) // at once: there is no moment after Open in which they are not wanted
	c := httpClose()
	log.Append([]record.Close{c})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if exchanges.Followed() {
		t.Error("after Close every exchange is still remembered")
	}
	lines := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(lines) != many+1 || w.Counters() != (Counters{Written: many + 1}) {
		t.Fatalf("%d lines, counters %+v, want %d and nothing lost", len(lines), w.Counters(), many+1)
	}
	for i, line := range lines[:many] {
		if want := "1234/" + strconv.Itoa(i+1); strings.Fields(line)[1] != want {
			t.Fatalf("line %d is of %s, want %s", i, strings.Fields(line)[1], want)
		}
	}
	if got := strings.Fields(lines[many])[1]; got != "12" {
		t.Errorf("the last line is of %s, want connection 12, which ended later", got)
	}
}

// TestWriterSkipsWhatHasNoLine: the aws format knows neither connections of HTTP listeners nor pools.
func TestWriterSkipsWhatHasNoLine(t *testing.T) {
	t.Parallel()
	var log record.Log
	var exchanges record.Exchanges
	path := filepath.Join(t.TempDir(), "access.log")
	w, err := Open(&log, &exchanges, nil, path, AWS, quiet())
	if err != nil {
		t.Fatal(err)
	}
	log.Append([]record.Close{httpClose(), pooledClose(), idleClose()})
	appendExchanges(&exchanges, 1, 1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(read(t, path), "\n"); got != 2 || w.Counters().Written != 2 {
		t.Errorf("%d lines, counters %+v, want 2: the exchange's and the TCP connection's", got, w.Counters())
	}
}

// TestWriterBoundsWhatItHolds has more bytes of lines in one batch than are gathered.
func TestWriterBoundsWhatItHolds(t *testing.T) {
	t.Parallel()
	var log record.Log
	var exchanges record.Exchanges
	d := &disk{room: -1}
	w := startOn(&log, &exchanges, d, "access.log", Text, quiet())
	x := doneExchange()
	x.Target = "/" + strings.Repeat("\xff", record.TextMax)
	xs := make([]record.Exchange, 3*pendingMost/(4*record.TextMax))
	for i := range xs {
		xs[i] = x
	}
	exchanges.Append(xs)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(d.String(), "\n"); got != len(xs) || w.Counters().Written != uint64(len(xs)) {
		t.Errorf("%d lines, %d counted, want %d", got, w.Counters().Written, len(xs))
	}
	if got, most := cap(w.pending), 2*pendingMost; got > most {
		t.Errorf("the Writer held %d bytes at once, want at most %d", got, most)
	}
}

// BenchmarkWriter is what a line costs from the ring to the file, exchanges coming in turns of forty.
func BenchmarkWriter(b *testing.B) {
	turn := make([]record.Exchange, 40)
	for i := range turn {
		turn[i] = doneExchange()
	}
	for f := range Format(len(formats)) {
		b.Run(f.String(), func(b *testing.B) {
			var log record.Log
			var exchanges record.Exchanges
			out, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
			if err != nil {
				b.Fatal(err)
			}
			ring := record.History{Conns: &log.Ring, Exchanges: &exchanges.Ring}
			w := &Writer{format: f, out: out, logger: quiet()}
			over, cancel := context.WithCancel(b.Context())
			cancel() // Follow hands over what is there, and returns
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				from := ring.Next()
				for range 25 {
					exchanges.Append(turn)
				}
				b.StartTimer()
				if err := ring.Follow(over, from, w.batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
			if err := out.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
