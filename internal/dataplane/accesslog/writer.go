package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
)

const (
	retryMin = 100 * time.Millisecond // first wait after a failed write
	retryMax = 5 * time.Second        // longest: soon enough after somebody made room
	// closeWait is how long Close waits for a file that does not take bytes, so that a dead disk or an unread pipe
	// cannot keep lull from stopping.
	closeWait = 5 * time.Second
	// pendingMost is how many bytes of lines are gathered before they are written; a batch of ordinary ones is a tenth.
	pendingMost = 1 << 20
)

// Writer follows a record.History and appends a line for each record to a file.
type Writer struct {
	// Fixed after Open.
	path   string
	format Format
	ended  record.History
	logger *slog.Logger
	enough func() // no longer has every exchange remembered
	stop   context.CancelFunc
	closed <-chan struct{} // closed when Close asks the goroutine to end
	done   chan error      // takes the goroutine's last word
	kick   chan struct{}   // cuts a wait for the next retry short

	// Owned by the goroutine.
	out     io.WriteCloser
	pending []byte // lines not yet written; out has taken pending[:taken]
	taken   int
	lines   uint64 // of records, in pending
	failing bool   // the last write failed

	// Atomic.
	fresh       atomic.Pointer[os.File] // the file that Reopen opened; replaces out before the next write
	owners      atomic.Pointer[func(loadBalancer string) Owner]
	written     atomic.Uint64
	lost        atomic.Uint64
	writeErrors atomic.Uint64
}

// Counters are what a Writer has done so far.
type Counters struct {
	Written     uint64 // records whose lines the file took
	Lost        uint64 // records forgotten before the file took them
	WriteErrors uint64 // writes that failed; each is tried again
}

// Open opens path for appending and starts a Writer that logs every connection and every exchange that ends from now on.
// Paths /dev/stdout and /dev/stderr are the process's own; anything else must be a regular file, which is created with
// mode 0640 if it does not exist, or a character device.
// health, which may be nil, is written where the format has entries for it.
func Open(conns *record.Log, exchanges *record.Exchanges, health *record.Ring[record.HealthChange], path string, format Format, logger *slog.Logger) (*Writer, error) {
	out, err := openPath(path)
	if err != nil {
		return nil, err
	}
	ended := record.History{Conns: &conns.Ring, Exchanges: &exchanges.Ring}
	if formats[format].health != nil {
		ended.Health = health
	}
	return start(ended, exchanges, out, path, format, logger), nil
}

func start(ended record.History, exchanges *record.Exchanges, out io.WriteCloser, path string, format Format, logger *slog.Logger) *Writer {
	ctx, stop := context.WithCancel(context.Background())
	w := &Writer{
		path:   path,
		format: format,
		ended:  ended,
		logger: logger,
		enough: exchanges.Want(), // before Next: what ends from there on must be remembered
		stop:   stop,
		closed: ctx.Done(),
		done:   make(chan error, 1),
		kick:   make(chan struct{}, 1),
		out:    out,
	}
	go w.run(ctx, w.ended.Next())
	return w
}

