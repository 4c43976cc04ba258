package logdelivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

const (
	// uploadsMost is how many files are put in place at the same time: enough that one bucket that does not answer
	// leaves room for others.
	uploadsMost = 4
	// attemptMost is how long one attempt may take: a file of fileBytesMax at half a megabyte a second.
	attemptMost = 2 * time.Minute
	// triesMost with pauses from pauseFirst, each twice the last, up to pauseMost come to an hour less three minutes.
	triesMost  = 14
	pauseFirst = 2 * time.Second
	pauseMost  = 10 * time.Minute
	// lookMost is the longest time between two looks at what is due: the wall clock may be set meanwhile.
	lookMost = time.Minute
	// reportEvery is how often at most lost lines are logged.
	reportEvery = time.Minute
)

// A report is what was logged last of what was lost.
type report struct {
	at           time.Time
	missed, lost uint64
}

// run is the scheduler.
func (d *Delivery) run() {
	defer close(d.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-d.kick:
		case <-d.closing:
			d.finish()
			return
		}
		timer.Reset(d.turn(d.now()))
	}
}

// turn does what is due, and returns how long nothing else is.
func (d *Delivery) turn(now time.Time) time.Duration {
	wait := lookMost
	until := func(next time.Time) {
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(now), 0))
		}
	}
	until(d.spool.flush(now))
	until(d.spool.shutWhere(d.dueAt(now)))
	until(d.begin(now))
	until(d.tell(now))
	return wait
}

// dueAt returns which files are shut at an instant: those whose interval is over, and those that nobody wants to have
// further lines. A clock that was set back by more than an interval makes files due too, which would else stay open.
func (d *Delivery) dueAt(now time.Time) func(slot) bool {
	wanted := d.targets.Load().wanted
	return func(at slot) bool {
		end := time.Unix(at.end, 0)
		return !now.Before(end.Add(shutAfter)) || end.Sub(now) > 2*at.interval || !wanted[at.destination]
	}
}

// begin begins deliveries, as many as may be under way, and returns when the next may begin.
func (d *Delivery) begin(now time.Time) (next time.Time) {
	for d.deliveries.Load() < uploadsMost {
		f, next := d.spool.take(now)
		if f == nil {
			return next
		}
		d.deliveries.Add(1)
		go func() {
			d.deliver(f)
			d.deliveries.Add(-1)
			d.wake()
		}()
	}
	return time.Time{} // one that ends wakes the scheduler
}

// deliver makes one attempt.
func (d *Delivery) deliver(f *file) {
	closer, body, err := d.spool.body(f)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.giveUp(f, fmt.Errorf("somebody has removed %s from the spool", f.name))
		return
	case err == nil:
		err = d.put(f, body)
		closer.Close()
		d.noteBucket(f.Bucket, err)
	}
	switch {
	case err == nil:
		d.files.Add(1)
		d.noteRemoval(d.spool.remove(f))
	case f.tries+1 < triesMost:
		d.failures.Add(1)
		d.spool.again(f, d.now().Add(pauseAfter(f.tries)))
	default:
		d.failures.Add(1)
		d.giveUp(f, fmt.Errorf("%s was given up after %d attempts: bucket %s: %w", f.name, triesMost, f.Bucket, cause(err)))
	}
}

// giveUp drops a file.
func (d *Delivery) giveUp(f *file, why error) {
	d.dropped.Add(1)
	d.noteRemoval(d.spool.drop(f, why))
}

func (d *Delivery) noteRemoval(err error) {
	if err != nil {
		d.logger.Error("a file in the spool of access logs cannot be removed; the next start delivers it again", "error", err)
	}
}

// pauseAfter returns how long to wait after a failure that follows others.
func pauseAfter(failures int) time.Duration {
	return min(pauseFirst<<failures, pauseMost)
}

func (d *Delivery) put(f *file, body *io.SectionReader) error {
	ctx, cancel := context.WithTimeout(d.ctx, attemptMost)
	defer cancel()
	return d.store.Put(ctx, f.Bucket, f.Key, body)
}

// noteBucket says once when deliveries to a bucket begin to fail, and once when they succeed again.
func (d *Delivery) noteBucket(bucket string, err error) {
	d.mu.Lock()
	was := d.failing[bucket]
	if err != nil {
		d.failing[bucket] = true
	} else {
		delete(d.failing, bucket)
	}
	d.mu.Unlock()
	switch {
	case err != nil && !was:
		d.logger.Error("access logs cannot be delivered; they wait in the spool and are tried again for an hour",
			"bucket", bucket, "error", cause(err))
	case err == nil && was:
		d.logger.Info("access logs are delivered again", "bucket", bucket)
	}
}

// tell logs what was lost since it last did, and returns when it may log again; zero if there is nothing more to log.
func (d *Delivery) tell(now time.Time) (next time.Time) {
	d.spool.mu.Lock()
	lost, reason := d.spool.lost.Load(), d.spool.reason
	d.spool.mu.Unlock()
	missed := d.missed.Load()
	if lost == d.report.lost && missed == d.report.missed {
		return time.Time{}
	}
	if next := d.report.at.Add(reportEvery); now.Before(next) && !d.report.at.After(now) {
		return next
	}
	if n := lost - d.report.lost; n > 0 {
		d.logger.Error("lines of access logs are lost", "lines", n, "reason", reason)
	}
	if n := missed - d.report.missed; n > 0 {
		d.logger.Error("access logs miss what ended while they could not be written as fast as it came", "records", n)
	}
	d.report = report{now, missed, lost}
	return time.Time{}
}

// finish delivers everything once, as long as Close waits for it.
func (d *Delivery) finish() {
	d.spool.shutWhere(func(slot) bool { return true })
	first := d.now()
	for {
		d.begin(first) // what fails now is due later than that, and waits for the next start
		if d.deliveries.Load() == 0 {
			break
		}
		select {
		case <-d.kick:
		case <-d.ctx.Done():
			return
		}
	}
	d.report.at = time.Time{}
	d.tell(d.now())
}
