//go:build invariants

package buf

// scramble makes a use after return show itself.
func scramble(b []byte) {
	for i := range b {
		b[i] = 0xDD
	}
}
