package apiserver

import (
	"errors"
	"fmt"
	"net/http"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// authenticate returns who has signed a request, and its body. The error is a *refusal.
func authenticate(v *sigv4.Verifier, c *call, r *http.Request, h *handler) (sigv4.Identity, []byte, error) {
	body, err := readSigned(v, r, h)
	if err != nil {
		c.Header().Set("Connection", "close") // rather than read what nobody asked for
		return sigv4.Identity{}, nil, refused(err)
	}
	verified, err := v.Verify(r, body, h.now())
	if err != nil {
		return sigv4.Identity{}, nil, refused(err)
	}
	c.keyID = verified.KeyID
	return verified.Identity, body, nil
}

// readSigned reads the body of a request whose signature may turn out right. Before that the signature is tried with no body at all: but
// for the one error that a body can mend, what it is refused with holds for every body. So nobody can make lull read
// anything who does not at least know the name of a key.
func readSigned(v *sigv4.Verifier, r *http.Request, h *handler) ([]byte, error) {
	if r.ContentLength == 0 { // -1 where it is not known
		return nil, nil
	}
	_, err := v.Verify(r, nil, h.now())
	if e := new(sigv4.Error); errors.As(err, &e) && e.Code != sigv4.SignatureDoesNotMatch {
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
