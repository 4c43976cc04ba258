package admin

import (
	"fmt"
	"net/http"

	"lull/internal/clock"
)

// answer sends one document.
func answer(w http.ResponseWriter, document any) {
	send(w, http.StatusOK, document)
}

// refuse sends an error as {"error": "…"}.
func refuse(w http.ResponseWriter, status int, err error) {
	send(w, status, map[string]string{"error": err.Error()})
}

func send(w http.ResponseWriter, status int, document any) {
	text, err := Encode(document, "")
	if err != nil {
		status = http.StatusInternalServerError
		text = fmt.Appendf(nil, "{\"error\":%q}\n", err)
	}
	limitWrite(http.NewResponseController(w))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // there is nobody to tell
}

// limitWrite gives the reader writeLimit from now on. Writers that know no deadline, as in tests, have none.
func limitWrite(rc *http.ResponseController) {
	_ = rc.SetWriteDeadline(clock.Wall(clock.Now()).Add(writeLimit))
}

// A stream is an answer of unknown length.
type stream struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	started bool // the head is out, so an error can no longer be a status
	kind    string
}

func newStream(w http.ResponseWriter, contentType string) *stream {
	return &stream{w: w, rc: http.NewResponseController(w), kind: contentType}
}

// write sends p at once; a reader that does not take it in time is gone.
func (s *stream) write(p []byte) error {
	limitWrite(s.rc)
	if !s.started {
		s.w.Header().Set("Content-Type", s.kind)
		s.started = true
	}
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.rc.Flush()
}

// fail ends the answer with an error: as a status while that is possible, else by breaking off, so that what was sent
// cannot be taken for the whole.
func (s *stream) fail(err error) {
	if !s.started {
		refuse(s.w, http.StatusServiceUnavailable, err)
		return
	}
	panic(http.ErrAbortHandler)
}
