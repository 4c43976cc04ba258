package accesslog

import (
	"net/netip"
	"strconv"
	"time"

	"lull/internal/dataplane/record"
)

// textTime is UTC to the millisecond: the precision at which timers are promised (TO-02).
const textTime = "2006-01-02T15:04:05.000Z"

// appendText appends the readable line of a connection: when it ended, its id, client -> listener -> backend, its age,
// bytes each way and the reason stand at fixed places, the rest is key=value and left out where there is nothing to
// say. In the client's place a back-end connection that ended in the pool has the word "pooled".
func appendText(dst []byte, c *record.Close) []byte {
	dst = c.Closed.UTC().AppendFormat(dst, textTime)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, c.ID, 10)
	dst = append(dst, ' ')
	if c.Pooled {
		dst = append(dst, "pooled"...)
	} else {
		dst = appendTextAddr(dst, c.Ends.Client)
	}
	dst = appendTextWay(dst, &c.Ends)
	dst = appendSpan(dst, " ", c.Age, time.Millisecond)
	dst = appendTextBytes(dst, c.BytesUp, c.BytesDown)
	if c.Ends.HTTP() {
		dst = appendCount(dst, " exchanges=", c.Exchanges, 0)
	}
	dst = append(dst, ' ')
	dst = append(dst, c.Reason.String()...)
	dst = append(dst, " by="...)
	dst = append(dst, c.Side.String()...)
	dst = appendTextTimer(dst, c.Timer, c.TimerFlow, c.Setting, c.Late)
	dst = appendTextRest(dst, c)
	dst = appendTextTLS(dst, &c.TLS)
	return append(dst, '\n')
}

func appendTextAddr(dst []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return append(dst, '-')
	}
	return a.AppendTo(dst)
}

// appendTextWay appends what follows the client: " -> listener -> backend".
func appendTextWay(dst []byte, e *record.Ends) []byte {
	dst = append(dst, " -> "...)
	dst = appendToken(dst, e.LoadBalancer)
	dst = append(dst, '/')
	dst = appendToken(dst, e.Listener)
	dst = append(dst, " -> "...)
	return appendToken(dst, e.Backend)
}

func appendTextBytes(dst []byte, up, down uint64) []byte {
	dst = append(dst, " up="...)
	dst = strconv.AppendUint(dst, up, 10)
	dst = append(dst, " down="...)
	return strconv.AppendUint(dst, down, 10)
}

// appendTextTimer names the timer that fired, its setting, its direction if it was the timer of one, and how late it was.
func appendTextTimer(dst []byte, timer, flow string, setting, late time.Duration) []byte {
	if timer == "" {
		return dst
	}
	dst = append(dst, " timer="...)
	dst = appendToken(dst, timer)
	dst = appendSpan(dst, ":", setting, time.Millisecond)
	if flow != "" {
		dst = append(dst, " flow="...)
		dst = appendToken(dst, flow)
	}
	return appendSpan(dst, " late=", late, time.Microsecond)
}

// appendTextRest appends what is worth a place only when it happened.
func appendTextRest(dst []byte, c *record.Close) []byte {
	if c.Pooled {
		dst = appendSpan(dst, " unused=", c.Unused(), time.Millisecond)
	} else {
		dst = appendSpan(dst, " quiet_up=", c.QuietUp, time.Millisecond)
		dst = appendSpan(dst, " quiet_down=", c.QuietDown, time.Millisecond)
	}
	dst = appendSpan(dst, " connect=", c.ConnectTook, time.Microsecond)
	dst = appendCount(dst, " tries=", c.ConnectTries, 2)
	dst = appendCount(dst, " unsent_up=", c.PendingUp, 1)
	dst = appendCount(dst, " unsent_down=", c.PendingDown, 1)
	if c.HalfClosed != "" {
		dst = append(dst, " half_closed="...)
		dst = appendToken(dst, c.HalfClosed)
	}
	if c.Upgraded {
		dst = append(dst, " upgraded=yes"...)
	}
	if c.PoolTimer != "" {
		dst = append(dst, " pool="...)
		dst = appendToken(dst, c.PoolTimer)
		dst = appendSpan(dst, ":", c.PoolSetting, time.Millisecond)
	}
	return appendTextPeer(dst, &c.Ends)
}

// appendTextPeer names the socket's own peer where the PROXY header named another client.
func appendTextPeer(dst []byte, e *record.Ends) []byte {
	if !e.Peer.IsValid() || e.Peer == e.Client {
		return dst
	}
	return e.Peer.AppendTo(append(dst, " peer="...))
}

// appendTextLost appends the line that says that lost records are missing here.
func appendTextLost(dst []byte, at time.Time, lost uint64) []byte {
	dst = at.UTC().AppendFormat(dst, textTime)
	dst = append(dst, " lost "...)
	dst = strconv.AppendUint(dst, lost, 10)
	return append(dst, " records: they were written more slowly than they came\n"...)
}

// appendSpan appends name and d in seconds, nothing if d never happened.
func appendSpan(dst []byte, name string, d, unit time.Duration) []byte {
	if d < 0 {
		return dst
	}
	dst = append(dst, name...)
	dst = appendSeconds(dst, d, unit)
	return append(dst, 's')
}

// appendCount appends name and n if n is at least least.
func appendCount(dst []byte, name string, n, least int) []byte {
	if n < least {
		return dst
	}
	dst = append(dst, name...)
	return strconv.AppendInt(dst, int64(n), 10)
}
