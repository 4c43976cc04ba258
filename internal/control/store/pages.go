package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt's pages. It trusts what it maps: a flipped bit in a page number makes it panic, fault, or walk in circles for ever. So
// every page that can be reached is looked at here before bbolt sees the file, with nothing trusted and every page visited at
// most once; that reads the documents into memory, too.
const (
	pageSize     = 4096 // set when a file is made, so that it can move between machines
	pageHead     = 16   // number (8), kind (2), elements (2), further pages (4)
	elementSize  = 16
	bucketHead   = 16 // first page (8), sequence (8)
	metaSize     = 64
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	noFreelist   = ^uint64(0) // we let bbolt find the free pages when it opens the file: one page less to write, none to be wrong
	pageDepthMax = 32         // a tree of 2^18 pages with at least two children for each has 18

	kindBranch = 0x01
	kindLeaf   = 0x02
	kindMeta   = 0x04

	elementBucket = 0x01
)

// pages is a file being read.
type pages struct {
	file io.ReaderAt
	root uint64
	end  uint64   // pages in use or free are below it
	seen []uint64 // a bit for each
}

// meta is one of the two head pages.
type meta struct{ root, freelist, end, txid uint64 }

// element is one of a leaf.
type element struct {
	key, value []byte
	bucket     bool
}

// visitor is given every element of a tree in order. What it is given is valid until it returns.
type visitor func(element) error

// openPages reads the head pages of a file.
//
// Commits write them in turn, and each is 80 bytes in one sector, which no crash tears. So one that is wrong is damage, and most often
// of the newer: falling back to the other, as bbolt does, would silently undo a change that somebody was told is safe.
func openPages(file io.ReaderAt, size int64) (*pages, error) {
	if size > FileBytesMax {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", size, FileBytesMax)
	}
	if size < 2*pageSize {
		return nil, fmt.Errorf("it has %d bytes, at least %d are needed: it was truncated, or is not a store", size, 2*pageSize)
	}
	var newest meta
	for number := range uint64(2) {
		m, err := readMeta(file, number)
		if err != nil {
			return nil, fmt.Errorf("head page %d: %w", number, err)
		}
		if number == 0 || m.txid > newest.txid {
			newest = m
		}
	}
	if have := uint64(size) / pageSize; newest.end > have {
		return nil, fmt.Errorf("it was truncated: it has %d pages, %d are needed", have, newest.end)
	}
	if newest.freelist != noFreelist {
		return nil, errors.New("it has a list of free pages, which lull never writes")
	}
	p := &pages{file: file, root: newest.root, end: newest.end, seen: make([]uint64, newest.end/64+1)}
	p.seen[0] = 3 // the head pages
	return p, nil
}

