package admin

import (
	"bytes"
	"fmt"
	"net/http"

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
	mux.HandleFunc("GET "+root+"explain/{id}/{number}", h.explain)
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
	refuse(w, http.StatusNotFound, fmt.Errorf("no %s here; there are conns, events, explain/ID, explain/ID/NUMBER, stats and version below %s",
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
	separator := byte('[')
	err = h.engine.Conns(r.Context(), func(batch []record.Live) error {
		buf.Reset()
		for i := range batch {
			if !match.accepts(&batch[i].Ends) {
				continue
			}
			buf.WriteByte(separator)
			separator = ','
			line, failed := Encode(connOf(&batch[i]), "") // the line end makes the array readable
			if failed != nil {
				return failed
			}
			buf.Write(line)
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

func (h *handler) stats(w http.ResponseWriter, _ *http.Request) {
	s := h.engine.Stats()
	answer(w, statsOf(&s))
}
