package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// chunk is how many documents of a new file are written at a time: bbolt holds a transaction in memory.
const chunk = 1000

// options returns how bbolt is to open a file: first, if there is one, is what it gets when it asks for the file the first time.
func options(first *os.File) *bbolt.Options {
	var once sync.Once
	return &bbolt.Options{
		Timeout:         lockWait,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		PageSize:        pageSize,
		InitialMmapSize: FileBytesMax,
		MaxSize:         FileBytesMax,
		NoStatistics:    true,
		OpenFile: func(path string, flag int, mode os.FileMode) (file *os.File, err error) {
			once.Do(func() { file = first })
			if file != nil {
				return file, nil
			}
			return os.OpenFile(path, flag, mode) //nolint:gosec // the path is the caller's
		},
	}
}

// openLocked opens a file and locks it, before anything of it is read.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the path is a setting
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := lock(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lock locks a file, and checks that it still has its name: somebody may have restored a copy while we waited.
func lock(f *os.File, path string) error {
	limit, poll := time.NewTimer(lockWait), time.NewTicker(lockPoll)
	defer limit.Stop()
	defer poll.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:forbidigo // os has no file locks
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock store %s: %w", path, err)
		}
		select {
		case <-poll.C:
		case <-limit.C:
			return &InUse{Path: path}
		}
	}
	named, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if ours, err := f.Stat(); err != nil || !os.SameFile(named, ours) {
		return fmt.Errorf("open store %s: it was replaced meanwhile; try again", path)
	}
	return nil
}

// protect takes a file's contents away from other users: `cp` gives what it makes to everybody.
func protect(f *os.File, log *slog.Logger) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("protect store: %w", err)
	}
	log.LogAttrs(context.Background(), slog.LevelWarn, "the store could be read by other users; it has mode 0600 now",
		slog.String("file", f.Name()), slog.String("mode", info.Mode().Perm().String()))
	return nil
}

// makeDir makes the store's directory, and warns of one in which others could replace the file.
func makeDir(dir string, log *slog.Logger) error {
	if err := makeDirs(dir); err != nil {
		return fmt.Errorf("make the store's directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		log.LogAttrs(context.Background(), slog.LevelWarn, "other users can replace the store: give its directory mode 0700",
			slog.String("directory", dir), slog.String("mode", info.Mode().Perm().String()))
	}
	return nil
}

// makeDirs makes a directory and those above it, each of them safe on the disk: a file is lost with its directory.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDirs(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

// create makes an empty store. It gets its name when it is whole; whoever was faster wins.
func create(path string, schema uint32) error {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+tempMark)
	if err != nil {
		return fmt.Errorf("make store: %w", err)
	}
	_ = temp.Close()
	defer func() { _ = os.Remove(temp.Name()) }()
	if err := writeNew(temp.Name(), &snapshot{}, schema); err != nil {
		return fmt.Errorf("make store %s: %w", path, err)
	}
	if err := os.Link(temp.Name(), path); err != nil {
		if _, there := os.Stat(path); there != nil { // not made by another process, which may have removed our file, too
			return fmt.Errorf("make store: %w", err)
		}
	}
	return syncDir(filepath.Dir(path))
}

// writeNew writes a whole store into a file that is empty or not there, and returns when the disk has it.
func writeNew(path string, s *snapshot, schema uint32) (err error) {
	o := options(nil)
	o.NoSync = true
	db, err := bbolt.Open(path, 0o600, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rest := s.docs
	for done := false; !done; {
		part := rest[:min(chunk, len(rest))]
		rest = rest[len(part):]
		done = len(rest) == 0
		err := db.Update(func(tx *bbolt.Tx) error {
			if done { // the state last: without it this is no store
				if err := putState(tx, state{schema: schema, revision: s.revision, count: uint64(len(s.docs)), digest: s.digest}); err != nil {
					return err
				}
			}
			return putDocuments(tx, part)
		})
		if err != nil {
			return err
		}
	}
	return db.Sync()
}

// putDocuments writes documents into a transaction.
func putDocuments(tx *bbolt.Tx, docs []*document) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucketDocuments))
	if err != nil {
		return err
	}
	for _, d := range docs {
		if err := b.Put([]byte(d.Key), d.encode()); err != nil {
			return err
		}
	}
	return nil
}

// putState writes the state into a transaction.
func putState(tx *bbolt.Tx, st state) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucketState))
	if err != nil {
		return err
	}
	return b.Put([]byte(keyState), st.encode())
}

// writeDraft makes what a draft has changed safe in the file.
func writeDraft(db *bbolt.DB, d *draft, schema uint32) error {
	if err := commitDraft(db, d, schema); err != nil {
		return refusal(db, d, err)
	}
	return nil
}

// refusal says what a failed commit has left. If the head page that puts it in force was written, only the last fsync has failed, and
// nobody knows what the disk has.
func refusal(db *bbolt.DB, d *draft, err error) *WriteError {
	return &WriteError{Path: db.Path(), Err: err, Uncertain: writtenRevision(db) != d.base.revision}
}

// commitDraft writes what a draft has changed.
func commitDraft(db *bbolt.DB, d *draft, schema uint32) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	b := tx.Bucket([]byte(bucketDocuments))
	for _, key := range d.keys() {
		if doc := d.changed[key]; doc != nil {
			err = b.Put([]byte(key), doc.encode())
		} else {
			err = b.Delete([]byte(key))
		}
		if err != nil {
			return err
		}
	}
	if err := putState(tx, d.state(schema)); err != nil {
		return err
	}
	return tx.Commit()
}

// writtenRevision returns the revision that bbolt would read now.
func writtenRevision(db *bbolt.DB) Revision {
	r := ^Revision(0)                      // that never was
	_ = db.View(func(tx *bbolt.Tx) error { // an error leaves it so
		st, err := decodeState(tx.Bucket([]byte(bucketState)).Get([]byte(keyState)), ^uint32(0))
		if err == nil {
			r = st.revision
		}
		return err
	})
	return r
}

// syncDir makes names in a directory safe.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the store's own
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
