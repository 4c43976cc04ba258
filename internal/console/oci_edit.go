package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

// ociEdit is a page with a form that makes one request of the OCI API. Fields are named like the members of its body, so that a refusal
// finds its field.
type ociEdit struct {
	edit
	method string // of the request
	path   string // below wire.BasePath
	etag   string // of the load balancer that the form was made of
	// body is what is there now: the fields are put over it, so that a form which does not have all of it changes nothing else. nil: none.
	body  map[string]any
	shape func(f *form, body map[string]any) // what fields do not say by themselves; nil: nothing
	read  map[string]func(text string) any   // as in ociKind
	tool  ociTool
	gone  bool // the load balancer is not there afterwards
}

// ociBuilder makes a page with the values in force.
type ociBuilder = builder[*ociEdit]

// filled returns the request's body as the fields have it.
func (e *ociEdit) filled() map[string]any {
	if e.method == http.MethodDelete {
		return nil
	}
	body := cloned(e.body)
	for _, one := range e.Form.Fields {
		value := one.wireValue()
		if read := e.read[one.Name]; read != nil {
			value = read(one.Value)
		}
		put(body, one.Name, value)
	}
	if e.shape != nil {
		e.shape(e.Form, body)
	}
	return body
}

// question returns the request.
func (e *ociEdit) question() (*ociapi.Question, error) {
	q := &ociapi.Question{Method: e.method, Target: e.path, IfMatch: e.etag}
	body := e.filled()
	if body == nil {
		return q, nil
	}
	var err error
	q.Body, err = json.Marshal(body)
	return q, err
}

func (e *ociEdit) commands(v *visit) []command {
	if e.quiet {
		return []command{{Title: "OCI CLI", Text: ociCertificateCommand(v.endpoint(), e)}}
	}
	q, err := e.question()
	if err != nil {
		return nil
	}
	route, err := wire.Find(q.Method, wire.BasePath+q.Target)
	if err != nil {
		return nil
	}
	if _, err = wire.Decode(route, "", http.Header{"Content-Type": {"application/json"}}, q.Body); err != nil {
		return nil
	}
	return []command{{Title: "OCI CLI", Text: ociCommand(v.endpoint(), e.tool, q, e.filled())}}
}

// ociSave carries out what a form asks for, and waits for its work request.
func ociSave(v *visit, page string, build ociBuilder) error {
	e, found, id, err := ociAccepted(v, page, build)
	if err != nil {
		return err
	}
	if asked, told := v.w.(interface{ Question() }); told && e.Form.Drawn {
		asked.Question() // whoever keeps a log of changes
	}
	if id == "" {
		return v.showEdit(e)
	}
	w, err := v.ociFollow(id)
	switch {
	case err != nil:
		return err
	case w.LifecycleState == wire.WorkFailed:
		e.Form.Error = "The change was accepted, and has failed: " + ociFaults(&w)
		return v.showEdit(e)
	case !ociEnded(&w):
		return v.done("oci-work-request", url.Values{"id": {id}, "load_balancer": {e.Balancer}}, "")
	}
	if e.gone {
		return v.done("", nil, e.flash(found))
	}
	if name := v.c.ociNameOf(w.LoadBalancerID); e.Balancer == "" && name != "" {
		return v.done("load-balancer", url.Values{"load_balancer": {name}, "tab": {tabBackendSets}}, e.flash(found))
	}
	return v.saved(&e.edit, found)
}

// ociTries is how often a form is laid over what is there: another try follows only when somebody else was quicker, by another way than
// the console, and changed nothing that the form does.
const ociTries = 3

// ociAccepted has the API take what a form asks for, and returns the id of its work request; none if the form has to be shown again.
// The etag is the one of what the form was made of: what others do meanwhile is not overwritten.
func ociAccepted(v *visit, page string, build ociBuilder) (e *ociEdit, found *impact, id string, err error) {
	v.c.changing.Lock()
	defer v.c.changing.Unlock()
	for range ociTries {
		if e, err = taken(v, page, build); err != nil || e.Form.Bad() || e.Form.Drawn {
			return e, nil, "", err
		}
		if found, err = v.foresee(&e.edit); err != nil {
			return e, nil, "", err
		}
		q, err := e.question()
		if err != nil { // a number of a kind that JSON has none for, say
			e.Form.Error = err.Error()
			return e, nil, "", nil
		}
		answer, err := v.c.ociAsk(v.r.Context(), q)
		var told *wire.Error
		switch {
		case err == nil:
			return e, found, answer.WorkRequestID, nil
		case !errors.As(err, &told):
			return e, nil, "", err
		case told.Code != wire.NoEtagMatch:
			ociRefuse(e.Form, told)
			return e, nil, "", nil
		}
	}
	e.Form.Error = "Somebody else's change of this load balancer is under way; nothing was changed. Save again."
	return e, nil, "", nil
}
