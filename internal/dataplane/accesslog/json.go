package accesslog

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"lull/internal/dataplane/record"
)

// jsonTime is RFC 3339 in UTC to the microsecond.
const jsonTime = "2006-01-02T15:04:05.000000Z"

// AppendJSON appends the JSON line of a connection. Keys never change their meaning; units stand in the keys; what
// never happened is absent. The event stream sends the same objects (admin.Event decodes them).
func AppendJSON(dst []byte, c *record.Close) []byte {
	o := object{append(dst, '{')}
	o.time("time", c.Closed)
	o.uint("id", c.ID)
	o.ends(&c.Ends)
	o.str("reason", c.Reason.String())
	o.str("side", c.Side.String())
	o.bool("error", c.Reason.Info().Error)
	o.time("opened", c.Opened)
	o.span("age_s", c.Age, time.Millisecond)
	o.traffic(&c.Traffic)
	if c.Timer != "" {
		o.str("timer", c.Timer)
		o.span("setting_s", c.Setting, time.Millisecond)
		o.span("armed_at_s", c.ArmedAt, time.Millisecond)
		o.span("late_s", c.Late, time.Microsecond)
	}
	return append(o.buf, '}', '\n')
}

// AppendJSONLost appends the line that says that lost records are missing here.
func AppendJSONLost(dst []byte, at time.Time, lost uint64) []byte {
	o := object{append(dst, '{')}
	o.time("time", at)
	o.uint("lost", lost)
	return append(o.buf, '}', '\n')
}

// object writes the members of one JSON object. It is written by hand because the log is written once for every
// connection: encoding/json takes several times as long and needs pointers for everything that may be absent.
type object struct{ buf []byte }

func (o *object) ends(e *record.Ends) {
	o.str("protocol", e.Protocol)
	o.str("load_balancer", e.LoadBalancer)
	o.str("listener", e.Listener)
	o.addr("client", e.Client)
	o.addr("peer", e.Peer)
	o.addr("local", e.Local)
	o.str("backend_set", e.BackendSet)
	if e.Backend != "" {
		o.str("backend", e.Backend)
	}
	o.addr("backend_address", e.BackendAddr)
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
	if t.HalfClosed != "" {
		o.str("half_closed", t.HalfClosed)
	}
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

func (o *object) uint(name string, value uint64) {
	o.key(name)
	o.buf = strconv.AppendUint(o.buf, value, 10)
}

func (o *object) bool(name string, value bool) {
	o.key(name)
	o.buf = strconv.AppendBool(o.buf, value)
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
	dst = append(dst, '"')
	for i := range len(s) {
		if b := s[i]; b < ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return append(appendEscaped(dst, s), '"')
		}
	}
	return append(append(dst, s...), '"')
}

// appendEscaped appends what stands between the quotes of s as a JSON string. It is for the rare string that holds
// more than plain ASCII.
func appendEscaped(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return appendToken(dst, s) // cannot happen: every string has a JSON form
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
