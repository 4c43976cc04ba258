package console

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lull/internal/dataplane/plan"
)

// ociKind is one kind of the named things that a load balancer has. A page makes and changes one, and all are deleted on one page.
type ociKind struct {
	word   string // for people; also what the query calls it, with hyphens
	member string // of a load balancer's JSON, and of the path
	naming string // the member of its own JSON that has the name
	option string // what the oci command calls the name, where it is not that of a new one
	tool   string // the command's word for it
	tab    string
	begin  map[string]any // a new one
	hint   string         // of the name
	fields func(b *ociBalancer, body map[string]any) []*field
	read   map[string]func(text string) any // what is no plain text, by field; nil: all is
	shape  func(f *form, body map[string]any)
	fixed  bool // it cannot be changed, only made and deleted
	quiet  bool // it holds a secret: what is typed is not sent to look what it would do
}

// plainNames is what most names are made of.
const plainNames = "Letters, digits, hyphens and underscores. It cannot be changed later."

// ociKinds is all kinds but listeners and backends, which have more to them, by the name of their page.
func ociKinds() map[string]*ociKind {
	return map[string]*ociKind{
		"oci-backend-set":    ociBackendSetKind(),
		"oci-hostname":       ociHostnameKind(),
		"oci-path-route-set": ociPathRouteSetKind(),
		"oci-routing-policy": ociRoutingPolicyKind(),
		"oci-rule-set":       ociRuleSetKind(),
		"oci-certificate":    ociCertificateKind(),
		"oci-cipher-suite":   ociCipherSuiteKind(),
	}
}

// ociListenerKind is what a listener has in common with the others.
func ociListenerKind() *ociKind {
	return &ociKind{
		word: "listener", member: "listeners", naming: "name", option: "listener-name", tool: "listener", tab: tabListeners, fields: (*ociBalancer).listenerFields,
	}
}

