package store

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// What the store takes. Where etcd has a bound of its own for the same thing, ours is its default, so that documents written
// today fit into an etcd that nobody has tuned.
const (
	// KeyBytesMax bounds a key: a few names of 255 bytes, the longest that either cloud's API knows, would not fit, a path
	// of names as they are in practice does. Keys are compared at every step of a search.
	KeyBytesMax = 512

	// ValueBytesMax bounds one document. The largest is a certificate chain with its key, of which a file may have 1 MiB
	// (certs.BytesMax).
	ValueBytesMax = 1 << 20

	// TxnChangesMax bounds the puts and deletes of a transaction together, and its conditions: etcd's --max-txn-ops.
	TxnChangesMax = 128

	// TxnBytesMax bounds the keys and values of a transaction together: etcd's --max-request-bytes.
	TxnBytesMax = 3 << 19

	// DocumentsMax bounds the documents. 1,000 load balancers of 10 instances need some 20,000. Every group of commits copies
	// one pointer for each document, 800 KiB at this bound, which takes less than a millisecond.
	DocumentsMax = 100_000

	// BytesMax bounds all keys and values together. They are in memory, and once more in the kernel's cache of the file.
	BytesMax = 256 << 20

	// FileBytesMax bounds the file: four times BytesMax, for pages half full and those of the revision before. So much address
	// space is mapped from the start; a map that never moves never makes a commit wait.
	FileBytesMax = 1 << 30

	// GroupMax bounds the transactions that share one fsync. It bounds how long the first of them waits for the others,
	// and how many are tried again one by one if the disk refuses the group.
	GroupMax = 64

	// HistoryMax bounds the revisions that a watcher may lie behind: minutes of the busiest deployment scripts.
	HistoryMax = 4096

	// HistoryBytesMax bounds the keys and values that only the history still holds. It must exceed TxnBytesMax.
	HistoryBytesMax = 32 << 20

	// WatchersMax bounds the watchers, all of which every commit wakes: there is one for each part of lull that compiles
	// documents, and a few for people who look on. Past it somebody has forgotten to close theirs.
	WatchersMax = 1024

	// CopiesMax is how many hourly copies are kept: a day.
	CopiesMax = 24

	// CopyEvery is the time between copies.
	CopyEvery = time.Hour

	// copyRetry is the time after a copy that failed: a full disk wants a person, who wants to see that it is better again.
	copyRetry = 10 * time.Minute

	// lockWait is how long Open waits for another process to let go of the file: long enough for one that is about to exit.
	lockWait = time.Second

	// lockPoll is how often it looks; a lock cannot be waited for with a limit.
	lockPoll = 10 * time.Millisecond

	// scanMax bounds the revisions a watcher looks through while it holds the lock that publishing a commit needs.
	scanMax = 64
)

// check refuses a transaction that the store would not take in any state.
func (t *Txn) check() error {
	if n := len(t.If); n > TxnChangesMax {
		return &Refused{Field: "If", Text: fmt.Sprintf("has %d conditions, at most %d are allowed", n, TxnChangesMax)}
	}
	if n := len(t.Puts) + len(t.Deletes); n > TxnChangesMax {
		return &Refused{Field: "Puts and Deletes", Text: fmt.Sprintf("have %d changes, at most %d are allowed", n, TxnChangesMax)}
	}
	size := 0
	conditions, changes := map[string]bool{}, map[string]bool{}
	for _, c := range t.If {
		if err := checkKey("If", c.Key, conditions); err != nil {
			return err
		}
		size += len(c.Key)
	}
	for _, p := range t.Puts {
		if err := checkKey("Puts", p.Key, changes); err != nil {
			return err
		}
		if n := len(p.Value); n > ValueBytesMax {
			return &Refused{Field: "Puts", Text: fmt.Sprintf("the value of %q has %d bytes, at most %d are allowed", p.Key, n, ValueBytesMax)}
		}
		size += len(p.Key) + len(p.Value)
	}
	for _, key := range t.Deletes {
		if err := checkKey("Deletes", key, changes); err != nil {
			return err
		}
		size += len(key)
	}
	if size > TxnBytesMax {
		return &Refused{Field: "Txn", Text: fmt.Sprintf("has %d bytes of keys and values, at most %d are allowed", size, TxnBytesMax)}
	}
	return nil
}

// checkKey refuses keys that are not keys, and those that were there before.
func checkKey(field, key string, seen map[string]bool) error {
	switch {
	case key == "" || len(key) > KeyBytesMax:
		return &Refused{Field: field, Text: fmt.Sprintf("a key has %d bytes, 1 to %d are allowed", len(key), KeyBytesMax)}
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return &Refused{Field: field, Text: fmt.Sprintf("the key %q is not UTF-8 text without NUL", key)}
	case seen[key]:
		return &Refused{Field: field, Text: fmt.Sprintf("the key %q is there twice, once is allowed", key)}
	}
	seen[key] = true
	return nil
}
