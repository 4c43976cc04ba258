package accesslog

import (
	"crypto/tls"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// appendTextTLS appends what there is to tell of a connection's TLS.
func appendTextTLS(dst []byte, s *record.Secured) []byte {
	dst = appendAgreed(dst, " tls=", &s.Front)
	dst = appendHandshake(dst, " handshake=", &s.Front)
	if s.Front.Resumed {
		dst = append(dst, " resumed=yes"...)
	}
	dst = appendAgreed(dst, " backend_tls=", &s.Back)
	dst = appendHandshake(dst, " backend_handshake=", &s.Back)
	if s.Front.ServerName != "" {
		dst = append(dst, " server_name="...)
		dst = appendToken(dst, cutName(s.Front.ServerName))
	}
	return appendTextStranger(dst, s)
}

// appendTextExchangeTLS leaves out what its connection's line tells.
func appendTextExchangeTLS(dst []byte, s *record.Secured) []byte {
	dst = appendAgreed(dst, " tls=", &s.Front)
	dst = appendAgreed(dst, " backend_tls=", &s.Back)
	return appendTextStranger(dst, s)
}

// appendTextStranger appends two texts that hold spaces and that others have a part in. They are in quotes and end the
// line: what stands before them is found by those too who take lines apart at spaces.
func appendTextStranger(dst []byte, s *record.Secured) []byte {
	dst = appendQuoted(dst, ` subject="`, s.Front.Subject)
	return appendQuoted(dst, ` tls_fault="`, s.Fault)
}

// appendAgreed appends the version; nothing if the connection is plain. Below TLS 1.3 the cipher says how good it is; the
// three of TLS 1.3 are equally good.
func appendAgreed(dst []byte, name string, t *record.TLS) []byte {
	if t.Version == 0 {
		return dst
	}
	dst = append(dst, name...)
	dst = appendToken(dst, tlspolicy.VersionName(t.Version))
	if t.Version < tls.VersionTLS13 {
		dst = append(dst, ':')
		dst = appendToken(dst, tlspolicy.SuiteName(t.Suite))
	}
	return dst
}

func appendHandshake(dst []byte, name string, t *record.TLS) []byte {
	if t.Version == 0 {
		return dst
	}
	return appendSpan(dst, name, t.Took, time.Microsecond)
}

// appendQuoted appends name, which ends in a quote, and a text that may hold spaces; nothing if there is none.
func appendQuoted(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return append(appendPrintable(append(dst, name...), cut(text), ' '), '"')
}

// AppendPrintable appends a text that a stranger sent as the lines have it: in printable ASCII without quotes, spaces
// included. It is cut after record.TextMax bytes.
func AppendPrintable(dst []byte, text string) []byte { return appendPrintable(dst, cut(text), ' ') }

// tls tells what was agreed on with either side, and what went wrong; nothing of a plain connection.
func (o *object) tls(s *record.Secured) {
	if front := &s.Front; front.Version != 0 {
		o.str("tls_version", tlspolicy.VersionName(front.Version))
		o.str("tls_cipher", tlspolicy.SuiteName(front.Suite))
		o.yes("tls_resumed", front.Resumed)
		o.span("tls_handshake_s", front.Took, time.Microsecond)
	}
	// A client says these two before it is known whether the handshake succeeds.
	o.some("tls_server_name", cutName(s.Front.ServerName))
	o.some("tls_client_subject", cut(s.Front.Subject))
	if back := &s.Back; back.Version != 0 {
		o.str("backend_tls_version", tlspolicy.VersionName(back.Version))
		o.str("backend_tls_cipher", tlspolicy.SuiteName(back.Suite))
		o.some("backend_tls_server_name", cutName(back.ServerName))
		o.some("backend_tls_subject", cut(back.Subject))
		o.yes("backend_tls_resumed", back.Resumed)
		o.span("backend_tls_handshake_s", back.Took, time.Microsecond)
	}
	o.some("tls_fault", cut(s.Fault))
}

// cutName bounds the name of a host.
func cutName(s string) string { return s[:min(len(s), record.NameMax)] }

// appendAWSTLS appends the last two fields, cipher and version, of which both are "-" if the connection is plain or its
// handshake failed.
func appendAWSTLS(dst []byte, t *record.TLS) []byte {
	if t.Version == 0 {
		return append(dst, " - -"...)
	}
	dst = appendToken(append(dst, ' '), tlspolicy.SuiteName(t.Suite))
	return appendToken(append(dst, ' '), tlspolicy.VersionName(t.Version))
}

// unsecured reports whether a connection ended because its handshake came to nothing.
func unsecured(c *record.Close) bool {
	if !c.Ends.Secure() || c.Pooled || c.TLS.Front.Version != 0 || c.Exchanges > 0 {
		return false
	}
	switch c.Reason { //nolint:exhaustive // the others, such as a client that went away, are no failed handshakes
	case reason.HandshakeFailed, reason.HandshakeTimeout, reason.TLSViolation, reason.PlainHTTP, reason.NoClientCert:
		return true
	}
	return false
}
