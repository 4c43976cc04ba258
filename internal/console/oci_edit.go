package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

// ociEdit is a page with a form that makes one request of the API. Fields are named like the members of its body, so that a refusal finds
// its field.
type ociEdit struct {
	Heading  string
	About    []string
	Balancer string // whose it is, as the plan calls it; empty: it makes one
	Tab      string // where it was come from, and goes back to
	Form     *form
	Commands []command

	method string // of the request
	path   string // below wire.BasePath
	etag   string // of the load balancer that the form was made of
	// body is what is there now: the fields are put over it, so that a form which does not have all of it changes nothing else. nil: none.
	body   map[string]any
	shape  func(f *form, body map[string]any) // what fields do not say by themselves; nil: nothing
	read   map[string]func(text string) any   // as in ociKind
	tool   ociTool
	idleOf func(f *form) (idleOf, bool) // nil: it closes nothing
	seen   string                       // as in awsEdit
	done   string                       // what is said afterwards
	gone   bool                         // the load balancer is not there afterwards
	secret bool                         // as in ociKind
}

// ociBuilder makes a page with the values in force. names says what it is about.
type ociBuilder func(v *visit, names url.Values) (*ociEdit, error)

// Back returns where the page was come from.
func (e *ociEdit) Back() string {
	if e.Balancer == "" {
		return link("", nil)
	}
	return to("load-balancer", "load_balancer", e.Balancer, "tab", e.Tab)
}

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

// ociBuilt makes a page's form complete.
func (v *visit) ociBuilt(page string, build ociBuilder, names url.Values) (*ociEdit, error) {
	if v.c.o.OCI == nil {
		return nil, refusal(http.StatusNotFound, "this lull serves no OCI Load Balancer API")
	}
	e, err := build(v, names)
	if err != nil {
		return nil, err
	}
	e.Form.Action = page
	if !e.secret && e.method != http.MethodDelete {
		e.Form.Preview = page + ociPreview
	}
	if e.Balancer != "" {
		e.Form.Keep = append(e.Form.Keep, kept{"load_balancer", e.Balancer})
	}
	if e.seen != "" {
		e.Form.Keep = append(e.Form.Keep, kept{seenName, e.seen})
	}
	return e, nil
}

// ociShow answers with the page, and with the command that does what the form holds if that makes sense.
func (v *visit) ociShow(e *ociEdit) error {
	v.ociCommands(e)
	for _, name := range secretFields {
		if one := e.Form.field(name); one != nil {
			one.Value, one.Was = "", ""
		}
	}
	return v.showWith(e.Form.status(), frame{Page: "awsedit", Section: "overview", Title: e.Heading, Data: e})
}

func (v *visit) ociCommands(e *ociEdit) {
	if e.secret {
		e.Commands = []command{{Title: "OCI CLI", Text: ociCertificateCommand(v.endpoint(), e)}}
		return
	}
	q, err := e.question()
	if err != nil {
		return
	}
	route, err := wire.Find(q.Method, wire.BasePath+q.Target)
	if err != nil {
		return
	}
	if _, err = wire.Decode(route, "", http.Header{"Content-Type": {"application/json"}}, q.Body); err == nil {
		e.Commands = []command{{Title: "OCI CLI", Text: ociCommand(v.endpoint(), e.tool, q, e.filled())}}
	}
}

// ociForm shows a form with the values in force.
func (v *visit) ociForm(page string, build ociBuilder) error {
	e, err := v.ociBuilt(page, build, v.r.URL.Query())
	if err != nil {
		return err
	}
	v.prepare(e.Form)
	return v.ociShow(e)
}

// ociTaken makes the form that has been sent.
func (v *visit) ociTaken(page string, build ociBuilder) (*ociEdit, error) {
	e, err := v.ociBuilt(page, build, v.r.PostForm)
	if err != nil {
		return nil, err
	}
	v.take(e.Form)
	if seen := v.r.PostForm.Get(seenName); e.seen != seen {
		e.Form.Clash = true
		e.About = append(e.About, "You saw: "+seen, "Now it is: "+e.seen)
	}
	return e, nil
}

// ociSave carries out what a form asks for, and waits for its work request.
func (v *visit) ociSave(page string, build ociBuilder) error {
	e, found, id, err := v.ociAccepted(page, build)
	if err != nil {
		return err
	}
	if id == "" {
		return v.ociShow(e)
	}
	w, err := v.ociFollow(id)
	switch {
	case err != nil:
		return err
	case w.LifecycleState == wire.WorkFailed:
		e.Form.Error = "The change was accepted, and has failed: " + ociFaults(&w)
		return v.ociShow(e)
	case !ociEnded(&w):
		return v.done("oci-work-request", url.Values{"id": {id}, "load_balancer": {e.Balancer}}, "")
	}
	flash := e.done
	if found != nil {
		flash += " " + found.Text()
	}
	if e.Balancer == "" || e.gone {
		return v.done("", nil, flash)
	}
	return v.done("load-balancer", url.Values{"load_balancer": {e.Balancer}, "tab": {e.Tab}}, flash)
}

// ociTries is how often a form is laid over what is there: another try follows only when somebody else was quicker, by another way than
// the console, and changed nothing that the form does.
const ociTries = 3

// ociAccepted has the API take what a form asks for, and returns the id of its work request; none if the form has to be shown again.
// The etag is the one of what the form was made of: what others do meanwhile is not overwritten.
func (v *visit) ociAccepted(page string, build ociBuilder) (e *ociEdit, found *impact, id string, err error) {
	v.c.changing.Lock()
	defer v.c.changing.Unlock()
	for range ociTries {
		if e, err = v.ociTaken(page, build); err != nil || e.Form.Bad() {
			return e, nil, "", err
		}
		if found, err = v.foresee(e.Form, e.idleOf); err != nil {
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

// ociPreview answers a form that asks what it would do, as awsPreview does.
func (v *visit) ociPreview(page string, build ociBuilder) error {
	e, err := v.ociTaken(page, build)
	if err != nil {
		return err
	}
	if e.Form.Impact, err = v.foresee(e.Form, e.idleOf); err != nil {
		return err
	}
	v.ociCommands(e)
	return v.preview(e.Form.Impact, e.Commands, func() error { return v.ociShow(e) })
}
