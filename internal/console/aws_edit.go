package console

import (
	"errors"
	"net/url"

	"lull/internal/control/awselb/query"
)

// awsEdit is a page with a form that makes one call of the Classic ELB API. Fields are named like the parameters that they set, so that a
// refusal finds its field.
type awsEdit struct {
	edit
	action string                           // of the API
	params func(f *form, params url.Values) // what the fields do not say by themselves; nil: nothing
	check  func(f *form)                    // what the API would do and whoever fills in the form does not mean; nil: nothing
	next   func(f *form) (page string, query url.Values)
}

// awsBuilder makes a page with the values in force.
type awsBuilder = builder[*awsEdit]

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

func (e *awsEdit) commands(v *visit) []command {
	request, err := awsRequest(e.action, e.values())
	if err != nil {
		return nil
	}
	return []command{{Title: "AWS CLI", Text: awsCommand(v.endpoint(), e.action, request)}}
}

// endpoint returns where the API is, as this browser calls it: the console is served at the same address.
func (v *visit) endpoint() string {
	if v.r.TLS != nil {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

// awsSave carries out what a form asks for.
func awsSave(v *visit, page string, build awsBuilder) error {
	v.c.changing.Lock()
	defer v.c.changing.Unlock()
	e, err := taken(v, page, build)
	if err != nil {
		return err
	}
	if e.check != nil {
		e.check(e.Form)
	}
	if e.Form.Bad() {
		return v.showEdit(e)
	}
	found, err := v.foresee(&e.edit)
	if err != nil {
		return err
	}
	var told *query.Error
	switch err = v.c.awsDo(v.r.Context(), e.action, e.values()); {
	case errors.As(err, &told):
		awsRefuse(e.Form, told)
		return v.showEdit(e)
	case err != nil:
		return err
	case e.next != nil:
		next, query := e.next(e.Form)
		return v.done(next, query, e.flash(found))
	}
	return v.saved(&e.edit, found)
}
