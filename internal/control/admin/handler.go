package admin

import (
	"bytes"
	"fmt"
	"net/http"

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

// documents are the names of a mount that keeps documents. They are answered without one, too: with what to do about it.
//
//nolint:gochecknoglobals // a constant in all but type
var documents = []string{"certificates", "instances", "keys", "oci-keys"}

// NewHandler returns what answers below /lull/v1/.
func NewHandler(engine Engine, version Version, mounts ...Mount) http.Handler {
	h := &handler{engine: engine, version: version, streams: make(chan struct{}, streamsMax)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"conns", h.streamed(h.conns))
	mux.HandleFunc("GET "+root+"events", h.streamed(h.events))
	mux.HandleFunc("GET "+root+"explain/{id}", h.explain)
	mux.HandleFunc("GET "+root+"explain/{id}/{number}", h.explain)
	mux.HandleFunc("GET "+root+"stats", h.stats)
	mux.HandleFunc("GET "+root+"version", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.version) })
	mux.HandleFunc("/", unknown)
	mounted := map[string]bool{}
	for _, m := range mounts {
		for _, name := range m.Names {
			mount(mux, name, limited(m.Handler))
			mounted[name] = true
		}
	}
	for _, name := range documents {
		if !mounted[name] {
			mount(mux, name, absent(name))
		}
	}
	return mux
}

// mount has a handler answer what is below a name.
func mount(mux *http.ServeMux, name string, h http.Handler) {
	mux.Handle(root+name, h)
	mux.Handle(root+name+"/", h)
}

// limited gives each request mountLimit. The deadlines are gone with the next request on the same connection.
func limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		deadline := clock.Wall(clock.Now()).Add(mountLimit)
		_ = rc.SetReadDeadline(deadline) // writers that know no deadline, as in tests, have none
		_ = rc.SetWriteDeadline(deadline)
		h.ServeHTTP(w, r)
	})
}

// absent answers for documents that nobody keeps.
func absent(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Errorf("this lull keeps no %s: it runs without an api; add api to its lull.yaml and start it again", name))
	})
}

// unknown answers what no other pattern takes.
func unknown(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("method %s: must be GET; nothing can be changed here", r.Method))
		return
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("no %s here; there are conns, events, explain/ID, explain/ID/NUMBER, stats and version below %s, and "+
		"with an api certificates, instances, keys and oci-keys", r.URL.Path, root))
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
