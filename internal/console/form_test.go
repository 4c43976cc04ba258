package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/record"
)

// editor is a page as those that change something are: it sets an idle timeout, which others may set at the same time.
type editor struct {
	idle    int64
	refused string
}

// editorEdit is an edit of an API of which all is known here.
type editorEdit struct{ edit }

func (e *editorEdit) commands(*visit) []command {
	if _, err := strconv.Atoi(e.Form.field("idle").Value); err != nil {
		return nil
	}
	return []command{{"AWS", "aws elb modify-load-balancer-attributes --load-balancer-name web"}}
}

func (e *editor) build(*visit, url.Values) (*editorEdit, error) {
	return &editorEdit{edit{
		Heading: "Edit", done: "Saved.",
		Form: &form{Submit: "Save", Keep: []kept{{"load_balancer", "web"}}, Fields: []*field{
			{Name: "idle", Label: "Idle timeout", Kind: "number", Unit: "seconds", Min: 1, Max: 4000, Value: strconv.FormatInt(e.idle, 10), Hint: "1 to 4,000 seconds."},
			{Name: "drain", Label: "Connection draining", Kind: "checkbox"},
			{Name: "policy", Label: "Policy", Kind: "select", Value: "b", Choices: []choice{{"a", "A"}, {"b", "B"}}},
		}},
		fate: func(f *form) (fateOf, bool) {
			n, err := strconv.Atoi(f.field("idle").Value)
			return func(*record.Live) (fate, bool) { return fate{idle: time.Duration(n) * time.Second}, true }, err == nil
		},
	}}, nil
}

func (e *editor) save(v *visit, page string, build builder[*editorEdit]) error {
	made, err := taken(v, page, build)
	if err != nil {
		return err
	}
	made.Form.field("idle").Error = e.refused
	if made.Form.Bad() {
		return v.showEdit(made)
	}
	e.idle, _ = strconv.ParseInt(made.Form.field("idle").Value, 10, 64)
	return v.saved(&made.edit, nil)
}

// edited returns a rig with such a page.
func edited(t *testing.T) (*rig, *editor) {
	t.Helper()
	r, e := newRig(t), &editor{idle: 60}
	addEdits(r.console.routes, map[string]builder[*editorEdit]{"edit": e.build}, e.save)
	return r, e
}

// sent returns what a browser would send of the form on a page, with some values typed.
func sent(a *answer, typed map[string]string) url.Values {
	a.t.Helper()
	out := url.Values{}
	for _, n := range within(a.one("form.edit"), "input") {
		if kind := attr(n, "type"); kind != "checkbox" || has(n, "checked", "") {
			out.Set(attr(n, "name"), attr(n, "value"))
		}
	}
	for _, n := range within(a.one("form.edit"), "select") {
		for _, o := range within(n, "option") {
			if has(o, "selected", "") {
				out.Set(attr(n, "name"), attr(o, "value"))
			}
		}
	}
	for name, value := range typed {
		out.Set(name, value)
	}
	return out
}

// TestForm: a form comes with labels and the values in force, and a change goes through.
func TestForm(t *testing.T) {
	t.Parallel()
	r, e := edited(t)
	b := r.loggedIn(adminID)
	a := b.get("/console/edit").want(http.StatusOK)
	for _, name := range []string{"idle", "drain", "policy"} {
		a.one("label[for=f-" + name + "]")
		a.one("[id=f-" + name + "]")
	}
	inline(t, "form", a.tree())
	if got := attr(a.one("input#f-idle"), "aria-describedby"); !strings.Contains(got, "h-idle") {
		t.Errorf("the hint is not of the field: %q", got)
	}
	if got := text(a.one("pre")); !strings.HasPrefix(got, "aws elb modify") {
		t.Errorf("got command %q", got)
	}
	b.do(http.MethodPost, "/console/edit", sent(a, map[string]string{"idle": "30"})).want(http.StatusSeeOther)
	if e.idle != 30 || text(b.get("/console/").one("p.flash")) != "Saved." {
		t.Errorf("got %d", e.idle)
	}
	reader := r.loggedIn(readerID).get("/console/edit").want(http.StatusOK)
	if len(reader.all("form.edit")) != 0 || !strings.Contains(text(reader.one("dl")), "30 seconds") {
		t.Errorf("a reader sees\n%s", reader.Body)
	}
}

