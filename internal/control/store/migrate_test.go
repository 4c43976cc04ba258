package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// steps are migrations as they might come: one renames, one rewrites.
func steps() []migration {
	return []migration{
		func(documents map[string][]byte) error {
			for key, value := range documents {
				if rest, ok := strings.CutPrefix(key, "lb/"); ok {
					delete(documents, key)
					documents["loadbalancer/"+rest] = value
				}
			}
			return nil
		},
		func(documents map[string][]byte) error {
			if string(documents["loadbalancer/a"]) == "bad" {
				return errors.New(`loadbalancer/a: "bad" cannot be migrated`)
			}
			documents["loadbalancer/a"] = append([]byte("new "), documents["loadbalancer/a"]...)
			return nil
		},
	}
}

// oldStore makes a store of schema version 1.
func oldStore(t *testing.T, value string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := open(path, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, Txn{Puts: []Put{{"lb/a", []byte(value)}, {"other", []byte("x")}}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// openAt opens a store with migrations, returns its contents, and closes it.
func openAt(t *testing.T, path string, list []migration) (string, error) {
	t.Helper()
	s, err := open(path, Options{Now: func() time.Time { return noon }}, list)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	return contents(s), nil
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	path := oldStore(t, "v")
	const want = "2: loadbalancer/a=new v@2/2 other=x@1/1"
	for range 2 { // the second time there is nothing to do
		if got, err := openAt(t, path, steps()); err != nil || got != want {
			t.Errorf("got %s and %v, want %s", got, err, want)
		}
	}
	var newer *Newer
	if _, err := openAt(t, path, steps()[:1]); !errors.As(err, &newer) || *newer != (Newer{Path: path, Schema: 3, Max: 2}) {
		t.Errorf("got %v, want *Newer", err)
	} else if !strings.Contains(err.Error(), "schema version 3, written by a newer lull") {
		t.Errorf("got %v", err)
	}
	before := path + ".copy-20260601T120000Z-r1"
	if got, err := openAt(t, before, nil); err != nil || got != "1: lb/a=v@1/1 other=x@1/1" {
		t.Errorf("the copy from before: got %s and %v", got, err)
	}
}

func TestMigrateFails(t *testing.T) {
	t.Parallel()
	path := oldStore(t, "bad")
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openAt(t, path, steps()); err == nil || !strings.Contains(err.Error(), `migrate from schema version 2: loadbalancer/a: "bad" cannot be migrated`) {
		t.Errorf("got %v", err)
	}
	if is, err := os.ReadFile(path); err != nil || string(is) != string(was) {
		t.Errorf("the file was changed: %v", err)
	}
	if got, err := openAt(t, path, nil); err != nil || got != "1: lb/a=bad@1/1 other=x@1/1" {
		t.Errorf("got %s and %v, want it as it was", got, err)
	}
}

// TestSchema fails when a migration is added without a test for it here, with a file as the version before has left it.
func TestSchema(t *testing.T) {
	t.Parallel()
	if got := schemaOf(migrations); got != 1 {
		t.Errorf("the schema has version %d: add a test of its migration, then raise the number here", got)
	}
}

func TestStateOfNewer(t *testing.T) {
	t.Parallel()
	// A later version may have more in its state; it must be told from damage.
	long := state{schema: 9, revision: 1}.encode()
	long = append(long[:stateSize-4], "more"...)
	if _, err := decodeState(append(long, 0, 0, 0, 0), 1); err == nil {
		t.Error("a wrong checksum was accepted")
	}
	if st, err := decodeState(state{schema: 9}.encode(), 1); err != nil || st.schema != 9 {
		t.Errorf("got %+v and %v, want the schema", st, err)
	}
	for _, bad := range [][]byte{nil, make([]byte, 7), state{schema: 0}.encode()} {
		if st, err := decodeState(bad, 1); err == nil {
			t.Errorf("%x: got %+v", bad, st)
		}
	}
	if got := fmt.Sprint(schemaOf(steps())); got != "3" {
		t.Errorf("got version %s of two migrations, want 3", got)
	}
}
