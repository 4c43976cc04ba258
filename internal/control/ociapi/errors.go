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
