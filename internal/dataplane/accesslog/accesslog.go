// Package accesslog provides the access log: one line for each HTTP exchange and for each connection that has ended, as
// text, JSON or in the formats of the AWS Classic Load Balancer and of OCI's.
//
// control/admin uses the formats too, on its own goroutines; `lull serve` opens one Writer, which runs on a goroutine of
// its own. The Writer follows a record.History with a cursor, so a slow or full disk never holds up a loop: the rings
// are the buffer, and what they forget before the disk takes it is counted and said in the log itself. The alternative,
// a queue of formatted lines, would hold the same records twice and still need a rule for when it is full.
//
// Method, target, host, user agent, server name and the subject of a certificate are whatever a client sent, and what was
// wrong with a handshake may quote either side. Text and aws lines are printable ASCII: every other
// byte, and what could end a field, is written as \xNN; JSON has escapes of its own. So no request can end a line, begin
// one, or move another field out of its place.
//
// The Writer's fields belong to its goroutine; Reopen, Close and Counters may be called from anywhere. It holds at most
// one batch of lines in memory, and waits at most closeWait for a stuck file when closing. The lines of a connection
// carry what spec/timeouts.md §5 asks of a reason record (TO-07).
package accesslog

import (
	"strconv"
	"time"

	"lull/internal/dataplane/record"
)

// Format is how a line is written.
type Format uint8

// The formats.
const (
	Text Format = iota // one readable line per exchange and per connection
	JSON               // one object per line, see docs/reference/access-log.md
	AWS                // the AWS Classic Load Balancer's line
	OCI                // the entries of OCI's access and error logs, as the Logging service hands them out
)

// A formatter is one row of the table of formats. Its functions append a whole line to dst, or nothing if the format has
// none for such a record.
type formatter struct {
	name     string
	closed   func(dst []byte, c *record.Close) []byte
	exchange func(dst []byte, x *record.Exchange) []byte
	missing  func(dst []byte, at time.Time, lost uint64) []byte
	health   func(dst []byte, h *record.HealthChange) []byte // nil: the format has no line for it
}

//nolint:gochecknoglobals // the table of formats, in the order of the constants
var formats = [...]formatter{
	Text: {"text", appendText, appendTextExchange, appendTextLost, nil},
	JSON: {"json", appendJSON, appendJSONExchange, appendJSONLost, nil},
	AWS:  {"aws", appendAWS, appendAWSExchange, appendAWSLost, nil},
	OCI:  {"oci", appendOCI, appendOCIExchange, appendOCILost, appendOCIHealth},
}

// String returns the word used in lull.yaml.
func (f Format) String() string { return formats[f].name }

// ParseFormat returns the format of that name.
func ParseFormat(name string) (f Format, ok bool) {
	for i := range formats {
		if formats[i].name == name {
			return Format(i), true
		}
	}
	return Text, false
}

// Append appends the line of a record to dst; nothing if the format has none for it.
func (f Format) Append(dst []byte, e record.Entry) []byte {
	if e.Health != nil {
		if formats[f].health == nil {
			return dst
		}
		return formats[f].health(dst, e.Health)
	}
	if e.Exchange != nil {
		return formats[f].exchange(dst, e.Exchange)
	}
	return formats[f].closed(dst, e.Close)
}

// AppendLost appends the line that says that lost records are missing at this place.
func (f Format) AppendLost(dst []byte, at time.Time, lost uint64) []byte {
	return formats[f].missing(dst, at, lost)
}

// cut bounds a text that a client made up, and with it the line, also where a record was made without that care.
func cut(s string) string { return s[:min(len(s), record.TextMax)] }

// appendSeconds appends d in seconds, rounded to unit, without trailing zeros. It computes with integers: most decimals have
// no exact float64, so that d.Seconds() of 1.003969 s is written 1.0039690000000001.
func appendSeconds(dst []byte, d, unit time.Duration) []byte {
	d = d.Round(unit)
	if d < 0 {
		dst, d = append(dst, '-'), -d
	}
	dst = strconv.AppendInt(dst, int64(d/time.Second), 10)
	rest := d % time.Second
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for scale := time.Second / 10; rest > 0; scale /= 10 {
		dst = append(dst, '0'+byte(rest/scale))
		rest %= scale
	}
	return dst
}

// appendToken appends s so that it stays one field of its line: white space, quotes, backslashes, control characters
// and everything outside ASCII become \xNN, an empty string becomes "-". Names of the configuration are validated
// before they come here; escaping anyway keeps a fault elsewhere from forging lines.
func appendToken(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	return appendPrintable(dst, s, '!')
}

// appendPrintable appends s with everything but quotes, backslashes and the ASCII characters from least to '~' as \xNN.
func appendPrintable(dst []byte, s string, least byte) []byte {
	const hex = "0123456789abcdef"
	plain := 0 // s[plain:i] needs no escape and is appended in one piece
	for i := range len(s) {
		if b := s[i]; b < least || b >= 0x7f || b == '"' || b == '\\' {
			dst = append(dst, s[plain:i]...)
			dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
			plain = i + 1
		}
	}
	return append(dst, s[plain:]...)
}
