//go:build invariants

package buf

import "testing"

// TestScrambled: with the tag invariants a use after return shows itself.
func TestScrambled(t *testing.T) {
	t.Parallel()
	p := NewPool(0)
	b := p.Keep([]byte("hello"))
	stale := b.Bytes()
	p.Return(b)
	if string(stale) == "hello" {
		t.Error("the bytes of a returned buffer are still there")
	}
}
