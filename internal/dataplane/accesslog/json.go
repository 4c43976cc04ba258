package accesslog

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"lull/internal/dataplane/record"
)

// jsonTime is RFC 3339 in UTC to the microsecond.
const jsonTime = "2006-01-02T15:04:05.000000Z"

// The kinds of an object.
const (
	kindExchange   = "exchange"
	kindConnection = "connection"
	kindPooled     = "pooled"
)

// Kind returns what a connection is called under the key "kind".
func Kind(pooled bool) string {
	if pooled {
		return kindPooled
	}
	return kindConnection
}

// appendJSON appends the JSON line of a connection. Keys never change their meaning; units stand in the keys; what
// never happened is absent. The event stream sends the same objects (admin.Event decodes them).
func appendJSON(dst []byte, c *record.Close) []byte {
	o := object{append(dst, '{')}
	o.time("time", c.Closed)
	o.uint("id", c.ID)
	o.str("kind", Kind(c.Pooled))
	o.ends(&c.Ends)
	o.tls(&c.TLS)
	o.str("reason", c.Reason.String())
	o.str("side", c.Side.String())
	o.bool("error", c.Reason.Info().Error)
	o.time("opened", c.Opened)
	o.span("age_s", c.Age, time.Millisecond)
	o.traffic(&c.Traffic)
	o.timer(c.Timer, c.TimerFlow, c.Setting, c.ArmedAt, c.Late)
	if c.Pooled {
		o.span("pool_unused_s", c.Unused(), time.Millisecond)
	}
	o.pool(c.PoolTimer, c.PoolSetting)
	return append(o.buf, '}', '\n')
}

// appendJSONLost appends the line that says that lost records are missing here.
func appendJSONLost(dst []byte, at time.Time, lost uint64) []byte {
	o := object{append(dst, '{')}
	o.time("time", at)
	o.uint("lost", lost)
	return append(o.buf, '}', '\n')
}

// object writes the members of one JSON object. It is written by hand because a line is written for every exchange:
// encoding/json takes several times as long and needs pointers for everything that may be absent.
type object struct{ buf []byte }

func (o *object) ends(e *record.Ends) {
	o.str("protocol", e.Protocol)
	o.str("load_balancer", e.LoadBalancer)
	o.str("listener", e.Listener)
	o.addr("client", e.Client)
	o.addr("peer", e.Peer)
	o.addr("local", e.Local)
	o.str("backend_set", e.BackendSet)
	o.some("backend", e.Backend)
	o.addr("backend_address", e.BackendAddr)
	o.some("tried", e.Tried)
}

func (o *object) traffic(t *record.Traffic) {
	o.uint("bytes_up", t.BytesUp)
	o.uint("bytes_down", t.BytesDown)
	o.span("quiet_up_s", t.QuietUp, time.Millisecond)
	o.span("quiet_down_s", t.QuietDown, time.Millisecond)
	o.span("first_up_s", t.FirstUp, time.Microsecond)
	o.span("first_down_s", t.FirstDown, time.Microsecond)
	o.uint("connect_tries", uint64(max(t.ConnectTries, 0)))
	o.span("connect_s", t.ConnectTook, time.Microsecond)
	o.span("connected_at_s", t.ConnectedAt, time.Microsecond)
	o.uint("exchanges", uint64(max(t.Exchanges, 0)))
	o.uint("unsent_up_bytes", uint64(max(t.PendingUp, 0)))
	o.uint("unsent_down_bytes", uint64(max(t.PendingDown, 0)))
	o.some("half_closed", t.HalfClosed)
	o.yes("upgraded", t.Upgraded)
}

// timer tells of the timer that fired; nothing if none did.
func (o *object) timer(name, flow string, setting, armedAt, late time.Duration) {
	if name == "" {
		return
	}
	o.str("timer", name)
	o.span("setting_s", setting, time.Millisecond)
	o.some("flow", flow)
	o.span("armed_at_s", armedAt, time.Millisecond)
	o.span("late_s", late, time.Microsecond)
}

// pool tells after which time a back-end connection is closed if nothing uses it.
func (o *object) pool(timer string, setting time.Duration) {
	if timer == "" {
		return
	}
	o.str("pool_timer", timer)
	o.span("pool_setting_s", setting, time.Millisecond)
}

// key starts a member. name needs no escaping.
func (o *object) key(name string) {
	if o.buf[len(o.buf)-1] != '{' {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, name...)
	o.buf = append(o.buf, '"', ':')
}

func (o *object) str(name, value string) {
	o.key(name)
	o.buf = appendString(o.buf, value)
}

// some is str that leaves an empty text out.
func (o *object) some(name, value string) {
	if value != "" {
		o.str(name, value)
	}
}

func (o *object) uint(name string, value uint64) {
	o.key(name)
	o.buf = strconv.AppendUint(o.buf, value, 10)
}

func (o *object) bool(name string, value bool) {
	o.key(name)
	o.buf = strconv.AppendBool(o.buf, value)
}

// yes is bool that leaves false out.
func (o *object) yes(name string, value bool) {
	if value {
		o.bool(name, value)
	}
}

func (o *object) time(name string, value time.Time) {
	o.key(name)
	o.buf = append(o.buf, '"')
	o.buf = value.UTC().AppendFormat(o.buf, jsonTime)
	o.buf = append(o.buf, '"')
}

// span writes d in seconds, rounded to unit; nothing if it never happened.
func (o *object) span(name string, d, unit time.Duration) {
	if d < 0 {
		return
	}
	o.key(name)
	o.buf = appendSeconds(o.buf, d, unit)
}

// addr writes an address and port; nothing if there is none.
func (o *object) addr(name string, a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	o.key(name)
	o.buf = append(o.buf, '"')
	if a.Addr().Zone() == "" {
		o.buf = a.AppendTo(o.buf)
	} else { // a zone is the only part of an address that may hold any character
		o.buf = appendEscaped(o.buf, a.String())
	}
	o.buf = append(o.buf, '"')
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends what stands between the quotes of s as a JSON string (RFC 8259 §7) in ASCII: what a client sent
// could mean something to a terminal. What is no UTF-8 becomes the replacement character, as JSON cannot say it.
func appendEscaped(dst []byte, s string) []byte {
	plain := 0 // s[plain:i] needs no escape and is appended in one piece
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b < 0x7f && b != '"' && b != '\\' {
			i++
			continue
		}
		dst = append(dst, s[plain:i]...)
		if b == '"' || b == '\\' {
			dst = append(dst, '\\', b)
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = appendRune(dst, r)
			i += size
		}
		plain = i
	}
	return append(dst, s[plain:]...)
}

// appendRune appends \uXXXX, and two of them for what UTF-16 has in two.
func appendRune(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	if high, low := utf16.EncodeRune(r); low != utf8.RuneError {
		return appendRune(appendRune(dst, high), low)
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
