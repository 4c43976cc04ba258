package console

import (
	"net/url"

	"lull/internal/dataplane/record"
)

// recordsAtOnce is how many records are looked at for each time that a ring's lock is taken, which holds up loops that append.
const recordsAtOnce = 128

// picked is where those records of a ring are that a page looks for. Only their places are kept, and the hundred that are shown are read
// afterwards: of a full ring, sixteen thousand are looked at for them.
type picked[T any] struct {
	ring *record.Ring[T]
	all  int      // records that were looked at
	at   []uint64 // places of those that match, the oldest first
}

// remembered returns the page that a query asks for of what a ring remembers and matches, the newest first, and how many records there are.
func remembered[T any](ring *record.Ring[T], match func(*T) bool, name string, q url.Values, perPage int) (records []T, where pages, all int) {
	found := pick(ring, match)
	where, from, until := pagesOf(name, q, len(found.at), perPage)
	return found.newest(from, until), where, found.all
}

// pick looks through what a ring remembers now.
func pick[T any](ring *record.Ring[T], match func(*T) bool) picked[T] {
	p := picked[T]{ring: ring}
	room := make([]T, recordsAtOnce)
	for from, until := ring.Oldest(), ring.Next(); from < until; {
		n, next, _ := ring.Read(from, room[:min(recordsAtOnce, until-from)])
		for i := range room[:n] {
			if match(&room[i]) {
				p.at = append(p.at, next-uint64(n-i))
			}
		}
		p.all += n
		from = next
	}
	return p
}

// newest returns those that match from one number to another, where 0 is the newest. What has been forgotten since is left out.
func (p *picked[T]) newest(from, until int) []T {
	records := make([]T, 0, until-from)
	var one [1]T
	for i := from; i < until; i++ {
		if n, _, lost := p.ring.Read(p.at[len(p.at)-1-i], one[:]); n == 1 && lost == 0 {
			records = append(records, one[0])
		}
	}
	return records
}
