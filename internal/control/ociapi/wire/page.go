package wire

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"sort"
)

// pageBytesMax is the length of the longest marker: a display name of 1024 characters of four bytes and an OCID, in
// base64.
const pageBytesMax = 8192

// pageVersion is the first byte of a marker. Its meaning: what follows is a checksum and then a key.
const pageVersion = 1

// Order is how a list is sorted and marked. Key tells its items apart and says where they stand; Compare is the order of
// keys. Scope is what a marker belongs to: the operation, and all in the question that changes the list or its order.
type Order[T any] struct {
	Scope   string
	Key     func(T) string
	Compare func(a, b string) int
}

// Paginate returns one page of a list and the marker of the next, which is empty at the end.
//
// REQUIRES: items are in ascending order of their keys, no two have the same, and query is one that Decode has read.
//
// A marker holds the key of the last item before it and no position, so that nothing is left out or told twice when items
// come and go between two pages; the item itself may be gone. It carries a checksum over scope and key: one of another
// list, a cut one or an invented one is refused. That is no secret and needs to be none, since every key is a legal place
// to begin.
func Paginate[T any](order Order[T], items []T, query PageQuery) ([]T, string, error) {
	begin := 0
	if query.Page != "" {
		last, err := openPage(order.Scope, query.Page)
		if err != nil {
			return nil, "", err
		}
		begin = sort.Search(len(items), func(i int) bool { return order.Compare(order.Key(items[i]), last) > 0 })
	}
	rest := items[begin:]
	if len(rest) <= query.Limit {
		return rest, "", nil
	}
	rest = rest[:query.Limit]
	return rest, newPage(order.Scope, order.Key(rest[len(rest)-1])), nil
}

// newPage returns the marker that continues behind a key.
func newPage(scope, key string) string {
	sum := crc32.ChecksumIEEE([]byte(scope + "\x00" + key))
	raw := binary.BigEndian.AppendUint32([]byte{pageVersion}, sum)
	return base64.RawURLEncoding.EncodeToString(append(raw, key...))
}

// openPage returns the key in a marker. A marker is accepted when it is the one given out for the key in it, to the
// letter, which covers version, scope and checksum, and all that a base64 decoder lets pass.
func openPage(scope, page string) (string, error) {
	const head = 1 + crc32.Size
	if len(page) <= pageBytesMax {
		raw, err := base64.RawURLEncoding.DecodeString(page)
		if err == nil && len(raw) >= head {
			if key := string(raw[head:]); newPage(scope, key) == page {
				return key, nil
			}
		}
	}
	return "", invalid("page", "page '%s' is none that this list has given: leave it out to begin again", shown(page))
}
