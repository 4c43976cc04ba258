package logdelivery

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/record"
)

// A session is the time from the first target to the last one's end, during which what ends is followed.
type session struct {
	cancel    context.CancelFunc
	abandoned atomic.Bool   // what it has not written yet is not wanted
	done      chan struct{} // closed when it has written all that it will
}

// abandon ends a session at once. The next one may begin before it has ended, and both never write the same record.
func (s *session) abandon() {
	s.abandoned.Store(true)
	s.cancel()
}

var errAbandoned = errors.New("abandoned")

// follow begins a session.
func (d *Delivery) follow() *session {
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{cancel: cancel, done: make(chan struct{})}
	enough := d.exchanges.Want() // before Next: what ends from there on must be remembered
	from := d.ended.Next()
	go func() {
		defer close(s.done)
		defer enough()
		var line []byte
		_ = d.ended.Follow(ctx, from, func(batch []record.Entry, lost uint64) error {
			if s.abandoned.Load() {
				return errAbandoned
			}
			if lost > 0 {
				d.missed.Add(lost)
				d.wake()
			}
			line = d.write(batch, line)
			return nil
		})
	}()
	return s
}

// write writes a batch to the spool. It returns line, whose room it uses.
func (d *Delivery) write(batch []record.Entry, line []byte) []byte {
	targets, now := d.targets.Load().byName, d.now()
	d.spool.mu.Lock()
	defer d.spool.mu.Unlock()
	for _, e := range batch {
		ends := e.Ends()
		t, ok := targets[ends.LoadBalancer]
		if !ok {
			continue
		}
		ends.LoadBalancer = t.Name // the batch is this follower's own copy
		if line = accesslog.AWS.Append(line[:0], e); len(line) > 0 {
			at := slot{t.destination(), t.node(ends.Local.Addr()), endOf(endedAt(e), now, t.Interval).Unix()}
			d.spool.addLocked(at, line, now)
		}
	}
	if d.spool.noteLocked() {
		d.wake()
	}
	return line
}

func endedAt(e record.Entry) time.Time {
	if e.Exchange != nil {
		return e.Exchange.Ended
	}
	return e.Close.Closed
}
