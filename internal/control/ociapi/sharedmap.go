package ociapi

import (
	"hash/maphash"
	"iter"
	"maps"
)

// mapParts is how many parts a sharedMap has: one of ten thousand entries has 80 in each, and to copy the list of parts costs as much
// as to copy one.
const mapParts = 128

// sharedMap is a map whose clones share with it what they do not change. A state has maps of thousands of entries and the next one
// differs in one of them: a plain map would be copied as a whole, for as long as many a data plane takes for a change. Readers take no
// lock, as with a plain map that nobody changes any more. The zero value is empty.
type sharedMap[K comparable, V any] struct {
	parts [mapParts]map[K]V
	owned [mapParts]bool // nobody else has the part, so it may be changed
	count int
}

// mapSeed spreads keys over parts. Clients choose the tokens among them, so it is not to be guessed.
//
//nolint:gochecknoglobals // a constant
var mapSeed = maphash.MakeSeed()

func partOf[K comparable](key K) int { return int(maphash.Comparable(mapSeed, key) % mapParts) } //nolint:gosec // less than mapParts

// clone returns a copy to be changed. This one must not change any more.
func (m *sharedMap[K, V]) clone() sharedMap[K, V] {
	return sharedMap[K, V]{parts: m.parts, count: m.count}
}

func (m *sharedMap[K, V]) len() int { return m.count }

// get returns the value of a key, the zero value if it is not there.
func (m *sharedMap[K, V]) get(key K) V { return m.parts[partOf(key)][key] }

// all returns the entries in any order.
func (m *sharedMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, part := range m.parts {
			for key, v := range part {
				if !yield(key, v) {
					return
				}
			}
		}
	}
}

// set sets the value of a key. REQUIRES: nobody reads this map yet.
func (m *sharedMap[K, V]) set(key K, v V) {
	part := m.own(key)
	m.count -= len(part)
	part[key] = v
	m.count += len(part)
}

// remove takes a key out. REQUIRES: nobody reads this map yet.
func (m *sharedMap[K, V]) remove(key K) {
	part := m.own(key)
	m.count -= len(part)
	delete(part, key)
	m.count += len(part)
}

// own returns the part of a key, which may be changed.
func (m *sharedMap[K, V]) own(key K) map[K]V {
	i := partOf(key)
	if !m.owned[i] {
		m.parts[i], m.owned[i] = maps.Clone(m.parts[i]), true
	}
	if m.parts[i] == nil {
		m.parts[i] = map[K]V{}
	}
	return m.parts[i]
}
