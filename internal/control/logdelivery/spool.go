package logdelivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// fileBytesMax is where an interval's file is followed by another one: small enough that putting it in place again
	// costs little, and some 300,000 lines.
	fileBytesMax = 64 << 20
	// flushEvery is how long lines are gathered before they are written. To open, write and close a file costs as much as
	// ten lines; what a killed process has gathered is lost.
	flushEvery = time.Second
	// pendingMost is how many bytes of lines are gathered for a file, and pendingAll for all of them together.
	pendingMost = 64 << 10
	pendingAll  = 8 << 20
	// roomMost is how many buffers for pending lines are kept for the next batch.
	roomMost = 16
	// blockBytes is what a file takes on the disk at least, so that the limit of bytes is one of files too.
	blockBytes = 4 << 10
	// headMax bounds the first line of a spool file that is read back.
	headMax = 4 << 10
	// shutAfter is how long after its interval a file takes lines: what has ended is followed within some 15 ms, or a
	// few times that when much ends at once.
	shutAfter = time.Second
)

// A head is the first line of a spool file: where the rest goes.
type head struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// A slot is what one file at a time takes the lines of.
type slot struct {
	destination
	node netip.Addr
	end  int64 // of the interval, in Unix seconds
}

// A file is one in the spool. It takes lines, then it waits for its delivery.
type file struct {
	head
	name         string // below the spool
	start        int64  // where the lines begin
	size         int64  // whole lines end here, whatever a failed write left behind
	lines        uint64 // as far as they are known: those of a crashed process are not
	pending      []byte // lines not yet written
	pendingLines uint64

	tries int       // deliveries that failed
	next  time.Time // when the next may begin
	busy  bool      // one is under way
}

// A spool is a directory of files that take lines or wait for their delivery.
type spool struct {
	// Fixed after openSpool.
	dir      string
	owner    owner
	bytesMax int64
	fileMax  int64 // fileBytesMax but in tests
	random   io.Reader

	// Atomic. They change with mu held, and are read without it: a disk that hangs keeps mu for as long.
	used    atomic.Int64 // bytes on the disk, in whole blocks
	waiting atomic.Int64 // files shut
	lines   atomic.Uint64
	lost    atomic.Uint64

	// Guarded by mu.
	mu      sync.Mutex
	open    map[slot]*file
	touched []slot    // that have pending lines
	since   time.Time // when the first of them came
	pending int       // bytes of all of them
	room    [][]byte  // for more of them
	shut    []*file   // waiting for their delivery, oldest first
	changed bool      // there is something for the scheduler to look at
	reason  error     // why lines were lost last
}

// openSpool makes the directory, and takes up what a crashed or stopped process left there.
func openSpool(dir string, o owner, bytesMax int64, random io.Reader) (s *spool, odd []error, err error) {
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("spool of access logs %s: %w", dir, pathCause(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("spool of access logs %s: %w", dir, pathCause(err))
	}
	s = &spool{dir: dir, owner: o, bytesMax: bytesMax, fileMax: fileBytesMax, random: random, open: map[slot]*file{}}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".log" || !e.Type().IsRegular() {
			continue
		}
		f, err := takeUp(dir, e.Name())
		if err != nil {
			odd = append(odd, fmt.Errorf("%s: %w", filepath.Join(dir, e.Name()), err))
			continue
		}
		s.shut = append(s.shut, f)
		s.waiting.Add(1)
		s.used.Add(blocks(f.size))
	}
	return s, odd, nil
}

