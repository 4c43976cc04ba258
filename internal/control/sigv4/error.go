package sigv4

import (
	"fmt"
	"slices"
	"strings"
)

// Code is the code of an error, as AWS writes it.
type Code string

// Codes that Verify answers with.
const (
	// IncompleteSignature is for a signature that cannot be read: parts are missing, repeated or malformed, or the algorithm
	// is another one.
	IncompleteSignature Code = "IncompleteSignature"
	// InvalidClientTokenID is for a key that is not known or not in force, and for session tokens.
	InvalidClientTokenID Code = "InvalidClientTokenId"
	// MalformedQueryString is for a query that cannot be decoded.
	MalformedQueryString Code = "MalformedQueryString"
	// MissingAuthenticationToken is for a request without a signature.
	MissingAuthenticationToken Code = "MissingAuthenticationToken"
	// RequestEntityTooLarge is for a body or query beyond its limit.
	RequestEntityTooLarge Code = "RequestEntityTooLarge"
	// RequestExpired is for a date too far from now. The live service sends the same texts as SignatureDoesNotMatch; this is
	// the code that it documents, and the one that SDKs take for a clock that is wrong, so they correct for it.
	RequestExpired Code = "RequestExpired"
	// SignatureDoesNotMatch is for everything that was signed, but not like this: wrong secret, altered request, wrong
	// scope.
	SignatureDoesNotMatch Code = "SignatureDoesNotMatch"
)

// statuses has the HTTP status of every code. 404 for MalformedQueryString is what AWS documents.
//
//nolint:gochecknoglobals // a table
var statuses = map[Code]int{
	IncompleteSignature:        400,
	InvalidClientTokenID:       403,
	MalformedQueryString:       404,
	MissingAuthenticationToken: 403,
	RequestEntityTooLarge:      413,
	RequestExpired:             400,
	SignatureDoesNotMatch:      403,
}

// Error is why a request was refused, as the client is told.
type Error struct {
	Code   Code
	Status int // HTTP status
	// Message is for the client alone: it may have several lines and repeat what the client sent. It is valid UTF-8, has no
	// control characters but newlines, and never has a secret.
	Message string
}

// Error returns the code and the first line of the message, which is fit for a log.
func (e *Error) Error() string {
	line, _, _ := strings.Cut(e.Message, "\n")
	return string(e.Code) + ": " + line
}

// refuse makes an error. What comes from the client goes through quote first.
func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Status: statuses[code], Message: fmt.Sprintf(format, args...)}
}

// quote makes something that a client sent fit for a message: short, in quotes, printable, on one line.
func quote(text string) string {
	const bytesMax = 64
	end := ""
	if len(text) > bytesMax {
		text, end = text[:bytesMax], "…"
	}
	return "'" + strings.ReplaceAll(printable(text), "\n", "\uFFFD") + end + "'"
}

// printable replaces what neither XML nor a terminal should get.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == 0xfffe || c == 0xffff {
			return '\uFFFD'
		}
		return c
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// mismatch says what should have been signed, as AWS does: comparing that with one's own is how a client's author finds his
// mistake. It helps nobody else, because all of it is made from the request, without the secret.
func mismatch(c *claim, canonicalRequest string) *Error {
	const text = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	// Beyond this nobody compares by eye.
	const bytesMax = 4 << 10
	if len(canonicalRequest) > bytesMax || slices.ContainsFunc(c.signedHeaders, sensitive) {
		return refuse(SignatureDoesNotMatch, text)
	}
	return refuse(SignatureDoesNotMatch,
		"%s\n\nThe Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
		text, printable(canonicalRequest), stringToSign(c, canonicalRequest))
}

// sensitive are headers whose values are secrets of their own, which must not come back in an answer that somebody keeps.
func sensitive(header string) bool {
	return header == "cookie" || header == "proxy-authorization" || header == "authorization"
}
