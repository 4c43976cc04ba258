package balance

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// SourceHash returns the index of that client's backend, -1 if none is usable.
//
// It is weighted rendezvous hashing: each backend draws a number for the client from its ID and its weight alone, and
// the lowest wins. The draw is exponentially distributed with the weight as its rate, which is what makes the shares
// proportional to the weights. Since no draw depends on the other backends, taking one away moves its own clients and no
// others, they spread over the rest by weight, and they return with it; raising a weight only draws clients to it. It
// keeps no state: every loop, and every lull with the same backends, chooses alike. A ring of points was not taken: it
// must be rebuilt when a backend goes down, and with few points its shares are uneven.
//
// An IPv4 client and its v4-mapped form are one; ports and zones do not count. An invalid address hashes as "::".
func SourceHash(cs []Candidate, client netip.Addr) int {
	key := hashAddr(client)
	best, bestShare, bestHash, bestDraw := -1, int64(0), uint64(0), 0.0
	for i := range cs {
		share := cs[i].share()
		if share == 0 {
			continue
		}
		hash := mix(key ^ cs[i].ID)
		if best >= 0 && share <= bestShare && hash <= bestHash {
			continue // a draw cannot be lower with less weight and a lower hash: most logarithms are saved here
		}
		draw := minusLog(hash) / float64(share)
		if best >= 0 && (draw > bestDraw || (draw == bestDraw && hash <= bestHash)) {
			continue
		}
		best, bestShare, bestHash, bestDraw = i, share, hash, draw
	}
	return best
}

// HashID returns the ID of the backend with that identity, for example its "host:port". It is the same in every process
// and every version of lull: changing it would move nearly every client of every set.
func HashID(s string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a, 64 bits
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h) // FNV alone leaves names that differ in the last byte close together
}

// hashAddr hashes an address by its 16-byte form, in which IPv4 is v4-mapped.
func hashAddr(a netip.Addr) uint64 {
	b := a.As16()
	return mix(mix(binary.BigEndian.Uint64(b[:8])) ^ binary.BigEndian.Uint64(b[8:]))
}

// mix is a bijection of 64 bits in which every bit of the input changes about half of the output's: two rounds of
// xor-shift and multiply, with the constants of SplitMix64.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// ln2 is the natural logarithm of 2.
const ln2 = 0.693147180559945309417232121458

// minusLog returns -ln(x) for the x within (0, 1) that the upper 53 bits of h make: positive, finite, and falling as h
// grows.
//
// math.Log would do, but is not the same to the last bit on every architecture, and neither is an expression that the
// compiler may fuse. Here every product is rounded by an explicit conversion, so lulls of different machines agree.
func minusLog(h uint64) float64 {
	u := h>>11<<1 | 1 // x is u/2^54: odd, so never 0
	exponent := bits.Len64(u)
	m := float64(u) / float64(uint64(1)<<exponent) // ½ ≤ m < 1
	exponent -= 54
	if m < 0.70710678118654752440 {
		m *= 2
		exponent--
	}
	// ln m = 2·artanh(s) with |s| ≤ 0.172, where nine terms reach 1e-15.
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	sum := 0.0
	for k := 17; k > 0; k -= 2 {
		sum = float64(sum*s2) + 1/float64(k)
	}
	return -(float64(float64(exponent)*ln2) + float64(float64(2*s)*sum))
}
