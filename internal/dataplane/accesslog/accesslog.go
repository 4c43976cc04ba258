// Package accesslog provides the access log: one line for each connection that has ended, as text, JSON or in the
// format of the AWS Classic Load Balancer.
//
// control/admin uses the formatters too, on its own goroutines; `lull serve` opens one Writer, which runs on a
// goroutine of its own. The Writer follows the record.Log with a cursor, so a slow or full disk never holds up a loop:
// the Log is the buffer, and what it forgets before the disk takes it is counted and said in the log itself. The
// alternative, a queue of formatted lines, would hold the same records twice and still need a rule for when it is full.
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
	Text Format = iota // one readable line per connection
	JSON               // one object per line, see docs/reference/access-log.md
	AWS                // the AWS Classic Load Balancer's line
)

// A formatter is one row of the table of formats. Both functions append a whole line to dst.
type formatter struct {
	name    string
	closed  func(dst []byte, c *record.Close) []byte
	missing func(dst []byte, at time.Time, lost uint64) []byte // says that lost records were never written
}

//nolint:gochecknoglobals // the table of formats, in the order of the constants
var formats = [...]formatter{
	Text: {"text", AppendText, AppendTextLost},
	JSON: {"json", AppendJSON, AppendJSONLost},
	AWS:  {"aws", AppendAWS, appendAWSLost},
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

// appendSeconds appends d in seconds, rounded to unit, without trailing zeros.
func appendSeconds(dst []byte, d, unit time.Duration) []byte {
	return strconv.AppendFloat(dst, d.Round(unit).Seconds(), 'f', -1, 64)
}

// appendToken appends s so that it stays one field of its line: white space, quotes, backslashes, control characters
// and everything outside ASCII become \xNN, an empty string becomes "-". Names of the configuration are validated
// before they come here; escaping anyway keeps a fault elsewhere from forging lines.
func appendToken(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if s == "" {
		return append(dst, '-')
	}
	for i := range len(s) {
		if b := s[i]; b > ' ' && b < 0x7f && b != '"' && b != '\\' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '\\', 'x', hex[b>>4], hex[b&15])
		}
	}
	return dst
}
