package store

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// document is an entry as the store keeps it. It never changes.
type document struct {
	Entry
	sum uint32 // checksum
}

// size is what a document counts towards BytesMax.
func (d *document) size() int { return len(d.Key) + len(d.Value) }

// snapshot is everything at one revision. It never changes.
//
// The documents are one sorted slice, which makes a prefix a sub-slice and the whole thing two searches. A tree that shares what did not
// change would spare copying the pointers at each commit, and costs more at each read; commits wait for a disk anyhow.
type snapshot struct {
	revision Revision
	docs     []*document // by key
	bytes    int         // keys and values
	digest   uint64      // sum of the checksums
}

// search returns where a key is, or would be.
func search(docs []*document, key string) int {
	return sort.Search(len(docs), func(i int) bool { return docs[i].Key >= key })
}

// find returns a document; nil if there is none.
func (s *snapshot) find(key string) *document {
	if i := search(s.docs, key); i < len(s.docs) && s.docs[i].Key == key {
		return s.docs[i]
	}
	return nil
}

// list returns the documents whose keys begin with prefix.
func (s *snapshot) list(prefix string) []*document {
	from := s.docs[search(s.docs, prefix):]
	return from[:sort.Search(len(from), func(i int) bool { return !strings.HasPrefix(from[i].Key, prefix) })]
}

// draft is a snapshot being changed by transactions, one after another.
type draft struct {
	base     *snapshot
	revision Revision
	changed  map[string]*document // nil: deleted
	batches  []Batch
	count    int
	bytes    int
	digest   uint64
}

// newDraft begins with what there is.
func newDraft(base *snapshot) *draft {
	return &draft{base: base, revision: base.revision, changed: map[string]*document{}, count: len(base.docs), bytes: base.bytes, digest: base.digest}
}

// find returns a document as the transactions before have left it; nil if there is none.
func (d *draft) find(key string) *document {
	if doc, ok := d.changed[key]; ok {
		return doc
	}
	return d.base.find(key)
}

// apply makes a transaction's changes, all of them or none, and returns its revision. One that changes nothing gets no new one.
func (d *draft) apply(t *Txn) (Revision, error) {
	for _, c := range t.If {
		var have Revision
		if doc := d.find(c.Key); doc != nil {
			have = doc.Revision
		}
		if have != c.Revision {
			return 0, &Conflict{Key: c.Key, Want: c.Revision, Have: have}
		}
	}
	changes := d.changes(t)
	if len(changes) == 0 {
		return d.revision, nil
	}
	if err := d.room(changes); err != nil {
		return 0, err
	}
	d.revision++
	for i := range changes {
		d.set(&changes[i])
	}
	d.batches = append(d.batches, Batch{Revision: d.revision, Changes: changes})
	return d.revision, nil
}

// changes returns what a transaction would change, by key.
func (d *draft) changes(t *Txn) []Change {
	changes := make([]Change, 0, len(t.Puts)+len(t.Deletes))
	for _, p := range t.Puts {
		e := Entry{Key: p.Key, Value: slices.Clone(p.Value), Created: d.revision + 1, Revision: d.revision + 1}
		if old := d.find(p.Key); old != nil {
			e.Created = old.Created
		}
		changes = append(changes, Change{Entry: e})
	}
	for _, key := range t.Deletes {
		if old := d.find(key); old != nil {
			changes = append(changes, Change{Entry: Entry{Key: key, Created: old.Created, Revision: d.revision + 1}, Deleted: true})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return changes
}

// room refuses changes that the store has no room for. Those that make it no larger always have room.
func (d *draft) room(changes []Change) error {
	count, bytes := d.count, d.bytes
	for i := range changes {
		if old := d.find(changes[i].Key); old != nil {
			count, bytes = count-1, bytes-old.size()
		}
		if !changes[i].Deleted {
			count, bytes = count+1, bytes+len(changes[i].Key)+len(changes[i].Value)
		}
	}
	switch {
	case count > DocumentsMax && count > d.count:
		return &Full{What: "documents", Have: count, Max: DocumentsMax}
	case bytes > BytesMax && bytes > d.bytes:
		return &Full{What: "bytes", Have: bytes, Max: BytesMax}
	}
	return nil
}

// set makes one change.
func (d *draft) set(c *Change) {
	if old := d.find(c.Key); old != nil {
		d.count, d.bytes, d.digest = d.count-1, d.bytes-old.size(), d.digest-uint64(old.sum)
	}
	if c.Deleted {
		d.changed[c.Key] = nil
		return
	}
	doc := &document{Entry: c.Entry, sum: checksum(&c.Entry)}
	d.count, d.bytes, d.digest = d.count+1, d.bytes+doc.size(), d.digest+uint64(doc.sum)
	d.changed[c.Key] = doc
}

// keys returns what has changed, sorted.
func (d *draft) keys() []string { return slices.Sorted(maps.Keys(d.changed)) }

// snapshot returns the result.
func (d *draft) snapshot() *snapshot {
	docs := make([]*document, 0, d.count)
	rest := d.base.docs
	for _, key := range d.keys() {
		i := search(rest, key)
		docs = append(docs, rest[:i]...)
		rest = rest[i:]
		if len(rest) > 0 && rest[0].Key == key {
			rest = rest[1:]
		}
		if doc := d.changed[key]; doc != nil {
			docs = append(docs, doc)
		}
	}
	return &snapshot{revision: d.revision, docs: append(docs, rest...), bytes: d.bytes, digest: d.digest}
}

// state describes the result.
func (d *draft) state(schema uint32) state {
	return state{schema: schema, revision: d.revision, count: uint64(d.count), digest: d.digest}
}
