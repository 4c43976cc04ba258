package wire

import (
	"encoding/hex"
	"net/http"
	"strings"
)

// requestIDMax is the length of the longest request id that is taken over from a client; SDKs send 32 characters.
const requestIDMax = 128

// Randomness is what request ids and etags are made of: fresh from a cryptographic source for each.
type Randomness [48]byte

// RequestID returns the request id of an answer. Behind the caller's own, by which he finds it, come two parts of lull's,
// by which the log does. A caller's that is missing, too long or not made of visible characters is replaced by a new one.
func RequestID(header http.Header, random Randomness) string {
	part := func(i int) string { return strings.ToUpper(hex.EncodeToString(random[i*16 : i*16+16])) }
	own := header.Get(headerRequestID)
	if own == "" || len(own) > requestIDMax || !visible(own) {
		own = part(0)
	}
	return own + "/" + part(1) + "/" + part(2)
}
