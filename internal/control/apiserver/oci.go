package apiserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/ocisig"
)

// ociRoot is where the OCI Load Balancer API is.
const ociRoot = wire.BasePath + "/"

// OCI carries out a request of the OCI Load Balancer API. An error with a *wire.Error in it is shown to the client; any other is
// logged and shown as an internal one. It is called from many goroutines, for requests only that their caller has signed and may make.
type OCI func(ctx context.Context, c *ociapi.Call) (ociapi.Answer, error)

// ociBodyBytesMax is the length of the longest body that any operation takes. Its own bound is held later, in the API's words.
//
//nolint:gochecknoglobals // a constant in all but syntax
var ociBodyBytesMax = func() (most int) {
	for _, op := range wire.Operations() {
		most = max(most, op.BodyBytesMax())
	}
	return most
}()

// oci answers the OCI Load Balancer API.
func (h *handler) oci(c *call, r *http.Request) error {
	requestID, err := ociRequestID(r.Header)
	if err != nil {
		return err
	}
	c.ociID = requestID
	delete(c.Header(), amznRequestID)
	c.change = r.Method != http.MethodGet
	who, body, err := h.authenticateOCI(c, r)
	if err != nil {
		return err
	}
	if err = noDots(r.URL.EscapedPath()); err != nil {
		return err
	}
	route, err := wire.Find(r.Method, c.path)
	if err != nil {
		return err
	}
	c.action, c.balancer = route.Operation.Name, shown(route.Parameters[wire.LoadBalancerID])
	if err = mayDo(who.Key.Role, route.Operation); err != nil {
		return err
	}
	if err = h.checkReplay(route.Operation, r.Header, who); err != nil {
		return err
	}
	request, err := wire.Decode(route, r.URL.RawQuery, r.Header, body)
	if err != nil {
		return err
	}
	return h.carryOutOCI(c, r, &ociapi.Call{Request: request, Body: body, Caller: who.Key.User, Tenancy: who.Key.Tenancy, Target: c.path})
}

// noDots refuses a path with dot segments. Clients put names into paths, and to delete the hostname ".." must not be to delete the load
// balancer, as it would be once the path is clean.
func noDots(escaped string) error {
	for segment := range strings.SplitSeq(escaped, "/") {
		if segment == "." || segment == ".." {
			return &wire.Error{Code: wire.NotFound, Message: `no operation has this path: nothing can be named "." or ".."`}
		}
	}
	return nil
}

// ociRequestID returns the id of an answer: made of the client's own, if it has one.
func ociRequestID(header http.Header) (string, error) {
	var random wire.Randomness
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("make the id of a request: %w", err)
	}
	return wire.RequestID(header, random), nil
}

// authenticateOCI returns who has signed a request, and its body.
func (h *handler) authenticateOCI(c *call, r *http.Request) (ocisig.Verified, []byte, error) {
	body, err := h.readOCI(r)
	if err != nil {
		c.readNoLonger()
		return ocisig.Verified{}, nil, refusedOCI(err)
	}
	verified, err := h.ociVerifier.Verify(r, body, h.now())
	if err != nil {
		return ocisig.Verified{}, nil, refusedOCI(err)
	}
	c.keyID = verified.Key.Fingerprint
	return verified, body, nil
}

// Signatures are remembered while they are good, which is for ten minutes at most.
const (
	signaturesMax = 100_000 // 15 MB; at more than 150 requests a second the oldest are forgotten early
	// replayGrace is how long the same may be asked again with the same signature: clients sign to the second, so two requests that are the
	// same within one cannot be told from one and a thief's.
	replayGrace = 3 * time.Second
)

// checkReplay refuses a request that has been made before with the same signature. A change with the same retry token may be
// repeated, as it comes to the same work request. Within replayGrace a question may be, a deletion, since there is nothing left to
// delete, and a change with another token, which is what SDKs send when they are told to do the same once more. The token is not signed:
// later, another one beside the same signature is somebody else's.
func (h *handler) checkReplay(op *wire.Operation, header http.Header, v ocisig.Verified) error {
	token := ""
	if op.RetryToken {
		token = header.Get("Opc-Retry-Token")
	}
	ago, same, again := h.ociMemory.Seen(v, token, h.now())
	switch {
	case !again, token != "" && same, ago <= replayGrace && (token != "" || !op.RetryToken):
		return nil
	}
	return &refusal{http.StatusUnauthorized, string(wire.NotAuthenticated), fmt.Sprintf(
		"A request with this signature was made %v ago: sign each request anew.", ago.Round(time.Second))}
}

// readOCI reads the body of a request whose signature may turn out right.
func (h *handler) readOCI(r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 { // -1 where it is not known
		return nil, nil
	}
	if err := h.ociVerifier.Examine(r, h.now()); err != nil {
		return nil, err
	}
	if r.ContentLength > int64(ociBodyBytesMax) {
		return nil, &wire.Error{
			Code:    wire.PayloadTooLarge,
			Message: fmt.Sprintf("the body of the request is too long: at most %d bytes are allowed", ociBodyBytesMax),
		}
	}
	return wire.ReadBody(r.Body, ociBodyBytesMax)
}

// refusedOCI makes a refusal of what is wrong with a request that nobody is known to have signed.
func refusedOCI(err error) error {
	var unsigned *ocisig.Error
	var known *wire.Error
	switch {
	case errors.As(err, &unsigned):
		return &refusal{unsigned.Status, string(unsigned.Code), unsigned.Message}
	case errors.As(err, &known):
		return &refusal{known.StatusCode(), string(known.Code), known.Message}
	}
	return err
}

// mayDo refuses what the role of a key does not allow. Oracle's cloud would hide what it is that may not be done; here whoever holds a
// key may know what it is for.
func mayDo(role ocisig.Role, op *wire.Operation) error {
	allowed := "no operation"
	switch {
	case role == ocisig.Administrator, role == ocisig.ReadOnly && !op.Write():
		return nil
	case role == ocisig.ReadOnly:
		allowed = "operations by GET only"
	}
	return &wire.Error{Code: wire.NotAuthorized, Message: fmt.Sprintf("%s is not allowed to this key: its role %s allows %s", op.Name, role, allowed)}
}

// carryOutOCI has a request done that may be.
func (h *handler) carryOutOCI(c *call, r *http.Request, asked *ociapi.Call) error {
	leave, err := h.enter()
	if err != nil {
		return &wire.Error{Code: wire.TooManyRequests, Message: errBusy.message}
	}
	defer leave()
	answer, err := h.ociCall(r.Context(), asked)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return errGone
	}
	if err != nil {
		return err
	}
	out := wire.Accepted(c.ociID, answer.WorkRequestID)
	if !asked.Operation.Write() {
		if out, err = wire.Encode(asked.Operation, c.ociID, answer.Result); err != nil {
			return err
		}
		out.ETag, out.NextPage = answer.ETag, answer.NextPage
	}
	_ = out.Write(c) // there is nobody to tell
	return nil
}

// tellOCI sends an error in the OCI API's shape.
func tellOCI(c *call, f *failure) {
	known := &wire.Error{Code: wire.Code(f.code), Message: f.message, Status: f.status, Allow: f.allow}
	if f.code == string(query.InternalFailure) {
		known.Code = wire.InternalServerError
	}
	if c.ociID == "" { // it failed before it had one
		c.ociID = c.id
	}
	_ = wire.Refused(known, c.ociID).Write(c) // there is nobody to tell
}
