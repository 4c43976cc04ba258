package ocisig

import (
	"fmt"
	"strings"
)

// Code is the code of an error, as Oracle writes it.
type Code string

// Codes that Verify answers with.
const (
	// NotAuthenticated is for whatever is wrong with a signature, and for a request without one.
	NotAuthenticated Code = "NotAuthenticated"
	// PayloadTooLarge is for a body beyond its limit.
	PayloadTooLarge Code = "PayloadTooLarge"
	// RequestHeaderFieldsTooLarge is for headers beyond their limits.
	RequestHeaderFieldsTooLarge Code = "RequestHeaderFieldsTooLarge"
)

// statuses has the HTTP status of every code.
//
//nolint:gochecknoglobals // a table
var statuses = map[Code]int{
	NotAuthenticated:            401,
	PayloadTooLarge:             413,
	RequestHeaderFieldsTooLarge: 431,
}

// Error is why a request was refused, as the client is told.
type Error struct {
	Code   Code
	Status int // HTTP status
	// Message is for the client: one line of valid UTF-8 without control characters, which may repeat a little of what the client sent
	// but never of its signature or of a header that is a secret.
	Message string
}

// Error returns the code and the message, which is fit for a log.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// refuse makes an error. What comes from the client goes through quote first.
func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Status: statuses[code], Message: fmt.Sprintf(format, args...)}
}

// incorrect refuses with Oracle's words, and says what it is behind them. Oracle does not; it costs the author of a client hours, and
// what is said can be read from the request.
func incorrect(format string, args ...any) *Error {
	return refuse(NotAuthenticated, "The required information to complete authentication was not provided or was incorrect: "+format+".", args...)
}

// quote makes something that a client sent fit for a message: short, in quotes, printable, on one line.
func quote(text string) string {
	const bytesMax = 64
	end := ""
	if len(text) > bytesMax {
		text, end = text[:bytesMax], "…"
	}
	return "'" + strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029 {
			return '\uFFFD'
		}
		return c
	}, strings.ToValidUTF8(text, "\uFFFD")) + end + "'"
}
