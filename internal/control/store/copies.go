package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names beside the store's file: the file's name, one of these, and for a copy its time, -r and its revision.
const (
	copyMark = ".copy-"
	tempMark = ".temp-"
	copyTime = "20060102T150405Z"
)

// Copy is one of the files beside the store that hold all of it as it once was.
type Copy struct {
	Path     string
	Time     time.Time
	Revision Revision

	replaces bool // the damaged file is still there
}

// copies returns what copies there are of a store, newest first, whatever they hold.
func copies(path string) ([]Copy, error) {
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var found []Copy
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f.Name(), filepath.Base(path)+copyMark); ok {
			if c, ok := parseCopy(rest); ok {
				c.Path = filepath.Join(filepath.Dir(path), f.Name())
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, func(a, b Copy) int { return strings.Compare(b.Path, a.Path) })
	return found, nil
}

// parseCopy reads the end of a copy's name.
func parseCopy(name string) (Copy, bool) {
	at, revision, _ := strings.Cut(name, "-r")
	when, errTime := time.Parse(copyTime, at)
	number, errNumber := strconv.ParseUint(revision, 10, 64)
	return Copy{Time: when, Revision: Revision(number)}, errTime == nil && errNumber == nil
}

// damaged describes a file that cannot be used, with the newest copy that can.
func damaged(path, what string, exists bool, schemaMax uint32) *Damaged {
	e := &Damaged{Path: path, What: what}
	all, _ := copies(path) // none is what there is to say then
	for _, c := range all {
		if s, err := readWhole(c.Path, schemaMax); err == nil {
			c.Revision, c.replaces = s.revision, exists
			e.Copy = &c
			break
		}
	}
	return e
}

// readWhole reads a file that nobody writes, and that this lull could start with.
func readWhole(path string, schemaMax uint32) (*snapshot, error) {
	f, err := os.Open(path) //nolint:gosec // a copy of the store's
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, st, err := load(f, info.Size(), schemaMax)
	if err == nil && st.schema > schemaMax {
		err = &Newer{Path: path, Schema: st.schema, Max: schemaMax}
	}
	return s, err
}

// removeTemps removes what a process has left behind that was ended while it wrote a copy.
func removeTemps(path string) {
	files, _ := os.ReadDir(filepath.Dir(path)) // they cost room and nothing else
	for _, f := range files {
		if strings.HasPrefix(f.Name(), filepath.Base(path)+tempMark) {
			_ = os.Remove(filepath.Join(filepath.Dir(path), f.Name()))
		}
	}
}

// writeCopy writes a copy and removes the oldest. It is made of what is in memory, not of the file: so it is whole, never holds what is not yet
// safe, does not hold up commits, and does not carry on damage that the file may have got.
func writeCopy(path string, s *snapshot, schema uint32, now time.Time) error {
	temp := path + tempMark + "copy"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := fmt.Sprintf("%s%s%s-r%d", path, copyMark, now.UTC().Format(copyTime), s.revision)
	err := writeNew(temp, s, schema)
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("copy store to %s: %w", name, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return prune(path, name)
}

// prune removes copies past CopiesMax, the oldest first, but never the one just made: the clock may have been wrong, and its
// copies from the future are as good as any.
func prune(path, made string) error {
	all, err := copies(path)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c Copy) bool { return c.Path == made })
	for len(all) > CopiesMax-1 {
		if err := os.Remove(all[len(all)-1].Path); err != nil {
			return err
		}
		all = all[:len(all)-1]
	}
	return nil
}

// untilCopy returns how long the next copy may wait. One that claims to be from the future is of unknown age.
func untilCopy(path string, now time.Time) time.Duration {
	all, err := copies(path)
	if err != nil {
		return 0 // making one will say so
	}
	wait := time.Duration(0)
	for _, c := range all {
		if age := now.Sub(c.Time); age >= 0 {
			wait = max(wait, CopyEvery-age)
		}
	}
	return wait
}

// keepCopies makes copies until the store is closed.
func (s *Store) keepCopies() {
	timer := time.NewTimer(untilCopy(s.path, s.now()))
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		timer.Reset(s.copyDue())
	}
}

// copyDue makes a copy if it is time for one, and returns how long to wait for the next. An empty store needs none.
func (s *Store) copyDue() time.Duration {
	now, current := s.now(), s.current.Load()
	if wait := untilCopy(s.path, now); wait > 0 {
		return wait
	}
	if current.revision == 0 {
		return CopyEvery
	}
	if err := writeCopy(s.path, current, s.schema, now); err != nil {
		s.log.LogAttrs(context.Background(), slog.LevelError, "no copy of the store was made; the store itself is not concerned", slog.Any("error", err))
		return copyRetry
	}
	return CopyEvery
}
