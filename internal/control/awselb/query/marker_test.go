package query

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// self is the key of a string.
func self(s string) string { return s }

func TestPaginate(t *testing.T) {
	t.Parallel()
	items := []string{"a", "b", "c", "d", "e"}
	for _, size := range []int32{1, 2, 4, 5, 6} {
		var got []string
		var marker *string
		for pages := 0; ; pages++ {
			page, next, err := Paginate("X", items, self, marker, &size)
			if err != nil || len(page) > int(size) || pages > len(items) {
				t.Fatalf("size %d: got page %v after %d pages and %v", size, page, pages, err)
			}
			got = append(got, page...)
			if marker = next; marker == nil {
				break
			}
		}
		if !slices.Equal(got, items) {
			t.Errorf("size %d: got %v, want %v", size, got, items)
		}
	}
}

// Between two pages the item that the marker names may go, and others may come.
func TestPaginateChanges(t *testing.T) {
	t.Parallel()
	_, marker, err := Paginate("X", []string{"a", "b", "c", "d"}, self, nil, new(int32(2)))
	if err != nil || marker == nil {
		t.Fatalf("got marker %v and %v", marker, err)
	}
	for _, c := range []struct{ items, want []string }{
		{[]string{"a", "c", "d"}, []string{"c", "d"}},
		{[]string{"d"}, []string{"d"}},
		{[]string{"a", "aa", "b", "bb", "c", "d"}, []string{"bb", "c", "d"}},
		{[]string{"a", "b"}, []string{}},
		{nil, nil},
	} {
		page, next, err := Paginate("X", c.items, self, marker, nil)
		if err != nil || next != nil || !slices.Equal(page, c.want) {
			t.Errorf("%v: got %v, %v and %v, want %v", c.items, page, next, err, c.want)
		}
	}
}

func TestPaginateDefault(t *testing.T) {
	t.Parallel()
	items := strings.Split(strings.Repeat("x", pageMax+1), "")
	page, next, err := Paginate("X", items, self, new(""), nil)
	if err != nil || next == nil || len(page) != pageMax {
		t.Errorf("got %d items, marker %v and %v, want a page of %d and another", len(page), next, err, pageMax)
	}
}

func TestPaginateForged(t *testing.T) {
	t.Parallel()
	good := newMarker("X", "my-load-balancer")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	markers := []string{"1", good[:10] + "\n" + good[10:], "AAAA", "===", "my-load-balancer", good + "=", good[:len(good)-2], newMarker("Y", "my-load-balancer")}
	for i := range raw {
		forged := slices.Clone(raw)
		forged[i] ^= 0x20
		markers = append(markers, base64.RawURLEncoding.EncodeToString(forged), base64.RawURLEncoding.EncodeToString(raw[:i]))
	}
	for _, marker := range markers {
		if marker == "" {
			continue // no marker: the first page
		}
		var refusal *Error
		_, _, err := Paginate("X", []string{"a"}, self, &marker, nil)
		if !errors.As(err, &refusal) || refusal.Code != ValidationError {
			t.Errorf("%q: got %v, want a ValidationError", marker, err)
		}
	}
}

// FuzzOpenMarker wants a marker that is accepted to be the one that is given out for its key.
func FuzzOpenMarker(f *testing.F) {
	f.Add("")
	f.Add(newMarker("X", "my-load-balancer"))
	f.Add(newMarker("X", ""))
	f.Fuzz(func(t *testing.T, marker string) {
		if key, err := openMarker("X", marker); err == nil && newMarker("X", key) != marker {
			t.Errorf("%q: got the key %q, whose marker is %q", marker, key, newMarker("X", key))
		}
	})
}
