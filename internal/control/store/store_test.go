package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// mustOpen opens a store and closes it after the test.
func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// newStore opens a store of the test's own.
func newStore(t testing.TB) *Store {
	t.Helper()
	return mustOpen(t, filepath.Join(t.TempDir(), "store", "store.db"))
}

// put is a transaction that writes one document.
func put(key, value string) Txn { return Txn{Puts: []Put{{key, []byte(value)}}} }

// mustCommit commits and returns the revision.
func mustCommit(t testing.TB, s *Store, txn Txn) Revision {
	t.Helper()
	r, err := s.Commit(context.Background(), txn)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return r
}

// text writes documents out for comparison.
func text(entries []Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%s=%s@%d/%d", e.Key, e.Value, e.Created, e.Revision))
	}
	return strings.Join(all, " ")
}

// contents returns everything in a store.
func contents(s *Store) string {
	entries, r := s.List("")
	return fmt.Sprintf("%d: %s", r, text(entries))
}

func TestCommit(t *testing.T) {
	t.Parallel()
	// Each case is committed to a store with a=1@1/1 and b=2@2/2.
	cases := []struct {
		name string
		txn  Txn
		want string // contents
		err  string
	}{
		{"create", put("c", "3"), "3: a=1@1/1 b=2@2/2 c=3@3/3", ""},
		{"create-first", put("0", "3"), "3: 0=3@3/3 a=1@1/1 b=2@2/2", ""},
		{"replace", put("a", "3"), "3: a=3@1/3 b=2@2/2", ""},
		{"same", put("a", "1"), "3: a=1@1/3 b=2@2/2", ""},
		{"empty-value", put("a", ""), "3: a=@1/3 b=2@2/2", ""},
		{"delete", Txn{Deletes: []string{"a"}}, "3: b=2@2/2", ""},
		{"delete-absent", Txn{Deletes: []string{"x"}}, "2: a=1@1/1 b=2@2/2", ""},
		{"nothing", Txn{}, "2: a=1@1/1 b=2@2/2", ""},
		{"all-at-once", Txn{If: []Condition{{"a", 1}, {"b", 2}, {"c", 0}}, Puts: []Put{{"c", []byte("3")}, {"a", []byte("4")}}, Deletes: []string{"b"}}, "3: a=4@1/3 c=3@3/3", ""},
		{"must-not-exist", Txn{If: []Condition{{"a", 0}}, Puts: []Put{{"c", nil}}}, "", `"a" exists at revision 1, and must not exist`},
		{"must-exist", Txn{If: []Condition{{"c", 2}}, Puts: []Put{{"c", nil}}}, "", `"c" does not exist, and must be at revision 2`},
		{"changed-since", Txn{If: []Condition{{"a", 1}, {"b", 1}}, Puts: []Put{{"c", nil}}}, "", `"b" is at revision 2, and must be at 1`},
		{"no-key", put("", "1"), "", "Puts: a key has 0 bytes, 1 to 512 are allowed"},
		{"long-key", put(strings.Repeat("k", KeyBytesMax+1), "1"), "", "Puts: a key has 513 bytes, 1 to 512 are allowed"},
		{"nul", put("a\x00", "1"), "", `Puts: the key "a\x00" is not UTF-8 text without NUL`},
		{"not-utf8", Txn{Deletes: []string{"\xff"}}, "", `Deletes: the key "\xff" is not UTF-8 text without NUL`},
		{"twice", Txn{Puts: []Put{{"c", nil}}, Deletes: []string{"c"}}, "", `Deletes: the key "c" is there twice, once is allowed`},
		{"condition-twice", Txn{If: []Condition{{"c", 0}, {"c", 0}}}, "", `If: the key "c" is there twice, once is allowed`},
		{"large-value", put("c", strings.Repeat("v", ValueBytesMax+1)), "", `Puts: the value of "c" has 1048577 bytes, at most 1048576 are allowed`},
		{"large", Txn{Puts: []Put{{"c", make([]byte, ValueBytesMax)}, {"d", make([]byte, ValueBytesMax)}}}, "", "Txn: has 2097154 bytes of keys and values, at most 1572864 are allowed"},
		{"many", Txn{Deletes: make([]string, TxnChangesMax+1)}, "", "Puts and Deletes: have 129 changes, at most 128 are allowed"},
		{"many-conditions", Txn{If: make([]Condition, TxnChangesMax+1)}, "", "If: has 129 conditions, at most 128 are allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			mustCommit(t, s, put("a", "1"))
			mustCommit(t, s, put("b", "2"))
			before := contents(s)
			r, err := s.Commit(context.Background(), c.txn)
			if c.err != "" {
				if err == nil || err.Error() != c.err || contents(s) != before {
					t.Fatalf("got %v and %s, want %q and no change", err, contents(s), c.err)
				}
				return
			}
			if got := contents(s); err != nil || got != c.want || !strings.HasPrefix(got, fmt.Sprint(r, ":")) {
				t.Fatalf("got revision %d, %v and %s, want %s", r, err, got, c.want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := contents(mustOpen(t, s.path)); got != c.want {
				t.Errorf("opened again: got %s, want %s", got, c.want)
			}
		})
	}
}

func TestConflictIsTyped(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustCommit(t, s, put("a", "1"))
	_, err := s.Commit(context.Background(), Txn{If: []Condition{{"a", 7}}})
	var conflict *Conflict
	if !errors.As(err, &conflict) || *conflict != (Conflict{Key: "a", Want: 7, Have: 1}) {
		t.Errorf("got %#v", err)
	}
}

func TestGetAndList(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for _, key := range []string{"b/1", "a/2", "a/10", "a", "ab", "a/1"} {
		mustCommit(t, s, put(key, "v"))
	}
	for prefix, want := range map[string]int{"": 6, "a": 5, "a/": 3, "a/1": 2, "b": 1, "c": 0, "a/3": 0} {
		got, r := s.List(prefix)
		sorted := slices.IsSortedFunc(got, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
		if len(got) != want || !sorted || r != 6 {
			t.Errorf("list %q: got %s at %d, want %d entries at 6", prefix, text(got), r, want)
		}
	}
	if e, ok := s.Get("a/10"); !ok || text([]Entry{e}) != "a/10=v@3/3" {
		t.Errorf("get a/10: got %v, %v", e, ok)
	}
	if e, ok := s.Get("a/"); ok {
		t.Errorf("get a/: got %v, want none", e)
	}
}

func TestCommitCopiesValues(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	value := []byte("before")
	mustCommit(t, s, Txn{Puts: []Put{{"a", value}}})
	copy(value, "after!")
	if e, _ := s.Get("a"); string(e.Value) != "before" {
		t.Errorf("got %q, want the value as it was committed", e.Value)
	}
}

// TestCommitGroup tries a group's rules without chance: its transactions see each other in order, and a conflict is only its own.
func TestCommitGroup(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.Close(); err != nil { // so that the group below is the only writer
		t.Fatal(err)
	}
	s = reopenIdle(t, s.path)
	var group []*request
	for _, txn := range []Txn{
		put("n", "1"),
		{If: []Condition{{"n", 1}}, Puts: []Put{{"n", []byte("2")}}},
		{If: []Condition{{"n", 1}}, Puts: []Put{{"n", []byte("3")}, {"m", nil}}},
		{If: []Condition{{"n", 2}}, Deletes: []string{"n"}, Puts: []Put{{"o", []byte("4")}}},
		{Deletes: []string{"n"}},
	} {
		group = append(group, &request{txn: &txn})
	}
	s.commitGroup(group)
	var got []string
	for _, r := range group {
		got = append(got, fmt.Sprint(r.revision, " ", r.err))
	}
	want := []string{"1 <nil>", "2 <nil>", `0 "n" is at revision 2, and must be at 1`, "3 <nil>", "3 <nil>"}
	if !slices.Equal(got, want) || contents(s) != "3: o=4@3/3" {
		t.Errorf("got %q and %s, want %q", got, contents(s), want)
	}
	var revisions []Revision
	for _, b := range s.history.batches {
		revisions = append(revisions, b.Revision)
	}
	if !slices.Equal(revisions, []Revision{1, 2, 3}) {
		t.Errorf("history has %v", revisions)
	}
}

// TestReadsDoNotWait looks at a store while its disk is busy: there is only what is safe, at once, and who comes meanwhile shares the next
// write.
func TestReadsDoNotWait(t *testing.T) {
	t.Parallel()
	made := newStore(t)
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := reopenIdle(t, made.path)
		writing, finish := make(chan int), make(chan struct{})
		s.write = func(db *bbolt.DB, d *draft, schema uint32) error {
			writing <- len(d.batches)
			<-finish
			return writeDraft(db, d, schema)
		}
		s.running.Go(s.commitAll)
		var wg sync.WaitGroup
		commit := func(key string) {
			wg.Go(func() {
				if _, err := s.Commit(context.Background(), put(key, "v")); err != nil {
					t.Error(err)
				}
			})
		}
		commit("first")
		if n := <-writing; n != 1 {
			t.Errorf("got %d transactions, want 1", n)
		}
		if _, ok := s.Get("first"); ok || contents(s) != "0: " {
			t.Errorf("got %s before it is safe", contents(s))
		}
		for i := range 5 {
			commit(fmt.Sprint(i))
		}
		synctest.Wait()
		finish <- struct{}{}
		if n := <-writing; n != 5 || contents(s) != "1: first=v@1/1" {
			t.Errorf("got %d transactions after %s, want the 5 that came meanwhile", n, contents(s))
		}
		finish <- struct{}{}
		wg.Wait()
		if all, r := s.List(""); len(all) != 6 || r != 6 {
			t.Errorf("got %s", contents(s))
		}
	})
}

