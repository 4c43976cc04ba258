package accesslog

import (
	"net/netip"
	"strconv"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// awsTime is the Classic Load Balancer's: UTC to the microsecond.
const awsTime = "2006-01-02T15:04:05.000000Z"

// appendAWS appends the line that an AWS Classic Load Balancer writes for a connection of a TCP or SSL listener: 15 fields
// (reference "Access logs", TCP/SSL column). What such a line cannot know is "-": statuses, user agent; the request is
// "- - - " with its trailing space. Connections for exchanges have no line, as each exchange has, unless their handshake
// came to nothing: then no other line would tell of them.
func appendAWS(dst []byte, c *record.Close) []byte {
	if c.Pooled || c.Ends.HTTP() && !unsecured(c) {
		return dst
	}
	dst = c.Opened.UTC().AppendFormat(dst, awsTime) // when the connection was accepted
	dst = append(dst, ' ')
	dst = appendToken(dst, c.Ends.LoadBalancer)
	dst = append(dst, ' ')
	dst = appendAWSAddr(dst, c.Ends.Client, "-:0") // the field is never a bare "-"
	dst = append(dst, ' ')
	backend, toBackend, connect, toClient := awsBackend(c)
	dst = appendAWSAddr(dst, backend, "-")
	dst = appendAWSTime(dst, toBackend)
	dst = appendAWSTime(dst, connect)
	dst = appendAWSTime(dst, toClient)
	dst = append(dst, " - - "...)
	dst = strconv.AppendUint(dst, c.BytesUp, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, sentDown(c), 10)
	dst = append(dst, ` "- - - " "-"`...)
	return append(appendAWSTLS(dst, &c.TLS.Front), '\n')
}

// awsBackend returns the fields that tell of the backend: its address and the three times. All four are absent when the
// connection was never dispatched, or when the backend closed it or let it time out before answering.
func awsBackend(c *record.Close) (addr netip.AddrPort, toBackend, connect, toClient time.Duration) {
	if c.ConnectTook < 0 || c.FirstDown < 0 && backendToBlame(c) {
		return netip.AddrPort{}, -1, -1, -1
	}
	toClient = -1
	if c.FirstDown >= 0 {
		// From the backend's first byte to sending it on. lull does both in one turn of its loop and takes no
		// time between them, so there is nothing to report but zero.
		toClient = 0
	}
	return c.Ends.BackendAddr, c.FirstUp, c.ConnectTook, toClient
}

// backendToBlame reports whether the connection ended by the backend's close or by its silence.
func backendToBlame(c *record.Close) bool {
	return c.Side == reason.BackEnd || c.Reason == reason.TunnelIdle || c.Reason == reason.ResponseIdle
}

// sentDown returns the bytes that the client's socket took.
func sentDown(c *record.Close) uint64 {
	pending := uint64(max(c.PendingDown, 0))
	return c.BytesDown - min(pending, c.BytesDown)
}

// appendAWSLost appends a comment line, which readers of the format skip because it does not begin with a time.
func appendAWSLost(dst []byte, at time.Time, lost uint64) []byte {
	return appendTextLost(append(dst, "# "...), at, lost)
}

func appendAWSAddr(dst []byte, a netip.AddrPort, absent string) []byte {
	if !a.IsValid() {
		return append(dst, absent...)
	}
	return a.AppendTo(dst)
}

// appendAWSTime appends decimal seconds with up to six decimals, -1 for what never happened.
func appendAWSTime(dst []byte, d time.Duration) []byte {
	dst = append(dst, ' ')
	if d < 0 {
		return append(dst, "-1"...)
	}
	return appendSeconds(dst, d, time.Microsecond)
}
