package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// events streams the connections that end, as the access log's JSON or text lines, until the reader or the socket
// closes.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	q, err := newEventQuery(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	from, err := q.start(h.engine.Log(), clock.Wall(clock.Now()))
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	out := newStream(w, q.contentType)
	if out.write(nil) != nil { // the head, so that the reader knows that it misses nothing from here on
		return
	}
	var buf []byte
	_ = h.engine.Log().Follow(r.Context(), from, func(batch []record.Close, lost uint64) error {
		buf = buf[:0]
		if lost > 0 {
			buf = q.lost(buf, clock.Wall(clock.Now()), lost)
		}
		for i := range batch {
			if q.accepts(&batch[i]) {
				buf = q.line(buf, &batch[i])
			}
		}
		if len(buf) == 0 {
			return nil
		}
		return out.write(buf)
	}) // an error means that the reader has gone
}

// eventQuery is what a reader of events asks for.
type eventQuery struct {
	matcher
	reasons     [reason.Count]bool
	anyReason   bool
	start       start
	contentType string
	line        func([]byte, *record.Close) []byte
	lost        func([]byte, time.Time, uint64) []byte
}

func newEventQuery(v url.Values) (q eventQuery, err error) {
	switch format := v.Get("format"); format {
	case "", "json":
		q.contentType, q.line, q.lost = "application/x-ndjson", accesslog.AppendJSON, accesslog.AppendJSONLost
	case "text":
		q.contentType, q.line, q.lost = "text/plain; charset=utf-8", accesslog.AppendText, accesslog.AppendTextLost
	default:
		return q, fmt.Errorf("format %q: must be json or text", format)
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
func (q *eventQuery) accepts(c *record.Close) bool {
	return (q.anyReason || q.reasons[min(int(c.Reason), reason.Count-1)]) && q.matcher.accepts(&c.Ends)
}

// A start finds where in the log a stream begins.
type start func(log *record.Log, now time.Time) (cursor uint64, err error)

// newStart reads since: now, all that is remembered, after the end of a connection, or the last so and so long.
func newStart(since string) (start, error) {
	switch since {
	case "", "now":
		return func(log *record.Log, _ time.Time) (uint64, error) { return log.Next(), nil }, nil
	case "all":
		return func(log *record.Log, _ time.Time) (uint64, error) { return log.Oldest(), nil }, nil
	}
	if id, err := strconv.ParseUint(since, 10, 64); err == nil {
		return after(id), nil
	}
	age, err := time.ParseDuration(since)
	if err != nil || age < 0 {
		return nil, fmt.Errorf("since %q: must be now, all, a connection's number, or a duration such as 10m", since)
	}
	return within(age), nil
}

// after starts behind the end of one connection.
func after(id uint64) start {
	return func(log *record.Log, _ time.Time) (uint64, error) {
		at, ok := log.Seek(func(c *record.Close) bool { return c.ID == id })
		if !ok {
			return 0, fmt.Errorf("since %d: that connection is not among the last %d that ended", id, record.Remembered)
		}
		return at + 1, nil
	}
}

// within starts at the first connection that ended no longer than age ago.
func within(age time.Duration) start {
	return func(log *record.Log, now time.Time) (uint64, error) {
		next := log.Next() // before Seek: what ends meanwhile belongs to the stream
		first := now.Add(-age)
		if at, ok := log.Seek(func(c *record.Close) bool { return !c.Closed.Before(first) }); ok {
			return at, nil
		}
		return next, nil
	}
}
