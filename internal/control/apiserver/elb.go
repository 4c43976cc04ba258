package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// elb answers the Classic ELB API.
func (h *handler) elb(c *call, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		c.Header().Set("Allow", "GET, POST")
		return &refusal{http.StatusMethodNotAllowed, "MethodNotAllowed", "the method must be GET or POST"}
	}
	identity, body, err := authenticate(h.verifier, c, r, h)
	if err != nil {
		return err
	}
	form, err := query.ParseForm(r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	if form.Action() != "" {
		c.action = shown(form.Action())
	}
	c.change = !isQuestion(form.Action())
	if err = mayAsk(identity, form.Action()); err != nil {
		return err
	}
	request, err := query.Decode(form)
	if err != nil {
		return err
	}
	c.balancer = balancerOf(request)
	return h.carryOut(c, r, form.Action(), request, identity)
}

// carryOut has a request done that may be.
func (h *handler) carryOut(c *call, r *http.Request, action string, request any, identity sigv4.Identity) error {
	leave, err := h.enter()
	if err != nil {
		return err
	}
	defer leave()
	result, err := h.elbCall(r.Context(), request, identity)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return errGone
	}
	if err != nil {
		return err
	}
	answer, err := query.EncodeResult(action, c.id, result)
	if err != nil {
		return err
	}
	_ = answer.Write(c) // there is nobody to tell
	return nil
}

// errGone is for the log: the client does not wait for an answer any more, or lull ends.
//
//nolint:gochecknoglobals // a constant in all but syntax
var errGone = &refusal{http.StatusServiceUnavailable, string(query.ServiceUnavailable), "the request was given up"}

// isQuestion reports whether an action changes nothing, whatever the load balancer.
func isQuestion(action string) bool { return strings.HasPrefix(action, "Describe") }

// mayAsk refuses what the role of a key does not allow. A request without an action is told so, whoever makes it.
func mayAsk(who sigv4.Identity, action string) error {
	allowed := "no action"
	switch {
	case who.Role == sigv4.Administrator, action == "":
		return nil
	case who.Role == sigv4.ReadOnly && isQuestion(action):
		return nil
	case who.Role == sigv4.ReadOnly:
		allowed = "Describe actions only"
	}
	return &refusal{http.StatusForbidden, string(query.AccessDenied), fmt.Sprintf(
		"User: %s is not authorized to perform: elasticloadbalancing:%s because its role %s allows %s", who.KeyID, shown(action), who.Role, allowed)}
}

// balancerOf returns the name of the load balancer that a request is about, for the log.
func balancerOf(request any) string {
	v := reflect.Indirect(reflect.ValueOf(request))
	if one := v.FieldByName("LoadBalancerName"); one.IsValid() && one.Kind() == reflect.String {
		return shown(one.String())
	}
	if list := v.FieldByName("LoadBalancerNames"); list.IsValid() && list.Kind() == reflect.Slice && list.Len() == 1 {
		return shown(list.Index(0).String())
	}
	return ""
}

// tellXML sends an error in the ELB API's envelope.
func tellXML(c *call, f *failure) {
	answer := query.EncodeError(&query.Error{Code: query.Code(f.code), Message: f.message}, c.id)
	answer.Status = f.status
	_ = answer.Write(c) // there is nobody to tell
}
