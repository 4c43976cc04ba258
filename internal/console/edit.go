package console

import (
	"net/url"
	"slices"
)

// edit is a page with a form that changes something through one of the APIs: what does not depend on which it is.
type edit struct {
	Heading  string
	About    []string
	Facts    []fact // what there is now, where the form does not show it
	Balancer string // whose it is, as the plan calls it; empty: it makes one
	Tab      string // where it was come from, and goes back to
	Form     *form
	Commands []command

	fate fateOfForm // what it makes of connections; nil: nothing
	// seen is what the page shows of what it deletes, which nobody can type over: if that is something else by then, it is shown anew.
	seen string
	done string // what is said afterwards
	// quiet is a form that is not sent to look what it would do, since it holds a secret.
	quiet bool
}

// fateOfForm says what a form makes of connections as it is filled in; ok is false if it does not make sense so far.
type fateOfForm func(f *form) (fate fateOf, ok bool)

// change is an edit of either API.
type change interface {
	shared() *edit
	// commands returns what does the same as the form on a command line; none if the form makes no sense so far.
	commands(v *visit) []command
}

func (e *edit) shared() *edit { return e }

// builder makes a page with the values in force. names says what it is about.
type builder[Change change] func(v *visit, names url.Values) (Change, error)

// previewSuffix ends the name of the page that says what a form would do.
const previewSuffix = "-preview"

// seenName is what a form that deletes something carries of it.
const seenName = "seen"

// addEdits adds the pages that edits are on. save carries out what a form asks for.
func addEdits[Change change](to map[string]route, edits map[string]builder[Change], save func(v *visit, page string, build builder[Change]) error) {
	for page, build := range edits {
		to[page] = route{
			get:  func(v *visit) error { return showForm(v, page, build) },
			post: func(v *visit) error { return save(v, page, build) },
		}
		to[page+previewSuffix] = route{post: func(v *visit) error { return answerPreview(v, page, build) }, reader: true, background: true}
	}
}

// Back returns where the page was come from.
func (e *edit) Back() string {
	if e.Balancer == "" {
		return link("", nil)
	}
	return to("load-balancer", "load_balancer", e.Balancer, "tab", e.Tab)
}

// built makes a page's form complete.
func built[Change change](v *visit, page string, build builder[Change], names url.Values) (Change, error) {
	made, err := build(v, names)
	if err != nil {
		return made, err
	}
	e := made.shared()
	e.Form.Action = page
	if !e.quiet && len(e.Form.Fields) > 0 {
		e.Form.Preview = page + previewSuffix
	}
	if e.Balancer != "" {
		e.Form.Keep = append(e.Form.Keep, kept{"load_balancer", e.Balancer})
	}
	if e.seen != "" {
		e.Form.Keep = append(e.Form.Keep, kept{seenName, e.seen})
	}
	return made, nil
}

// showEdit answers with the page, with what the form would do as it is, and with the commands for that. Readers, whom the page does not
// tell, cost no look at the connections. Secrets are not sent back to a browser.
func (v *visit) showEdit(made change) (err error) {
	e := made.shared()
	if e.Form.Writes {
		if e.Form.Impact, err = v.foretold(e); err != nil {
			return err
		}
	}
	e.Commands = made.commands(v)
	fields := e.Form.all()
	if i := slices.IndexFunc(fields, func(one *field) bool { return one.Error != "" || one.Clash }); i >= 0 {
		fields[i].Focus = true
	}
	for _, one := range e.Form.Fields {
		if one.Secret {
			one.Value, one.Was = "", ""
		}
	}
	return v.showWith(e.Form.status(), frame{Page: "edit", Section: "overview", Title: e.Heading, Data: e})
}

// showForm shows a form with the values in force.
func showForm[Change change](v *visit, page string, build builder[Change]) error {
	made, err := built(v, page, build, v.r.URL.Query())
	if err != nil {
		return err
	}
	v.prepare(made.shared().Form)
	return v.showEdit(made)
}

// taken makes the form that has been sent.
func taken[Change change](v *visit, page string, build builder[Change]) (Change, error) {
	made, err := built(v, page, build, v.r.PostForm)
	if err != nil {
		return made, err
	}
	e := made.shared()
	v.take(e.Form)
	if seen := v.r.PostForm.Get(seenName); e.seen != seen {
		e.Form.Clash = true
		e.About = append(e.About, "You saw: "+seen, "Now it is: "+e.seen)
	}
	return made, nil
}

// answerPreview answers a form that asks what it would do.
func answerPreview[Change change](v *visit, page string, build builder[Change]) error {
	made, err := taken(v, page, build)
	if err != nil {
		return err
	}
	if v.r.Header.Get("Hx-Request") == "" { // a browser without scripts
		return v.showEdit(made)
	}
	found, err := v.foretold(made.shared())
	if err != nil {
		return err
	}
	return v.preview(found, made.commands(v))
}

// saved ends a form that has been carried out: on the tab that it was come from, with what was done and what that ended.
func (v *visit) saved(e *edit, found *impact) error {
	if e.Balancer == "" {
		return v.done("", nil, e.flash(found))
	}
	return v.done("load-balancer", url.Values{"load_balancer": {e.Balancer}, "tab": {e.Tab}}, e.flash(found))
}

// flash is what is said after a form has been carried out.
func (e *edit) flash(found *impact) string {
	if found == nil {
		return e.done
	}
	return e.done + " " + found.Text()
}
