package wire

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// Response is an answer that is complete before its first byte is sent.
type Response struct {
	Status        int
	RequestID     string   // what RequestID has made of the caller's
	ETag          string   // of a read; empty for none
	NextPage      string   // of a list; empty on the last page
	WorkRequestID string   // of a write
	Allow         []string // of a refused method
	Body          []byte
	More          [][]byte // of the body, behind Body: parts that others have, too, and that nobody changes
}

// Encode returns the answer to a read; result is the operation's result type or a pointer to it, or members of a list that
// EncodeMember has encoded. Another one is a mistake of the caller's, which is the error.
func Encode(op *Operation, requestID string, result any) (Response, error) {
	body, err := encodeResult(op, result)
	if err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusOK, RequestID: requestID, Body: body[0], More: body[1:]}, nil
}

// Accepted returns the answer to a write, which names the work request that does it.
func Accepted(requestID, workRequestID string) Response {
	return Response{Status: http.StatusNoContent, RequestID: requestID, WorkRequestID: workRequestID}
}

// errorBody is the document of a refusal.
type errorBody struct {
	Code    string `wire:"code"`
	Message string `wire:"message"`
}

//nolint:gochecknoglobals // compiled once, read only
var errorSchema = of[errorBody]()

// Refused returns the answer to a request that failed. An error with no *Error in it is shown as an internal one and not a
// word of it is sent: whoever calls logs it under the request id.
func Refused(err error, requestID string) Response {
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = &Error{Code: InternalServerError, Message: "An internal error occurred: the log tells more under the request id " + requestID}
	}
	body := encode(reflect.ValueOf(errorBody{string(refusal.Code), refusal.Message}), errorSchema, false)
	return Response{Status: refusal.StatusCode(), RequestID: requestID, Allow: refusal.Allow, Body: body}
}

// Write sends the answer. The error is that of the connection.
func (r Response) Write(w http.ResponseWriter) error {
	header := w.Header()
	for name, value := range map[string]string{
		"opc-request-id": r.RequestID, "opc-work-request-id": r.WorkRequestID, "opc-next-page": r.NextPage, "etag": r.ETag,
	} {
		if value != "" {
			header[name] = []string{value} // the API's own spelling, which Set would change
		}
	}
	if r.Allow != nil {
		header.Set("Allow", strings.Join(r.Allow, ", "))
	}
	header.Set("Content-Type", "application/json") // on a 204 as well, as the API has it
	header.Set("Vary", "Accept-Encoding")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(r.BodyBytes()))
	}
	w.WriteHeader(r.Status)
	if len(r.Body) == 0 {
		return nil
	}
	_, err := w.Write(r.Body)
	for i := 0; i < len(r.More) && err == nil; i++ {
		_, err = w.Write(r.More[i])
	}
	return err
}

// BodyBytes returns the length of the whole body.
func (r Response) BodyBytes() int {
	n := len(r.Body)
	for _, part := range r.More {
		n += len(part)
	}
	return n
}
