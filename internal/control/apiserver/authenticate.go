package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"lull/internal/clock"
	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// authenticate returns who has signed a request, and its body. The error is a *refusal.
func authenticate(v *sigv4.Verifier, c *call, r *http.Request, h *handler) (sigv4.Identity, []byte, error) {
	body, err := readSigned(v, r, h)
	if err != nil {
		c.readNoLonger()
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

// partingTime is for a client that is refused in the middle of its body: one that is closed while it writes may never see the answer.
const partingTime = 500 * time.Millisecond

// readNoLonger has the connection end soon behind the answer. net/http throws away what still comes of the body, up to 256 KiB; left
// alone it would wait for it as long as for a body that somebody wants.
func (c *call) readNoLonger() {
	end := clock.Wall(clock.Now()).Add(partingTime)
	_ = http.NewResponseController(c).SetReadDeadline(end) // writers that know no deadline, as in tests, have none
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