// form returns the builder of the page on which one is made or changed: made if the query has no name.
func (k *ociKind) form(v *visit, names url.Values) (*ociEdit, error) {
	b, err := v.ociBalancer(names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	name := names.Get(nameKept)
	e := b.edit(k.tab)
	e.shape, e.read, e.quiet = k.shape, k.read, k.quiet
	if name == "" || k.fixed {
		e.Heading, e.done = "Create "+k.word, "The "+k.word+" has been created."
		e.Form.Submit, e.method, e.path, e.tool = e.Heading, http.MethodPost, b.path(k.member), b.tool(k.tool+" create")
		e.body = k.begin
		e.Form.Fields = append([]*field{{Name: k.naming, Label: "Name", Hint: k.hint}}, k.fields(b, e.body)...)
		return e, nil
	}
	child := b.child(k.member, name)
	if child == nil {
		return nil, b.noChild(k.word, name)
	}
	e.Heading, e.done = "Edit "+k.word, "The "+k.word+" "+name+" has been saved."
	e.About = []string{strings.ToUpper(k.word[:1]) + k.word[1:] + " " + name + " of " + b.DisplayName + "."}
	e.Form.Keep = []kept{{nameKept, name}}
	e.method, e.path, e.tool = http.MethodPut, b.path(k.member, name), b.tool(k.tool+" update", kept{k.option, name})
	e.body = cloned(child)
	delete(e.body, k.naming)
	e.Form.Fields = k.fields(b, e.body)
	return e, nil
}

// nameKept is what a form calls the thing that it changes. It is not "name", which is what a field may be called.
const nameKept = "name_of"

// filledIn gives fields the values that a body has, but for those that have one. Of choices without a value the first is taken, as a browser
// does.
func filledIn(fields []*field, body map[string]any) []*field {
	for _, one := range fields {
		if one.Value == "" {
			one.Value = got(body, one.Name)
		}
		if one.Value == "" && len(one.Choices) > 0 {
			one.Value = one.Choices[0].Value
		}
	}
	return fields
}

// ociDelete is the page on which something of a load balancer, or all of it, is deleted.
func ociDelete(v *visit, names url.Values) (*ociEdit, error) {
	b, err := v.ociBalancer(names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	what, name := names.Get("what"), names.Get(nameKept)
	e := &ociEdit{edit: edit{Balancer: b.name, Form: &form{Submit: "Delete", Danger: true, Keep: []kept{{"what", what}, {nameKept, name}}}}, etag: b.etag, method: http.MethodDelete}
	switch {
	case what == "":
		e.Heading, e.Tab, e.gone = "Delete load balancer "+b.DisplayName, tabDetails, true
		e.path, e.tool = b.path(), b.tool("load-balancer delete")
		e.About = []string{fmt.Sprintf("It ends with its %d listeners and %d backend sets.", len(b.Listeners), len(b.BackendSets))}
		e.seen, e.fate = e.About[0], always(v.c.withListeners(b.name, func(*plan.Listener) bool { return true }))
	case what == "backend":
		return e, v.deleteBackend(b, e, names.Get("backend_set"), name)
	default:
		k := ociKindNamed(what)
		if k == nil {
			return nil, refusal(http.StatusNotFound, "a load balancer has no %q", shortened(what))
		}
		child := b.child(k.member, name)
		if child == nil {
			return nil, b.noChild(k.word, name)
		}
		e.Heading, e.Tab, e.seen = "Delete "+k.word+" "+name, k.tab, described(child)
		e.path, e.tool = b.path(k.member, name), b.tool(k.tool+" delete", kept{k.option, name})
		if e.Facts = factsOf(k.fields(b, child)); k.quiet {
			e.Facts = []fact{{"It has", summary(k, child)}}
		}
		if k.tab == tabListeners {
			e.fate, e.About = always(v.withoutListener(b, name)), b.stays(name)
		}
	}
	e.done = e.Heading + ": done."
	return e, nil
}

// factsOf returns what fields say, but for those that say nothing.
func factsOf(fields []*field) (facts []fact) {
	for _, one := range fields {
		if one.Rules != nil {
			for i, words := range one.InWords() {
				facts = append(facts, fact{fmt.Sprintf("Rule %d", i+1), words})
			}
			continue
		}
		value := one.Value
		switch i := slices.IndexFunc(one.Choices, func(c choice) bool { return c.Value == value }); {
		case value == "":
			continue
		case one.Kind == "checkbox":
			value = yesNo(value == "on")
		case i >= 0:
			value = one.Choices[i].Label
		}
		facts = append(facts, fact{one.Label, value})
	}
	return facts
}

// ociKindNamed returns the kind that a query names.
func ociKindNamed(what string) *ociKind {
	all := ociKinds()
	all["oci-listener"] = ociListenerKind()
	return all["oci-"+what]
}

// describedBytesMax bounds what a form repeats of a thing: what is longer is told by its sum.
const describedBytesMax = 1000

// described tells what something is, for people and for telling whether it has changed.
func described(child map[string]any) string {
	text, _ := json.Marshal(cloned(child)) // what JSON has decoded always can be
	if len(text) <= describedBytesMax {
		return string(text)
	}
	sum := fnv.New64a()
	sum.Write(text)
	return fmt.Sprintf("%s… (%d bytes, %x)", strings.ToValidUTF8(string(text[:describedBytesMax]), ""), len(text), sum.Sum64())
}

// deletion returns what leads to the page that deletes one of a kind.
func (b *ociBalancer) deletion(what, name string, more ...string) action {
	pairs := append([]string{"load_balancer", b.name, "what", what, nameKept, name}, more...)
	return action{Label: "Delete", Of: "Delete " + strings.ReplaceAll(what, "-", " ") + " " + name, Link: to("oci-delete", pairs...), Danger: true}
}

// edition returns what leads to the page that changes one of a kind.
func (b *ociBalancer) edition(what, name string) action {
	return action{Label: "Edit", Of: "Edit " + strings.ReplaceAll(what, "-", " ") + " " + name, Link: to("oci-"+what, "load_balancer", b.name, nameKept, name)}
}

// creation returns what leads to the page that makes one of a kind.
func (b *ociBalancer) creation(what string) []action {
	return []action{{Label: "Create " + strings.ReplaceAll(what, "-", " "), Link: to("oci-"+what, "load_balancer", b.name)}}
}
