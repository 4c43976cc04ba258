package record

import (
	"context"
	"time"
)

// Remembered is how many ended connections a Log keeps.
const Remembered = logMax

// followBatch is how many records a follower takes at a time: some 60 KB, copied in about 10 µs under the lock.
const followBatch = 128

// followPause is how long a follower lets records gather after the first one. Without it a loop that ends thousands of
// connections a second would wake the follower for each of its turns.
const followPause = 15 * time.Millisecond

// Follow calls each with the records from the cursor on, in order, and goes on with new ones as they come. lost is
// how many were forgotten before the first of the batch; a batch may be empty when lost is not zero. The batch is
// valid until each returns; while each takes its time the Log is the buffer, so a slow follower costs no memory.
//
// It returns nil when ctx ends, after handing over everything appended until then, or the error of each.
func (l *Log) Follow(ctx context.Context, from uint64, each func(batch []Close, lost uint64) error) error {
	batch := make([]Close, followBatch)
	pause := time.NewTimer(followPause)
	defer pause.Stop()
	for {
		if l.Wait(ctx, from) == nil {
			pause.Reset(followPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
		ended := ctx.Err() != nil // before Next, so that the last round covers all that came before the end
		for until := l.Next(); from < until; {
			n, next, lost := l.Read(from, batch)
			from = next
			if err := each(batch[:n], lost); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// Oldest returns the cursor of the oldest record that is still remembered.
func (l *Log) Oldest() uint64 {
	_, oldest, _ := l.Read(0, nil)
	return oldest
}

// Seek returns the cursor of the oldest remembered record that match accepts; ok is false if there is none. It may
// look at every record, a batch at a time, without holding up the loops.
func (l *Log) Seek(match func(*Close) bool) (cursor uint64, ok bool) {
	batch := make([]Close, followBatch)
	from := l.Oldest()
	for {
		n, next, _ := l.Read(from, batch)
		if n == 0 {
			return 0, false
		}
		for i := range batch[:n] {
			if match(&batch[i]) {
				return next - uint64(n-i), true
			}
		}
		from = next
	}
}