// TestConcurrentCounters lets many callers count in the same documents; every count must arrive once.
func TestConcurrentCounters(t *testing.T) {
	t.Parallel()
	const callers, counts = 8, 12
	s := newStore(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[Revision]bool{}
	for i := range callers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for n := 0; n < counts; {
				key := fmt.Sprint("counter/", random.IntN(3))
				e, _ := s.Get(key)
				r, err := s.Commit(context.Background(), Txn{If: []Condition{{key, e.Revision}}, Puts: []Put{{key, append(slices.Clone(e.Value), '|')}}})
				var conflict *Conflict
				switch {
				case errors.As(err, &conflict) && conflict.Have > conflict.Want:
				case err != nil:
					t.Errorf("commit: %v", err)
					return
				default:
					n++
					mu.Lock()
					if seen[r] {
						t.Errorf("revision %d was given twice", r)
					}
					seen[r] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	total := 0
	entries, r := s.List("counter/")
	for _, e := range entries {
		total += len(e.Value)
	}
	if total != callers*counts || r != callers*counts {
		t.Errorf("got %d counts at revision %d, want %d", total, r, callers*counts)
	}
}

func TestCommitContextAndClose(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(context.Background(), put("a", "1")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
	if _, err := s.Watch("", 0); !errors.Is(err, ErrClosed) {
		t.Errorf("watch after Close: got %v, want ErrClosed", err)
	}
	idle := reopenIdle(t, s.path)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := idle.Commit(ctx, put("a", "1")); !errors.Is(err, context.Canceled) || contents(idle) != "0: " {
		t.Errorf("got %v and %s, want a cancelled context and no change", err, contents(idle))
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	doc := &document{Entry: Entry{Key: "a", Value: make([]byte, 100), Created: 1, Revision: 1}}
	s := &snapshot{revision: 1, docs: []*document{doc}, bytes: doc.size()}
	cases := []struct {
		name         string
		count, bytes int
		txn          Txn
		err          string
	}{
		{"room-for-one", DocumentsMax - 1, 0, put("b", ""), ""},
		{"documents", DocumentsMax, 0, put("b", ""), "the store would hold 100001 documents, at most 100000 are allowed: delete some first"},
		{"exchange", DocumentsMax, 0, Txn{Puts: []Put{{"b", nil}}, Deletes: []string{"a"}}, ""},
		{"bytes", 1, BytesMax - 1, put("b", "1"), "the store would hold 268435457 bytes, at most 268435456 are allowed: delete some first"},
		{"fewer-bytes", 1, BytesMax + 200, put("a", "1"), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDraft(s)
			d.count, d.bytes = c.count, c.bytes
			_, err := d.apply(&c.txn)
			if got := fmt.Sprint(err); err != nil && got != c.err || err == nil && c.err != "" {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if err != nil && len(d.changed)+len(d.batches) > 0 {
				t.Errorf("left %v and %v behind", d.changed, d.batches)
			}
		})
	}
}

func TestOpenRefusesSecond(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_, err := Open(s.path, Options{})
	var used *InUse
	if !errors.As(err, &used) || !strings.Contains(err.Error(), s.path) {
		t.Errorf("got %v, want *InUse with the file's name", err)
	}
	mustCommit(t, s, put("a", "1"))
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	var wg sync.WaitGroup
	opened := make(chan *Store, 4)
	for range cap(opened) {
		wg.Go(func() {
			s, err := Open(path, Options{})
			var used *InUse
			switch {
			case err == nil:
				opened <- s
			case !errors.As(err, &used):
				t.Errorf("got %v, want *InUse", err)
			}
		})
	}
	wg.Wait()
	if len(opened) != 1 {
		t.Fatalf("%d have it open", len(opened))
	}
	if err := (<-opened).Close(); err != nil {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if d, f := mode(filepath.Dir(s.path)), mode(s.path); d != 0o700 || f != 0o600 {
		t.Errorf("got modes %o and %o, want 700 and 600", d, f)
	}
	if err := errors.Join(s.Close(), os.Chmod(s.path, 0o644)); err != nil { //nolint:gosec // what cp does
		t.Fatal(err)
	}
	mustOpen(t, s.path)
	if f := mode(s.path); f != 0o600 {
		t.Errorf("got mode %o after opening one of mode 644, want 600", f)
	}
}

func TestOpenRefusesOtherThings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: got %v", err)
	}
	if _, err := Open("/dev/null/store.db", Options{}); err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("no directory: got %v", err)
	}
}
