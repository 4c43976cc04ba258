package ociapi

import (
	"fmt"

	"lull/internal/control/ociapi/wire"
)

// refuse makes the refusal of one field, or of none in particular.
func refuse(code wire.Code, field, format string, args ...any) *wire.Error {
	return &wire.Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// invalid refuses the value of a field.
func invalid(field, format string, args ...any) *wire.Error {
	return refuse(wire.InvalidParameter, field, format, args...)
}

// notYet is what compile says of a document that is right by the API's own rules and asks for something that lull does not do. That
// is no fault of the request: it is accepted, and its work request fails and says why.
type notYet struct{ why *wire.Error }

func (n *notYet) Error() string { return n.why.Error() }

// Unwrap returns what the work request says.
func (n *notYet) Unwrap() error { return n.why }
