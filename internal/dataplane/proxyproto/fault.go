package proxyproto

import "errors"

// ErrInvalid is what every error of Parse wraps.
var ErrInvalid = errors.New("not a valid PROXY protocol header")

// fault is what was wrong with a header. It is an error of one byte, which an interface holds without allocation:
// refusing a flood of bad headers costs no memory.
type fault uint8

// The faults. faultNone is not an error.
const (
	faultNone fault = iota
	faultSignature
	faultProtocol
	faultSource4
	faultSource6
	faultDest4
	faultDest6
	faultSourcePort
	faultDestPort
	faultLineEnd
	faultLineLong
	faultVersion
	faultCommand
	faultFamily
	faultTransport
	faultTooLong
	faultTooShort
	faultTLV
	faultChecksumSize
	faultChecksumTwice
	faultChecksum
	faultCount
)

var faultTexts = [faultCount]string{
	faultNone:          "no fault",
	faultSignature:     "it begins with the signature of neither version 1 nor version 2",
	faultProtocol:      "v1 protocol is none of TCP4, TCP6, UNKNOWN, followed by one space",
	faultSource4:       "v1 source address is not four numbers 0..255 without leading zeros, then one space",
	faultSource6:       "v1 source address is not an IPv6 address, then one space",
	faultDest4:         "v1 destination address is not four numbers 0..255 without leading zeros, then one space",
	faultDest6:         "v1 destination address is not an IPv6 address, then one space",
	faultSourcePort:    "v1 source port is not a number 0..65535 without leading zeros, then one space",
	faultDestPort:      "v1 destination port is not a number 0..65535 without leading zeros",
	faultLineEnd:       "v1 line does not end in CR LF",
	faultLineLong:      "v1 line is longer than 107 bytes",
	faultVersion:       "v2 version is not 2",
	faultCommand:       "v2 command is neither LOCAL (0) nor PROXY (1)",
	faultFamily:        "v2 address family is not in 0..3",
	faultTransport:     "v2 transport protocol is not in 0..2",
	faultTooLong:       "v2 length is above 4080, what a header of 4096 bytes leaves",
	faultTooShort:      "v2 length is less than the addresses of its family need",
	faultTLV:           "v2 TLVs do not fill the rest of the header exactly",
	faultChecksumSize:  "v2 checksum TLV is not 4 bytes long",
	faultChecksumTwice: "v2 checksum TLV appears twice",
	faultChecksum:      "v2 checksum does not match the header",
}

// Error says what was wrong, with what is allowed in its place.
func (f fault) Error() string { return ErrInvalid.Error() + ": " + faultTexts[f] }

// Unwrap makes errors.Is(err, ErrInvalid) hold.
func (f fault) Unwrap() error { return ErrInvalid }
