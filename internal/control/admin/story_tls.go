package admin

import (
	"slices"
	"strconv"
	"strings"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// shownMost is how much a sentence shows of a text that a stranger sent, and of a fault that may quote one.
const shownMost = 400

// behind is what sentences call the connection to the backend.
const behind = "The connection to the backend"

// shown writes such a text for a terminal.
func shown(text string) string {
	text = string(accesslog.AppendPrintable(nil, text)) // ASCII
	if len(text) > shownMost {
		text = text[:shownMost] + "…"
	}
	return text
}

// secured tells what was agreed on with the client, and what it told of itself.
func (s *story) secured(t *record.TLS, told tense) {
	s.agreed("It", t, told)
	s.introduced(t)
}

// agreed tells what a handshake brought for a connection.
func (s *story) agreed(conn string, t *record.TLS, told tense) {
	if t.Version != 0 {
		s.say("%s %s %s; the handshake took %s.", conn, told.spoke, spoken(t), handshake(t))
	}
}

// introduced tells what the client said of itself and of whom it wanted.
func (s *story) introduced(t *record.TLS) {
	if t.ServerName != "" {
		s.say("The host asked for in the TLS handshake was %s.", shown(t.ServerName))
	}
	if t.Subject != "" {
		s.say("The client showed the certificate of %s.", shown(t.Subject))
	}
}

// fault tells what went wrong in TLS, with either side.
func (s *story) fault(tls *record.Secured) {
	if tls.Fault != "" {
		s.say("What went wrong in TLS: %s.", shown(inWords.Replace(tls.Fault)))
	}
}

// inWords says what crypto/tls means by its prefixes.
//
//nolint:gochecknoglobals // a table
var inWords = strings.NewReplacer("failed to verify certificate: x509: ", "", "remote error: tls: ", "the peer sent the alert: ",
	"local error: tls: ", "lull sent the alert: ")

// spoken names version and cipher.
func spoken(t *record.TLS) string {
	version := tlspolicy.VersionName(t.Version)
	if version == "" {
		version = "an unknown version of TLS"
	}
	return version + " (" + tlspolicy.SuiteName(t.Suite) + ")"
}

func handshake(t *record.TLS) string {
	if t.Resumed {
		return Span(t.Took) + ", resumed"
	}
	return Span(t.Took)
}

// overTLS says what the connection of an exchange to its backend spoke; nothing if it was plain.
func overTLS(t *record.TLS) string {
	if t.Version == 0 {
		return ""
	}
	return ", over " + spoken(t)
}

// list writes names as a sentence has them, the first most of them: "a", "a and b", "a, b and 3 more".
func list(names []string, most int) string {
	if rest := len(names) - most; rest > 1 {
		names = append(slices.Clone(names[:most]), strconv.Itoa(rest)+" more")
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
