package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"lull/internal/clock"
)

// Revision counts the commits of a store: each has its own, one more than the one before. 0 is the empty store before the first.
type Revision uint64

// Entry is a document.
type Entry struct {
	Key      string
	Value    []byte   // shared; must not be modified
	Created  Revision // of the commit that made it, the last time that it did not exist
	Revision Revision // of the commit that changed it last
}

// Options are what Open needs besides a path.
type Options struct {
	Now func() time.Time // the wall clock that dates copies; nil: the system's
	Log *slog.Logger     // nil: nothing is logged
}

// Store is an open store. All its methods may be called from anywhere.
type Store struct {
	// Fixed after New.
	path     string
	schema   uint32
	now      func() time.Time
	log      *slog.Logger
	db       *bbolt.DB                             // used by commitAll alone
	write    func(*bbolt.DB, *draft, uint32) error // writeDraft; a test's disk fails in ways that real ones rarely do
	history  *history
	requests chan *request  // unbuffered: what was sent was taken up
	closing  chan struct{}  // closed by Close
	running  sync.WaitGroup // commitAll and keepCopies
	close    func() error   // once

	// Atomic.
	current atomic.Pointer[snapshot]

	// Owned by commitAll.
	broken error // the disk may have a change that nobody was told of
}

// Open opens the store in a file, which it makes with its directory if there is none. Nobody else can open it until it is closed.
//
// *InUse, *Newer and *Damaged say why it cannot be opened, and what to do.
func Open(path string, o Options) (*Store, error) { return open(path, o, migrations) }

// open opens a store and takes it through migrations.
func open(path string, o Options, steps []migration) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = func() time.Time { return clock.Wall(clock.Now()) }
	}
	if err := prepare(path, o.Log, schemaOf(steps)); err != nil {
		return nil, err
	}
	f, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, schema: schemaOf(steps), now: o.Now, log: o.Log, write: writeDraft,
		requests: make(chan *request), closing: make(chan struct{}),
	}
	s.close = sync.OnceValue(s.shut)
	if err := s.start(f, steps); err != nil {
		_ = f.Close()
		return nil, err
	}
	s.running.Go(s.commitAll)
	s.running.Go(s.keepCopies)
	return s, nil
}

// prepare makes a store if there is none. A file that is missing while there are copies of it was lost, and to begin an empty one
// would let its copies replace those within a day.
func prepare(path string, log *slog.Logger, schema uint32) error {
	if err := makeDir(filepath.Dir(path), log); err != nil {
		return err
	}
	_, err := os.Stat(path)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open store: %w", err)
	}
	if all, err := copies(path); err != nil || len(all) > 0 {
		if err != nil {
			return fmt.Errorf("open store: %w", err)
		}
		return damaged(path, "the file is missing, and there are copies of it", false, schema)
	}
	return create(path, schema)
}

// start reads a locked file and hands it over to bbolt.
func (s *Store) start(f *os.File, steps []migration) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open store %s: it is not a regular file", s.path)
	}
	read, st, err := load(f, info.Size(), s.schema)
	if err != nil {
		return damaged(s.path, err.Error(), true, s.schema)
	}
	if st.schema > s.schema {
		return &Newer{Path: s.path, Schema: st.schema, Max: s.schema}
	}
	if err = protect(f, s.log); err != nil {
		return err
	}
	removeTemps(s.path)
	if s.db, err = bbolt.Open(s.path, 0o600, options(f)); err != nil {
		return fmt.Errorf("open store %s: %w", s.path, err)
	}
	if st.schema < s.schema {
		if read, err = s.migrate(read, st.schema, steps); err != nil {
			_ = s.db.Close()
			return fmt.Errorf("open store %s: %w", s.path, err)
		}
	}
	s.current.Store(read)
	s.history = newHistory(read.revision)
	return nil
}

// migrate brings an older file to this lull's schema. The copy before it is what an older lull could go back to.
func (s *Store) migrate(old *snapshot, from uint32, steps []migration) (*snapshot, error) {
	d, err := migrate(old, from, steps)
	if err != nil {
		return nil, err
	}
	if err := writeCopy(s.path, old, from, s.now()); err != nil {
		return nil, err
	}
	if err := s.write(s.db, d, s.schema); err != nil {
		return nil, err
	}
	return d.snapshot(), nil
}

// Get returns a document, and whether there is one.
func (s *Store) Get(key string) (Entry, bool) {
	d := s.current.Load().find(key)
	if d == nil {
		return Entry{}, false
	}
	return d.Entry, true
}

// List returns the documents whose keys begin with prefix, by key, all as they were at the revision that it returns.
func (s *Store) List(prefix string) ([]Entry, Revision) {
	current := s.current.Load()
	docs := current.list(prefix)
	entries := make([]Entry, len(docs))
	for i, d := range docs {
		entries[i] = d.Entry
	}
	return entries, current.revision
}

// Close ends commits and watchers, waits for what is under way, and lets go of the file. Get and List go on answering. It may be called again.
func (s *Store) Close() error { return s.close() }

// shut is Close the first time.
func (s *Store) shut() error {
	close(s.closing)
	s.running.Wait()
	s.history.close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}
