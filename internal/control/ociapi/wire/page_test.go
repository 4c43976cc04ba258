package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// letters is the order of a list of strings, forwards or backwards.
func letters(scope string, direction int) Order[string] {
	return Order[string]{scope, func(s string) string { return s }, func(a, b string) int { return direction * cmp.Compare(a, b) }}
}

func TestAPI15(t *testing.T) {
	t.Parallel()
	for _, direction := range []int{1, -1} {
		for n := range 12 {
			var items []string
			for i := range n {
				items = append(items, fmt.Sprintf("%02d", i))
			}
			order := letters("list", direction)
			slices.SortFunc(items, order.Compare)
			var got []string
			query := PageQuery{Limit: 4}
			for {
				page, next, err := Paginate(order, items, query)
				if err != nil || len(page) > query.Limit || len(page) == 0 && n > 0 {
					t.Fatalf("%d items: a page of %d, %v", n, len(page), err)
				}
				got = append(got, page...)
				if query.Page = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, items) {
				t.Errorf("%d items: got %v, want %v", n, got, items)
			}
		}
	}
}

// TestAPI15Changes pages through a list that changes: what was there all the time is told once.
func TestAPI15Changes(t *testing.T) {
	t.Parallel()
	order := letters("list", 1)
	_, next, err := Paginate(order, []string{"a", "c", "e", "g"}, PageQuery{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	page, next, err := Paginate(order, []string{"a", "b", "d", "e", "g"}, PageQuery{Limit: 3, Page: next})
	if err != nil || next != "" || !slices.Equal(page, []string{"d", "e", "g"}) {
		t.Errorf("got %v, %q, %v", page, next, err)
	}
}

func TestAPI15Refused(t *testing.T) {
	t.Parallel()
	page := newPage("list", "b")
	for _, bad := range []string{"x", "b", page[1:], page[:len(page)-1], page + "=", page + "\n", newPage("other", "b"), strings.Repeat("A", pageBytesMax+1)} {
		if _, _, err := Paginate(letters("list", 1), []string{"a", "c"}, PageQuery{Limit: 1, Page: bad}); refusalOf(err).Field != "page" {
			t.Errorf("%q: got %v", shown(bad), err)
		}
	}
	longest := newPage("list", strings.Repeat("\U0001F600", 1024)+strings.Repeat("x", 255)+"/2018-07-11T17:11:08.832Z")
	if len(longest) > pageBytesMax {
		t.Errorf("the longest marker has %d bytes", len(longest))
	}
}

func FuzzPage(f *testing.F) {
	f.Add(newPage("list", "b"))
	f.Add("")
	f.Fuzz(func(t *testing.T, page string) {
		key, err := openPage("list", page)
		if err == nil && newPage("list", key) != page {
			t.Errorf("%q is taken for the marker of %q", page, key)
		}
	})
}
