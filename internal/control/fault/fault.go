// Package fault provides the error that the control plane's documents answer with: what is refused, of which kind, and why.
//
// The packages that keep documents return an *Error from the goroutine that asked; each API has one table from Kind to its own
// codes and statuses, so that the documents know no HTTP. One type with kinds rather than a type for each kind: an API cannot
// forget one, as a test holds its table against Kinds. An Error never changes. No limits, no specification.
package fault

import (
	"context"
	"errors"
	"fmt"

	"lull/internal/control/store"
)

// Kind says what sort of refusal it is, which is all that a program needs to know.
type Kind uint8

// The kinds. The zero value is what nobody has classified.
const (
	Internal    Kind = iota // lull's own mistake
	Invalid                 // a field has a value that is not allowed
	NotFound                // there is no such thing
	Conflict                // things are not as the change needs them, or became otherwise meanwhile
	InUse                   // something else needs it
	Fixed                   // it is in lull.yaml, and changed there
	Full                    // a bound is reached
	Unavailable             // the store takes no change at the moment
)

// Kinds returns all of them, for tests of tables.
func Kinds() []Kind {
	return []Kind{Internal, Invalid, NotFound, Conflict, InUse, Fixed, Full, Unavailable}
}

// Error is a refusal. Nothing was changed, unless Err says that this is not known.
type Error struct {
	Kind    Kind
	Field   string // which the message is about; "" if about none
	Message string // for people: field, value, what is allowed, what to do
	Err     error  // what is behind it; nil if nothing is
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what is behind it.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of a kind.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Field returns an error about a value that is not allowed. Its message begins with the field.
func Field(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// Commit returns the error for a change that the store has refused; what says the change, as in "create key".
func Commit(what string, err error) *Error {
	e := &Error{Message: what + ": " + err.Error(), Err: err}
	var conflict *store.Conflict
	var full *store.Full
	var write *store.WriteError
	switch {
	case errors.As(err, &conflict):
		e.Kind = Conflict
		e.Message = what + ": somebody else has changed it at the same moment; look again and repeat the change"
	case errors.As(err, &full):
		e.Kind = Full
	case errors.As(err, &write), errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = Unavailable
	}
	return e
}

// KindOf returns the kind of an error, Internal for one of another type.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
