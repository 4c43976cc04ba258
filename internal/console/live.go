package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
)

const (
	// streamsMax is how many live pages may be open: three eighths of the connections that the API server has.
	streamsMax = 96
	// streamsOfKeyMax is how many of those one key may have, so that the others always have some.
	streamsOfKeyMax = 64
	// streamAge ends a stream, of which browsers know that they have to ask again.
	streamAge = 30 * time.Minute
	// streamWrite is for one part to be taken.
	streamWrite = 10 * time.Second
	// streamQuiet is how long a stream says nothing at most, so that both ends notice when the other has gone.
	streamQuiet = 15 * time.Second
	// walkEvery is every how many rounds the open connections are looked at, if a page wants them: a look costs the loops some 50 µs for
	// each 256 of them.
	walkEvery = 2
)

// livePage is the moving part of a page. Who looks makes no difference to it, so that all who look at the same thing share it: it has
// no forms and no buttons.
type livePage struct {
	// wants returns what of the open connections the page shows; nil: nothing.
	wants func(q url.Values) (finder, error)
	// data returns what template "live" is given. found is what wants has asked for.
	data func(c *Console, s *sample, q url.Values, found finder) (any, error)
}

// final is data of a page that will not change any more.
type final interface{ Final() bool }

// finder is shown every open connection in turn, and keeps what it looks for.
type finder interface{ see(l *record.Live) }

// feed is the moving part of one page, as it was sent last.
type feed struct {
	page     livePage
	name     string
	query    url.Values
	watchers int
	part     []byte // HTML as JSON; nil before the first round
	number   uint64 // counts the different parts
	final    bool   // it will not change any more; touched by beat only
	err      error  // why there is none
}

// hub makes the moving parts of pages, once for all who look on.
type hub struct {
	// Guarded by mu.
	mu     sync.Mutex
	feeds  map[string]*feed
	open   int            // streams
	ofKey  map[string]int // of them, by the key of whoever looks on
	round  chan struct{}
	rounds uint64
	closed bool
}

func newHub() *hub {
	return &hub{feeds: map[string]*feed{}, ofKey: map[string]int{}, round: make(chan struct{})}
}

// enter begins to watch a page, for somebody who has logged in with a key.
func (h *hub) enter(keyID, name string, page livePage, query url.Values) (*feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if own := h.ofKey[keyID]; h.closed || h.open >= streamsMax || own >= streamsOfKeyMax {
		return nil, refusal(http.StatusServiceUnavailable, "%d live pages are open, %d of them with your key, and no more are served: close one", h.open, own)
	}
	h.open++
	h.ofKey[keyID]++
	key := name + "?" + query.Encode()
	f := h.feeds[key]
	if f == nil {
		f = &feed{page: page, name: name, query: query}
		h.feeds[key] = f
	}
	f.watchers++
	return f, nil
}

// leave ends what enter began.
func (h *hub) leave(keyID string, f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	if h.ofKey[keyID]--; h.ofKey[keyID] == 0 {
		delete(h.ofKey, keyID)
	}
	if f.watchers--; f.watchers == 0 {
		delete(h.feeds, f.name+"?"+f.query.Encode())
	}
}

// latest returns a page's part, and a channel that closes with the next round.
func (h *hub) latest(f *feed) (part []byte, number uint64, next <-chan struct{}, closed bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.part, f.number, h.round, h.closed, f.err
}

// watched returns the pages that somebody watches.
func (h *hub) watched() (feeds []*feed, rounds uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		feeds = append(feeds, f)
	}
	h.rounds++
	return feeds, h.rounds
}

// publish tells those who watch that a round is over. A page that fails again and again is logged once.
func (h *hub) publish(parts map[*feed][]byte, errs map[*feed]error, log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f, part := range parts {
		if f.err = nil; !bytes.Equal(f.part, part) {
			f.part = part
			f.number++
		}
	}
	for f, err := range errs {
		if f.err == nil {
			log.Error("console", "page", f.name, "error", err)
		}
		f.err = err
	}
	close(h.round)
	h.round = make(chan struct{})
}

// close ends the streams.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.round)
		h.round = make(chan struct{})
	}
}

// run samples, and sends what moves, until stop is closed.
func (c *Console) run(stop <-chan struct{}) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			c.beat()
		}
	}
}

// beat is one round: a sample, if one is due, and every page that somebody watches.
func (c *Console) beat() {
	feeds, rounds := c.hub.watched()
	if !c.sampler.due(c.o.Now(), len(feeds) > 0) {
		return
	}
	s := c.sampler.take()
	if len(feeds) == 0 {
		return
	}
	parts, errs := map[*feed][]byte{}, map[*feed]error{}
	found, err := c.walkFor(feeds, rounds)
	for _, f := range feeds {
		one, turn := found[f]
		switch {
		case f.final:
		case f.page.wants != nil && err != nil:
			errs[f] = err
		case f.page.wants != nil && !turn: // not its round
		default:
			part, err := c.part(f, s, one)
			var gone *refused
			switch {
			case errors.As(err, &gone):
				parts[f] = tellGone(gone)
			case err != nil:
				errs[f] = err
			default:
				parts[f] = part
			}
		}
	}
	c.hub.publish(parts, errs, c.o.Log)
}

