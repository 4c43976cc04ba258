package console

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

// ruleSetPage is the page that changes the rule set s.
const ruleSetPage = "oci-rule-set?load_balancer=web&name_of=s"

// press sends the form of a page by one of the buttons that only have it drawn anew.
func (b *browser) press(a *answer, does string, typed map[string]string) *answer {
	b.r.t.Helper()
	values := typedInto(a, typed)
	values.Set("items.do", does)
	drawn := b.do(http.MethodPost, "/console/oci-rule-set", values).want(http.StatusOK)
	if !drawn.question {
		b.r.t.Errorf("%s is taken for a change", does)
	}
	return drawn
}

// legends returns what the rules on a page are.
func (a *answer) legends() (list []string) {
	for _, one := range a.all("legend") {
		list = append(list, text(one))
	}
	return list
}

// rulesOf returns the rules of s as the API tells them.
func (r *ociRig) rulesOf() string { return compact(r.told("/ruleSets/s")["items"]) }

// TestRuleKinds: a rule of each action is added, filled in, saved, and told in words; saved again as it is shown, nothing changes.
func TestRuleKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action string
		typed  map[string]string
		want   string // the rule as the API tells it
		words  string
	}{
		{wire.AddRequestHeader, map[string]string{"header": "X-A", "value": " a, b"}, `{"action":"ADD_HTTP_REQUEST_HEADER","header":"X-A","value":" a, b"}`, "add request header X-A: a, b"},
		{wire.ExtendRequestHeader, map[string]string{"header": "X-A", "prefix": "p"}, `{"action":"EXTEND_HTTP_REQUEST_HEADER_VALUE","header":"X-A","prefix":"p"}`, `extend request header X-A by prefix "p"`},
		{wire.RemoveRequestHeader, map[string]string{"header": "X-A"}, `{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X-A"}`, "remove request header X-A"},
		{wire.AddResponseHeader, map[string]string{"header": "X-A", "value": "<b>"}, `{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-A","value":"\u003cb\u003e"}`, "add response header X-A: <b>"},
		{wire.ExtendResponseHeader, map[string]string{"header": "X-A", "prefix": "p", "suffix": "s"}, `{"action":"EXTEND_HTTP_RESPONSE_HEADER_VALUE","header":"X-A","prefix":"p","suffix":"s"}`, `extend response header X-A by prefix "p" and suffix "s"`},
		{wire.RemoveResponseHeader, map[string]string{"header": "X-A"}, `{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"X-A"}`, "remove response header X-A"},
		{
			wire.Allow, map[string]string{"conditions[0].attributeName": "SOURCE_VCN_ID", "conditions[0].attributeValue": "ocid1.vcn.oc1..a", "conditions[1].attributeName": "SOURCE_VCN_IP_ADDRESS", "conditions[1].attributeValue": "10.0.0.0/8", "description": "the office"},
			`{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_VCN_ID","attributeValue":"ocid1.vcn.oc1..a"},{"attributeName":"SOURCE_VCN_IP_ADDRESS","attributeValue":"10.0.0.0/8"}],"description":"the office"}`,
			"allow clients by VCN ocid1.vcn.oc1..a and address in the VCN 10.0.0.0/8 (the office)",
		},
		{wire.ControlMethods, map[string]string{"allowedMethods": "GET, HEAD", "statusCode": " 403 "}, `{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET","HEAD"],"statusCode":403}`, "allow the methods GET, HEAD; others get 403"},
		{
			wire.Redirect, map[string]string{"conditions[0].attributeValue": "/old", "conditions[0].operator": "PREFIX_MATCH", "responseCode": "301", "redirectUri.protocol": "HTTPS", "redirectUri.host": "b.test", "redirectUri.port": "443", "redirectUri.path": "/new{path}", "redirectUri.query-none": "on"},
			`{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/old","operator":"PREFIX_MATCH"}],"redirectUri":{"host":"b.test","path":"/new{path}","port":443,"protocol":"HTTPS","query":""},"responseCode":301}`,
			"redirect if the path begins with /old, with 301, to protocol HTTPS, to host b.test, to port 443, to path /new{path}, without a query",
		},
		{wire.HTTPHeader, map[string]string{"httpLargeHeaderSizeInKB": "32", "areInvalidCharactersAllowed": "on"}, `{"action":"HTTP_HEADER","areInvalidCharactersAllowed":true,"httpLargeHeaderSizeInKB":32}`, "header size 32 KB, invalid characters allowed"},
		{
			wire.IPMaxConnections, map[string]string{"defaultMaxConnections": "100", "ipMaxConnections[1].ipAddresses": "10.0.0.0/8, 2001:db8::/32", "ipMaxConnections[1].maxConnections": "5"},
			`{"action":"IP_BASED_MAX_CONNECTIONS","defaultMaxConnections":100,"ipMaxConnections":[{"ipAddresses":["10.0.0.0/8","2001:db8::/32"],"maxConnections":5}]}`,
			"at most 100 connections of each address, at most 5 of each in 10.0.0.0/8, 2001:db8::/32",
		},
	} {
		t.Run(c.action, func(t *testing.T) {
			t.Parallel()
			r := newOCIRig(t)
			b := r.loggedIn(adminID)
			empty := b.get("/console/oci-rule-set?load_balancer=web").want(http.StatusOK)
			form := b.press(empty, "add", map[string]string{"name": "s", "items.kind": c.action})
			inline(t, c.action, form.tree())
			for _, one := range form.all("label") { // each has its field
				form.one("[id=" + attr(one, "for") + "]")
			}
			typed := map[string]string{}
			for name, value := range c.typed {
				form.fieldOf("items[0]." + name)
				typed["items[0]."+name] = value
			}
			b.do(http.MethodPost, "/console/oci-rule-set", typedInto(form, typed)).want(http.StatusSeeOther)
			if got := r.rulesOf(); got != "["+c.want+"]" {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for page, selector := range map[string]string{"load-balancer?tab=rule-sets&load_balancer=web": "table", "oci-delete?load_balancer=web&what=rule-set&name_of=s": "dl.facts"} {
				if got := text(b.get("/console/" + page).one(selector)); !strings.Contains(got, c.words) {
					t.Errorf("%s says %q, want %q", page, got, c.words)
				}
			}
			if got := text(r.loggedIn(readerID).get("/console/" + ruleSetPage).one("dl.facts")); got != "Rules "+c.words {
				t.Errorf("a reader is told %q, want %q", got, c.words)
			}
			again := b.get("/console/" + ruleSetPage).want(http.StatusOK)
			if len(again.all("input[name=items[0].kept]")) > 0 {
				t.Error("the form takes what it shows for something that it does not know")
			}
			b.do(http.MethodPost, "/console/oci-rule-set", typedInto(again, nil)).want(http.StatusSeeOther)
			if got := r.rulesOf(); got != "["+c.want+"]" {
				t.Errorf("saved as it was shown: got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestRuleSteps: buttons add, move and remove rules on the page, keep what was typed, and change nothing; saving does.
func TestRuleSteps(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"},{"action":"HTTP_HEADER"}]}`)
	before := r.rulesOf()
	page := b.get("/console/" + ruleSetPage).want(http.StatusOK)
	for _, step := range []struct {
		does, kind, typed string
		focus             string // value of the button that the reader is taken to
		want              string // the legends
	}{
		{"add", wire.AddResponseHeader, "b", "", "Rule 1: Remove request header|Rule 2: HTTP header size|Rule 3: Add response header"},
		{"up 2", "", "c", "up 1", "Rule 1: Remove request header|Rule 2: Add response header|Rule 3: HTTP header size"},
		{"up 1", "", "d", "down 0", "Rule 1: Add response header|Rule 2: Remove request header|Rule 3: HTTP header size"},
		{"down 1", "", "e", "up 2", "Rule 1: Add response header|Rule 2: HTTP header size|Rule 3: Remove request header"},
		{"remove 1", "", "f", "", "Rule 1: Add response header|Rule 2: Remove request header"},
		{"up 0", "", "g", "", "Rule 1: Add response header|Rule 2: Remove request header"},
		{"down 1", "", "h", "", "Rule 1: Add response header|Rule 2: Remove request header"},
		{"down -1", "", "h", "", "Rule 1: Add response header|Rule 2: Remove request header"},
		{"remove 99999999999999999999", "", "h", "", "Rule 1: Add response header|Rule 2: Remove request header"},
		{"add", "NONE", "h", "", "Rule 1: Add response header|Rule 2: Remove request header"},
	} {
		at := "items[0].header"
		if step.typed == "e" || step.typed == "f" {
			at = "items[1].header"
		}
		if step.typed == "f" {
			at = "items[2].header"
		}
		page = b.press(page, step.does, map[string]string{at: step.typed, "items.kind": step.kind})
		if got := strings.Join(page.legends(), "|"); got != step.want {
			t.Errorf("%s: got %s, want %s", step.does, got, step.want)
		}
		if !strings.Contains(page.Body.String(), `value="`+step.typed+`"`) {
			t.Errorf("%s: what was typed is lost", step.does)
		}
		if step.focus != "" && !has(page.one("button[value="+step.focus+"]"), "autofocus", "") {
			t.Errorf("%s: the reader is not taken to %s", step.does, step.focus)
		}
		if strings.HasPrefix(step.does, "remove") && !has(page.one("[id=f-items]"), "autofocus", "") {
			t.Errorf("%s: the reader is not taken to what has been done", step.does)
		}
		inline(t, step.does, page.tree())
	}
	if got := r.rulesOf(); got != before {
		t.Fatalf("without being saved: got %s, want %s", got, before)
	}
	b.do(http.MethodPost, "/console/oci-rule-set", typedInto(page, map[string]string{"items[0].header": "x", "items[0].value": "y"})).want(http.StatusSeeOther)
	if got, want := r.rulesOf(), `[{"action":"ADD_HTTP_RESPONSE_HEADER","header":"x","value":"y"},{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"f"}]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRulesEnter: the first button of the form, which Enter presses, is none that changes the list.
func TestRulesEnter(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"HTTP_HEADER"}]}`)
	form := r.loggedIn(adminID).get("/console/" + ruleSetPage).one("form.edit")
	if first := within(form, "button")[0]; attr(first, "name") != "" {
		t.Errorf("Enter presses %q", attr(first, "value"))
	}
}

// TestRulesFull: there are no more than 20 rules, and the form says so.
func TestRulesFull(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	one := `{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}`
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[`+strings.Repeat(one+",", rulesOfSetMax-2)+one+`]}`)
	page := b.press(b.get("/console/"+ruleSetPage).want(http.StatusOK), "add", map[string]string{"items.kind": wire.HTTPHeader})
	if got := len(page.legends()); got != rulesOfSetMax || len(page.all("button[value=add]")) != 0 || !strings.Contains(text(page.one("div.rules")), "These are 20 rules") {
		t.Errorf("got %d rules: %s", got, text(page.one("main")))
	}
	more := b.press(page, "add", map[string]string{"items.kind": wire.HTTPHeader})
	if got := text(more.one("[role=status]")); len(more.legends()) != rulesOfSetMax || !strings.Contains(got, "20 rules") {
		t.Errorf("got %q", got)
	}
	b.do(http.MethodPost, "/console/oci-rule-set", typedInto(more, nil)).want(http.StatusSeeOther)
	if got := strings.Count(r.rulesOf(), "action"); got != rulesOfSetMax {
		t.Errorf("got %d rules", got)
	}
}

// TestRuleRefusals: what the API refuses of a rule is said at its field; where that has none, at the rule; else at the list.
func TestRuleRefusals(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`)
	before := r.rulesOf()
	for _, c := range []struct{ name, action, field, typed, at, want string }{
		{"needed", wire.AddRequestHeader, "", "", "items[1].header", "Header is required"},
		{"markup", wire.AddRequestHeader, "header", `"><img>`, "items[1].header", "Header '"},
		{"own-header", wire.RemoveRequestHeader, "header", "Content-Length", "items[1]", "Rule 2 (REMOVE_HTTP_REQUEST_HEADER): "},
		{"by-nothing", wire.ExtendRequestHeader, "header", "X", "items[1].prefix", "Rule 2 needs prefix or suffix"},
		{"no-block", wire.Allow, "conditions[0].attributeValue", "10.0.0.1", "items[1].conditions[0].attributeValue", "Allowed '10.0.0.1' is not allowed: use a CIDR block"},
		{"combination", wire.Allow, "conditions[1].attributeName", "SOURCE_IP_ADDRESS", "items[1].conditions[1].attributeValue", "is required"},
		{"together", wire.Allow, "conditions[1].attributeName", "SOURCE_IP_ADDRESS", "items[1]", "Rule 2: conditions cannot be SOURCE_IP_ADDRESS and SOURCE_IP_ADDRESS together"},
		{"typed-name", wire.AddResponseHeader, "value", "items[7] $", "items[1].value", "Value 'items[7] $' is not allowed"},
		{"no-number", wire.ControlMethods, "statusCode", "4x", "items[1].statusCode", "Status of others must be a whole number"},
		{"status", wire.ControlMethods, "statusCode", "700", "items[1].statusCode", "allowed is"},
		{"path", wire.Redirect, "redirectUri.path", "x", "items[1].redirectUri.path", "must begin with / or {path}"},
		{"bounds", wire.IPMaxConnections, "", "", "items[1].defaultMaxConnections", "needs defaultMaxConnections or ipMaxConnections"},
		{"blocks", wire.IPMaxConnections, "ipMaxConnections[0].ipAddresses", "10.0.0.0/8,10.0.0.0/33", "items[1].ipMaxConnections[0].ipAddresses", "Addresses '10.0.0.0/33'"},
	} {
		page := b.press(b.get("/console/"+ruleSetPage).want(http.StatusOK), "add", map[string]string{"items.kind": c.action})
		typed := map[string]string{}
		switch c.name {
		case "no-number", "status":
			typed["items[1].allowedMethods"] = "GET"
		case "typed-name":
			typed["items[1].header"] = "X"
		case "together":
			typed["items[1].conditions[0].attributeValue"], typed["items[1].conditions[1].attributeValue"] = "10.0.0.0/8", "11.0.0.0/8"
		case "combination":
			typed["items[1].conditions[0].attributeValue"] = "10.0.0.0/8"
		case "path":
			typed["items[1].conditions[0].attributeValue"] = "/"
		case "blocks":
			typed["items[1].ipMaxConnections[0].maxConnections"] = "5"
		}
		if c.field != "" {
			typed["items[1]."+c.field] = c.typed
		}
		a := b.do(http.MethodPost, "/console/oci-rule-set", typedInto(page, typed)).want(http.StatusUnprocessableEntity)
		if len(a.all("[id=e-"+c.at+"]")) != 1 || !strings.Contains(text(a.one("[id=e-"+c.at+"]")), c.want) || len(a.all("img")) != 0 {
			t.Errorf("%s: got %s, want %q at %s", c.name, text(a.one("main")), c.want, c.at)
			continue
		}
		if !has(a.one("[id=f-"+c.at+"]"), "autofocus", "") {
			t.Errorf("%s: the field is not focused", c.name)
		}
	}
	none := b.press(b.get("/console/"+ruleSetPage), "remove 0", nil)
	a := b.do(http.MethodPost, "/console/oci-rule-set", typedInto(none, nil)).want(http.StatusUnprocessableEntity)
	if got := text(a.one("[id=e-items]")); got != "Rules size must be between 1 and 20" {
		t.Errorf("of no rule: got %q", got)
	}
	if got := r.rulesOf(); got != before {
		t.Errorf("something was changed: %s", got)
	}
}

// TestRulesStale: somebody else's rules are shown with one's own, and not overwritten unseen.
func TestRulesStale(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`)
	old := b.get("/console/" + ruleSetPage)
	r.change(http.MethodPut, "/loadBalancers/"+r.id+"/ruleSets/s", `{"items":[{"action":"HTTP_HEADER"},{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`)
	theirs := r.rulesOf()
	b.do(http.MethodPost, "/console/oci-rule-set", typedInto(old, nil)).want(http.StatusSeeOther)
	if got := r.rulesOf(); got != theirs {
		t.Errorf("a form in which nothing was typed: got %s, want %s", got, theirs)
	}
	a := b.do(http.MethodPost, "/console/oci-rule-set", typedInto(old, map[string]string{"items[0].header": "b"})).want(http.StatusConflict)
	if got := text(a.one("[id=e-items]")); got != "Somebody else has set these, and yours are below: header size 8 KB remove request header a" || attr(a.fieldOf("items[0].header"), "value") != "b" {
		t.Errorf("got %q", got)
	}
	if got := r.rulesOf(); got != theirs {
		t.Errorf("got %s, want %s", got, theirs)
	}
	b.do(http.MethodPost, "/console/oci-rule-set", typedInto(a, nil)).want(http.StatusSeeOther)
	if got, want := r.rulesOf(), `[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"b"}]`; got != want {
		t.Errorf("saved again: got %s, want %s", got, want)
	}
}

// listening notes what is asked of the API.
type listening struct {
	OCI
	asked []string
}

func (l *listening) Ask(ctx context.Context, q *ociapi.Question) (ociapi.Answer, error) {
	if q.Method != http.MethodGet {
		l.asked = append(l.asked, string(q.Body))
	}
	return l.OCI.Ask(ctx, q)
}

// TestRulesUnknown: a rule of a kind that the console does not know is shown, moved and sent as it is, and members of others that it does
// not know stay. Buttons ask nothing of the API, and a change is one request.
func TestRulesUnknown(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`)
	const strange, known = `{"action":"STRANGE_NEW","deep":{"list":[1,"\u003cb\u003e"]}}`, `{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a","later":{"x":1.5}}`
	to := &listening{OCI: r.oci}
	r.console.o.OCI = to
	values := typedInto(b.get("/console/"+ruleSetPage), map[string]string{"items[0].kept": known, "items[1].action": "STRANGE_NEW", "items[1].kept": strange, "items.do": "up 1"})
	page := b.do(http.MethodPost, "/console/oci-rule-set", values).want(http.StatusOK)
	if got := text(page.one("fieldset")); !strings.Contains(got, "does not know such a rule") || text(within(page.one("fieldset"), "pre")[0]) != strange {
		t.Errorf("got %q", got)
	}
	if len(to.asked) != 0 {
		t.Errorf("a button has asked for %s", to.asked)
	}
	a := b.do(http.MethodPost, "/console/oci-rule-set", typedInto(page, map[string]string{"items[1].header": "b"})).want(http.StatusUnprocessableEntity)
	if want := `{"items":[` + strange + `,{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"b","later":{"x":1.5}}]}`; len(to.asked) != 1 || to.asked[0] != want {
		t.Errorf("got  %s\nwant %s", to.asked, want)
	}
	if got := text(a.one("[id=e-items[0]]")); !strings.Contains(got, "STRANGE_NEW") {
		t.Errorf("got %q", got)
	}
}

// shownRules returns what a browser sends of the fields of rules, as a page has them.
func shownRules(one *field) url.Values {
	values := url.Values{}
	for _, row := range one.Rules.Rows {
		values.Set(row.Name+".action", row.Action)
		if row.Kept != "" {
			values.Set(row.Name+".kept", row.Kept)
		}
		for _, part := range row.Fields {
			if part.Kind != "checkbox" || part.Value == "on" {
				values.Set(part.Name, part.Value)
			}
		}
	}
	return values
}

// FuzzRulesSent takes a form that anybody made up: what is read from it is shown and read again as the same.
func FuzzRulesSent(f *testing.F) {
	for _, k := range ruleKinds {
		f.Add("items[0].action=" + k.action + "&items[0].header=a&items[0].conditions[1].attributeValue=x&items[0].ipMaxConnections[2].maxConnections=7&items.do=up+0")
	}
	f.Add(`items[0].action=NONE&items[0].kept={"action":"REDIRECT","conditions":[null,[],{"attributeName":7}]}&items[1].action=REDIRECT&items[1].kept={"conditions":[null,[],{"a":7}]}&items.do=down+0`)
	f.Add(`items[0].action=REDIRECT&items[0].redirectUri.path-none=on&items[0].redirectUri.path=/x&items.do=add&items.kind=ALLOW`)
	f.Fuzz(func(t *testing.T, query string) {
		sent, err := url.ParseQuery(query)
		if err != nil {
			t.Skip()
		}
		one := rulesField(nil)
		for pass := range 3 { // the first may lack what a browser always sends
			before := one.Value
			one.Value = one.rulesSent(sent)
			one.showRules()
			if n := len(one.Rules.Rows); n > rulesOfSetMax {
				t.Fatalf("got %d rules", n)
			}
			if pass == 2 && one.Value != before {
				t.Errorf("of %s\ngot  %s\nwant %s", query, one.Value, before)
			}
			sent = shownRules(one)
		}
		one.InWords()
	})
}

// FuzzRulesKept takes rules as an API might have them: nothing of them is lost by a form that only shows them.
func FuzzRulesKept(f *testing.F) {
	f.Add(`[{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"path":"","query":"?{query}"},"responseCode":302}]`)
	f.Add(`[{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"::/0"},{},{"x":1}],"other":{"y":[1,2]}}]`)
	f.Add(`[{"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[{"ipAddresses":["a"],"maxConnections":1,"z":{}},{},{},{"four":4}]},{"header":"x"},{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var rules []map[string]any
		if json.Unmarshal([]byte(text), &rules) != nil || len(rules) > rulesOfSetMax {
			t.Skip()
		}
		list := make([]any, len(rules))
		for i, rule := range rules {
			list[i] = cloned(rule)
		}
		one := rulesField(list)
		var after []map[string]any
		if err := json.Unmarshal([]byte(one.rulesSent(shownRules(one))), &after); err != nil {
			t.Fatal(err)
		}
		if len(after) != len(rules) {
			t.Fatalf("got %d rules of %d", len(after), len(rules))
		}
		for i := range rules {
			for name := range unknownTo(rules[i]) {
				if got, want := compact(after[i][name]), compact(cloned(rules[i])[name]); got != want {
					t.Errorf("%s of %s: got %s, want %s", name, text, got, want)
				}
			}
		}
	})
}

// unknownTo returns the members of a rule that no field of its form shows.
func unknownTo(rule map[string]any) map[string]any {
	rest := maps.Clone(cloned(rule))
	action, _ := rule["action"].(string)
	if k := ruleKindOf(action); k != nil {
		delete(rest, "action")
		for _, one := range k.fields() {
			delete(rest, pathOf(one.Name)[0])
		}
	}
	for name, value := range rest { // a list of nothing is nothing
		if list, ok := value.([]any); ok && withoutGaps(map[string]any{name: clonedList(list)})[name] == nil || ok && strings.Contains(compact(list), "null") {
			delete(rest, name)
		}
	}
	return rest
}

// TestRuleLines: a text of several lines stays one, where browsers make one line of what is in a field for one.
func TestRuleLines(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"::/0"}],"description":"two\nlines"}]}`)
	before := r.rulesOf()
	form := b.get("/console/" + ruleSetPage).want(http.StatusOK)
	if one := form.fieldOf("items[0].description"); one.Data != "textarea" {
		t.Errorf("got %s", one.Data)
	}
	page := b.press(form, "add", map[string]string{"items.kind": wire.HTTPHeader})
	b.do(http.MethodPost, "/console/oci-rule-set", typedInto(page, nil)).want(http.StatusSeeOther)
	if got := r.rulesOf(); !strings.HasPrefix(got, strings.TrimSuffix(before, "]")) {
		t.Errorf("got %s, want %s and one more", got, before)
	}
}