// takeUp reads back what says where a file goes, and where its last whole line ends. What is no such file is left alone.
func takeUp(dir, name string) (*file, error) {
	r, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	first := make([]byte, headMax)
	n, err := io.ReadFull(r, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	h, start, err := readHead(first[:n], name)
	if err != nil {
		return nil, err
	}
	size, err := lastLine(r)
	if err != nil {
		return nil, err
	}
	return &file{head: h, name: name, start: start, size: max(size, start)}, nil
}

// readHead reads the first line of a spool file, and returns where the lines begin.
func readHead(first []byte, name string) (h head, start int64, err error) {
	line, _, found := bytes.Cut(first, []byte{'\n'})
	if !found {
		return head{}, 0, fmt.Errorf("its first %d bytes have no line that says where it goes", len(first))
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return head{}, 0, fmt.Errorf("its first line does not say where it goes: %w", err)
	}
	if err := checkPlace(h.Bucket, h.Key); err != nil {
		return head{}, 0, fmt.Errorf("its first line does not say where it goes: %w", err)
	}
	if path.Base(h.Key) != name {
		return head{}, 0, fmt.Errorf("its first line is that of %s", path.Base(h.Key))
	}
	return h, int64(len(line)) + 1, nil
}

// lastLine returns where the last whole line of a file ends.
func lastLine(r *os.File) (int64, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	piece := make([]byte, pendingMost)
	for size > 0 {
		from := max(size-int64(len(piece)), 0)
		n, err := r.ReadAt(piece[:size-from], from)
		if err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(piece[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		size = from
	}
	return 0, nil
}

// addLocked has a line written by the next flushLocked, or before. The line is copied.
func (s *spool) addLocked(at slot, line []byte, now time.Time) {
	f := s.open[at]
	if f != nil && f.size+int64(len(f.pending)+len(line)) > s.fileMax && f.lines+f.pendingLines > 0 {
		s.shutLocked(at)
		f = nil
	}
	if f == nil {
		f = &file{}
		s.open[at] = f
		s.changed = true
	}
	if len(s.touched) == 0 {
		s.since, s.changed = now, true
	}
	if f.pendingLines == 0 {
		s.touched = append(s.touched, at)
		f.pending = s.roomLocked()
	}
	f.pending = append(f.pending, line...)
	f.pendingLines++
	s.pending += len(line)
	switch {
	case s.pending >= pendingAll:
		s.flushLocked()
	case len(f.pending) >= pendingMost:
		s.writeLocked(at, f)
	}
}

// roomLocked returns an empty buffer.
func (s *spool) roomLocked() []byte {
	n := len(s.room)
	if n == 0 {
		return nil
	}
	buf := s.room[n-1]
	s.room = s.room[:n-1]
	return buf[:0]
}

// flush writes the lines that were gathered for as long as they may be, and returns when those that are left are due; zero
// if there are none.
func (s *spool) flush(now time.Time) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.touched) == 0 {
		return time.Time{}
	}
	if next = s.since.Add(flushEvery); now.Before(next) && !s.since.After(now) {
		return next
	}
	s.flushLocked()
	return time.Time{}
}

// flushLocked writes the lines that were added.
func (s *spool) flushLocked() {
	for _, at := range s.touched {
		if f := s.open[at]; f != nil {
			s.writeLocked(at, f)
		}
	}
	s.touched = s.touched[:0]
}

// noteLocked reports whether there is something for the scheduler to look at that was not reported yet.
func (s *spool) noteLocked() bool {
	changed := s.changed
	s.changed = false
	return changed
}

// writeLocked writes a file's pending lines, all of them or none.
func (s *spool) writeLocked(at slot, f *file) {
	if f.pendingLines == 0 {
		return
	}
	err := s.nameLocked(at, f)
	if err == nil {
		err = s.appendLocked(f)
	}
	if err == nil {
		s.lines.Add(f.pendingLines)
		f.lines += f.pendingLines
	} else {
		s.loseLocked(f.pendingLines, err)
	}
	if len(s.room) < roomMost {
		s.room = append(s.room, f.pending)
	}
	s.pending -= len(f.pending)
	f.pending, f.pendingLines = nil, 0
	if errors.Is(err, fs.ErrNotExist) && f.size > 0 { // somebody has removed it; the next line begins a new one
		s.loseLocked(f.lines, err)
		s.used.Add(-blocks(f.size))
		delete(s.open, at)
	}
	if f.lines == 0 {
		delete(s.open, at)
	}
}

// nameLocked has a file know where it goes. The first bytes of a file say so and are written together with its first lines.
func (s *spool) nameLocked(at slot, f *file) error {
	if f.name != "" {
		return nil
	}
	random, err := randomName(s.random)
	if err != nil {
		return err
	}
	f.head = head{at.bucket, s.owner.key(at.destination, at.node, time.Unix(at.end, 0), random)}
	f.name = path.Base(f.Key)
	return nil
}

func (s *spool) appendLocked(f *file) error {
	data := f.pending
	if f.size == 0 {
		first, err := json.Marshal(f.head)
		if err != nil {
			return err
		}
		f.start = int64(len(first)) + 1
		data = append(append(first, '\n'), f.pending...)
	}
	size := f.size + int64(len(data))
	more := blocks(size) - blocks(f.size)
	if used := s.used.Load(); used+more > s.bytesMax {
		return fmt.Errorf("the spool %s holds %d bytes, at most %d are allowed", s.dir, used, s.bytesMax)
	}
	if err := writeAt(filepath.Join(s.dir, f.name), data, f.size); err != nil {
		return err
	}
	f.size = size
	s.used.Add(more)
	return nil
}

// writeAt appends data to a file of that size, which is made if it is 0. After an error the file is as before, or gone if
// it was new. No descriptor stays open: there may be thousands of files, and descriptors are for connections.
func writeAt(name string, data []byte, size int64) error {
	flags := os.O_WRONLY
	if size == 0 {
		flags |= os.O_CREATE | os.O_EXCL
	}
	w, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(data, size)
	if err != nil {
		_ = w.Truncate(size) // what there is of it must not be taken for lines after a crash
	}
	if err = errors.Join(err, w.Close()); err != nil && size == 0 {
		_ = os.Remove(name)
	}
	return err
}

func (s *spool) loseLocked(lines uint64, why error) {
	s.lost.Add(lines)
	s.reason = why
	s.changed = true
}

// shutLocked has a file wait for its delivery.
func (s *spool) shutLocked(at slot) {
	s.writeLocked(at, s.open[at])
	if f := s.open[at]; f != nil { // it has lines
		s.shut = append(s.shut, f)
		s.waiting.Add(1)
		s.changed = true
		delete(s.open, at)
	}
}

// shutWhere shuts the files of those slots that due accepts, and returns when the next of the others is due; zero if there
// are none.
func (s *spool) shutWhere(due func(slot) bool) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.open {
		end := time.Unix(at.end, 0).Add(shutAfter)
		switch {
		case due(at):
			s.shutLocked(at)
		case next.IsZero() || end.Before(next):
			next = end
		}
	}
	return next
}