// Reopen opens the path again and writes to the new file from the next batch on: what follows a rename by logrotate. If
// that fails the Writer goes on with the file it has. It does not wait for a write under way.
func (w *Writer) Reopen() error {
	if standardStream(w.path) != nil {
		return nil
	}
	f, err := openFile(w.path)
	if err != nil {
		return err
	}
	if unused := w.fresh.Swap(f); unused != nil {
		_ = unused.Close() // nothing was written to it
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
	return nil
}

// Close writes everything that was remembered until now, closes the file and returns what went wrong. It may be
// called once.
func (w *Writer) Close() error {
	w.stop()
	limit := time.NewTimer(closeWait)
	defer limit.Stop()
	select {
	case err := <-w.done:
		return err
	case <-limit.C:
		return fmt.Errorf("access log %s: took no bytes for %s, its last lines are lost", w.path, closeWait)
	}
}

// SetOwners tells who knows the owners of load balancers, which lines of OCI name. It is called for every record, on the Writer's
// goroutine.
func (w *Writer) SetOwners(of func(loadBalancer string) Owner) { w.owners.Store(&of) }

// Counters returns what the Writer has done so far.
func (w *Writer) Counters() Counters {
	return Counters{Written: w.written.Load(), Lost: w.lost.Load(), WriteErrors: w.writeErrors.Load()}
}

// run is the Writer's goroutine.
func (w *Writer) run(ctx context.Context, from record.Place) {
	err := w.ended.Follow(ctx, from, w.batch)
	w.enough()
	w.swap()
	w.done <- errors.Join(err, w.out.Close())
}

// batch formats and writes one batch of records.
func (w *Writer) batch(entries []record.Entry, lost uint64) error {
	if lost > 0 {
		w.lost.Add(lost)
		w.pending = w.format.AppendLost(w.pending, clock.Wall(clock.Now()), lost)
	}
	for _, e := range entries {
		before := len(w.pending)
		w.pending = w.append(w.pending, e)
		if len(w.pending) > before {
			w.lines++
		}
		if len(w.pending) >= pendingMost {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// append appends what is written of a record.
func (w *Writer) append(dst []byte, e record.Entry) []byte {
	if owners := w.owners.Load(); w.format == OCI && owners != nil {
		return appendOwned(dst, e, (*owners)(balancerOf(e)))
	}
	return w.format.Append(dst, e)
}

// balancerOf returns the name of the load balancer that an entry is of.
func balancerOf(e record.Entry) string {
	if e.Health != nil {
		return e.Health.LoadBalancer
	}
	return e.Ends().LoadBalancer
}

// flush writes pending, and tries until it succeeds or the Writer is closed: then once more, the last time.
func (w *Writer) flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		closing := w.closing()
		w.swap()
		n, err := w.out.Write(w.pending[w.taken:])
		w.taken += n
		w.report(err)
		if err == nil {
			w.written.Add(w.lines)
			w.pending, w.taken, w.lines = w.pending[:0], 0, 0
			return nil
		}
		if closing {
			return fmt.Errorf("access log %s: its last lines are lost: %w", w.path, err)
		}
		w.pause(wait)
	}
}

// report counts a failed write, and says so once when writing begins to fail and once when it works again.
func (w *Writer) report(err error) {
	if err != nil {
		w.writeErrors.Add(1)
	}
	switch {
	case err != nil && !w.failing:
		w.logger.Error("access log cannot be written; lull goes on and keeps trying",
			"path", w.path, "error", err, "remembered", record.Remembered)
	case err == nil && w.failing:
		w.logger.Info("access log is written again", "path", w.path, "lost", w.lost.Load())
	}
	w.failing = err != nil
}

// swap begins to use the file of the last Reopen. A line that the old file holds only in part is written to the new one
// in full.
func (w *Writer) swap() {
	f := w.fresh.Swap(nil)
	if f == nil {
		return
	}
	if err := w.out.Close(); err != nil {
		w.logger.Warn("closing the old access log", "path", w.path, "error", err)
	}
	w.out = f
	w.taken = bytes.LastIndexByte(w.pending[:w.taken], '\n') + 1
}

// pause waits before the next try; Close and Reopen cut it short.
func (w *Writer) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.kick:
	case <-w.closed:
	}
}

func (w *Writer) closing() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// A keptOpen is a standard stream, which belongs to the process and outlives the log.
type keptOpen struct{ io.Writer }

// Close does nothing.
func (keptOpen) Close() error { return nil }

func openPath(path string) (io.WriteCloser, error) {
	if stream := standardStream(path); stream != nil {
		return keptOpen{stream}, nil
	}
	return openFile(path)
}

// standardStream returns the process's own stream that path means, or nil. Opening /dev/stdout instead would fail
// where it is a socket, as under systemd, or where it belongs to another user, as after su.
func standardStream(path string) *os.File {
	switch path {
	case "/dev/stdout":
		return os.Stdout
	case "/dev/stderr":
		return os.Stderr
	}
	return nil
}

// openFile refuses what opening would wait for (a named pipe without a reader) or what cannot hold a log.
func openFile(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !writable(info.Mode()) {
		return nil, fmt.Errorf("access_log.path %s: is a %s; it must be a regular file, /dev/stdout or /dev/stderr",
			path, kind(info.Mode()))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("access_log.path %s: cannot be opened for appending: %w", path, unwrapPath(err))
	}
	return f, nil
}

// writable reports whether lines may be appended to a file of that mode.
func writable(mode fs.FileMode) bool {
	return mode.IsRegular() || mode&fs.ModeCharDevice != 0
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// unwrapPath drops the operation and path that the message names already.
func unwrapPath(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
