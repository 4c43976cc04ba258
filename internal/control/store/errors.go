package store

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrClosed is the answer to whoever commits or watches when the store has been closed.
var ErrClosed = errors.New("the store is closed")

// ErrWatchers is the answer to a watcher too many.
var ErrWatchers = fmt.Errorf("there are %d watchers, no more are allowed: close some", WatchersMax)

// Conflict says that a condition of a transaction did not hold. Nothing was changed.
type Conflict struct {
	Key  string
	Want Revision // what the condition asked for; 0: that there be no such document
	Have Revision // what there is; 0: no such document
}

// Error names the key and both revisions.
func (e *Conflict) Error() string {
	switch {
	case e.Want == 0:
		return fmt.Sprintf("%q exists at revision %d, and must not exist", e.Key, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("%q does not exist, and must be at revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("%q is at revision %d, and must be at %d", e.Key, e.Have, e.Want)
}

// Refused says that the store takes no such transaction, whatever it holds.
type Refused struct {
	Field string // of Txn
	Text  string
}

// Error names the field and what is allowed.
func (e *Refused) Error() string { return e.Field + ": " + e.Text }

// Full says that a transaction would take the store past one of its bounds. Nothing was changed.
type Full struct {
	What string // documents or bytes
	Have int    // what there would be
	Max  int
}

// Error names the bound.
func (e *Full) Error() string {
	return fmt.Sprintf("the store would hold %d %s, at most %d are allowed: delete some first", e.Have, e.What, e.Max)
}

// WriteError says that the disk did not take a change.
type WriteError struct {
	Path string
	Err  error
	// Uncertain says that the disk may have the change or not: it failed when it had everything and was asked whether it was safe.
	// The store goes on reading as if it had not, and writes nothing until it is opened again, which settles it.
	Uncertain bool
}

// Error says whether something has changed, and what to do.
func (e *WriteError) Error() string {
	if e.Uncertain {
		return fmt.Sprintf("write store %s: %v; it is not known whether the change was made. Check the disk and start lull again; until then nothing more is written", e.Path, e.Err)
	}
	return fmt.Sprintf("write store %s: %v; nothing was changed. Try again when the disk takes it", e.Path, e.Err)
}

// Unwrap returns what the disk said.
func (e *WriteError) Unwrap() error { return e.Err }

// Gone says that a watcher wants changes that the store does not have. It has to list again and watch from that revision.
type Gone struct {
	After  Revision // what the watcher asked for
	Oldest Revision // the least that it could have asked for
	Newest Revision // and the most
}

// Error says what there is.
func (e *Gone) Error() string {
	return fmt.Sprintf("the changes after revision %d are not kept, only those after %d to %d: list again and watch from there", e.After, e.Oldest, e.Newest)
}

// InUse says that another process has the store open.
type InUse struct{ Path string }

// Error names the file.
func (e *InUse) Error() string {
	return fmt.Sprintf("store %s: another process has it open; stop that one, or name another file", e.Path)
}

// Newer says that a later lull has written the file.
type Newer struct {
	Path   string
	Schema uint32 // of the file
	Max    uint32 // the newest that this lull knows
}

// Error says what to do.
func (e *Newer) Error() string {
	return fmt.Sprintf("store %s: it has schema version %d, written by a newer lull; this one knows versions up to %d. "+
		"Start that lull again, or restore a copy from before the upgrade", e.Path, e.Schema, e.Max)
}

// Damaged says that the file is not what was written, and how to go on.
type Damaged struct {
	Path string
	What string
	Copy *Copy // the newest that is intact; nil if there is none
}

// Error says which file, what is wrong with it, and how to restore it.
func (e *Damaged) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "store %s: %s; lull does not start with it. ", e.Path, e.What)
	if e.Copy == nil {
		b.WriteString("There is no intact copy beside it: restore one from a backup, or move the file away to begin with an empty store")
		return b.String()
	}
	fmt.Fprintf(&b, "The newest intact copy is from %s, revision %d; what was changed after it is lost. To restore it: ",
		e.Copy.Time.UTC().Format(time.DateTime+" UTC"), e.Copy.Revision)
	if e.Copy.replaces {
		fmt.Fprintf(&b, "mv %s %s && ", quote(e.Path), quote(e.Path+".damaged"))
	}
	fmt.Fprintf(&b, "cp -p %s %s", quote(e.Copy.Path), quote(e.Path))
	return b.String()
}

// quote makes a path one word for a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
