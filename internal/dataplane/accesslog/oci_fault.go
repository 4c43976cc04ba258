package accesslog

import (
	"strings"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// ociCloseFaulty says whether Oracle's error log has an entry for how a connection ended. An exchange has its own.
func ociCloseFaulty(c *record.Close) bool {
	if c.Ends.HTTP() && c.Exchanges > 0 {
		return false
	}
	return c.Reason == reason.TunnelIdle || c.Reason.Info().Error
}

// ociExchangeFaulty does so for an exchange. A peer that hangs up is nothing special at the end of a connection, or of what has become
// a tunnel; in the middle of an exchange it is.
func ociExchangeFaulty(x *record.Exchange) bool {
	switch x.Reason { //nolint:exhaustive // the others are told apart by their row
	case reason.BackendClosed, reason.ClientClosed:
		return !x.Upgraded
	case reason.TunnelIdle:
		return true
	}
	return x.Reason.Info().Error
}

// ociTexts are Oracle's texts for what went wrong, and lull's own in the same manner where none of Oracle's is known: before and
// after the address that of says.
//
//nolint:gochecknoglobals // a table
var ociTexts = map[reason.Reason]struct {
	before string
	of     func(dst []byte, e *record.Ends) []byte // nil: no address
	after  string
}{
	reason.NoBackend:              {"No healthy backends available in associated backendSet", nil, ""},
	reason.ConnectTimeout:         {"connect timed out", nil, ""},
	reason.ConnectRefused:         {"errno:ECONNREFUSED, syscall:connect", nil, ""},
	reason.ConnectUnreachable:     {"errno:EHOSTUNREACH, syscall:connect", nil, ""},
	reason.BackendHandshakeFailed: {"EPROTO", nil, ""},
	reason.BackendTLSViolation:    {"EPROTO", nil, ""},
	reason.BackendUntrusted:       {"SSL host name verification failed", nil, ""},
	reason.BackendClosed:          {"Backend server ", appendBackendHost, " abruptly closes connection"},
	reason.BackendReset:           {"Backend server ", appendBackendHost, " abruptly closes connection"},
	reason.BackendTruncated:       {"Backend server ", appendBackendHost, " abruptly closes connection"},
	reason.ResponseIdle:           {"Backend server ", appendBackendHost, " timed out"},
	reason.UploadUnanswered:       {"Backend server ", appendBackendHost, " timed out"},
	reason.ClientClosed:           {"Client ", appendClient, " timed out"}, // Oracle says so of clients that went away, too
	reason.ClientReset:            {"Client ", appendClient, " timed out"},
	reason.RequestIdle:            {"Client ", appendClient, " timed out"},
	reason.HeadTooSlow:            {"Client ", appendClient, " timed out"},
	reason.SendIdle:               {"Client ", appendClient, " timed out"},
	reason.DownloadUnasked:        {"Client ", appendClient, " timed out"},
	reason.TunnelIdle:             {"Client ", appendClient, " timed out"},
	reason.AddressLimit:           {"Connection to ", appendLocal, " was abruptly closed by the limit on connections of its client's address"},
	reason.NoClientCert:           {"Client ", appendClientHost, " sent no required SSL certificate"},
	reason.AccessDenied:           {"Access for ", appendClientHost, " denied by HTTP ACL rule"},
	reason.TooLarge:               {"bad request header or cookie too large", nil, ""},
}

// appendOCIFault appends the text for a reason. fault is what was wrong with a handshake.
func appendOCIFault(dst []byte, why reason.Reason, e *record.Ends, fault string) []byte {
	if why == reason.HandshakeFailed && strings.Contains(fault, "certificate") {
		return append(appendClientHost(append(dst, "Client "...), e), " has SSL certificate verify error"...)
	}
	text, known := ociTexts[why]
	if !known {
		return append(append(dst, "Closed because "...), why.Info().Text...)
	}
	dst = append(dst, text.before...)
	if text.of != nil {
		dst = text.of(dst, e)
	}
	return append(dst, text.after...)
}

func appendBackendHost(dst []byte, e *record.Ends) []byte {
	if e.BackendAddr.IsValid() {
		return e.BackendAddr.Addr().WithZone("").AppendTo(dst)
	}
	return appendEscaped(dst, e.Backend)
}

// Addresses of peers have no zone here: one is the only part of an address that may hold any character.

func appendClient(dst []byte, e *record.Ends) []byte {
	return appendAWSAddr(dst, withoutZone(e.Client), "-")
}

func appendClientHost(dst []byte, e *record.Ends) []byte {
	return e.Client.Addr().WithZone("").AppendTo(dst)
}

func appendLocal(dst []byte, e *record.Ends) []byte {
	return appendAWSAddr(dst, withoutZone(e.Local), "-")
}
