package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// authenticate returns who has signed a request, and its body. The error is a *refusal.
func authenticate(v *sigv4.Verifier, c *call, r *http.Request, h *handler) (sigv4.Identity, []byte, error) {
	body, err := readSigned(v, r, h)
	if err != nil {
		c.hangUp()
		return sigv4.Identity{}, nil, refused(err)
	}
	verified, err := v.Verify(r, body, h.now())
	if err != nil {
		return sigv4.Identity{}, nil, refused(err)
	}
	c.keyID = verified.KeyID
	return verified.Identity, body, nil
}

// readSigned reads the body of a request whose signature may turn out right: nobody can make lull read anything who does not at
// least know the name of a key.
func readSigned(v *sigv4.Verifier, r *http.Request, h *handler) ([]byte, error) {
	if r.ContentLength == 0 { // -1 where it is not known
		return nil, nil
	}
	if err := v.Examine(r, h.now()); err != nil {
		return nil, err
	}
	if r.ContentLength > int64(v.BodyBytesMax()) {
		return nil, &query.Error{
			Code:    query.RequestEntityTooLarge,
			Message: fmt.Sprintf("the body of the request is too long: at most %d bytes are allowed", v.BodyBytesMax()),
		}
	}
	return query.ReadBody(r.Body)
}

// hangUp ends the connection behind the answer. Left alone, net/http would first read on for a while, to make room for another
// request.
func (c *call) hangUp() {
	c.Header().Set("Connection", "close")
	_ = http.NewResponseController(c).SetReadDeadline(time.Unix(1, 0)) // long over; writers that know no deadline read nothing either
}

// refused makes a refusal of what is wrong with a request that nobody is known to have signed.
func refused(err error) error {
	var unsigned *sigv4.Error
	var known *query.Error
	switch {
	case errors.As(err, &unsigned):
		return &refusal{unsigned.Status, string(unsigned.Code), unsigned.Message}
	case errors.As(err, &known):
		return &refusal{known.Code.Status(), string(known.Code), known.Message}
	}
	return err
}
