package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	sector    = 512 // what a disk writes whole
	tornTries = 80
)

// sampled is a store's file before and after its last commit, and what it held.
type sampled struct {
	before, after []byte
	was, is       string
}

// sample returns a store whose tree has branches. It is made once, for the sake of the disk.
//
//nolint:gochecknoglobals // as it says
var sample = sync.OnceValues(func() (s sampled, err error) {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "store.db")
	store, err := Open(path, Options{})
	if err != nil {
		return s, err
	}
	commit := func(txn Txn) {
		_, failed := store.Commit(context.Background(), txn)
		err = errors.Join(err, failed)
	}
	read := func() []byte {
		b, failed := os.ReadFile(path)
		err = errors.Join(err, failed)
		return b
	}
	for i := range 6 {
		txn := Txn{}
		for j := range 40 {
			txn.Puts = append(txn.Puts, Put{fmt.Sprintf("document/%d/%d", i, j), bytes.Repeat([]byte{byte(j)}, 50*j)})
		}
		commit(txn)
	}
	s.before, s.was = read(), contents(store)
	commit(Txn{Puts: []Put{{"document/1/1", make([]byte, 7000)}, {"another", nil}}, Deletes: []string{"document/2/2", "document/5/5"}})
	s.after, s.is = read(), contents(store)
	return s, errors.Join(err, store.Close())
})

