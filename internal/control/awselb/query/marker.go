package query

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// pageMax is the size of a page when none is asked for, and the greatest that can be.
const pageMax = 400

// markerVersion is the first byte of a marker. Its meaning: what follows is a checksum and then a key.
const markerVersion = 1

// Paginate returns one page of a list and the marker of the next, which is nil at the end.
//
// REQUIRES: items are in ascending order of their keys, no two have the same, and pageSize is one that Decode has read.
//
// A marker holds the key of the last item before it and no position, so that nothing is left out or told twice when
// items come and go between two pages; the item itself may be gone. It carries a checksum over action and key: a marker
// of another action, a cut one or an invented one is refused. That is no secret and needs to be none, since every key
// is a legal place to begin.
func Paginate[T any](action string, items []T, key func(T) string, marker *string, pageSize *int32) ([]T, *string, error) {
	begin := 0
	if marker != nil && *marker != "" {
		last, err := openMarker(action, *marker)
		if err != nil {
			return nil, nil, err
		}
		var found bool
		begin, found = slices.BinarySearchFunc(items, last, func(item T, k string) int { return cmp.Compare(key(item), k) })
		if found {
			begin++
		}
	}
	size := pageMax
	if pageSize != nil {
		size = int(*pageSize)
	}
	rest := items[begin:]
	if len(rest) <= size {
		return rest, nil, nil
	}
	next := newMarker(action, key(rest[size-1]))
	return rest[:size], &next, nil
}

// newMarker returns the marker that continues behind a key.
func newMarker(action, key string) string {
	sum := crc32.ChecksumIEEE([]byte(action + "\x00" + key))
	raw := binary.BigEndian.AppendUint32([]byte{markerVersion}, sum)
	return base64.RawURLEncoding.EncodeToString(append(raw, key...))
}

// openMarker returns the key in a marker. A marker is accepted when it is the one given out for the key in it, to the
// letter, which covers version, action and checksum, and all that a base64 decoder lets pass.
func openMarker(action, marker string) (string, error) {
	const head = 1 + crc32.Size
	raw, err := base64.RawURLEncoding.DecodeString(marker)
	if err == nil && len(raw) >= head {
		if key := string(raw[head:]); newMarker(action, key) == marker {
			return key, nil
		}
	}
	return "", refuse(ValidationError, "Marker", "Marker '%s' is none that %s has given: leave it out to begin again", shown(marker), action)
}
