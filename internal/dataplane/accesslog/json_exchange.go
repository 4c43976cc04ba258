package accesslog

import (
	"strconv"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/record"
)

// appendJSONExchange appends the JSON line of an exchange. What it shares with a connection has the same key; "id" is the
// connection's, so that one search finds the connection and all that it carried (admin.Exchange decodes the line).
func appendJSONExchange(dst []byte, x *record.Exchange) []byte {
	o := object{append(dst, '{')}
	o.time("time", x.Ended)
	o.uint("id", x.Conn)
	o.str("kind", kindExchange)
	o.uint("number", uint64(max(x.Number, 0)))
	o.ends(&x.Ends)
	o.tls(&x.TLS)
	o.str("reason", x.Reason.String())
	o.str("side", x.Side.String())
	o.bool("error", x.Reason.Info().Error)
	o.time("started", x.Started)
	o.span("took_s", x.Took, time.Microsecond)
	o.request(x)
	o.status("status", x.Status)
	o.status("backend_status", x.BackendStatus)
	o.yes("upgraded", x.Upgraded)
	o.uint("bytes_up", x.BytesUp)
	o.uint("bytes_down", x.BytesDown)
	o.span("quiet_up_s", x.QuietUp, time.Millisecond)
	o.span("quiet_down_s", x.QuietDown, time.Millisecond)
	o.way(x)
	o.timer(x.Timer, x.TimerFlow, x.Setting, x.ArmedAt, x.Late)
	if x.PoolUnused > 0 {
		o.span("pool_unused_s", x.PoolUnused, time.Millisecond)
	}
	o.pool(x.PoolTimer, x.PoolSetting)
	return append(o.buf, '}', '\n')
}

// request tells what was asked for, and what was odd about it.
func (o *object) request(x *record.Exchange) {
	if x.Method != "" {
		o.str("method", cut(x.Method))
		o.some("scheme", x.Scheme)
		o.some("host", cut(x.Host))
		o.str("target", cut(x.Target))
		o.key("version")
		o.buf = strconv.AppendInt(append(o.buf, `"1.`...), int64(x.Minor), 10)
		o.buf = append(o.buf, '"')
	}
	o.some("user_agent", cut(x.UserAgent))
	o.some("forwarded_for", cut(x.Forwarded))
	if x.Fault != http1.NoFault {
		o.str("fault", x.Fault.String())
	}
	if x.Desync != http1.WhyNone {
		o.str("desync", x.Desync.String())
		o.str("desync_class", x.Desync.Class().String())
	}
}

// way tells how the request came to a backend and the answer came back.
func (o *object) way(x *record.Exchange) {
	o.span("head_s", x.HeadTook, time.Microsecond)
	if x.QueueTook > 0 {
		o.span("queue_s", x.QueueTook, time.Microsecond)
	}
	o.span("connect_s", x.ConnectTook, time.Microsecond)
	o.uint("tries", uint64(max(x.Tries, 0)))
	o.yes("reused", x.Reused)
	o.yes("retried", x.Retried)
	o.span("sent_after_s", x.SentAfter, time.Microsecond)
	o.span("answer_s", x.AnswerTook, time.Microsecond)
	o.span("first_after_s", x.FirstAfter, time.Microsecond)
}

// status writes a status; nothing if there was none.
func (o *object) status(name string, status int) {
	if status != 0 {
		o.uint(name, uint64(max(status, 0)))
	}
}
