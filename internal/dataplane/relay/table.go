package relay

// Table holds the connections of a loop in chunks that never move, so that timer nodes and other connections may point
// into them. The zero value is empty.
type Table[T any] struct {
	chunks []*[chunkSize]T
	free   []uint32
	used   int
}

// chunkSize: a chunk of 64 connections is about 10 to 20 KiB, little enough that a quiet lull stays small.
const chunkSize = 64

// At returns the place with that index.
func (t *Table[T]) At(index uint32) *T { return &t.chunks[index/chunkSize][index%chunkSize] }

// Size returns the number of places there are: indexes are below it.
func (t *Table[T]) Size() uint32 { return uint32(len(t.chunks) * chunkSize) }

// Used returns the number of places that are taken.
func (t *Table[T]) Used() int { return t.used }

// Take returns a free place, which holds a zero value, and its index.
func (t *Table[T]) Take() (place *T, index uint32) {
	if len(t.free) == 0 {
		t.grow()
	}
	index = t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.used++
	return t.At(index), index
}

func (t *Table[T]) grow() {
	first := t.Size()
	t.chunks = append(t.chunks, new([chunkSize]T))
	for i := range uint32(chunkSize) {
		t.free = append(t.free, first+chunkSize-1-i) // lowest last, so it is taken first
	}
}

// GiveBack empties a place and makes it free. No timer in it may be armed.
func (t *Table[T]) GiveBack(index uint32) {
	var none T
	*t.At(index) = none
	t.free = append(t.free, index)
	t.used--
}
