package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
)

// root is the path below which everything is answered.
const root = "/lull/v1/"

// handler answers requests.
type handler struct {
	engine  Engine
	version Version
	streams chan struct{} // holds a token for each stream under way
}

// NewHandler returns what answers below /lull/v1/.
func NewHandler(engine Engine, version Version) http.Handler {
	h := &handler{engine: engine, version: version, streams: make(chan struct{}, streamsMax)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"conns", h.streamed(h.conns))
	mux.HandleFunc("GET "+root+"events", h.streamed(h.events))
	mux.HandleFunc("GET "+root+"explain/{id}", h.explain)
	mux.HandleFunc("GET "+root+"stats", h.stats)
	mux.HandleFunc("GET "+root+"version", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.version) })
	mux.HandleFunc("/", unknown)
	return mux
}

// unknown answers what no other pattern takes.
func unknown(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("method %s: must be GET; nothing can be changed here", r.Method))
		return
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("no %s here; there are conns, events, explain/ID, stats and version below %s",
		r.URL.Path, root))
}

// streamed bounds how many long answers are under way.
func (h *handler) streamed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case h.streams <- struct{}{}:
			defer func() { <-h.streams }()
			next(w, r)
		default:
			refuse(w, http.StatusServiceUnavailable,
				fmt.Errorf("%d conns and events requests are under way, no more are taken; end one", streamsMax))
		}
	}
}

// conns answers with the open connections as a JSON array, batch by batch: all of them at once could be megabytes for
// each of many readers.
func (h *handler) conns(w http.ResponseWriter, r *http.Request) {
	match, err := newMatcher(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	out := newStream(w, "application/json")
	var buf bytes.Buffer
	lines := json.NewEncoder(&buf) // ends each object with a line end, which makes the array readable
	lines.SetEscapeHTML(false)
	separator := byte('[')
	err = h.engine.Conns(r.Context(), func(batch []record.Live) error {
		buf.Reset()
		for i := range batch {
			if !match.accepts(&batch[i].Ends) {
				continue
			}
			buf.WriteByte(separator)
			separator = ','
			if failed := lines.Encode(connOf(&batch[i])); failed != nil {
				return failed
			}
		}
		return out.write(buf.Bytes())
	})
	if err != nil {
		out.fail(err)
		return
	}
	if separator == '[' {
		_ = out.write([]byte("[]\n"))
		return
	}
	_ = out.write([]byte("]\n")) // the last thing to do: a reader that has gone misses nothing
}

// explain tells the story of one connection, open or ended.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("id %q: must be a connection's number, as lull conns and the access log show it",
			r.PathValue("id")))
		return
	}
	// It may end between the two looks, so ended connections are searched once more at the end.
	if h.explainEnded(w, id) || h.explainOpen(w, r, id) || h.explainEnded(w, id) {
		return
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("no connection %d is open, and it is not among the last %d that ended",
		id, record.Remembered))
}

// explainEnded answers if the connection is one that has ended.
func (h *handler) explainEnded(w http.ResponseWriter, id uint64) (answered bool) {
	c, ok := h.engine.Log().Find(id)
	if !ok {
		return false
	}
	event, err := eventOf(&c)
	if err != nil {
		refuse(w, http.StatusInternalServerError, fmt.Errorf("translate connection %d: %w", id, err))
		return true
	}
	answer(w, Explanation{ID: id, Story: storyOfClose(&c), Event: event})
	return true
}

// errFound ends a search.
var errFound = errors.New("found")

// explainOpen answers if the connection is open, or if that cannot be found out.
func (h *handler) explainOpen(w http.ResponseWriter, r *http.Request, id uint64) (answered bool) {
	var live record.Live
	err := h.engine.Conns(r.Context(), func(batch []record.Live) error {
		for i := range batch {
			if batch[i].ID == id {
				live = batch[i]
				return errFound
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		conn := connOf(&live)
		answer(w, Explanation{ID: id, Open: true, Story: storyOfLive(&live, clock.Wall(clock.Now())), Conn: &conn})
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	default:
		return false
	}
	return true
}

func (h *handler) stats(w http.ResponseWriter, _ *http.Request) {
	s := h.engine.Stats()
	answer(w, statsOf(&s))
}
