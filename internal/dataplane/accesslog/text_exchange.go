package accesslog

import (
	"strconv"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/record"
)

// worthTelling is from when on a time that is usually next to nothing gets a place in a readable line.
const worthTelling = 10 * time.Millisecond

// appendTextExchange appends the readable line of an exchange, built like that of a connection: its id is followed by its
// number on that connection, and behind the backend stand the request and the status that the client got.
func appendTextExchange(dst []byte, x *record.Exchange) []byte {
	dst = x.Ended.UTC().AppendFormat(dst, textTime)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, x.Conn, 10)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(x.Number), 10)
	dst = append(dst, ' ')
	dst = appendTextAddr(dst, x.Ends.Client)
	dst = appendTextWay(dst, &x.Ends)
	dst = append(dst, ` "`...)
	dst = AppendRequest(dst, x)
	dst = append(dst, `" `...)
	dst = appendStatus(dst, x.Status)
	dst = appendSpan(dst, " ", x.Took, time.Microsecond)
	dst = appendTextBytes(dst, x.BytesUp, x.BytesDown)
	dst = append(dst, ' ')
	dst = append(dst, x.Reason.String()...)
	dst = append(dst, " by="...)
	dst = append(dst, x.Side.String()...)
	dst = appendTextTimer(dst, x.Timer, x.TimerFlow, x.Setting, x.Late)
	dst = appendTextWrong(dst, x)
	dst = appendTextWork(dst, x)
	dst = appendTextPeer(dst, &x.Ends)
	dst = appendTextExchangeTLS(dst, &x.TLS)
	return append(dst, '\n')
}

// AppendRequest appends "GET www.example.com/path HTTP/1.1": method, host with target, and version, each free of spaces,
// quotes and whatever else could break out of a line or do something to a terminal; "- - -" if no head came.
func AppendRequest(dst []byte, x *record.Exchange) []byte {
	if x.Method == "" {
		return append(dst, "- - -"...)
	}
	dst = appendToken(dst, cut(x.Method))
	dst = append(dst, ' ')
	host := cut(x.Host)
	if x.Target != "" && x.Target[0] != '/' && x.Target != "*" {
		host = "" // the target names it
	}
	if host != "" {
		dst = appendToken(dst, host)
	}
	if x.Target != "" || host == "" {
		dst = appendToken(dst, cut(x.Target))
	}
	return appendVersion(append(dst, ' '), x)
}

func appendVersion(dst []byte, x *record.Exchange) []byte {
	return strconv.AppendInt(append(dst, "HTTP/1."...), int64(x.Minor), 10)
}

// appendStatus appends a status, "-" for none.
func appendStatus(dst []byte, status int) []byte {
	if status == 0 {
		return append(dst, '-')
	}
	return strconv.AppendInt(dst, int64(status), 10)
}

// appendTextWrong appends what helps to understand an exchange that went wrong.
func appendTextWrong(dst []byte, x *record.Exchange) []byte {
	if x.BackendStatus != x.Status {
		dst = append(dst, " backend_status="...)
		dst = appendStatus(dst, x.BackendStatus)
	}
	if x.Fault != http1.NoFault {
		dst = append(dst, " fault="...)
		dst = append(dst, x.Fault.String()...)
	}
	if x.Desync != http1.WhyNone {
		dst = append(dst, " desync="...)
		dst = append(dst, x.Desync.Class().String()...)
		dst = append(dst, ':')
		dst = append(dst, x.Desync.String()...)
	}
	if !x.Troubled() {
		return dst
	}
	dst = appendSpan(dst, " quiet_up=", x.QuietUp, time.Millisecond)
	dst = appendSpan(dst, " quiet_down=", x.QuietDown, time.Millisecond)
	if x.Reused {
		dst = append(dst, " reused=yes"...)
	}
	return dst
}

// appendTextWork appends what lull and the backend did, as far as it is not what always happens.
func appendTextWork(dst []byte, x *record.Exchange) []byte {
	if x.HeadTook >= worthTelling {
		dst = appendSpan(dst, " head=", x.HeadTook, time.Microsecond)
	}
	if x.QueueTook > 0 {
		dst = appendSpan(dst, " queue=", x.QueueTook, time.Microsecond)
	}
	dst = appendSpan(dst, " connect=", x.ConnectTook, time.Microsecond)
	dst = appendCount(dst, " tries=", x.Tries, 2)
	if x.Retried {
		dst = append(dst, " retried=yes"...)
	}
	if x.PoolUnused > 0 && (x.Retried || x.Troubled()) {
		dst = appendSpan(dst, " unused=", x.PoolUnused, time.Millisecond)
	}
	dst = appendSpan(dst, " answer=", x.AnswerTook, time.Microsecond)
	if x.FirstAfter >= worthTelling {
		dst = appendSpan(dst, " first=", x.FirstAfter, time.Microsecond)
	}
	if x.Upgraded {
		dst = append(dst, " upgraded=yes"...)
	}
	return dst
}
