package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/dataplane/record"
)

// disk is a file whose writes can be made to fail.
type disk struct {
	// Guarded by mu.
	mu     sync.Mutex
	buf    bytes.Buffer
	room   int // bytes it takes before it is full; -1: no end
	closed bool
	fault  error
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.room < 0 || len(p) <= d.room {
		if d.room > 0 {
			d.room -= len(p)
		}
		return d.buf.Write(p)
	}
	n, _ := d.buf.Write(p[:d.room])
	d.room = 0
	return n, d.fault
}

func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

func (d *disk) makeRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = -1
}

func (d *disk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buf.String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// appendIDs appends records with the ids first … last.
func appendIDs(log *record.Log, first, last int) {
	for id := first; id <= last; id++ {
		c := idleClose()
		c.ID = uint64(id)
		log.Append([]record.Close{c})
	}
}

// wantIDs fails unless the lines carry the ids first … last, each once, in order.
func wantIDs(t *testing.T, lines string, first, last int) {
	t.Helper()
	id := first
	for line := range strings.Lines(lines) {
		if got := strings.Fields(line)[1]; got != fmt.Sprint(id) {
			t.Fatalf("line of id %s, want %d: %s", got, id, line)
		}
		id++
	}
	if id != last+1 {
		t.Fatalf("last line has id %d, want %d", id-1, last)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriterWritesEverythingBeforeClose(t *testing.T) {
	t.Parallel()
	var log record.Log
	appendIDs(&log, 1, 3) // ended before the log was opened: not its business
	path := filepath.Join(t.TempDir(), "access.log")
	w, err := Open(&log, new(record.Exchanges), nil, path, Text, quiet())
	if err != nil {
		t.Fatal(err)
	}
	appendIDs(&log, 4, 1003)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, read(t, path), 4, 1003)
	if got := w.Counters(); got != (Counters{Written: 1000}) {
		t.Errorf("counters %+v, want 1000 written and nothing else", got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm() &^ 0o640; got != 0 {
		t.Errorf("mode %v, want at most 0640", info.Mode().Perm())
	}
}

func TestWriterAppends(t *testing.T) {
	t.Parallel()
	var log record.Log
	path := filepath.Join(t.TempDir(), "access.log")
	for id := 1; id <= 2; id++ {
		w, err := Open(&log, new(record.Exchanges), nil, path, Text, quiet())
		if err != nil {
			t.Fatal(err)
		}
		appendIDs(&log, id, id)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantIDs(t, read(t, path), 1, 2)
}

func TestWriterReopens(t *testing.T) {
	t.Parallel()
	var log record.Log
	path := filepath.Join(t.TempDir(), "access.log")
	w, err := Open(&log, new(record.Exchanges), nil, path, Text, quiet())
	if err != nil {
		t.Fatal(err)
	}
	appendIDs(&log, 1, 10)
	waitWritten(t, w, 10)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second before the first was used: its file must not leak or win
		if err := w.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	appendIDs(&log, 11, 20)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, read(t, path+".1"), 1, 10)
	wantIDs(t, read(t, path), 11, 20)
}

func TestWriterKeepsItsFileWhenReopenFails(t *testing.T) {
	t.Parallel()
	var log record.Log
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "access.log")
	w, err := Open(&log, new(record.Exchanges), nil, path, Text, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Reopen = %v, want an error that names %s", err, path)
	}
	appendIDs(&log, 1, 1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, read(t, filepath.Join(dir+".away", "access.log")), 1, 1)
}

func waitWritten(t *testing.T, w *Writer, n uint64) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.Counters().Written < n {
		if time.Now().After(deadline) {
			t.Fatalf("%d records written after 5 s, want %d", w.Counters().Written, n)
		}
		<-tick.C
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, tt := range []struct{ name, path, want string }{
		{"directory", dir, "is a directory"},
		{"socket", socket, "is a socket"},
		{"no-such-directory", filepath.Join(dir, "no", "access.log"), "no such file or directory"},
	} {
		w, err := Open(new(record.Log), new(record.Exchanges), nil, tt.path, Text, quiet())
		if err == nil {
			t.Errorf("%s: opened", tt.name)
			_ = w.Close()
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "access_log.path "+tt.path) {
			t.Errorf("%s: %q, want the path and %q", tt.name, err, tt.want)
		}
	}
}

func TestStandardStreamsStayOpen(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]*os.File{"/dev/stdout": os.Stdout, "/dev/stderr": os.Stderr, "/dev/null": nil} {
		if got := standardStream(path); got != want {
			t.Errorf("standardStream(%s) = %v, want %v", path, got, want)
		}
	}
	w, err := Open(new(record.Log), new(record.Exchanges), nil, "/dev/stderr", Text, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Reopen(), w.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stderr.Stat(); err != nil {
		t.Errorf("standard error was closed: %v", err)
	}
}

// startOn starts a Writer of connections and exchanges on a file that is open.
func startOn(conns *record.Log, exchanges *record.Exchanges, out io.WriteCloser, path string, format Format, logger *slog.Logger) *Writer {
	return start(record.History{Conns: &conns.Ring, Exchanges: &exchanges.Ring}, exchanges, out, path, format, logger)
}

// TestWriterOutlivesAFullDisk lets the disk fill in the middle of a line and find room again.
func TestWriterOutlivesAFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log record.Log
		var said bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&said, nil))
		d := &disk{room: 100, fault: errors.New("no space left on device")}
		w := startOn(&log, new(record.Exchanges), d, "access.log", Text, logger)
		appendIDs(&log, 1, 5)
		time.Sleep(time.Minute)
		synctest.Wait()
		failed := w.Counters()
		if failed.Written != 0 || failed.WriteErrors < 10 || failed.WriteErrors > 20 {
			t.Errorf("after a minute without room %+v, want 0 written and a try about every 5 s", failed)
		}
		appendIDs(&log, 6, record.Remembered+25) // a follower 5 behind: 20 more than the Log remembers
		d.makeRoom()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		before, after, found := strings.Cut(d.String(), " lost 20 records: they were written more slowly than they came\n")
		if !found {
			t.Fatalf("no line tells of the 20 lost records")
		}
		before = before[:strings.LastIndexByte(before, '\n')+1]
		wantIDs(t, before, 1, 5)
		wantIDs(t, after, 26, record.Remembered+25)
		if got := w.Counters(); got.Lost != 20 || got.Written != record.Remembered+5 {
			t.Errorf("counters %+v, want 20 lost, %d written", got, record.Remembered+5)
		}
		if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d errors reported, want 1 for %d failed writes:\n%s", n, failed.WriteErrors, &said)
		}
		if !strings.Contains(said.String(), "written again") {
			t.Errorf("nothing said when writing worked again:\n%s", &said)
		}
	})
}

func TestWriterGivesUpAtCloseAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log record.Log
		d := &disk{room: 0, fault: errors.New("no space left on device")}
		w := startOn(&log, new(record.Exchanges), d, "access.log", Text, quiet())
		appendIDs(&log, 1, 5)
		time.Sleep(time.Second)
		begin := time.Now()
		err := w.Close()
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("Close = %v, want the disk's error", err)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("Close waited %s for a disk that answers at once", took)
		}
		if !d.closed {
			t.Error("the file was not closed")
		}
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log record.Log
		r, out := io.Pipe() // nobody reads
		w := startOn(&log, new(record.Exchanges), out, "access.log", Text, quiet())
		appendIDs(&log, 1, 1)
		begin := time.Now()
		err := w.Close()
		if err == nil || time.Since(begin) != closeWait {
			t.Errorf("Close = %v after %s, want an error after %s", err, time.Since(begin), closeWait)
		}
		_ = r.Close() // lets the goroutine go
	})
}

// TestReopenRepeatsATornLine fills the disk within a line, then rotates: each line is whole in one of the two files.
func TestReopenRepeatsATornLine(t *testing.T) {
	t.Parallel()
	var log record.Log
	path := filepath.Join(t.TempDir(), "access.log")
	one := idleClose()
	room := len(appendText(nil, &one)) + 10
	d := &disk{room: room, fault: errors.New("no space left on device")}
	w := startOn(&log, new(record.Exchanges), d, path, Text, quiet())
	appendIDs(&log, 11, 13)
	deadline := time.Now().Add(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.Counters().WriteErrors == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the write did not fail within 5 s")
		}
		<-tick.C
	}
	if err := w.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, read(t, path), 12, 13)
	if got := d.String(); len(got) != room {
		t.Errorf("the full disk holds %d bytes, want %d", len(got), room)
	}
}