// readMeta reads one of the head pages.
func readMeta(file io.ReaderAt, number uint64) (meta, error) {
	b := make([]byte, pageSize)
	if _, err := file.ReadAt(b, int64(number)*pageSize); err != nil { //nolint:gosec // 0 or 1
		return meta{}, err
	}
	u32, u64 := binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	body := b[pageHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(body[:metaSize-8]) // never fails
	switch {
	case u32(body) != metaMagic || u32(body[4:]) != metaVersion:
		return meta{}, errors.New("it does not say that this is a store")
	case sum.Sum64() != u64(body[metaSize-8:]):
		return meta{}, errors.New("its checksum is wrong")
	case u64(b) != number || binary.NativeEndian.Uint16(b[8:]) != kindMeta:
		return meta{}, errors.New("its number or kind is wrong")
	case u32(body[8:]) != pageSize:
		return meta{}, fmt.Errorf("it says that pages have %d bytes, %d are needed", u32(body[8:]), pageSize)
	}
	return meta{root: u64(body[16:]), freelist: u64(body[32:]), end: u64(body[40:]), txid: u64(body[48:])}, nil
}

// buckets returns what each bucket says about itself, by name.
func (p *pages) buckets() (map[string][]byte, error) {
	found := map[string][]byte{}
	err := p.tree(p.root, func(e element) error {
		if !e.bucket {
			return fmt.Errorf("%q is not a bucket", e.key)
		}
		found[string(e.key)] = bytes.Clone(e.value)
		return nil
	})
	return found, err
}

// bucket visits the elements of a bucket. A small one lies where it is named; others have pages of their own.
func (p *pages) bucket(head []byte, visit visitor) error {
	if len(head) < bucketHead {
		return fmt.Errorf("a bucket has %d bytes, at least %d are needed", len(head), bucketHead)
	}
	inner := func(e element) error {
		if e.bucket {
			return fmt.Errorf("%q is a bucket in a bucket", e.key)
		}
		return visit(e)
	}
	if root := binary.NativeEndian.Uint64(head); root != 0 {
		return p.tree(root, inner)
	}
	if len(head) < bucketHead+pageHead {
		return fmt.Errorf("a bucket has %d bytes, at least %d are needed", len(head), bucketHead+pageHead)
	}
	w := &walk{pages: p, visit: inner}
	return w.leaf(head[bucketHead:], nil, nil)
}

// tree visits the elements below a page.
func (p *pages) tree(root uint64, visit visitor) error {
	w := &walk{pages: p, visit: visit}
	return w.page(root, 0, nil, nil)
}

// read returns a page with those that belong to it, and takes note that they have been seen.
func (p *pages) read(number uint64) ([]byte, error) {
	if number >= p.end {
		return nil, fmt.Errorf("there are %d pages", p.end)
	}
	var head [pageHead]byte
	offset := int64(number) * pageSize //nolint:gosec // below FileBytesMax
	if _, err := p.file.ReadAt(head[:], offset); err != nil {
		return nil, err
	}
	further := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head[:]) != number || further >= p.end-number {
		return nil, fmt.Errorf("it says that it is page %d, with %d further ones", binary.NativeEndian.Uint64(head[:]), further)
	}
	for n := number; n <= number+further; n++ {
		if p.seen[n/64]&(1<<(n%64)) != 0 {
			return nil, errors.New("it is used twice")
		}
		p.seen[n/64] |= 1 << (n % 64)
	}
	b := make([]byte, (1+further)*pageSize)
	_, err := p.file.ReadAt(b, offset)
	return b, err
}

// walk goes through one tree.
type walk struct {
	pages *pages
	visit visitor
	last  []byte // the key before
}

// page visits what is below a page. Its keys are at least from and less than to; nil is no bound.
func (w *walk) page(number uint64, depth int, from, to []byte) error {
	b, err := w.pages.read(number)
	if err != nil {
		return fmt.Errorf("page %d: %w", number, err)
	}
	switch kind := binary.NativeEndian.Uint16(b[8:]); {
	case kind == kindLeaf:
		if err := w.leaf(b, from, to); err != nil {
			return fmt.Errorf("page %d: %w", number, err)
		}
		return nil
	case kind == kindBranch && depth < pageDepthMax:
		return w.branch(number, b, depth, from, to)
	default:
		return fmt.Errorf("page %d: it is of kind %#x in depth %d", number, kind, depth)
	}
}

