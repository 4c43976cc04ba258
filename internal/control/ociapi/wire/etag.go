package wire

import (
	"encoding/hex"
	"strings"
)

// NewETag returns an etag, which means nothing but that it is not the one before: a load balancer gets another with each
// change to it or to any of its children. The API writes it without the quotes of RFC 9110 §8.8.3.
func NewETag(random [16]byte) string { return hex.EncodeToString(random[:]) }

// ETagMatches reports whether a request with this if-match may go on, given the etag of the load balancer as it is. An
// empty one asks for nothing. Quotes are tolerated, since a proxy may have added them, and * is any (RFC 9110 §13.1.1).
func ETagMatches(ifMatch, etag string) bool {
	if ifMatch == "" || ifMatch == "*" {
		return true
	}
	if bare, ok := strings.CutPrefix(ifMatch, `"`); ok {
		ifMatch = strings.TrimSuffix(bare, `"`)
	}
	return ifMatch == etag
}
