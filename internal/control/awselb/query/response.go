package query

import (
	"errors"
	"net/http"
	"strconv"
)

// Response is an answer that is complete before its first byte is sent.
type Response struct {
	Status    int
	RequestID string
	Body      []byte
}

// EncodeResult returns the answer to an action that succeeded. result is the action's Result type or a pointer to it;
// another one is a mistake of the caller's, which is the error.
func EncodeResult(action, requestID string, result any) (Response, error) {
	body, err := encodeResult(action, requestID, result)
	if err != nil {
		return Response{}, err
	}
	return Response{http.StatusOK, requestID, body}, nil
}

// EncodeError returns the answer to a request that failed. An error with no *Error in it is shown as an internal one
// and not a word of it is sent: whoever calls logs it under the request id.
func EncodeError(err error, requestID string) Response {
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = &Error{Code: InternalFailure, Message: "An internal error occurred: the log tells more under the request id " + requestID}
	}
	return Response{refusal.Code.Status(), requestID, encodeError(refusal, requestID)}
}

// Write sends the answer. The error is that of the connection.
func (r Response) Write(w http.ResponseWriter) error {
	header := w.Header()
	header.Set("Content-Type", "text/xml")
	header.Set("Content-Length", strconv.Itoa(len(r.Body)))
	header["x-amzn-RequestId"] = []string{r.RequestID} // the API's own spelling, which Set would change
	w.WriteHeader(r.Status)
	_, err := w.Write(r.Body)
	return err
}
