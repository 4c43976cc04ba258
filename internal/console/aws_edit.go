package console

import (
	"errors"
	"net/url"

	"lull/internal/control/awselb/query"
)

// awsEdit is a page with a form that makes one call of the API. Fields are named like the parameters that they set, so that a refusal
// finds its field.
type awsEdit struct {
	Heading  string
	About    []string
	Balancer string // whose it is; empty: it makes one
	Tab      string // where it was come from, and goes back to
	Form     *form
	Commands []command

	action string                           // of the API
	params func(f *form, params url.Values) // what the fields do not say by themselves; nil: nothing
	idleOf func(f *form) (idleOf, bool)     // nil: it closes nothing
	// seen is what the page shows of what it deletes, which nobody can type over: if that is something else by then, it is shown anew.
	seen  string
	check func(f *form) // what the API would do and whoever fills in the form does not mean; nil: nothing
	done  string        // what is said afterwards
	next  func(f *form) (page string, query url.Values)
}

// awsBuilder makes a page with the values in force. names says what it is about.
type awsBuilder func(v *visit, names url.Values) (*awsEdit, error)

// seenName is what a form that deletes something carries of it.
const seenName = "seen"

// Back returns where the page was come from.
func (e *awsEdit) Back() string {
	if e.Balancer == "" {
		return link("", nil)
	}
	return to("load-balancer", "load_balancer", e.Balancer, "tab", e.Tab)
}

// values returns the parameters of the call.
func (e *awsEdit) values() url.Values {
	params := url.Values{}
	if e.Balancer != "" {
		params.Set("LoadBalancerName", e.Balancer)
	}
	for _, one := range e.Form.Fields {
		switch {
		case one.Kind == "checkbox":
			params.Set(one.Name, map[bool]string{true: "true", false: "false"}[one.Value == "on"])
		case one.Value != "" || !one.Optional:
			params.Set(one.Name, one.Value)
		}
	}
	if e.params != nil {
		e.params(e.Form, params)
	}
	return params
}

// awsBuilt makes a page's form complete.
func (v *visit) awsBuilt(page string, build awsBuilder, names url.Values) (*awsEdit, error) {
	e, err := build(v, names)
	if err != nil {
		return nil, err
	}
	e.Form.Action, e.Form.Preview = page, page+awsPreview
	if e.Balancer != "" {
		e.Form.Keep = append(e.Form.Keep, kept{"load_balancer", e.Balancer})
	}
	if e.seen != "" {
		e.Form.Keep = append(e.Form.Keep, kept{seenName, e.seen})
	}
	return e, nil
}

// awsShow answers with the page, and with the command that does what the form holds if that makes sense.
func (v *visit) awsShow(e *awsEdit) error {
	v.awsCommands(e)
	return v.showWith(e.Form.status(), frame{Page: "awsedit", Section: "overview", Title: e.Heading, Data: e})
}

func (v *visit) awsCommands(e *awsEdit) {
	if request, err := awsRequest(e.action, e.values()); err == nil {
		e.Commands = []command{{Title: "AWS CLI", Text: awsCommand(v.endpoint(), e.action, request)}}
	}
}

// endpoint returns where the API is, as this browser calls it: the console is served at the same address.
func (v *visit) endpoint() string {
	if v.r.TLS != nil {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

// awsForm shows a form with the values in force.
func (v *visit) awsForm(page string, build awsBuilder) error {
	e, err := v.awsBuilt(page, build, v.r.URL.Query())
	if err != nil {
		return err
	}
	v.prepare(e.Form)
	return v.awsShow(e)
}

// awsTaken makes the form that has been sent.
func (v *visit) awsTaken(page string, build awsBuilder) (*awsEdit, error) {
	e, err := v.awsBuilt(page, build, v.r.PostForm)
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

// awsSave carries out what a form asks for.
func (v *visit) awsSave(page string, build awsBuilder) error {
	v.c.changing.Lock()
	defer v.c.changing.Unlock()
	e, err := v.awsTaken(page, build)
	if err != nil {
		return err
	}
	if e.check != nil {
		e.check(e.Form)
	}
	if e.Form.Bad() {
		return v.awsShow(e)
	}
	found, err := v.foresee(e.Form, e.idleOf)
	if err != nil {
		return err
	}
	var told *query.Error
	switch err = v.c.awsDo(v.r.Context(), e.action, e.values()); {
	case errors.As(err, &told):
		awsRefuse(e.Form, told)
		return v.awsShow(e)
	case err != nil:
		return err
	}
	flash := e.done
	if found != nil {
		flash += " " + found.Text()
	}
	if e.next != nil {
		next, query := e.next(e.Form)
		return v.done(next, query, flash)
	}
	return v.done("load-balancer", url.Values{"load_balancer": {e.Balancer}, "tab": {e.Tab}}, flash)
}

// awsPreview answers a form that asks what it would do.
func (v *visit) awsPreview(page string, build awsBuilder) error {
	e, err := v.awsTaken(page, build)
	if err != nil {
		return err
	}
	if e.Form.Impact, err = v.foresee(e.Form, e.idleOf); err != nil {
		return err
	}
	v.awsCommands(e)
	return v.preview(e.Form.Impact, e.Commands, func() error { return v.awsShow(e) })
}
