package http1

import (
	"os"
	"syscall"
	"testing"
)

// guard places input so that it ends at a page that cannot be read: reading one byte too far crashes the test.
type guard struct{ room []byte }

func newGuard(t testing.TB, size int) *guard {
	t.Helper()
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatalf("map %d bytes: %v", size+page, err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatalf("protect the guard page: %v", err)
	}
	return &guard{m[:size:size]}
}

// put returns a copy of b that ends at the guard page; it is valid until the next put.
func (g *guard) put(b []byte) []byte {
	at := len(g.room) - len(b)
	copy(g.room[at:], b)
	return g.room[at:]
}
