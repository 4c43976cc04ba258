package store

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// Change is one document put or deleted.
type Change struct {
	Entry        // of a deleted one without the value; Revision is that of the deletion
	Deleted bool // false: put
}

// Batch is what one commit has changed, by key. It is shared and must not be modified.
type Batch struct {
	Revision Revision
	Changes  []Change
}

// size is what a batch counts towards HistoryBytesMax.
func (b *Batch) size() int {
	n := 0
	for i := range b.Changes {
		n += len(b.Changes[i].Key) + len(b.Changes[i].Value)
	}
	return n
}

// matching returns the changes under a prefix.
func (b *Batch) matching(prefix string) []Change {
	other := func(c Change) bool { return !strings.HasPrefix(c.Key, prefix) }
	if !slices.ContainsFunc(b.Changes, other) {
		return b.Changes
	}
	var found []Change
	for _, c := range b.Changes {
		if !other(c) {
			found = append(found, c)
		}
	}
	return found
}

// history is the last batches, one for each revision.
type history struct {
	mu sync.Mutex

	// Guarded by mu.
	oldest   Revision // the batches are those after it
	batches  []Batch
	bytes    int
	more     chan struct{} // closed and replaced when there are more
	watchers int
	closed   bool
}

// newHistory begins without a past.
func newHistory(at Revision) *history {
	return &history{oldest: at, more: make(chan struct{})}
}

// newestLocked returns the revision of the last batch.
func (h *history) newestLocked() Revision { return h.oldest + Revision(len(h.batches)) }

// add appends batches, drops the oldest ones, and wakes the watchers. publish is called before anybody can see them.
func (h *history) add(batches []Batch, publish func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	publish()
	h.batches = append(h.batches, batches...)
	for i := range batches {
		h.bytes += batches[i].size()
	}
	drop := 0
	for ; len(h.batches)-drop > HistoryMax || h.bytes > HistoryBytesMax; drop++ {
		h.bytes -= h.batches[drop].size()
	}
	h.batches = slices.Delete(h.batches, 0, drop)
	h.oldest += Revision(drop) //nolint:gosec // at most HistoryMax
	close(h.more)
	h.more = make(chan struct{})
}

// close wakes the watchers for the last time.
func (h *history) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	close(h.more)
}

// next returns the first batch after a revision that has something under a prefix, and up to which revision it has looked.
// If it has seen everything, it returns what to wait for.
func (h *history) next(prefix string, after Revision) (Batch, Revision, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	newest := h.newestLocked()
	switch {
	case after < h.oldest || after > newest:
		return Batch{}, after, nil, &Gone{After: after, Oldest: h.oldest, Newest: newest}
	case after == newest && h.closed:
		return Batch{}, after, nil, ErrClosed
	case after == newest:
		return Batch{}, after, h.more, nil
	}
	rest := h.batches[after-h.oldest:]
	for _, b := range rest[:min(scanMax, len(rest))] {
		after = b.Revision
		if found := b.matching(prefix); len(found) > 0 {
			return Batch{Revision: after, Changes: found}, after, nil, nil
		}
	}
	return Batch{}, after, nil, nil
}

// Watcher delivers the changes under a prefix, one revision after another. It belongs to one goroutine at a time.
//
// It is a place in the history and holds no queue: one that does not read costs nothing and holds nobody up, and when it comes back too late
// it is told so.
type Watcher struct {
	// Fixed after New.
	history *history
	prefix  string

	// Owned by the reader.
	after  Revision
	closed bool
}

// Watch begins to watch what happens under a prefix after a revision, as List has returned it. The caller closes what it gets.
func (s *Store) Watch(prefix string, after Revision) (*Watcher, error) {
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	newest := h.newestLocked()
	switch {
	case h.closed:
		return nil, ErrClosed
	case after < h.oldest || after > newest:
		return nil, &Gone{After: after, Oldest: h.oldest, Newest: newest}
	case h.watchers >= WatchersMax:
		return nil, ErrWatchers
	}
	h.watchers++
	return &Watcher{history: h, prefix: prefix, after: after}, nil
}

// Next waits for the next batch. Batches come in the order of their revisions, none twice and none left out, each with all that its
// transaction has changed under the prefix. *Gone says that the watcher has fallen behind the history and has to list again; after
// ErrClosed there is nothing more. The context's error is returned if it ends first, and Next may be called again then.
func (w *Watcher) Next(ctx context.Context) (Batch, error) {
	for {
		batch, after, wait, err := w.history.next(w.prefix, w.after)
		w.after = after
		switch {
		case err != nil:
			return Batch{}, err
		case wait == nil && len(batch.Changes) > 0:
			return batch, nil
		case wait == nil:
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// Close ends the watcher. It may be called again.
func (w *Watcher) Close() {
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	if !w.closed {
		w.history.watchers--
	}
	w.closed = true
}
