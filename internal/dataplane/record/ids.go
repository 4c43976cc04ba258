package record

// IDs gives the connections of one loop their ids. Those of different loops never meet.
type IDs struct{ next, step uint64 }

// NewIDs returns the ids of one of loops.
func NewIDs(loop, loops int) *IDs { return &IDs{next: uint64(loop) + 1, step: uint64(loops)} }

// Next returns an id that no other connection of the process has.
func (i *IDs) Next() uint64 {
	id := i.next
	i.next += i.step
	return id
}
