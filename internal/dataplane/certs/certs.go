// Package certs provides certificates: read from PEM, chosen by the name that a client asks for, replaced while in use.
//
// Front doors parse what their documents name and put it into a Holder; a listener's handshakes take what the holder has at
// that moment, so that a certificate is replaced without anybody noticing. Whoever owns the files or documents replaces
// the holder's set. Parsing is pure: bytes and now come in as arguments; holders are safe anywhere.
//
// Parse is stricter than tls.X509KeyPair, which skips in silence whatever it cannot decode: a file that somebody is
// still writing would pass there without its last intermediate, and clients would find out. A Set is indexed by name once;
// tls.Config has a list of certificates and an index of its own, but asks the client's abilities of every candidate and
// knows no order among them.
//
// No error, no description and no log line ever holds a part of a private key: what goes wrong in one is told in words
// of our own, never in those of a parser.
//
// Limits: 1 MiB for each text that is parsed.
//
// Follows RFC 6066 §3 (server name), RFC 6125 §6.4 (wildcards), RFC 7468 (PEM), RFC 8446 §4.4.2 (order of a chain).
package certs

import "fmt"

// BytesMax bounds what is parsed at once. A chain or a key has a few KiB, and all the authorities that browsers trust have
// 250 KiB: what is longer is some other file, and it would be read again each time it changes.
const BytesMax = 1 << 20

// Part is which of the two texts of a certificate an error is about.
type Part uint8

// The parts.
const (
	PartChain Part = iota // the certificates
	PartKey               // the private key
	PartPair              // each is fine alone
)

//nolint:gochecknoglobals // names of the constants above, in their order
var partNames = [...]string{"certificate chain", "private key", "certificate and private key"}

// String returns the part's name in a sentence.
func (p Part) String() string { return partNames[p] }

// Error says why Parse refuses.
type Error struct {
	Part Part
	Text string // what is wrong, without naming the part
}

// Error returns the text with the part before it.
func (e *Error) Error() string { return e.Part.String() + ": " + e.Text }

func wrong(p Part, format string, args ...any) *Error {
	return &Error{Part: p, Text: fmt.Sprintf(format, args...)}
}