// take returns a file whose delivery may begin, and has it busy; nil if there is none. next is when the first of the others
// may; zero if none waits for a time.
func (s *spool) take(now time.Time) (f *file, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.shut {
		switch {
		case f.busy:
		case !f.next.After(now):
			f.busy = true
			return f, time.Time{}
		case next.IsZero() || f.next.Before(next):
			next = f.next
		}
	}
	return nil, next
}

// again has a file wait for its next delivery.
func (s *spool) again(f *file, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.busy, f.next = false, next
	f.tries++
}

// remove forgets a file that was delivered.
func (s *spool) remove(f *file) error {
	err := os.Remove(filepath.Join(s.dir, f.name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.shut {
		if s.shut[i] == f {
			s.shut = append(s.shut[:i], s.shut[i+1:]...)
			s.waiting.Add(-1)
			s.used.Add(-blocks(f.size))
			break
		}
	}
	return err
}

// drop gives up a file, whose lines are lost.
func (s *spool) drop(f *file, why error) error {
	lines := f.lines
	if lines == 0 { // it is an earlier process's
		lines = s.count(f)
	}
	err := s.remove(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loseLocked(lines, why)
	return err
}

// count reads how many lines a file has.
func (s *spool) count(f *file) (lines uint64) {
	r, body, err := s.body(f)
	if err != nil {
		return 0
	}
	defer r.Close()
	piece := make([]byte, pendingMost)
	for {
		n, err := body.Read(piece)
		lines += uint64(bytes.Count(piece[:n], []byte{'\n'}))
		if err != nil {
			return lines
		}
	}
}

// body opens a file, and returns what of it is delivered.
func (s *spool) body(f *file) (io.Closer, *io.SectionReader, error) {
	r, err := os.Open(filepath.Join(s.dir, f.name))
	if err != nil {
		return nil, nil, err
	}
	return r, io.NewSectionReader(r, f.start, f.size-f.start), nil
}

// blocks returns what a file of that size takes on the disk.
func blocks(size int64) int64 { return (size + blockBytes - 1) / blockBytes * blockBytes }
