package record

import (
	"context"
	"time"

	"lull/internal/dataplane/reason"
)

// followPause is how long a follower lets records gather after the first one. Without it a loop that ends thousands of
// connections a second would wake the follower for each of its turns.
const followPause = 15 * time.Millisecond

// History is what has ended of either kind, read as one. Which exchanges are in it is its maker's choice: those of
// Exchanges.Ring or of Exchanges.Troubled.
//
// The kinds have rings of their own, because a server ends many exchanges for each connection, and what became of the
// connections must not be pushed out by them. Reading merges the two by time. That order is exact for what one loop
// ended, and within a turn of a loop, a millisecond or so, for what different loops did.
//
// Changes of backends' health can be in it as well. They are few and of no connection: those of a batch stand at its beginning.
type History struct {
	Conns     *Ring[Close]
	Exchanges *Ring[Exchange]
	Health    *Ring[HealthChange] // nil: they are not
}

// Entry is a record of one kind: one of them is set.
type Entry struct {
	Close    *Close
	Exchange *Exchange
	Health   *HealthChange // from a History with Health only; it has neither Ends nor Reason
}

// Ends returns the parties.
func (e Entry) Ends() *Ends {
	if e.Exchange != nil {
		return &e.Exchange.Ends
	}
	return &e.Close.Ends
}

// Reason returns why it ended.
func (e Entry) Reason() reason.Reason {
	if e.Exchange != nil {
		return e.Exchange.Reason
	}
	return e.Close.Reason
}

// Place is where a reader of a History is.
type Place struct{ Conns, Exchanges, Health uint64 }

// Next returns the place of a reader that wants only what is new.
func (h History) Next() Place {
	place := Place{Conns: h.Conns.Next(), Exchanges: h.Exchanges.Next()}
	if h.Health != nil {
		place.Health = h.Health.Next()
	}
	return place
}

// Oldest returns the place of a reader that wants all that is remembered.
func (h History) Oldest() Place {
	place := Place{Conns: h.Conns.Oldest(), Exchanges: h.Exchanges.Oldest()}
	if h.Health != nil {
		place.Health = h.Health.Oldest()
	}
	return place
}

// From returns the place of what ended at an instant or later.
func (h History) From(at time.Time) Place {
	place := h.Next() // before Seek: what ends meanwhile is to be read
	if cursor, ok := h.Conns.Seek(func(c *Close) bool { return !c.Closed.Before(at) }); ok {
		place.Conns = cursor
	}
	if cursor, ok := h.Exchanges.Seek(func(x *Exchange) bool { return !x.Ended.Before(at) }); ok {
		place.Exchanges = cursor
	}
	if h.Health != nil {
		if cursor, ok := h.Health.Seek(func(c *HealthChange) bool { return !c.At.Before(at) }); ok {
			place.Health = cursor
		}
	}
	return place
}

// Follow calls each with the entries from a place on, in the order of time, and goes on with new ones as they come.
// lost is how many were forgotten before the first of the batch; a batch may be empty when lost is not zero. The batch
// and what it points to are valid until each returns; while each takes its time the rings are the buffer, so a slow
// follower costs no memory.
//
// It returns nil when ctx ends, after handing over everything appended until then, or the error of each.
func (h History) Follow(ctx context.Context, from Place, each func(batch []Entry, lost uint64) error) error {
	m := newMerge(h, from)
	pause := time.NewTimer(followPause)
	defer pause.Stop()
	for {
		if m.wait(ctx) == nil {
			pause.Reset(followPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
		ended := ctx.Err() != nil // before the round begins, so that the last one covers all that came before the end
		for m.begin(); m.more(); {
			batch, lost := m.next()
			if err := each(batch, lost); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// A merge reads a History in rounds: begin looks how far there is to read, next hands it over.
type merge struct {
	conns     cursor[Close]
	exchanges cursor[Exchange]
	health    cursor[HealthChange] // without a ring: nothing is ever in it
	batch     []Entry
}

func newMerge(h History, from Place) *merge {
	m := &merge{
		conns:     cursor[Close]{ring: h.Conns, next: from.Conns, room: make([]Close, readBatch)},
		exchanges: cursor[Exchange]{ring: h.Exchanges, next: from.Exchanges, room: make([]Exchange, readBatch)},
		batch:     make([]Entry, 0, 2*readBatch),
	}
	if h.Health != nil {
		m.health = cursor[HealthChange]{ring: h.Health, next: from.Health, room: make([]HealthChange, readBatch)}
	}
	return m
}

// wait returns when there is something to read, or with ctx's error.
func (m *merge) wait(ctx context.Context) error {
	for {
		conn, exchange := m.conns.ring.ready(m.conns.next), m.exchanges.ring.ready(m.exchanges.next)
		if conn == nil || exchange == nil {
			return nil
		}
		var health <-chan struct{}
		if m.health.ring != nil {
			if health = m.health.ring.ready(m.health.next); health == nil {
				return nil
			}
		}
		select {
		case <-conn:
		case <-exchange:
		case <-health:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin starts a round. It looks at the connections first: an exchange ends before its connection does, so those of the
// connections of this round are in it.
func (m *merge) begin() {
	m.conns.until = m.conns.ring.Next()
	m.exchanges.until = m.exchanges.ring.Next()
	if m.health.ring != nil {
		m.health.until = m.health.ring.Next()
	}
}

func (m *merge) more() bool { return !m.conns.done() || !m.exchanges.done() || !m.health.done() }

// next returns what can be put in order without reading on: everything up to the end of the batch that ends first.
func (m *merge) next() (batch []Entry, lost uint64) {
	lost = m.conns.refill() + m.exchanges.refill() + m.health.refill()
	m.batch = m.batch[:0]
	for len(m.health.rest) > 0 {
		m.batch = append(m.batch, Entry{Health: m.health.take()})
	}
	for len(m.conns.rest) > 0 && len(m.exchanges.rest) > 0 {
		if m.conns.rest[0].Closed.Before(m.exchanges.rest[0].Ended) {
			m.takeClose()
		} else {
			m.takeExchange()
		}
	}
	for m.exchanges.done() && len(m.conns.rest) > 0 {
		m.takeClose()
	}
	for m.conns.done() && len(m.exchanges.rest) > 0 {
		m.takeExchange()
	}
	return m.batch, lost
}

func (m *merge) takeClose() { m.batch = append(m.batch, Entry{Close: m.conns.take()}) }

func (m *merge) takeExchange() { m.batch = append(m.batch, Entry{Exchange: m.exchanges.take()}) }

// A cursor reads one Ring.
type cursor[T any] struct {
	ring  *Ring[T]
	next  uint64 // what to read next
	until uint64 // where the round ends
	room  []T
	rest  []T // of room, read and not yet taken
}

// done reports whether nothing is left of the round.
func (c *cursor[T]) done() bool { return len(c.rest) == 0 && c.next >= c.until }

// refill reads on if everything read has been taken, no further than the round goes: what has come since could be a
// connection whose exchanges the round has missed. It returns how many records were forgotten before.
func (c *cursor[T]) refill() (lost uint64) {
	if len(c.rest) > 0 || c.done() {
		return 0
	}
	var n int
	n, c.next, lost = c.ring.Read(c.next, c.room[:min(readBatch, c.until-c.next)])
	c.rest = c.room[:n]
	return lost
}

func (c *cursor[T]) take() *T {
	first := &c.rest[0]
	c.rest = c.rest[1:]
	return first
}
