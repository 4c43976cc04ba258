package httpproxy

import (
	"strconv"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
)

// phrases are the reason phrases of lull's own responses: those of RFC 9110 §15, and those that are seen of the Classic Load
// Balancer.
//
//nolint:gochecknoglobals // a constant table
var phrases = map[int][2]string{
	400: {"Bad Request", "BAD_REQUEST"},
	301: {"Moved Permanently", ""},
	302: {"Found", ""},
	303: {"See Other", ""},
	307: {"Temporary Redirect", ""},
	308: {"Permanent Redirect", ""},
	401: {"Unauthorized", ""},
	403: {"Forbidden", "FORBIDDEN"},
	404: {"Not Found", ""},
	405: {"Method Not Allowed", "METHOD_NOT_ALLOWED"},
	406: {"Not Acceptable", ""},
	408: {"Request Timeout", "REQUEST_TIMEOUT"},
	409: {"Conflict", ""},
	410: {"Gone", ""},
	413: {"Content Too Large", ""},
	414: {"URI Too Long", ""},
	415: {"Unsupported Media Type", ""},
	421: {"Misdirected Request", ""},
	422: {"Unprocessable Content", ""},
	429: {"Too Many Requests", ""},
	431: {"Request Header Fields Too Large", ""},
	451: {"Unavailable For Legal Reasons", ""},
	500: {"Internal Server Error", ""},
	501: {"Not Implemented", ""},
	502: {"Bad Gateway", "BAD_GATEWAY"},
	503: {"Service Unavailable", "Service Unavailable: Back-end server is at capacity"},
	504: {"Gateway Timeout", "GATEWAY_TIMEOUT"},
}

// refuse answers a request that is not forwarded.
func (p *Proxy) refuse(f *front, status int, why reason.Reason) {
	p.answer(f, status, why, timeout.Deadline{})
}

// decline answers with the status that goes with a reason.
func (p *Proxy) decline(f *front, why reason.Reason, d timeout.Deadline) {
	p.answer(f, f.listener.statusFor(why), why, d)
}

// answer ends an exchange with a response of lull's own, and the client's connection behind it. The back-end connection, if
// there is one, has not done what it should and is closed as well. d is the deadline that passed, if one did.
func (p *Proxy) answer(f *front, status int, why reason.Reason, d timeout.Deadline) {
	x := f.x
	p.closeBack(x)
	p.letGo(x)
	x.status = status
	f.responded(status, true)
	p.out = p.appendPage(f, p.out[:0], &page{status: status, headline: headline(status, why), last: true})
	p.sendOwn(f)
	p.recordExchange(f, why, d)
	p.closeFront(f, why, d)
}

// sendOwn sends the response in p.out.
func (p *Proxy) sendOwn(f *front) {
	heard := f.x.down.Last
	p.sendDown(f, p.out, nil)
	f.x.down.Last = heard // the records tell of the backend's silence
}

// page is what a response of lull's own says.
type page struct {
	status   int
	headline string
	allow    string // the methods that are allowed; of 405
	location []byte // of a redirect
	last     bool   // the connection ends with it
}

// appendPage appends a whole response. It says what went wrong, and neither who said so nor on which side: that is in the access
// log, for those who may know.
func (p *Proxy) appendPage(f *front, out []byte, own *page) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(own.status), 10)
	out = append(out, ' ')
	if phrase := phrases[own.status]; f.listener.plan.Timeouts.Model == timeout.Shared && phrase[1] != "" {
		out = append(out, phrase[1]...)
	} else {
		out = append(out, phrase[0]...)
	}
	const before, between, after = "<html><head><title>", "</title></head><body><h1>", "</h1></body></html>\r\n"
	title := len("000 ") + len(own.headline)
	out = append(out, "\r\nDate: "...)
	out = p.date.append(out, p.loop.Now())
	out = append(out, "\r\nContent-Type: text/html\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(before)+len(between)+len(after)+2*title), 10)
	out = append(out, '\r', '\n')
	out = p.appendPageFields(f.x, out, own)
	if f.x.method == http1.HEAD {
		return out
	}
	for _, part := range [...]string{before, between, after} {
		out = append(out, part...)
		if part != after {
			out = strconv.AppendInt(out, int64(own.status), 10)
			out = append(out, ' ')
			out = append(out, own.headline...)
		}
	}
	return out
}