// branch visits the children of a page. What a child is found by must not be more than what it has, or bbolt would
// not find it.
func (w *walk) branch(number uint64, b []byte, depth int, from, to []byte) error {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if count == 0 || pageHead+count*elementSize > len(b) {
		return fmt.Errorf("page %d: it has %d elements", number, count)
	}
	keys := make([][]byte, count+1)
	keys[count] = to
	children := make([]uint64, count)
	for i := range count {
		at := pageHead + i*elementSize
		key, _, err := part(b, at, binary.NativeEndian.Uint32(b[at:]), binary.NativeEndian.Uint32(b[at+4:]), 0)
		if err == nil && (i == 0 && bytes.Compare(key, from) < 0 || i > 0 && bytes.Compare(key, keys[i-1]) <= 0 || to != nil && bytes.Compare(key, to) >= 0) {
			err = errOrder
		}
		if err != nil {
			return fmt.Errorf("page %d: element %d: %w", number, i, err)
		}
		keys[i], children[i] = key, binary.NativeEndian.Uint64(b[at+8:])
	}
	for i, child := range children {
		if err := w.page(child, depth+1, keys[i], keys[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// leaf visits the elements of a page.
func (w *walk) leaf(b []byte, from, to []byte) error {
	if kind := binary.NativeEndian.Uint16(b[8:]); kind != kindLeaf {
		return fmt.Errorf("it is of kind %#x", kind)
	}
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if pageHead+count*elementSize > len(b) {
		return fmt.Errorf("it has %d elements", count)
	}
	for i := range count {
		at := pageHead + i*elementSize
		u32 := func(n int) uint32 { return binary.NativeEndian.Uint32(b[at+n:]) }
		key, value, err := part(b, at, u32(4), u32(8), u32(12))
		switch {
		case err != nil:
		case u32(0)&^elementBucket != 0:
			err = fmt.Errorf("it has the flags %#x", u32(0))
		case bytes.Compare(key, from) < 0, to != nil && bytes.Compare(key, to) >= 0, w.last != nil && bytes.Compare(key, w.last) <= 0:
			err = errOrder
		default:
			w.last = key
			err = w.visit(element{key: key, value: value, bucket: u32(0) == elementBucket})
		}
		if err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// errOrder says that a key is not between its neighbours.
var errOrder = errors.New("its key is out of order")

// part returns an element's key and value, which lie one after another, pos bytes from the element.
func part(b []byte, at int, pos, keySize, valueSize uint32) (key, value []byte, err error) {
	start := int64(at) + int64(pos)
	mid := start + int64(keySize)
	end := mid + int64(valueSize)
	if keySize == 0 || end > int64(len(b)) {
		return nil, nil, fmt.Errorf("its key has %d bytes and its value %d, which the page does not have", keySize, valueSize)
	}
	return b[start:mid:mid], b[mid:end:end], nil
}

// load reads a file. Of one with a schema newer than schemaMax it returns only the state.
func load(file io.ReaderAt, size int64, schemaMax uint32) (*snapshot, state, error) {
	p, err := openPages(file, size)
	if err != nil {
		return nil, state{}, err
	}
	buckets, err := p.buckets()
	if err != nil {
		return nil, state{}, err
	}
	st, err := p.state(buckets[bucketState], schemaMax)
	if err != nil || st.schema > schemaMax {
		return nil, st, err
	}
	if len(buckets) != 2 || buckets[bucketDocuments] == nil {
		return nil, st, fmt.Errorf("it has %d buckets, the two of a store are needed", len(buckets))
	}
	s := &snapshot{revision: st.revision}
	err = p.bucket(buckets[bucketDocuments], func(e element) error {
		d, bad := decodeDocument(e.key, e.value)
		if bad != nil {
			return bad
		}
		s.docs = append(s.docs, d)
		s.bytes += d.size()
		s.digest += uint64(d.sum)
		return nil
	})
	if err == nil && (uint64(len(s.docs)) != st.count || s.digest != st.digest) {
		err = fmt.Errorf("it has %d documents that are not those of revision %d, which are %d", len(s.docs), st.revision, st.count)
	}
	return s, st, err
}

// state reads the state.
func (p *pages) state(bucket []byte, schemaMax uint32) (state, error) {
	if bucket == nil {
		return state{}, errors.New("it has no state: it is not a store of lull")
	}
	var st state
	found := 0
	err := p.bucket(bucket, func(e element) error {
		found++
		var err error
		st, err = decodeState(e.value, schemaMax)
		if string(e.key) != keyState {
			err = fmt.Errorf("there is no such state as %q", e.key)
		}
		return err
	})
	if err == nil && found != 1 {
		err = fmt.Errorf("it has %d states, 1 is needed", found)
	}
	return st, err
}
