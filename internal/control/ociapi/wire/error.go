package wire

import (
	"fmt"
	"net/http"
	"unicode/utf8"
)

// A Code is what kind of error a client is told of.
type Code string

// The errors of the API that lull can have.
const (
	CannotParseRequest                     Code = "CannotParseRequest"
	Conflict                               Code = "Conflict"
	IncorrectState                         Code = "IncorrectState"
	InternalServerError                    Code = "InternalServerError"
	InvalidatedRetryToken                  Code = "InvalidatedRetryToken"
	InvalidParameter                       Code = "InvalidParameter"
	LimitExceeded                          Code = "LimitExceeded"
	MethodNotAllowed                       Code = "MethodNotAllowed"
	MethodNotImplemented                   Code = "MethodNotImplemented"
	MissingParameter                       Code = "MissingParameter"
	NoEtagMatch                            Code = "NoEtagMatch"
	NotAllowed                             Code = "NotAllowed"
	NotAuthenticated                       Code = "NotAuthenticated"
	NotAuthorized                          Code = "NotAuthorized"
	NotAuthorizedOrNotFound                Code = "NotAuthorizedOrNotFound"
	NotAuthorizedOrResourceAlreadyExists   Code = "NotAuthorizedOrResourceAlreadyExists"
	NotFound                               Code = "NotFound"
	PayloadTooLarge                        Code = "PayloadTooLarge"
	QuotaExceeded                          Code = "QuotaExceeded"
	RelatedResourceNotAuthorizedOrNotFound Code = "RelatedResourceNotAuthorizedOrNotFound"
	RequestHeaderFieldsTooLarge            Code = "RequestHeaderFieldsTooLarge"
	ResourceLocked                         Code = "ResourceLocked"
	ServiceUnavailable                     Code = "ServiceUnavailable"
	SignUpRequired                         Code = "SignUpRequired"
	TooManyRequests                        Code = "TooManyRequests"
	UnprocessableEntity                    Code = "UnprocessableEntity"
)

// statuses is every code with its HTTP status. InvalidParameter is a 404 as well, when it is the path that is wrong.
//
//nolint:gochecknoglobals // a table
var statuses = map[Code]int{
	CannotParseRequest:                     http.StatusBadRequest,
	Conflict:                               http.StatusConflict,
	IncorrectState:                         http.StatusConflict,
	InternalServerError:                    http.StatusInternalServerError,
	InvalidatedRetryToken:                  http.StatusConflict,
	InvalidParameter:                       http.StatusBadRequest,
	LimitExceeded:                          http.StatusBadRequest,
	MethodNotAllowed:                       http.StatusMethodNotAllowed,
	MethodNotImplemented:                   http.StatusNotImplemented,
	MissingParameter:                       http.StatusBadRequest,
	NoEtagMatch:                            http.StatusPreconditionFailed,
	NotAllowed:                             http.StatusForbidden,
	NotAuthenticated:                       http.StatusUnauthorized,
	NotAuthorized:                          http.StatusForbidden,
	NotAuthorizedOrNotFound:                http.StatusNotFound,
	NotAuthorizedOrResourceAlreadyExists:   http.StatusConflict,
	NotFound:                               http.StatusNotFound,
	PayloadTooLarge:                        http.StatusRequestEntityTooLarge,
	QuotaExceeded:                          http.StatusBadRequest,
	RelatedResourceNotAuthorizedOrNotFound: http.StatusBadRequest,
	RequestHeaderFieldsTooLarge:            http.StatusRequestHeaderFieldsTooLarge,
	ResourceLocked:                         http.StatusConflict,
	ServiceUnavailable:                     http.StatusServiceUnavailable,
	SignUpRequired:                         http.StatusForbidden,
	TooManyRequests:                        http.StatusTooManyRequests,
	UnprocessableEntity:                    http.StatusUnprocessableEntity,
}

// Status returns the HTTP status that goes with a code, and 500 for one that is in no table.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Error is a refusal that a client is told of.
type Error struct {
	Code    Code
	Field   string   // path of the field at fault, "listeners.web.port"; empty when it is no single one
	Message string   // for people; with the field, the value and what is allowed
	Status  int      // where it is not that of the code
	Allow   []string // the methods that the path has, of MethodNotAllowed
	Err     error    // the cause, for the log: clients never see it
}

// Error returns code and message, and the cause where there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// StatusCode returns the HTTP status of the answer.
func (e *Error) StatusCode() int {
	if e.Status != 0 {
		return e.Status
	}
	return e.Code.Status()
}

// Hidden returns the refusal of a load balancer, work request or compartment that is not there or not the caller's: it
// says which of the two to nobody.
func Hidden() *Error {
	return &Error{Code: NotAuthorizedOrNotFound, Message: "Authorization failed or requested resource not found."}
}

// NoSuchChild returns the refusal to read a child that a load balancer does not have. kind is the word for it in Oracle's
// text: "hostname", "backend set", "listener".
func NoSuchChild(loadBalancerID, kind, name string) *Error {
	return refuse(NotFound, "", "Load balancer %s has no %s named '%s'", loadBalancerID, kind, shown(name))
}

// refuse makes an Error about one field.
func refuse(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// invalid makes an Error about the value of one field.
func invalid(field, format string, args ...any) *Error {
	return refuse(InvalidParameter, field, format, args...)
}

// shownMax is how many characters of a value a message repeats: enough to recognise any sensible one.
const shownMax = 100

// shown returns a value for a message, shortened when it is long.
func shown(value string) string {
	if utf8.RuneCountInString(value) <= shownMax {
		return value
	}
	return string([]rune(value)[:shownMax]) + "…"
}
