package query

import (
	"fmt"
	"net/http"
	"unicode/utf8"
)

// A Code is what kind of error a client is told of, as the wire has it: without the suffix Exception, unless the
// API reference writes one.
type Code string

// The errors that every action can have. InvalidAction, InvalidClientTokenID and RequestEntityTooLarge are not in the current
// list: older services of the same protocol answer the first, the live service the second, and nothing that is listed says
// so well that there is no such action, no such key, or too much of a body.
const (
	AccessDenied                Code = "AccessDeniedException"
	ExpiredToken                Code = "ExpiredTokenException"
	IncompleteSignature         Code = "IncompleteSignature"
	InternalFailure             Code = "InternalFailure"
	InvalidAction               Code = "InvalidAction"
	InvalidClientTokenID        Code = "InvalidClientTokenId"
	InvalidParameterCombination Code = "InvalidParameterCombination"
	InvalidParameterValue       Code = "InvalidParameterValue"
	InvalidQueryParameter       Code = "InvalidQueryParameter"
	MalformedQueryString        Code = "MalformedQueryString"
	MissingAction               Code = "MissingAction"
	MissingAuthenticationToken  Code = "MissingAuthenticationToken"
	MissingParameter            Code = "MissingParameter"
	NotAuthorized               Code = "NotAuthorized"
	OptInRequired               Code = "OptInRequired"
	RequestEntityTooLarge       Code = "RequestEntityTooLarge"
	RequestExpired              Code = "RequestExpired"
	ServiceUnavailable          Code = "ServiceUnavailable"
	SignatureDoesNotMatch       Code = "SignatureDoesNotMatch"
	Throttling                  Code = "ThrottlingException"
	UnrecognizedClient          Code = "UnrecognizedClientException"
	ValidationError             Code = "ValidationError"
)

// The errors of this service.
const (
	CertificateNotFound           Code = "CertificateNotFound"
	DependencyThrottle            Code = "DependencyThrottle"
	DuplicateListener             Code = "DuplicateListener"
	DuplicateLoadBalancerName     Code = "DuplicateLoadBalancerName"
	DuplicatePolicyName           Code = "DuplicatePolicyName"
	DuplicateTagKeys              Code = "DuplicateTagKeys"
	InvalidConfigurationRequest   Code = "InvalidConfigurationRequest"
	InvalidInstance               Code = "InvalidInstance"
	InvalidScheme                 Code = "InvalidScheme"
	InvalidSecurityGroup          Code = "InvalidSecurityGroup"
	InvalidSubnet                 Code = "InvalidSubnet"
	ListenerNotFound              Code = "ListenerNotFound"
	LoadBalancerAttributeNotFound Code = "LoadBalancerAttributeNotFound"
	LoadBalancerNotFound          Code = "LoadBalancerNotFound"
	OperationNotPermitted         Code = "OperationNotPermitted"
	PolicyNotFound                Code = "PolicyNotFound"
	PolicyTypeNotFound            Code = "PolicyTypeNotFound"
	SubnetNotFound                Code = "SubnetNotFound"
	TooManyLoadBalancers          Code = "TooManyLoadBalancers"
	TooManyPolicies               Code = "TooManyPolicies"
	TooManyTags                   Code = "TooManyTags"
	UnsupportedProtocol           Code = "UnsupportedProtocol"
)

// statuses is every code with its HTTP status. The 404 and the 409 are the API's own, however odd the 404 looks.
//
//nolint:gochecknoglobals // a table
var statuses = map[Code]int{
	AccessDenied:                http.StatusForbidden,
	ExpiredToken:                http.StatusForbidden,
	IncompleteSignature:         http.StatusBadRequest,
	InternalFailure:             http.StatusInternalServerError,
	InvalidAction:               http.StatusBadRequest,
	InvalidClientTokenID:        http.StatusForbidden,
	InvalidParameterCombination: http.StatusBadRequest,
	InvalidParameterValue:       http.StatusBadRequest,
	InvalidQueryParameter:       http.StatusBadRequest,
	MalformedQueryString:        http.StatusNotFound,
	MissingAction:               http.StatusBadRequest,
	MissingAuthenticationToken:  http.StatusForbidden,
	MissingParameter:            http.StatusBadRequest,
	NotAuthorized:               http.StatusUnauthorized,
	OptInRequired:               http.StatusForbidden,
	RequestEntityTooLarge:       http.StatusRequestEntityTooLarge,
	RequestExpired:              http.StatusBadRequest,
	ServiceUnavailable:          http.StatusServiceUnavailable,
	SignatureDoesNotMatch:       http.StatusForbidden,
	Throttling:                  http.StatusBadRequest,
	UnrecognizedClient:          http.StatusForbidden,
	ValidationError:             http.StatusBadRequest,

	CertificateNotFound:           http.StatusBadRequest,
	DependencyThrottle:            http.StatusBadRequest,
	DuplicateListener:             http.StatusBadRequest,
	DuplicateLoadBalancerName:     http.StatusBadRequest,
	DuplicatePolicyName:           http.StatusBadRequest,
	DuplicateTagKeys:              http.StatusBadRequest,
	InvalidConfigurationRequest:   http.StatusConflict,
	InvalidInstance:               http.StatusBadRequest,
	InvalidScheme:                 http.StatusBadRequest,
	InvalidSecurityGroup:          http.StatusBadRequest,
	InvalidSubnet:                 http.StatusBadRequest,
	ListenerNotFound:              http.StatusBadRequest,
	LoadBalancerAttributeNotFound: http.StatusBadRequest,
	LoadBalancerNotFound:          http.StatusBadRequest,
	OperationNotPermitted:         http.StatusBadRequest,
	PolicyNotFound:                http.StatusBadRequest,
	PolicyTypeNotFound:            http.StatusBadRequest,
	SubnetNotFound:                http.StatusBadRequest,
	TooManyLoadBalancers:          http.StatusBadRequest,
	TooManyPolicies:               http.StatusBadRequest,
	TooManyTags:                   http.StatusBadRequest,
	UnsupportedProtocol:           http.StatusBadRequest,
}

// Status returns the HTTP status that goes with a code, and 500 for one that is in no table.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// fault says whose fault an error is: the sender's, or that of whoever received the request.
func (c Code) fault() string {
	if c.Status() < http.StatusInternalServerError {
		return "Sender"
	}
	return "Receiver"
}

// Error is a refusal that a client is told of.
type Error struct {
	Code    Code
	Field   string // path of the parameter at fault, "Listeners.member.1.Protocol"; empty when it is no single one
	Message string // for people; with the field, the value and what is allowed
	Err     error  // the cause, for the log: clients never see it
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

// refuse makes an Error about one parameter.
func refuse(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
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
