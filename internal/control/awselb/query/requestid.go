package query

import (
	"crypto/rand"
	"fmt"
)

// NewRequestID returns a fresh random request id in the form of a UUID (RFC 9562 §5.4), by which a client's report is
// found in the log.
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])  // it never fails: the program ends where the system has no randomness
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