// walkFor looks at the open connections once, for all pages that show some. A page that is new has not to wait for its round.
func (c *Console) walkFor(feeds []*feed, rounds uint64) (map[*feed]finder, error) {
	finders := map[*feed]finder{}
	var all []finder
	for _, f := range feeds {
		if f.page.wants == nil || f.final || rounds%walkEvery != 0 && f.part != nil {
			continue
		}
		one, err := f.page.wants(f.query)
		if err != nil {
			one = nil // data will say what is wrong
		}
		finders[f] = one
		if one != nil {
			all = append(all, one)
		}
	}
	if err := c.walk(all...); err != nil {
		return nil, err
	}
	return finders, nil
}

// walk shows the open connections to those who look for some. One walk is under way at a time, so that many readers cannot keep the
// loops from their work.
func (c *Console) walk(finders ...finder) error {
	if len(finders) == 0 {
		return nil
	}
	c.walking.Lock()
	defer c.walking.Unlock()
	return c.o.Engine.Conns(c.life, func(batch []record.Live) error {
		for i := range batch {
			for _, f := range finders {
				f.see(&batch[i])
			}
		}
		return nil
	})
}

// part makes the moving part of a page. A fault in a page costs the page and not the process, as it does on a goroutine of net/http.
func (c *Console) part(f *feed, s *sample, found finder) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	data, err := f.page.data(c, s, f.query, found)
	if err != nil {
		return nil, err
	}
	if one, ok := data.(final); ok {
		f.final = one.Final()
	}
	var out, line bytes.Buffer
	if err = c.ui.renderLive(&out, f.name, data); err != nil {
		return nil, err
	}
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // nobody takes an event stream for a page, and it is a third of the length
	if err = encoder.Encode(out.String()); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}

// tellGone says in place of a page's part why there is none any more: what it showed has been deleted.
func tellGone(why *refused) []byte {
	text, _ := json.Marshal(`<p class="error">` + template.HTMLEscapeString(why.message) + "</p>") // a string cannot fail
	return text
}

// streamed returns the page that a stream is asked for.
func (v *visit) streamed() (name string, page livePage, query url.Values, err error) {
	query = v.r.URL.Query()
	name = query.Get("page")
	query.Del("page")
	page, ok := livePages()[name]
	if !ok {
		return "", livePage{}, nil, refusal(http.StatusNotFound, "no page %q moves", name)
	}
	return name, page, query, nil
}

// live sends the moving part of a page again and again, as server-sent events, until the browser, the session or lull ends it.
func (v *visit) live() error {
	name, page, query, err := v.streamed()
	if err != nil {
		return err
	}
	f, err := v.c.hub.enter(v.session.keyID, name, page, query)
	if err != nil {
		return err
	}
	defer v.c.hub.leave(v.session.keyID, f)
	return v.follow(f)
}

// liveReady says whether a stream would be served, to a script whose stream was refused and that is told of no status.
func (v *visit) liveReady() error {
	if _, _, _, err := v.streamed(); err != nil {
		return err
	}
	v.send(http.StatusOK, "text/plain; charset=utf-8", []byte("ready\n"))
	return nil
}

// follow sends a feed.
func (v *visit) follow(f *feed) error {
	out := &stream{rc: http.NewResponseController(v.w), w: v.w}
	if err := out.begin(); err != nil {
		return nil //nolint:nilerr // the browser has gone
	}
	var sent uint64
	quiet := v.now
	for {
		part, number, next, closed, err := v.c.hub.latest(f)
		now := v.c.o.Now()
		switch {
		case closed, now.Sub(v.now) > streamAge, !v.stillKnown(now):
			return nil
		case err != nil:
			err = out.event("fault", []byte(`""`))
		case number != sent:
			err = out.event("part", part)
			sent, quiet = number, now
		case now.Sub(quiet) >= streamQuiet:
			err = out.write([]byte(":\n\n"))
			quiet = now
		}
		if err != nil {
			return nil //nolint:nilerr // the browser has gone
		}
		select {
		case <-next:
		case <-v.r.Context().Done():
			return nil
		}
	}
}

// stillKnown says whether the session has not ended since the stream began. Looking on does not keep it from falling idle.
func (v *visit) stillKnown(now time.Time) bool {
	_, _, known := v.c.visitor(v.r, now, false)
	return known
}

// stream writes server-sent events.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// begin sends the head. The server's time for reading a request is over with it: net/http would take its expiry for the browser's leaving.
func (s *stream) begin() error {
	s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s.w.Header().Set("X-Accel-Buffering", "no") // a proxy in between is not to wait for more
	_ = s.rc.SetReadDeadline(time.Time{})       // writers that know no deadline, as in tests, have none
	return s.write([]byte("retry: 2000\n\n"))
}

// event sends one, whose data has no line end in it.
func (s *stream) event(name string, data []byte) error {
	text := make([]byte, 0, len(data)+len(name)+len("event: \ndata: \n\n"))
	text = append(append(append(text, "event: "...), name...), "\ndata: "...)
	return s.write(append(append(text, data...), "\n\n"...))
}

func (s *stream) write(p []byte) error {
	_ = s.rc.SetWriteDeadline(clock.Wall(clock.Now()).Add(streamWrite))
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.rc.Flush()
}
