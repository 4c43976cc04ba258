package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestDefinedTags: what is not typed over stays what it is, also where a text has another type; what is typed is text, and an emptied field
// takes all of them away.
func TestDefinedTags(t *testing.T) {
	t.Parallel()
	const there = `{"empty":{},"n":{"n":1.50,"s":"x","t":true}}`
	for _, c := range []struct{ name, typed, want string }{
		{"untouched", "n.n 1.50\nn.s x\nn.t true", there},
		{"one-typed", "n.n 1.50\nn.s y\nn.t true", `{"n":{"n":1.50,"s":"y","t":true}}`},
		{"all-typed", "n.n 1.5\nn.s 7\nn.t false", `{"n":{"n":"1.5","s":"7","t":"false"}}`},
		{"emptied", "", `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newOCIRig(t)
			b := r.loggedIn(adminID)
			r.change(http.MethodPut, "/loadBalancers/"+r.id, `{"definedTags":`+there+`}`)
			form := b.get("/console/oci-load-balancer?load_balancer=web").want(http.StatusOK)
			values := typedInto(form, map[string]string{"displayName": "shop"})
			if got := values.Get(definedTags); got != "n.n 1.50\r\nn.s x\r\nn.t true" {
				t.Errorf("the form has %q", got)
			}
			values.Set(definedTags, strings.ReplaceAll(c.typed, "\n", "\r\n"))
			b.do(http.MethodPost, "/console/oci-load-balancer", values).want(http.StatusSeeOther)
			got := r.balancer().DefinedTags
			if text := compact(got); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
			details := text(b.get("/console/load-balancer?load_balancer=web").one("dl.facts"))
			if want := "Defined tags " + listed(definedTagLines(got)); !strings.Contains(details, want) {
				t.Errorf("the tab has %q, want %q", details, want)
			}
		})
	}
}

// FuzzDefinedTags takes tags as the API might have them, and what people may type: what is written is read as the same, and anything is
// read.
func FuzzDefinedTags(f *testing.F) {
	for _, seed := range [][3]string{{"Finance", "CostCenter", "42"}, {"a.b", "c d", " e"}, {"", "", ""}, {`"q"`, `"`, `"x" y`}, {"a\tb", ".", "l1\nl2\r"}, {"n", "\u00a0", "\u2028"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, namespace, key, value string) {
		typed := readDefinedTags(namespace, nil)
		if _, err := json.Marshal(typed); err != nil {
			t.Errorf("%q: %v", namespace, err)
		}
		if strings.ToValidUTF8(namespace+key+value, "") != namespace+key+value {
			t.Skip("no request has that")
		}
		tags := map[string]map[string]any{namespace: {key: value, key + "x": "7"}, "other": {"y": "z"}}
		if got, want := compact(readDefinedTags(strings.Join(definedTagLines(tags), "\n"), nil)), compact(tags); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