// mustSample returns the sample.
func mustSample(t testing.TB) sampled {
	t.Helper()
	s, err := sample()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readBytes returns the contents of a file.
func readBytes(b []byte) (string, error) {
	s, _, err := load(bytes.NewReader(b), int64(len(b)), schemaOf(migrations))
	if err != nil {
		return "", err
	}
	var entries []Entry
	for _, d := range s.docs {
		entries = append(entries, d.Entry)
	}
	return fmt.Sprintf("%d: %s", s.revision, text(entries)), nil
}

// grown returns a file at the size of another.
func grown(b []byte, size int) []byte {
	return append(bytes.Clone(b), make([]byte, max(0, size-len(b)))...)
}

// TestTornCommit leaves any part of a commit on the disk: without its head page it is not there, and with it it is whole or noticed.
func TestTornCommit(t *testing.T) {
	t.Parallel()
	s := mustSample(t)
	after := s.after
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	before := grown(s.before, len(after))
	var differ []int // sectors behind the head pages
	for at := 2 * pageSize; at < len(after); at += sector {
		if !bytes.Equal(before[at:at+sector], after[at:at+sector]) {
			differ = append(differ, at)
		}
	}
	if len(differ) < 8 {
		t.Fatalf("only %d sectors differ", len(differ))
	}
	noticed := 0
	for range tornTries {
		torn := bytes.Clone(before)
		for _, at := range differ {
			if random.IntN(2) == 0 {
				copy(torn[at:at+sector], after[at:])
			}
		}
		if got, err := readBytes(torn); err != nil || got != s.was {
			t.Fatalf("without the head page: got %v, want what was before", err)
		}
		copy(torn, after[:2*pageSize])
		got, err := readBytes(torn)
		if err == nil && got != s.is {
			t.Fatal("with the head page, which a disk wrote too early: half a commit was read")
		}
		if err != nil {
			noticed++
		}
	}
	if noticed == 0 {
		t.Error("no torn commit was noticed")
	}
	t.Logf("%d sectors differ, %d of %d noticed", len(differ), noticed, tornTries)
}

// TestFlippedBytes changes bytes in any place: that is noticed, or it was one that nobody reads.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	whole, is := mustSample(t).after, mustSample(t).is
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	p, err := openPages(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	used := int(p.end) * pageSize
	noticed := 0
	const tries = 600
	for i := range tries {
		b := bytes.Clone(whole[:used])
		at := random.IntN(used)
		if i%3 == 0 { // where the structure is
			at = random.IntN(int(p.end))*pageSize + random.IntN(pageHead+4*elementSize)
		}
		b[at] ^= 1 << random.IntN(8)
		got, err := readBytes(b)
		if err == nil && got != is {
			t.Fatalf("byte %d: a changed store was read", at)
		}
		if err != nil {
			noticed++
		}
	}
	if noticed < tries/4 {
		t.Errorf("only %d of %d were noticed", noticed, tries)
	}
	t.Logf("%d of %d noticed", noticed, tries)
}

// TestStaleDocument has a document as it was at an earlier revision: whole by itself, and not what belongs there.
func TestStaleDocument(t *testing.T) {
	t.Parallel()
	doc := &document{Entry: Entry{Key: "a", Value: []byte("old"), Created: 1, Revision: 1}}
	doc.sum = checksum(&doc.Entry)
	newer := &document{Entry: Entry{Key: "a", Value: []byte("new"), Created: 1, Revision: 2}}
	newer.sum = checksum(&newer.Entry)
	for want, digest := range map[string]uint64{
		"<nil>": uint64(doc.sum),
		"it has 1 documents that are not those of revision 2, which are 1": uint64(newer.sum),
	} {
		path := filepath.Join(t.TempDir(), "store.db")
		if err := writeNew(path, &snapshot{revision: 2, docs: []*document{doc}, digest: digest}, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := readWhole(path, 1); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestHostilePages changes what bbolt follows blindly. None of it may fault, go round in circles, or take memory without bound.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	whole := mustSample(t).after
	p, err := openPages(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	buckets, err := p.buckets()
	if err != nil {
		t.Fatal(err)
	}
	order := binary.NativeEndian
	branch := int(order.Uint64(buckets[bucketDocuments])) * pageSize
	if order.Uint16(whole[branch+8:]) != kindBranch {
		t.Fatal("the sample is too small to have a branch")
	}
	child := func(i int) int { return branch + pageHead + i*elementSize + 8 }
	leaf := int(order.Uint64(whole[child(0):])) * pageSize
	cases := []struct {
		name string
		set  func(b []byte)
		want string
	}{
		{"circle", func(b []byte) { copy(b[child(0):], b[branch:branch+8]) }, "it is used twice"},
		{"twice", func(b []byte) { copy(b[child(1):], b[child(0):child(0)+8]) }, "it is used twice"},
		{"head", func(b []byte) { order.PutUint64(b[child(0):], 1) }, "it is used twice"},
		{"beyond", func(b []byte) { order.PutUint64(b[child(0):], 1<<60) }, "pages"},
		{"further", func(b []byte) { order.PutUint32(b[branch+12:], 1<<31) }, "further ones"},
		{"branch-count", func(b []byte) { order.PutUint16(b[branch+10:], 0xffff) }, "it has 65535 elements"},
		{"branch-empty", func(b []byte) { order.PutUint16(b[branch+10:], 0) }, "it has 0 elements"},
		{"branch-key", func(b []byte) { order.PutUint32(b[branch+pageHead:], 1<<31) }, "which the page does not have"},
		{"branch-order", func(b []byte) {
			copy(b[child(0):], append(bytes.Clone(b[child(1):child(1)+8]), b[child(0)+8:child(1)]...))
			copy(b[child(1):], whole[child(0):child(0)+8])
		}, "its key is out of order"},
		{"branch-lost", func(b []byte) { order.PutUint16(b[branch+10:], order.Uint16(b[branch+10:])-1) }, "documents that are not those"},
		{"branch-misleads", func(b []byte) { // a child found by more than its first key
			at := branch + pageHead + elementSize
			b[at+int(order.Uint32(b[at:])+order.Uint32(b[at+4:]))-1]++
		}, "its key is out of order"},
		{"leaf-count", func(b []byte) { order.PutUint16(b[leaf+10:], 0xffff) }, "it has 65535 elements"},
		{"leaf-lost", func(b []byte) { order.PutUint16(b[leaf+10:], order.Uint16(b[leaf+10:])-1) }, "documents that are not those"},
		{"leaf-size", func(b []byte) { order.PutUint32(b[leaf+pageHead+12:], ^uint32(0)) }, "which the page does not have"},
		{"leaf-flags", func(b []byte) { order.PutUint32(b[leaf+pageHead:], 2) }, "it has the flags 0x2"},
		{"leaf-bucket", func(b []byte) { order.PutUint32(b[leaf+pageHead:], elementBucket) }, "is a bucket in a bucket"},
		{"kind", func(b []byte) { order.PutUint16(b[leaf+8:], 0x10) }, "it is of kind 0x10 in depth 1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bytes.Clone(whole)
			c.set(b)
			if _, err := readBytes(b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		damage func(b []byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return nil }, "it has 0 bytes"},
		{"short", func(b []byte) []byte { return b[:5000] }, "it has 5000 bytes"},
		{"truncated", func(b []byte) []byte { return b[:3*pageSize] }, "it was truncated: it has 3 pages"},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }, "head page 0: it does not say that this is a store"},
		{"text", func(b []byte) []byte { return bytes.Repeat([]byte("load_balancers:\n"), len(b)/16) }, "head page 0: it does not say"},
		{"first-head", func(b []byte) []byte { b[pageHead+50]++; return b }, "head page 0: its checksum is wrong"},
		{"second-head", func(b []byte) []byte { b[pageSize+pageHead+50]++; return b }, "head page 1: its checksum is wrong"},
		{"value", func(b []byte) []byte { b[bytes.LastIndex(b, bytes.Repeat([]byte{39}, 50))]++; return b }, `the checksum of the document "document/`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "it's here", "store.db")
			sample := mustSample(t)
			s := writeSample(t, path)
			then := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			if err := writeCopy(path, s, 1, then); err != nil {
				t.Fatal(err)
			}
			newer := path + copyMark + "20260102T040405Z-r9" // as damaged as the file
			for _, name := range []string{path, newer} {
				if err := os.WriteFile(name, c.damage(bytes.Clone(sample.after)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(path, Options{})
			var damage *Damaged
			if !errors.As(err, &damage) || damage.Copy == nil || damage.Copy.Revision != 7 || !damage.Copy.Time.Equal(then) {
				t.Fatalf("got %#v, want *Damaged with the copy that is intact", err)
			}
			if !strings.HasPrefix(err.Error(), "store "+path+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want the file's name and %q", err, c.want)
			}
			restore(t, err, path, sample.is)
		})
	}
}

// writeSample puts the sample in a store's place, and returns what is in it.
func writeSample(t *testing.T, path string) *snapshot {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, mustSample(t).after, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := readWhole(path, schemaOf(migrations))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// restore does what a message says, word for word, and wants the store back.
func restore(t *testing.T, message error, path, want string) {
	t.Helper()
	_, command, ok := strings.Cut(message.Error(), "To restore it: ")
	if !ok {
		t.Fatalf("%q does not say how to restore", message)
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	if got := contents(mustOpen(t, path)); got != want {
		t.Error("what was restored is not what was copied")
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := writeSample(t, path)
	if err := errors.Join(writeCopy(path, s, 1, time.Now().Add(time.Minute)), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	if err == nil || !strings.Contains(err.Error(), "the file is missing, and there are copies of it") {
		t.Fatalf("got %v", err)
	}
	restore(t, err, path, mustSample(t).is)
}

func TestNoIntactCopy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	if err == nil || !strings.Contains(err.Error(), "There is no intact copy beside it") {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "store.db")
	if err := writeNew(path, &snapshot{}, 1); err != nil {
		f.Fatal(err)
	}
	small, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	f.Add(uint32(2*pageSize), small[2*pageSize:3*pageSize])
	f.Add(uint32(4*pageSize), bytes.Repeat([]byte{0xff}, 64))
	large := mustSample(f).after
	p, err := openPages(bytes.NewReader(large), int64(len(large)))
	if err != nil {
		f.Fatal(err)
	}
	large = large[:p.end*pageSize]
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		for _, whole := range [][]byte{small, large} {
			b := bytes.Clone(whole)
			copy(b[int(at)%len(b):], patch)
			got, err := readBytes(b)
			want, _ := readBytes(whole)
			if err == nil && got != want {
				t.Error("a changed store was read")
			}
		}
		_, _ = readBytes(patch) // must return
	})
}
