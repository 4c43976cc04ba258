package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Two buckets: one with a record for each document, one with the state. bbolt protects only its own head pages with a checksum, so every
// record has one, and the state says how many records there are and what their checksums add up to: a record that was lost
// or is one of an older revision shows, too.
const (
	bucketDocuments = "documents"
	bucketState     = "state"
	keyState        = "state"

	recordHead = 4 + 8 + 8         // checksum, created, revision; the value follows
	stateSize  = 4 + 8 + 8 + 8 + 4 // schema, revision, count, digest, checksum
)

//nolint:gochecknoglobals // a table that hardware knows
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// state is what the file says about itself.
type state struct {
	schema   uint32
	revision Revision
	count    uint64
	digest   uint64
}

// encode returns the state as it is written. The schema is the first and the checksum the last in every version, so that each lull
// can tell a newer file from a damaged one.
func (s state) encode() []byte {
	b := make([]byte, 0, stateSize)
	b = binary.BigEndian.AppendUint32(b, s.schema)
	b = binary.BigEndian.AppendUint64(b, uint64(s.revision))
	b = binary.BigEndian.AppendUint64(b, s.count)
	b = binary.BigEndian.AppendUint64(b, s.digest)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeState reads a state. Of a schema newer than max it returns only the schema.
func decodeState(b []byte, schemaMax uint32) (state, error) {
	if len(b) < 8 {
		return state{}, fmt.Errorf("its state has %d bytes, %d are needed", len(b), stateSize)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return state{}, fmt.Errorf("the checksum of its state is wrong")
	}
	s := state{schema: binary.BigEndian.Uint32(b)}
	if s.schema > schemaMax {
		return s, nil
	}
	if len(b) != stateSize || s.schema == 0 {
		return state{}, fmt.Errorf("its state has %d bytes, %d are needed, and schema version %d, 1 to %d are known", len(b), stateSize, s.schema, schemaMax)
	}
	s.revision = Revision(binary.BigEndian.Uint64(b[4:]))
	s.count = binary.BigEndian.Uint64(b[12:])
	s.digest = binary.BigEndian.Uint64(b[20:])
	return s, nil
}

// checksum covers all of an entry.
func checksum(e *Entry) uint32 {
	var head [16]byte
	binary.BigEndian.PutUint64(head[:], uint64(e.Created))
	binary.BigEndian.PutUint64(head[8:], uint64(e.Revision))
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, []byte(e.Key))
	return crc32.Update(sum, castagnoli, e.Value)
}

// encode returns a document as it is written, under its key.
func (d *document) encode() []byte {
	b := make([]byte, 0, recordHead+len(d.Value))
	b = binary.BigEndian.AppendUint32(b, d.sum)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Created))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Revision))
	return append(b, d.Value...)
}

// decodeDocument reads a document. It keeps nothing of what it is given.
func decodeDocument(key, b []byte) (*document, error) {
	if len(b) < recordHead {
		return nil, fmt.Errorf("the document %q has %d bytes, at least %d are needed", key, len(b), recordHead)
	}
	d := &document{Entry: Entry{
		Key:      string(key),
		Value:    append([]byte{}, b[recordHead:]...),
		Created:  Revision(binary.BigEndian.Uint64(b[4:])),
		Revision: Revision(binary.BigEndian.Uint64(b[12:])),
	}}
	d.sum = checksum(&d.Entry)
	if d.sum != binary.BigEndian.Uint32(b) {
		return nil, fmt.Errorf("the checksum of the document %q is wrong", key)
	}
	return d, nil
}
