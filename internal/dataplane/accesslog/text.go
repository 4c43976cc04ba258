package accesslog

import (
	"strconv"
	"time"

	"lull/internal/dataplane/record"
)

// textTime is UTC to the millisecond: the precision at which timers are promised (TO-02).
const textTime = "2006-01-02T15:04:05.000Z"

// AppendText appends the readable line of a connection: when it ended, its id, client -> listener -> backend, its age,
// bytes each way and the reason stand at fixed places, the rest is key=value and left out where there is nothing to
// say. `lull events` prints the same lines.
func AppendText(dst []byte, c *record.Close) []byte {
	dst = c.Closed.UTC().AppendFormat(dst, textTime)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, c.ID, 10)
	dst = append(dst, ' ')
	if c.Ends.Client.IsValid() {
		dst = c.Ends.Client.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, " -> "...)
	dst = appendToken(dst, c.Ends.LoadBalancer)
	dst = append(dst, '/')
	dst = appendToken(dst, c.Ends.Listener)
	dst = append(dst, " -> "...)
	dst = appendToken(dst, c.Ends.Backend)
	dst = append(dst, ' ')
	dst = appendSpan(dst, "", c.Age, time.Millisecond)
	dst = append(dst, " up="...)
	dst = strconv.AppendUint(dst, c.BytesUp, 10)
	dst = append(dst, " down="...)
	dst = strconv.AppendUint(dst, c.BytesDown, 10)
	dst = append(dst, ' ')
	dst = append(dst, c.Reason.String()...)
	dst = append(dst, " by="...)
	dst = append(dst, c.Side.String()...)
	dst = appendTextTimer(dst, c)
	dst = appendTextRest(dst, c)
	return append(dst, '\n')
}

// appendTextTimer names the timer that fired, its setting, and how late it was.
func appendTextTimer(dst []byte, c *record.Close) []byte {
	if c.Timer == "" {
		return dst
	}
	dst = append(dst, " timer="...)
	dst = appendToken(dst, c.Timer)
	dst = appendSpan(dst, ":", c.Setting, time.Millisecond)
	return appendSpan(dst, " late=", c.Late, time.Microsecond)
}

// appendTextRest appends what is worth a place only when it happened.
func appendTextRest(dst []byte, c *record.Close) []byte {
	dst = appendSpan(dst, " quiet_up=", c.QuietUp, time.Millisecond)
	dst = appendSpan(dst, " quiet_down=", c.QuietDown, time.Millisecond)
	dst = appendSpan(dst, " connect=", c.ConnectTook, time.Microsecond)
	dst = appendCount(dst, " tries=", c.ConnectTries, 2)
	dst = appendCount(dst, " unsent_up=", c.PendingUp, 1)
	dst = appendCount(dst, " unsent_down=", c.PendingDown, 1)
	if c.HalfClosed != "" {
		dst = append(dst, " half_closed="...)
		dst = appendToken(dst, c.HalfClosed)
	}
	if c.Ends.Peer.IsValid() && c.Ends.Peer != c.Ends.Client {
		dst = append(dst, " peer="...)
		dst = c.Ends.Peer.AppendTo(dst)
	}
	return dst
}

// AppendTextLost appends the line that says that lost records are missing here.
func AppendTextLost(dst []byte, at time.Time, lost uint64) []byte {
	dst = at.UTC().AppendFormat(dst, textTime)
	dst = append(dst, " lost "...)
	dst = strconv.AppendUint(dst, lost, 10)
	return append(dst, " records: they were written more slowly than connections ended\n"...)
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
