package accesslog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// appendAWSExchange appends the line that an AWS Classic Load Balancer writes for a request on an HTTP listener: 15 fields
// (reference "Access logs", HTTP column). A request whose line could not be read is "- - - ", as in the lines of TCP.
func appendAWSExchange(dst []byte, x *record.Exchange) []byte {
	dst = x.Started.UTC().AppendFormat(dst, awsTime)
	dst = append(dst, ' ')
	dst = appendToken(dst, x.Ends.LoadBalancer)
	dst = append(dst, ' ')
	dst = appendAWSAddr(dst, x.Ends.Client, "-:0") // the field is never a bare "-"
	dst = append(dst, ' ')
	backend, toBackend, answer, toClient := awsExchangeBackend(x)
	dst = appendAWSAddr(dst, backend, "-")
	dst = appendAWSTime(dst, toBackend)
	dst = appendAWSTime(dst, answer)
	dst = appendAWSTime(dst, toClient)
	dst = append(dst, ' ')
	dst = appendStatus(dst, awsStatus(x))
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(x.BackendStatus), 10) // 0 for responses that lull made
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, x.BytesUp, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, x.BytesDown, 10)
	dst = append(dst, ` "`...)
	dst = appendAWSRequest(dst, x)
	dst = append(dst, `" "`...)
	dst = appendAWSUserAgent(dst, x.UserAgent)
	return append(appendAWSTLS(append(dst, '"'), &x.TLS.Front), '\n')
}

// awsExchangeBackend returns the fields that tell of the backend: its address and the three times. All four are absent
// when the backend has not answered: the request was never dispatched, the backend closed early, or it timed out. A head
// of which only a part came is no answer either; one that lull could not read (502) is.
func awsExchangeBackend(x *record.Exchange) (addr netip.AddrPort, toBackend, answer, toClient time.Duration) {
	if x.AnswerTook < 0 || x.BackendStatus == 0 && x.Status != 502 {
		return netip.AddrPort{}, -1, -1, -1
	}
	return x.Ends.BackendAddr, x.SentAfter, x.AnswerTook, x.FirstAfter
}

// awsStatus returns what the client got. One that went away before there was a response counts as 408; a client that lull
// left without one, because it had to stop, has no status.
func awsStatus(x *record.Exchange) int {
	if x.Status == 0 && x.Side == reason.FrontEnd {
		return 408
	}
	return x.Status
}

// appendAWSRequest appends "METHOD scheme://host:port/path?query HTTP/x.y", with the port also where it is the default.
func appendAWSRequest(dst []byte, x *record.Exchange) []byte {
	if x.Method == "" || x.Target == "" {
		return append(dst, "- - - "...)
	}
	dst = appendToken(dst, cut(x.Method))
	dst = append(dst, ' ')
	dst = appendToken(dst, x.Scheme)
	dst = append(dst, "://"...)
	if x.Host == "" {
		dst = appendAWSAddr(dst, x.Ends.Local, "-:0")
	} else {
		dst = appendAuthority(dst, cut(x.Host), x.Scheme)
	}
	dst = appendPrintable(dst, cut(pathOf(x.Target)), '!')
	return appendVersion(append(dst, ' '), x)
}

// appendAuthority appends host with its port, or with the scheme's if it names none.
func appendAuthority(dst []byte, host, scheme string) []byte {
	dst = appendToken(dst, host)
	colon := strings.LastIndexByte(host, ':')
	if colon > strings.LastIndexByte(host, ']') && colon < len(host)-1 {
		return dst
	}
	if colon < len(host)-1 { // otherwise it is "host:", an empty port
		dst = append(dst, ':')
	}
	if scheme == "https" {
		return append(dst, "443"...)
	}
	return append(dst, "80"...)
}

// pathOf returns the part of a target behind the authority, if it has one (RFC 9112 §3.2.2).
func pathOf(target string) string {
	if target[0] == '/' || target == "*" {
		return target
	}
	_, rest, absolute := strings.Cut(target, "://")
	if !absolute {
		return "" // host:port, as CONNECT has it
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[i:]
	}
	return "/"
}

// appendAWSUserAgent appends the user agent, which may hold spaces.
func appendAWSUserAgent(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	return appendPrintable(dst, cut(s), ' ')
}