// TestFormFaults: what is wrong stands at its field with what was typed, whatever that is, and nothing was changed.
func TestFormFaults(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"0", "4001", "", "1e3", "99999999999999999999", "<script>", strings.Repeat("9", 500)} {
		r, e := edited(t)
		e.refused = "must be from 1 to 4,000, and is " + typed
		b := r.loggedIn(adminID)
		a := b.do(http.MethodPost, "/console/edit", sent(b.get("/console/edit"), map[string]string{"idle": typed})).want(http.StatusUnprocessableEntity)
		input := a.one("input#f-idle")
		if got := text(a.one("p#e-idle")); got != strings.TrimSpace(e.refused) || attr(input, "aria-invalid") != "true" || attr(input, "value") != typed {
			t.Errorf("%.20q: got %q", typed, got)
		}
		if e.idle != 60 {
			t.Errorf("%.20q: was taken", typed)
		}
	}
}

// TestFormGroups: what is seldom needed is folded up, unless it holds something, or something wrong.
func TestFormGroups(t *testing.T) {
	t.Parallel()
	choices := []choice{{"", "none"}, {"a", "a"}}
	for name, c := range map[string]struct {
		field field
		open  bool
	}{
		"empty": {field{Optional: true}, false}, "usual": {field{Kind: "select", Choices: choices}, false}, "off": {field{Kind: "checkbox"}, false},
		"typed": {field{Optional: true, Value: "x"}, true}, "chosen": {field{Kind: "select", Choices: choices, Value: "a"}, true}, "on": {field{Kind: "checkbox", Value: "on"}, true},
		"needed": {field{}, true}, "wrong": {field{Optional: true, Error: "no"}, true}, "changed": {field{Optional: true, Clash: true}, true},
	} {
		f := form{Fields: slices.Concat([]*field{{Name: "first"}}, grouped("More", []*field{{Optional: true}, &c.field}), grouped("Other", []*field{{Optional: true}}))}
		groups := f.Groups()
		if len(groups) != 3 || groups[0].Title != "" || groups[1].Title != "More" || len(groups[1].Fields) != 2 || groups[2].Title != "Other" {
			t.Fatalf("%s: got groups %+v", name, groups)
		}
		if groups[1].Open() != c.open || groups[2].Open() {
			t.Errorf("%s: got open %v, want %v", name, groups[1].Open(), c.open)
		}
	}
}

// TestFormClash: when somebody else was faster, both values are shown, and saving again sets one's own.
func TestFormClash(t *testing.T) {
	t.Parallel()
	r, e := edited(t)
	b := r.loggedIn(adminID)
	old := b.get("/console/edit")
	e.idle = 120
	a := b.do(http.MethodPost, "/console/edit", sent(old, map[string]string{"idle": "30"})).want(http.StatusConflict)
	if got := text(a.one("p#e-idle")); e.idle != 120 || got != "Somebody else has set it to 120 ; yours is 30 ." {
		t.Errorf("got %d and %q", e.idle, got)
	}
	b.do(http.MethodPost, "/console/edit", sent(a, nil)).want(http.StatusSeeOther)
	if e.idle != 30 {
		t.Errorf("saved again: got %d", e.idle)
	}
	e.idle = 45 // others change what nobody has typed into
	b.do(http.MethodPost, "/console/edit", sent(a, map[string]string{"idle": "30", "was.idle": "30", "policy": "a"})).want(http.StatusSeeOther)
	if e.idle != 45 {
		t.Errorf("what was not typed: got %d, want the other's 45", e.idle)
	}
}

// TestPreview: before it is saved, a change says what it closes: as a sentence for a script, as the page without one.
func TestPreview(t *testing.T) {
	t.Parallel()
	r, e := edited(t)
	for i := range 1204 {
		r.engine.conns = append(r.engine.conns, live(uint64(i), 60*time.Second, time.Duration(i)*50*time.Millisecond))
	}
	b := r.loggedIn(adminID)
	form := sent(b.get("/console/edit"), map[string]string{"idle": "59"})
	a := b.do(http.MethodPost, "/console/edit-preview", form, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
	const want = "It closes 24 of 1,204 open connections now."
	if got := text(a.one("p")); got != want || len(a.all("h1")) != 0 {
		t.Errorf("got %q, want %q", got, want)
	}
	if saved := b.do(http.MethodPost, "/console/edit", nil); !a.question || saved.question {
		t.Error("a look ahead is no change, and what is saved is one")
	}
	whole := b.do(http.MethodPost, "/console/edit-preview", form).want(http.StatusOK)
	if got := text(whole.one("div#impact")); got != want || e.idle != 60 {
		t.Errorf("without scripts: got %q, want %q", got, want)
	}
	form.Set("idle", "x")
	a = b.do(http.MethodPost, "/console/edit-preview", form, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
	if got := text(a.one("body")); got != "Idle timeout: 1 to 4,000 seconds." || len(a.all("div#commands")) != 1 { // what can be, and no commands any more
		t.Errorf("of a wrong value: got %q", a.Body)
	}
}
