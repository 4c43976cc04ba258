//go:build invariants

package buf

// scramble makes a use after return show itself. It copies what it has filled already, which the race detector looks at in one
// piece: a byte at a time, a head of 1 MiB took it seconds.
func scramble(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = 0xDD
	for done := 1; done < len(b); done *= 2 {
		copy(b[done:], b[:done])
	}
}
