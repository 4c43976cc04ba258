package plan

import (
	"time"

	"lull/internal/dataplane/rules"
)

// Site is what becomes of requests for some hosts. A listener without sites has one way for all requests, which is its own
// BackendSet and Timeouts; OCI's front door, where several listeners may share a port, compiles each of them to a site.
type Site struct {
	Name  string        // of the front door's listener, for records and metrics
	Idle  time.Duration // takes the place of Timeouts.Idle from the moment that a request's head is read until its exchange ends
	Table *rules.Table  // decides; a backend set is the number of one in Sets
	Sets  []*BackendSet // not empty
	// Request and Response are edits of the heads that go to backends and to clients; nil: none.
	Request, Response *rules.Edits
	RequestID         string // field that carries a request's id to the backend and the client; empty: none is made
}

// Answers are the statuses with which lull itself answers where the clouds differ. 0 stands for what the timeout rules say.
type Answers struct {
	NoBackend  int // no backend may be chosen: 503, or what is here
	Refused    int // every backend refuses: 503, or what is here
	TooLarge   int // the request's head is too large: 431, or what is here
	NoIdentity int // a client certificate is required and there is none: 400, or what is here
}
