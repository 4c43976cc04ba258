package plan

import (
	"slices"
	"time"

	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
)

// Site is what becomes of requests for some hosts. A listener without sites has one way for all requests, which is its own
// BackendSet and Timeouts; OCI's front door, where several listeners may share a port, compiles each of them to a site.
type Site struct {
	Name  string        // of the front door's listener, for records and metrics; no two of a listener have the same
	Idle  time.Duration // takes the place of Timeouts.Idle from the moment that a request's head is read until its exchange ends; 0 leaves it
	Table *rules.Table  // decides; a backend set is the number of one in Sets. nil: all requests go to the first
	Sets  []*BackendSet // not empty
	// Request and Response are edits of the heads that go to backends and to clients; nil: none.
	Request, Response *rules.Edits
	RequestID         string // field that carries a request's id to the backend and the client; empty: none is made
}

// Timeouts returns the settings for an exchange of the site, which is one of the listener's.
func (s *Site) Timeouts(l *Listener) timeout.Settings {
	t := l.Timeouts
	if s.Idle > 0 {
		t.Idle = s.Idle
	}
	return t
}

// Answers are the statuses with which lull itself answers where the clouds differ. 0 stands for what the timeout rules say.
type Answers struct {
	NoBackend  int // no backend may be chosen: 503, or what is here
	Refused    int // every backend refuses: 503, or what is here
	TooLarge   int // the request's head is too large: 400, or what is here
	NoIdentity int // a client certificate is required and there is none: 400, or what is here
}

// ForwardedFields returns the names of the fields by which lull tells backends of clients. A front door protects them when it makes
// a site's Request edits (rules.NewEdits), along with its RequestID.
func ForwardedFields() []string {
	return []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-IP"}
}

// Sets returns the backend sets that the listener may lead to, each once; its own comes first, if it has one.
func (l *Listener) Sets() []*BackendSet {
	var all []*BackendSet
	if l.BackendSet != nil {
		all = append(all, l.BackendSet)
	}
	for _, site := range l.Sites {
		for _, set := range site.Sets {
			if !slices.Contains(all, set) {
				all = append(all, set)
			}
		}
	}
	return all
}
