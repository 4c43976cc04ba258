package tlsio

import (
	"crypto/tls"
	"strings"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
)

// told returns what a handshake has agreed on.
func told(c *tls.Conn) (info record.TLS, identified bool) {
	s := c.ConnectionState()
	info = record.TLS{Version: s.Version, Suite: s.CipherSuite, ServerName: s.ServerName[:min(len(s.ServerName), record.NameMax)], Resumed: s.DidResume}
	if identified = len(s.PeerCertificates) > 0; identified {
		info.Subject = printable(s.PeerCertificates[0].Subject.String())
	}
	return info, identified
}

// printable writes what is not printable ASCII as RFC 4514 §2.4 allows, a backslash and two digits, so that a subject can
// stand in a header field and in a line of a log whatever a certificate says.
func printable(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < record.TextMax-2; i++ {
		if c := s[i]; c < ' ' || c > '~' {
			b.Write([]byte{'\\', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func span(since int64) time.Duration { return time.Duration(clock.Now() - since) }
