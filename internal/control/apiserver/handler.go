package apiserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/ocisig"
	"lull/internal/control/sigv4"
)

// handler answers every request.
type handler struct {
	// Fixed after newHandler.
	elbCall      ELB
	lullAPI      http.Handler
	console      http.Handler    // nil: there is none
	verifier     *sigv4.Verifier // of what is signed for the service elasticloadbalancing
	lullVerifier *sigv4.Verifier // of what is signed for the service lull
	ociCall      OCI
	ociVerifier  *ocisig.Verifier
	ociMemory    *ocisig.Memory
	routes       []route
	log          *slog.Logger
	now          func() time.Time

	running  chan struct{} // holds a token for each verified request that is being carried out
	warnings *ration       // of lines about requests that were refused
}

func newHandler(o *Options) *handler {
	return &handler{
		elbCall:      o.ELB,
		lullAPI:      o.LullAPI,
		console:      o.Console,
		verifier:     sigv4.New(sigv4.Options{Keys: o.Keys, Region: o.Region}),
		lullVerifier: sigv4.New(sigv4.Options{Keys: o.Keys, Region: o.Region, Service: lullService}),
		ociCall:      o.OCI,
		ociVerifier:  ocisig.New(ocisig.Options{Keys: o.OCIKeys, BodyBytesMax: ociBodyBytesMax}),
		ociMemory:    ocisig.NewMemory(signaturesMax),
		routes:       routes(),
		log:          o.Log,
		now:          o.Now,
		running:      make(chan struct{}, requestsMax),
		warnings:     newRation(o.Now()),
	}
}

// call is one request on its way through, and what the log will say of it.
type call struct {
	http.ResponseWriter

	id       string // of the request, by which a client's report is found in the log
	ociID    string // the same for a client of the OCI API, who has a say in it
	began    time.Time
	client   string
	path     string // clean, encoded
	action   string // as far as it is known
	keyID    string // "" until the signature is verified
	balancer string // "" if the request names none, or several
	change   bool   // it is no mere question
	status   int    // 0: no answer has begun
}

// WriteHeader notes the status.
func (c *call) WriteHeader(status int) {
	if c.status == 0 && status >= http.StatusOK {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write notes that the answer has begun.
func (c *call) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// amznRequestID is spelled as the Classic ELB API does, which Set would change.
const amznRequestID = "x-amzn-RequestId"

// ServeHTTP answers a request and logs what became of it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{ResponseWriter: w, id: query.NewRequestID(), began: h.now(), client: r.RemoteAddr}
	c.Header()[amznRequestID] = []string{c.id}
	var ok bool
	c.path, ok = cleanPath(r.URL)
	c.action = r.Method + " " + shown(c.path)
	found := h.find(c.path)
	if !ok {
		found = route{serve: absent("the path hides a slash or a dot segment in its encoding"), tell: tellText}
	}
	failed := failureOf(h.guard(found, c, r), c.id)
	if failed != nil && c.status == 0 {
		if c.keyID == "" { // connections are for those who have a key, strangers may wait for one again
			c.Header().Set("Connection", "close")
		}
		found.tell(c, failed)
	}
	h.record(c, failed)
	if failed != nil && failed.broken {
		panic(http.ErrAbortHandler) // an answer that had begun must not look like a whole one
	}
}

// guard runs a route. A panic ends the request and nothing else.
func (h *handler) guard(found route, c *call, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case c.status != 0:
			err = &brokenOff{fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		default:
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return found.serve(h, c, r)
}

// errBusy asks to try again, in the words that SDKs know.
//
//nolint:gochecknoglobals // a constant in all but syntax
var errBusy = &refusal{
	http.StatusServiceUnavailable, string(query.ServiceUnavailable),
	fmt.Sprintf("%d requests are being carried out, no more are taken: try again", requestsMax),
}

// enter takes a place among the requests that are being carried out; leave gives it back.
func (h *handler) enter() (leave func(), err error) {
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running }, nil
	default:
		return nil, errBusy
	}
}

// refusal is why a request is not let in, or not any further.
type refusal struct {
	status        int
	code, message string
}

// Error returns the code and the message.
func (r *refusal) Error() string { return r.code + ": " + r.message }

// brokenOff is what ended an answer that had begun.
type brokenOff struct{ cause error }

// Error returns the cause.
func (b *brokenOff) Error() string { return b.cause.Error() }

// failure is an error as clients and the log are told of it.
type failure struct {
	status        int
	code, message string
	allow         []string // the methods that the path has, where that is what is wrong
	refused       bool     // by this package, not by an API
	broken        bool     // the answer had begun
	cause         error    // for the log only
}

// failureOf sorts an error; nil if there is none. What is not known shows nothing of itself.
func failureOf(err error, id string) *failure {
	var known *query.Error
	var told *wire.Error
	var refused *refusal
	var broken *brokenOff
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &failure{status: refused.status, code: refused.code, message: refused.message, refused: true}
	case errors.As(err, &known):
		return &failure{status: known.Code.Status(), code: string(known.Code), message: known.Message, cause: known.Err}
	case errors.As(err, &told):
		return &failure{status: told.StatusCode(), code: string(told.Code), message: told.Message, allow: told.Allow, cause: told.Err}
	}
	return &failure{
		status: http.StatusInternalServerError, code: string(query.InternalFailure), broken: errors.As(err, &broken), cause: err,
		message: "An internal error occurred: the log tells more under the request id " + id,
	}
}
