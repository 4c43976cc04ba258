package store

import (
	"bytes"
	"fmt"
)

// A migration turns the documents of one schema version, by key, into those of the next. It may change the map and
// replace values, but not write into them. It is run once per file, in the transaction that raises its version, and a copy is made
// before it; it must not depend on anything but the documents.
type migration func(documents map[string][]byte) error

// migrations are those from version 1 to 2, from 2 to 3 and so on. A lull knows as many versions as there are of them, and one more.
// A new one is appended here, and its test in migrate_test.go; what was released is never changed.
//
//nolint:gochecknoglobals // a table
var migrations []migration

// schemaOf returns the newest version that a list of migrations leads to.
func schemaOf(steps []migration) uint32 { return uint32(len(steps)) + 1 } //nolint:gosec // a handful

// migrate returns the changes that lead from a schema version to the newest, as one revision.
func migrate(s *snapshot, from uint32, steps []migration) (*draft, error) {
	documents := make(map[string][]byte, len(s.docs))
	for _, d := range s.docs {
		documents[d.Key] = d.Value
	}
	for i, step := range steps[from-1:] {
		if err := step(documents); err != nil {
			return nil, fmt.Errorf("migrate from schema version %d: %w", int(from)+i, err)
		}
	}
	var t Txn
	for key, value := range documents {
		if old := s.find(key); old == nil || !bytes.Equal(old.Value, value) {
			t.Puts = append(t.Puts, Put{Key: key, Value: value})
		}
	}
	for _, d := range s.docs {
		if _, ok := documents[d.Key]; !ok {
			t.Deletes = append(t.Deletes, d.Key)
		}
	}
	d := newDraft(s)
	if _, err := d.apply(&t); err != nil {
		return nil, fmt.Errorf("migrate from schema version %d: %w", from, err)
	}
	return d, nil
}