// appendPageFields appends the fields that not every response of lull's own has, and the empty line.
func (p *Proxy) appendPageFields(x *exchange, out []byte, own *page) []byte {
	if own.status == 405 { // RFC 9110 §15.5.6 wants to know which are; where no rule lists them, lull does not know
		out = append(append(append(out, "Allow: "...), own.allow...), '\r', '\n')
	}
	if len(own.location) > 0 {
		out = http1.AppendField(out, "Location", own.location)
	}
	if x.site != nil && x.site.plan.RequestID != "" && len(x.id) > 0 {
		out = http1.AppendField(out, x.site.plan.RequestID, x.id)
	}
	switch {
	case own.last:
		out = append(out, "Connection: close\r\n"...)
	case x.minor == 0:
		out = append(out, "Connection: keep-alive\r\n"...)
	}
	return append(out, '\r', '\n')
}

// headline returns what a page says under its status. Two mistakes of a client's are named: it has no other way to learn of
// them, and nobody else's affairs are told.
func headline(status int, why reason.Reason) string {
	switch why { //nolint:exhaustive // the others have the status's own phrase
	case reason.PlainHTTP:
		return "A plain HTTP request came to a port for HTTPS"
	case reason.NoClientCert:
		return "A client certificate is required"
	}
	return phrases[status][0]
}

// date is the value of the Date field, written once a second (RFC 9110 §6.6.1).
type date struct {
	second int64
	text   []byte
}

func (d *date) append(dst []byte, now int64) []byte {
	if second := now / int64(time.Second); second != d.second || d.text == nil {
		d.second = second
		d.text = clock.Wall(now).UTC().AppendFormat(d.text[:0], "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return append(dst, d.text...)
}

// fail ends an exchange that cannot go on: with a response of lull's own if none has begun and status is not 0, otherwise by
// closing the client's connection in a way that never looks like the end of the response (SH-05, DI-03).
func (p *Proxy) fail(f *front, status int, why reason.Reason, d timeout.Deadline) {
	x := f.x
	if x.status == 0 && status != 0 {
		p.answer(f, status, why, d)
		return
	}
	p.closeBack(x)
	p.letGo(x)
	if x.is(openEnded) {
		f.conn.Set(doomed)
	}
	p.recordExchange(f, why, d)
	p.closeFront(f, why, d)
}

// timeOut ends an exchange whose deadline has passed. Who was waited for decides what the client is told. A backend that has not
// answered at all counts among the slow ones: a histogram of those that have would show nothing of it.
func (p *Proxy) timeOut(f *front, d timeout.Deadline) {
	if x := f.x; d.Why == reason.ResponseIdle && x.sentAt != 0 && x.answerAt == 0 {
		f.listener.Stats.Latency.Observe(p.loop.Now() - x.sentAt)
		x.to.counts.Answered(p.loop.Now() - x.sentAt)
	}
	p.fail(f, d.Why.Info().Status, d.Why, d)
}

// clientGone ends an exchange whose client has reset its connection, or broken the rules of TLS, and the connection.
func (p *Proxy) clientGone(f *front) {
	why := reason.ClientReset
	if f.conn.Is(relay.Violated) {
		why = reason.TLSViolation
	}
	if x := f.x; x != nil {
		p.closeBack(x)
		p.letGo(x)
		p.recordExchange(f, why, timeout.Deadline{})
	}
	p.closeFront(f, why, timeout.Deadline{})
}
