package http1

import (
	"fmt"
	"strings"
	"testing"
)

// readers are the three kinds of heads.
//
//nolint:gochecknoglobals // a constant table
var readers = [...]func(*Head, []byte, *Scan, *Limits) (int, Fault){
	kindRequest:  (*Head).ReadRequest,
	kindResponse: (*Head).ReadResponse,
	kindTrailers: (*Head).ReadTrailers,
}

// describe writes all that a head says.
func describe(h *Head, b []byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%q %d %q form %d authority %q path %q 1.%d status %q size %d", h.MethodText(b), h.Method(), h.Target(b), h.Form(),
		h.Authority(b), h.Path(b), h.Minor(), h.statusSpan.of(b), h.Size())
	n, ok := h.ContentLength()
	fmt.Fprintf(&s, " length %d %v chunked %v keep %v continue %v else %v upgrades %v flags %x", n, ok, h.Chunked(), h.KeepAlive(),
		h.ExpectsContinue(), h.ExpectsElse(), h.Upgrades(), h.flags)
	fmt.Fprintf(&s, " %v %v %v", h.RequestFraming(), h.ResponseFraming(GET), h.Classify(b))
	for i := range h.Fields() {
		f := &h.Fields()[i]
		fmt.Fprintf(&s, "\n%q: %q id %v %v", f.Name(b), f.Value(b), f.ID, f.Nominated())
	}
	return s.String()
}

// outcome is what reading a head came to, in words.
func outcome(h *Head, b []byte, n int, f Fault) string {
	switch {
	case f != NoFault:
		return "fault " + f.String()
	case n == 0:
		return "more"
	}
	return fmt.Sprintf("%d: %s", n, describe(h, b))
}

// readAllWays reads a head whole, in two parts cut at every byte, and byte by byte, and fails when they differ.
// With eager faults a beginning may already be refused, but with the same fault.
func readAllWays(t testing.TB, g *guard, k kind, in []byte, l *Limits) (*Head, int, Fault) {
	t.Helper()
	h := new(Head)
	read := readers[k]
	var s Scan
	n, f := read(h, g.put(in), &s, l)
	want := outcome(h, in, n, f)
	check := func(how string, h *Head, b []byte, n int, f Fault) bool {
		if n == 0 && f == NoFault && len(b) < len(in) {
			return true
		}
		if got := outcome(h, b, n, f); got != want {
			t.Fatalf("%q\nread %s: got %s\nwhole: %s", in, how, got, want)
		}
		return false
	}
	h2 := new(Head)
	for cut := range len(in) {
		s = Scan{}
		b := g.put(in[:cut])
		n2, f2 := read(h2, b, &s, l)
		if !check(fmt.Sprintf("to byte %d", cut), h2, b, n2, f2) {
			continue
		}
		b = g.put(in)
		n2, f2 = read(h2, b, &s, l)
		check(fmt.Sprintf("cut at %d", cut), h2, b, n2, f2)
	}
	s = Scan{}
	for end := range len(in) + 1 {
		b := g.put(in[:end])
		n2, f2 := read(h2, b, &s, l)
		if !check("byte by byte", h2, b, n2, f2) {
			break
		}
	}
	return h, n, f
}
