package wire

import (
	"reflect"
	"time"
)

// WorkRequestState is how far a work request has come.
type WorkRequestState string

// The states of a work request, in their order; it ends in one of the last two.
const (
	WorkAccepted   WorkRequestState = "ACCEPTED"
	WorkInProgress WorkRequestState = "IN_PROGRESS"
	WorkSucceeded  WorkRequestState = "SUCCEEDED"
	WorkFailed     WorkRequestState = "FAILED"
)

// The codes of a work request's errors.
const (
	WorkBadInput      = "BAD_INPUT"
	WorkInternalError = "INTERNAL_ERROR"
)

// WorkRequest is one asynchronous change as reads show it. Message and TimeFinished are there when it is done.
type WorkRequest struct {
	ID             string             `wire:"id"`
	LoadBalancerID string             `wire:"loadBalancerId"`
	CompartmentID  *string            `wire:"compartmentId"`
	Type           string             `wire:"type"` // the name of the operation
	LifecycleState WorkRequestState   `wire:"lifecycleState"`
	Message        *string            `wire:"message"`
	TimeAccepted   time.Time          `wire:"timeAccepted"`
	TimeFinished   *time.Time         `wire:"timeFinished"`
	ErrorDetails   []WorkRequestError `wire:"errorDetails"`
}

// WorkRequestError is why a work request has failed.
type WorkRequestError struct {
	ErrorCode string `wire:"errorCode"`
	Message   string `wire:"message"`
}

// WorkRequestMessage is the document in the message of a work request that has succeeded.
type WorkRequestMessage struct {
	EventID        string `wire:"eventId"`
	LoadBalancerID string `wire:"loadBalancerId"`
	Message        string `wire:"message"`
	Type           string `wire:"type"`
	WorkRequestID  string `wire:"workRequestId"`
	WorkflowName   string `wire:"workflowName"`
}

//nolint:gochecknoglobals // compiled once, read only
var workRequestMessageSchema = of[WorkRequestMessage]()

// SuccessMessage returns the message of a work request that has succeeded; eventID is a UUID.
func SuccessMessage(op *Operation, loadBalancerID, workRequestID, eventID string) string {
	return string(encode(reflect.ValueOf(WorkRequestMessage{
		EventID: eventID, LoadBalancerID: loadBalancerID, Message: "OK", Type: "SUCCESS", WorkRequestID: workRequestID, WorkflowName: op.Workflow,
	}), workRequestMessageSchema, false))
}
