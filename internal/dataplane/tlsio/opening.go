package tlsio

// Opening is what the first bytes of a client are.
type Opening uint8

// The openings.
const (
	Unclear   Opening = iota // too few bytes to tell, or a first record that has not come whole
	Hello                    // the first record of a TLS handshake
	PlainText                // text, such as an HTTP request
	Nonsense                 // neither
)

const (
	// OpeningBytes is how much of what a client says first must be looked at: the header of a record (RFC 8446 §5.1).
	OpeningBytes = 5
	// helloMax bounds a first record: a record's greatest length (RFC 5246 §6.2.3, the more generous).
	helloMax = recordMax + 2048
)

// Look says what a client begins with. b is what has come, or at least OpeningBytes of it, and there is how much has come. A
// record that is there in part begins no handshake: to wait for it costs no goroutine.
func Look(b []byte, there int) Opening {
	const handshakeRecord, versionMajor = 22, 3
	switch {
	case len(b) == 0:
		return Unclear
	case b[0] >= 'A' && b[0] <= 'Z':
		return PlainText
	case b[0] != handshakeRecord, len(b) > 1 && b[1] != versionMajor:
		return Nonsense
	case len(b) < OpeningBytes:
		return Unclear
	}
	size := int(b[3])<<8 | int(b[4])
	switch {
	case size == 0 || size > helloMax:
		return Nonsense
	case there < OpeningBytes+size:
		return Unclear
	}
	return Hello
}
