package console

import (
	"net/http"
	"strconv"
	"strings"
)

// form is what a person fills in to change something. A page makes one with the values in force, and shows it; when it comes back,
// the page makes it again with the values in force by then, calls take, and either carries the change out or shows the form with what
// is wrong, at the field. Template "form" draws it; readers get its values without fields or buttons.
type form struct {
	Action string // the page that takes it, below Root
	Submit string // what the button says
	Danger bool   // it deletes something
	Keep   []kept // which thing is changed
	Fields []*field
	Error  string // of no field in particular
	// Preview is the page that answers with what the change would do to what is open; empty: there is none. It gets the same form
	// whenever something was typed, and by a button of its own where no script runs.
	Preview string
	Impact  *impact // what it would do with these values, as far as that is known
	Clash   bool    // somebody else has changed what this form changes; fields say what
	Drawn   bool    // it was sent by a button that has it drawn anew, and not to be carried out

	CSRF   string // set by prepare
	Writes bool   // set by prepare
}

// kept is a name and value that the form carries along.
type kept struct{ Name, Value string }

// field is one value of a form.
type field struct {
	Name, Label string
	Kind        string // "" is a line of text; "number", "select", "checkbox", "textarea", kindList, kindRules
	Value       string // a checkbox is "on" or ""
	Unit        string // behind the value
	Hint        string // below it: what it means, and what it may be
	Min, Max    int64  // of a number; both 0: none
	Choices     []choice
	Optional    bool
	Group       string // fields in a row with the same one are folded up together under it
	Focus       bool   // the reader is taken there: it is the first with something wrong
	Secret      bool   // what was typed is not sent back
	Inner       bool   // it is a part of another field, which is compared as a whole with what others have set
	Rules       *ruleList

	Was    string // the value in force when the page was loaded, as take finds it in the form
	Error  string
	Theirs string // what somebody else has set meanwhile
	Clash  bool   // and it is neither what was there nor what was typed
}

// choice is a value of a select.
type choice struct{ Value, Label string }

// field returns the field of a name; nil if there is none.
func (f *form) field(name string) *field {
	for _, one := range f.Fields {
		if one.Name == name {
			return one
		}
	}
	return nil
}

// all returns the fields with those that they are made of.
func (f *form) all() (fields []*field) {
	for _, one := range f.Fields {
		fields = append(fields, one)
		if one.Rules == nil {
			continue
		}
		for _, row := range one.Rules.Rows {
			fields = append(append(fields, row.field), row.Fields...)
		}
	}
	return fields
}

// fieldGroup is fields that stand together; without a title they are always to be seen.
type fieldGroup struct {
	Title  string
	Fields []*field
}

// Groups returns the fields in their groups.
func (f *form) Groups() []fieldGroup { return groupsOf(f.Fields) }

func groupsOf(fields []*field) (groups []fieldGroup) {
	for _, one := range fields {
		if n := len(groups); n == 0 || groups[n-1].Title != one.Group {
			groups = append(groups, fieldGroup{Title: one.Group})
		}
		last := &groups[len(groups)-1]
		last.Fields = append(last.Fields, one)
	}
	return groups
}

// Open says whether a group is unfolded from the start: it holds something, or something wrong, or what has to be filled in.
func (g fieldGroup) Open() bool {
	for _, one := range g.Fields {
		usual := one.Value == "" || one.Kind == "select" && one.Value == one.Choices[0].Value
		must := one.Kind != "select" && one.Kind != "checkbox" && !one.Optional
		if !usual || must || one.Error != "" || one.Clash {
			return true
		}
	}
	return false
}

// grouped puts fields into a group.
func grouped(title string, fields []*field) []*field {
	for _, one := range fields {
		one.Group = title
	}
	return fields
}

// labelled returns a refusal as it is said at a field: with the words of the page in place of the API's name for it.
func (one *field) labelled(message string) string {
	first, rest, _ := strings.Cut(message, " ")
	if first == one.Name || strings.HasSuffix(one.Name, "."+first) || strings.HasPrefix(first, one.Name+"[") {
		return one.Label + " " + rest
	}
	return message
}

// prepare adds what every form carries. show does it for a page's own form when the page calls it.
func (v *visit) prepare(f *form) *form {
	f.CSRF, f.Writes = v.c.signer.csrf(v.session.id), v.mayWrite()
	for _, one := range f.Fields {
		one.Was = one.mark(one.Value)
	}
	return f
}

// typed returns a text that was sent for a field. What belongs into a number may have been pasted with a space; in a text it may be meant.
func (one *field) typed(sent string) string {
	if sent = unixLines(sent); one.Kind == "number" {
		return strings.TrimSpace(sent)
	}
	return sent
}

// mark returns what a form carries of a value, to see whether it has changed.
func (one *field) mark(value string) string {
	if one.Rules != nil {
		return sumOf(value)
	}
	return value
}

// take puts what was sent into a form that holds the values in force now. Where nobody typed, what somebody else has set
// meanwhile holds; where both did, and not the same, the field clashes and shows both. It reports whether the values may be used.
// Sent once more, the form overwrites: its page has shown by then what it is that it overwrites.
func (v *visit) take(f *form) (usable bool) {
	sent := v.r.PostForm
	for _, one := range f.Fields {
		now, typed, was := one.Value, one.typed(sent.Get(one.Name)), unixLines(sent.Get("was."+one.Name))
		if one.Rules != nil {
			typed = one.rulesSent(sent)
		}
		switch {
		case one.mark(typed) == was, typed == now: // untouched, or both agree
			one.Value = now
		case was != one.mark(now):
			one.Value, one.Theirs, one.Clash, f.Clash = typed, now, true, true
		default:
			one.Value = typed
		}
		if one.Was = one.mark(now); one.Rules != nil {
			one.showRules()
			f.Drawn = f.Drawn || one.Rules.drawn
		}
	}
	f.CSRF, f.Writes = v.c.signer.csrf(v.session.id), v.mayWrite()
	return !f.Clash
}

// unixLines returns a text as it was before a browser sent it, which ends lines with CR LF.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// Bad says whether there is anything wrong with a form.
func (f *form) Bad() bool {
	for _, one := range f.all() {
		if one.Error != "" || one.Clash {
			return true
		}
	}
	return f.Error != "" || f.Clash
}

// amiss says what a number can be, of the first that was typed and cannot be; empty if there is none. A field into which nothing has
// been typed yet is not amiss.
func (f *form) amiss() string {
	for _, one := range f.all() {
		if one.Kind != "number" || one.Max == 0 || one.Value == "" && (one.Optional || one.Was == "") {
			continue
		}
		if n, err := strconv.ParseInt(one.Value, 10, 64); err != nil || n < one.Min || n > one.Max {
			return one.Label + ": " + one.span() + "."
		}
	}
	return ""
}

// span says what a number can be, which is the first sentence of its hint.
func (one *field) span() string {
	said, _, _ := strings.Cut(one.Hint, ". ")
	return strings.TrimSuffix(said, ".")
}

// status is what a page answers with that shows the form again.
func (f *form) status() int {
	switch {
	case f.Clash:
		return http.StatusConflict
	case f.Bad():
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// shortened cuts a text for a message.
func shortened(text string) string {
	const charsMax = 40
	for i := range text {
		if i >= charsMax {
			return text[:i] + "…"
		}
	}
	return text
}

// command is how the same change is made on a command line: shown to be copied.
type command struct{ Title, Text string }
