package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// events streams what ends, connections and exchanges, as the access log's JSON or text lines, until the reader or the
// socket closes.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	q, err := newEventQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	ended := h.troubled()
	if q.every {
		ended = h.every()
		defer h.engine.Exchanges().Want()() // before start: what ends from there on must be remembered
	}
	from, err := q.start(ended, clock.Wall(clock.Now()))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	out := newStream(w, q.contentType)
	if out.write(nil) != nil { // the head, so that the reader knows that it misses nothing from here on
		return
	}
	var buf []byte
	_ = ended.Follow(r.Context(), from, func(batch []record.Entry, lost uint64) error {
		buf = buf[:0]
		if lost > 0 {
			buf = q.format.AppendLost(buf, clock.Wall(clock.Now()), lost)
		}
		for _, e := range batch {
			if q.accepts(e) {
				buf = q.format.Append(buf, e)
			}
		}
		if len(buf) == 0 {
			return nil
		}
		return out.write(buf)
	}) // an error means that the reader has gone
}

// troubled is what has ended, of exchanges only those that are Troubled.
func (h *handler) troubled() record.History {
	return record.History{Conns: &h.engine.Log().Ring, Exchanges: h.engine.Exchanges().Troubled()}
}

// every is what has ended, with every exchange that is remembered.
func (h *handler) every() record.History {
	return record.History{Conns: &h.engine.Log().Ring, Exchanges: &h.engine.Exchanges().Ring}
}

// eventQuery is what a reader of events asks for.
type eventQuery struct {
	matcher
	reasons     [reason.Count]bool
	anyReason   bool
	every       bool // exchange, not only those that are Troubled
	start       start
	contentType string
	format      accesslog.Format
}

func newEventQuery(v url.Values) (q eventQuery, err error) {
	switch format := v.Get("format"); format {
	case "", "json":
		q.contentType, q.format = "application/x-ndjson", accesslog.JSON
	case "text":
		q.contentType, q.format = "text/plain; charset=utf-8", accesslog.Text
	default:
		return q, fmt.Errorf("format %q: must be json or text", format)
	}
	switch exchanges := v.Get("exchanges"); exchanges {
	case "", "troubled":
	case "all":
		q.every = true
	default:
		return q, fmt.Errorf("exchanges %q: must be all or troubled", exchanges)
	}
	q.anyReason = !v.Has("reason")
	for _, code := range v["reason"] {
		r, ok := reason.Parse(code)
		if !ok || r == reason.None {
			return q, fmt.Errorf("reason %q: is not one of lull's; see docs/reference/reasons.md", code)
		}
		q.reasons[r] = true
	}
	if q.start, err = newStart(v.Get("since")); err != nil {
		return q, err
	}
	q.matcher, err = newMatcher(v)
	return q, err
}

// accepts reports whether the reader wants that event.
func (q *eventQuery) accepts(e record.Entry) bool {
	return (q.anyReason || q.reasons[min(int(e.Reason()), reason.Count-1)]) && q.matcher.accepts(e.Ends())
}

// A start finds where in what has ended a stream begins.
type start func(ended record.History, now time.Time) (record.Place, error)

// newStart reads since: now, all that is remembered, after the end of a connection or of an exchange, or the last so and
// so long.
func newStart(since string) (start, error) {
	switch since {
	case "", "now":
		return func(ended record.History, _ time.Time) (record.Place, error) { return ended.Next(), nil }, nil
	case "all":
		return func(ended record.History, _ time.Time) (record.Place, error) { return ended.Oldest(), nil }, nil
	}
	if id, number, err := ParseID(since); err == nil {
		if number > 0 {
			return afterExchange(id, number), nil
		}
		return afterClose(id), nil
	}
	age, err := time.ParseDuration(since)
	if err != nil || age < 0 {
		return nil, fmt.Errorf("since %q: must be now, all, a connection's number, an exchange's such as 12/3, "+
			"or a duration such as 10m", since)
	}
	return func(ended record.History, now time.Time) (record.Place, error) { return ended.From(now.Add(-age)), nil }, nil
}

// afterClose starts behind the end of one connection.
func afterClose(id uint64) start {
	return func(ended record.History, _ time.Time) (record.Place, error) {
		var at time.Time
		cursor, ok := ended.Conns.Seek(func(c *record.Close) bool { at = c.Closed; return c.ID == id })
		if !ok {
			return record.Place{}, fmt.Errorf("since %d: that connection is not among the last %d that ended", id, record.Remembered)
		}
		place := ended.From(at.Add(1)) // its exchanges come before it, those that ended in that instant too
		place.Conns = cursor + 1
		return place, nil
	}
}

// afterExchange starts behind the end of one exchange.
func afterExchange(id uint64, number int) start {
	return func(ended record.History, _ time.Time) (record.Place, error) {
		var at time.Time
		cursor, ok := ended.Exchanges.Seek(func(x *record.Exchange) bool { at = x.Ended; return x.Conn == id && x.Number == number })
		if !ok {
			return record.Place{}, fmt.Errorf("since %d/%d: that exchange is not remembered: %s", id, number, whatIsRemembered)
		}
		place := ended.From(at)
		place.Exchanges = cursor + 1
		return place, nil
	}
}

// ParseID reads the number of a connection, "12", or of an exchange on it, "12/3"; number is 0 for a connection.
func ParseID(text string) (id uint64, number int, err error) {
	conn, exchange, both := strings.Cut(text, "/")
	if id, err = strconv.ParseUint(conn, 10, 64); err != nil || !both {
		return id, 0, err
	}
	n, err := strconv.ParseUint(exchange, 10, 31)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return id, int(n), err
}
