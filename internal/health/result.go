package health

import (
	"errors"
	"time"

	"lull/internal/dataplane/plan"
)

// Code is what a probe came to, in a word that programs compare. The words for people are a Result's Detail.
type Code uint8

// The codes. Each front door has its own names for them.
const (
	Unknown       Code = iota // no probe has ended yet
	OK                        // passed
	InvalidStatus             // answered with another status
	TimedOut                  // no connection, or no whole answer, within the timeout
	RegexMismatch             // answered with another body
	ConnectFailed             // refused or unreachable, or there was no agreement on TLS
	IOError                   // broken off, or with an answer that the data plane could not deliver either
)

// String returns the code in words.
func (c Code) String() string {
	return [...]string{"unknown", "ok", "invalid status", "timed out", "regex mismatch", "connect failed", "i/o error"}[c]
}

// Result is what a prober has found of a backend, the last time that it looked.
type Result struct {
	Code   Code
	Detail string    // in a few words; empty with Unknown
	At     time.Time // when the probe had ended, on the wall clock; zero with Unknown
	Up     bool      // what the results so far come to, by the thresholds of the check
	Streak int       // how many results in a row, up to this one, were successes, or were failures
}

// Results returns what the probers of a backend found last, the one first that the data plane follows. It is nil for a backend
// that is not probed. Callable from anywhere but a Report, and cheap: a mutex and a look into a map.
func (c *Checker) Results(key plan.BackendKey) []Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.checked[key]
	if b == nil {
		return nil
	}
	out := make([]Result, 0, probersMax)
	b.each(func(p *prober) { out = append(out, p.resultLocked()) })
	return out
}

// fault is the failure of a probe with its code.
type fault struct {
	code Code
	err  error
}

// Error returns the words for people.
func (f *fault) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }

// coded gives an error its code.
func coded(code Code, err error) error { return &fault{code, err} }

// codeOf returns an error's code. What nobody has thought of broke off somehow.
func codeOf(err error) Code {
	var f *fault
	if errors.As(err, &f) {
		return f.code
	}
	return IOError
}
