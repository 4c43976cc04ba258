package apiserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// lullService is what requests to lull's own API may be signed for. Whoever has a client of the ELB API at hand signs with that.
const lullService = "lull"

// lull answers lull's own API.
func (h *handler) lull(c *call, r *http.Request) error {
	c.change = r.Method != http.MethodGet && r.Method != http.MethodHead
	identity, body, err := authenticate(h.verifierOf(r), c, r, h)
	if err != nil {
		return err
	}
	if err = mayUse(identity, c); err != nil {
		return err
	}
	leave, err := h.enter()
	if err != nil {
		return err
	}
	defer leave()
	r = r.WithContext(r.Context()) // net/http keeps its own as it was
	r.URL = withPath(r.URL, c.path)
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	h.lullAPI.ServeHTTP(c, r)
	return nil
}

// verifierOf returns the verifier for the service that a request seems to be signed for. It is a guess: the verifier itself
// looks closely.
func (h *handler) verifierOf(r *http.Request) *sigv4.Verifier {
	const scope, encoded = "/" + lullService + "/aws4_request", "%2F" + lullService + "%2Faws4_request"
	if strings.Contains(r.Header.Get("Authorization"), scope) || strings.Contains(r.URL.RawQuery, encoded) {
		return h.lullVerifier
	}
	return h.verifier
}

// mayUse refuses what the role of a key does not allow.
func mayUse(who sigv4.Identity, c *call) error {
	allowed := "nothing"
	switch {
	case who.Role == sigv4.Administrator, who.Role == sigv4.ReadOnly && !c.change:
		return nil
	case who.Role == sigv4.ReadOnly:
		allowed = "GET and HEAD only"
	}
	return &refusal{http.StatusForbidden, string(query.AccessDenied),
		fmt.Sprintf("User: %s is not authorized to perform: %s because its role %s allows %s", who.KeyID, c.action, who.Role, allowed)}
}

// tellJSON sends an error as the control socket does.
func tellJSON(c *call, f *failure) {
	text, err := json.Marshal(map[string]string{"error": f.code + ": " + f.message})
	if err != nil { // a string cannot fail
		text = []byte(`{"error":"InternalFailure"}`)
	}
	send(c, f.status, "application/json", append(text, '\n'))
}

// tellText sends an error where no API is.
func tellText(c *call, f *failure) {
	send(c, f.status, "text/plain; charset=utf-8", []byte(f.message+"\n"))
}

func send(c *call, status int, kind string, text []byte) {
	c.Header().Set("Content-Type", kind)
	c.Header().Set("X-Content-Type-Options", "nosniff")
	c.WriteHeader(status)
	_, _ = c.Write(text) // there is nobody to tell
}
