package certfile

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/dataplane/certs"
)

// judgeEvery is how often what is in force is held against the calendar.
const judgeEvery = time.Hour

// restlessMax is how many looks in a row may find files changed and wrong before that is logged all the same. Whoever writes
// a pair is done within a look or two; who still is not after ten is doing something else.
const restlessMax = 10

// Source is what was loaded from files, and the files.
type Source struct {
	// Fixed after Load. The holders are safe anywhere.
	Holder  *certs.Holder // of pairs; nil otherwise
	Roots   *certs.Roots  // of certificate authorities; nil otherwise
	entries []*entry      // one per pair, in their order; one for a file of authorities

	looking sync.Mutex // held by whoever reads the files, for as long as that takes
}

// entry is one pair of files, or one file of authorities.
type entry struct {
	// Fixed after Load.
	files []string
	read  func() (content, []version, *Fault)

	// Atomic.
	state atomic.Pointer[state]

	// Guarded by Source.looking.
	seen     []version // of the files as they were read last, fit or not
	told     bool      // that they are not fit
	restless int       // looks in a row that found them changed and not fit
	judged   time.Time
}

// state is what others may know of an entry. It never changes.
type state struct {
	content            // in force
	since    time.Time // when it was put in force
	problem  *Fault    // why the files as they are now are not; nil if they are
	warnings []string
}

// load reads the files for the first time.
func (e *entry) load(now time.Time) *Fault {
	c, seen, fault := e.read()
	if fault != nil {
		return fault
	}
	e.seen, e.judged = seen, now
	e.state.Store(&state{content: c, since: now, warnings: c.warnings(now)})
	return nil
}

// Warnings says what is wrong with what is in force, though it can be used.
func (s *Source) Warnings() []string {
	var w []string
	for _, e := range s.entries {
		w = append(w, e.state.Load().warnings...)
	}
	return w
}

// set returns the certificates in force.
func (s *Source) set() *certs.Set {
	var list []*certs.Certificate
	for _, e := range s.entries {
		list = append(list, e.state.Load().cert)
	}
	return certs.NewSet(list)
}

// look reads what has changed, or everything if it must, and puts in force what is fit for it.
func (s *Source) look(now time.Time, must bool, log *slog.Logger) {
	s.looking.Lock()
	defer s.looking.Unlock()
	var fresh []*entry
	for _, e := range s.entries {
		if e.look(now, must, log) {
			fresh = append(fresh, e)
		}
	}
	if fresh == nil {
		return
	}
	if s.Holder != nil {
		s.Holder.Replace(s.set())
	} else {
		s.Roots.Replace(fresh[0].state.Load().bundle.Pool)
	}
	for _, e := range fresh {
		log.Info("certificate file replaced", "file", e.files[0], "holds", e.state.Load().String())
	}
}

// look reports whether the files hold something else that is fit to be in force.
func (e *entry) look(now time.Time, must bool, log *slog.Logger) (fresh bool) {
	if must {
		e.told = false // somebody wants to know
	}
	if must || !e.current() {
		fresh = e.reread(now, log)
	} else {
		e.restless = 0
	}
	e.tell(must, log)
	if now.Sub(e.judged) >= judgeEvery {
		e.judge(now, log)
	}
	return fresh
}

// reread reads the files once more.
func (e *entry) reread(now time.Time, log *slog.Logger) (fresh bool) {
	before := e.seen
	c, seen, fault := e.read()
	e.seen = seen
	if slices.Equal(seen, before) {
		e.restless = 0
	} else {
		e.told = false
		e.restless++
	}
	return e.take(c, fault, now, log)
}

// current reports whether the files are those that were read.
func (e *entry) current() bool {
	for i, file := range e.files {
		if !e.seen[i].current(file) {
			return false
		}
	}
	return true
}

// take stores what reading has brought, and reports whether that is another content.
func (e *entry) take(c content, fault *Fault, now time.Time, log *slog.Logger) (fresh bool) {
	old := e.state.Load()
	next := *old
	next.problem = fault
	if fault == nil {
		e.told, e.restless = false, 0
		if fresh = !c.same(old.content); fresh {
			next.since = now
		} else if old.problem != nil {
			log.Info("certificate file is in order again, what is in force has not changed", "file", e.files[0])
		}
		next.content = c
	}
	e.state.Store(&next)
	if fault == nil {
		e.judge(now, log)
	}
	return fresh
}

// tell logs what is wrong with the files, once they have come to rest.
func (e *entry) tell(must bool, log *slog.Logger) {
	fault := e.state.Load().problem
	if fault == nil || e.told || (e.restless > 0 && e.restless < restlessMax && !must) {
		return
	}
	e.told, e.restless = true, 0
	log.Warn("changed certificate not taken, what was in force stays", "file", e.files[0], "error", fault)
}

// judge logs what has become wrong with what is in force, be it by another content or by the passing of time.
func (e *entry) judge(now time.Time, log *slog.Logger) {
	e.judged = now
	old := e.state.Load()
	next := *old
	next.warnings = old.content.warnings(now)
	e.state.Store(&next)
	for _, w := range next.warnings {
		if !slices.Contains(old.warnings, w) {
			log.Warn(w)
		}
	}
}
