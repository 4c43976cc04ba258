package wheel

import "math/bits"

const (
	wordBits = 6
	wordMask = 1<<wordBits - 1
	words    = slots >> wordBits // 32 a level: one summary word covers a level
)

// occupancy says which slots hold nodes: a bit a slot, and above those a bit a word, so that finding the next occupied
// slot looks at three words whatever the distance. The zero value is empty.
type occupancy struct {
	summary [levels]uint64
	words   [levels * words]uint64
}

// add marks slot i (counted through the levels) and reports whether it was unmarked.
func (o *occupancy) add(i int) bool {
	word, bit := i>>wordBits, uint64(1)<<(i&wordMask)
	if o.words[word]&bit != 0 {
		return false
	}
	o.words[word] |= bit
	o.summary[i>>slotBits] |= 1 << (word % words)
	return true
}

// remove unmarks slot i.
func (o *occupancy) remove(i int) {
	word := i >> wordBits
	o.words[word] &^= 1 << (i & wordMask)
	if o.words[word] == 0 {
		o.summary[i>>slotBits] &^= 1 << (word % words)
	}
}

// first returns the first marked slot of a level at from or after it, going round, or -1 if none is.
func (o *occupancy) first(level, from int) int {
	summary := o.summary[level]
	if summary == 0 {
		return -1
	}
	level *= words
	word := from >> wordBits
	if rest := o.words[level+word] >> (from & wordMask); rest != 0 {
		return level<<wordBits + from + bits.TrailingZeros64(rest)
	}
	after := summary &^ (2<<word - 1)
	if after == 0 {
		after = summary // gone round; what is left of from's own word lies before from
	}
	word = level + bits.TrailingZeros64(after)
	return word<<wordBits + bits.TrailingZeros64(o.words[word])
}
