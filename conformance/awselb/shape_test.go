package awselb

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A shape is JSON that says what an answer has to be. It is compared by structure, since clients print members in an order of their
// own, and may leave open what differs from run to run:
//
//	"~RE"            a string, all of which matches the regular expression
//	"*"              anything but nothing
//	{"…": "…"}       other members may be there as well
//	["any order", …] the rest in any order
//	[…, "…"]         more elements may be there as well
const (
	wildcard = "*"
	open     = "…"
	anyOrder = "any order"
)

// differences tells where an answer is not what a shape wants; nothing means that it fits.
func differences(answer, shape string) []string {
	var got, want any
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		return []string{fmt.Sprintf("is no JSON (%v): %q", err, answer)}
	}
	if err := json.Unmarshal([]byte(shape), &want); err != nil {
		return []string{fmt.Sprintf("the shape is no JSON (%v): %q", err, shape)}
	}
	return differ("", got, want)
}

func differ(path string, got, want any) []string {
	switch w := want.(type) {
	case map[string]any:
		return differObject(path, got, w)
	case []any:
		return differList(path, got, w)
	case string:
		return differString(path, got, w)
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s: got %s, want %s", path, text(got), text(want))}
	}
	return nil
}

func differString(path string, got any, want string) []string {
	if want == wildcard && got != nil {
		return nil
	}
	s, ok := got.(string)
	if pattern, is := strings.CutPrefix(want, "~"); ok && is && regexp.MustCompile("^(?:"+pattern+")$").MatchString(s) {
		return nil
	}
	if !ok || s != want {
		return []string{fmt.Sprintf("%s: got %s, want %s", path, text(got), text(want))}
	}
	return nil
}

func differObject(path string, got any, want map[string]any) []string {
	g, ok := got.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: got %s, want an object", path, text(got))}
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if name == open {
			continue
		}
		value, there := g[name]
		if !there {
			found = append(found, fmt.Sprintf("%s.%s: is not there, want %s", path, name, text(want[name])))
			continue
		}
		found = append(found, differ(path+"."+name, value, want[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(g)) {
		if _, wanted := want[name]; !wanted && want[open] == nil {
			found = append(found, fmt.Sprintf("%s.%s: got %s, want nothing", path, name, text(g[name])))
		}
	}
	return found
}

func differList(path string, got any, want []any) []string {
	g, ok := got.([]any)
	if !ok {
		return []string{fmt.Sprintf("%s: got %s, want a list", path, text(got))}
	}
	more := len(want) > 0 && want[len(want)-1] == open
	if more {
		want = want[:len(want)-1]
	}
	if len(want) > 0 && want[0] == anyOrder {
		return differSet(path, g, want[1:], more)
	}
	var found []string
	if len(g) < len(want) || len(g) > len(want) && !more {
		found = append(found, fmt.Sprintf("%s: got %d elements, want %d: %s", path, len(g), len(want), text(g)))
	}
	for i := range min(len(g), len(want)) {
		found = append(found, differ(fmt.Sprintf("%s[%d]", path, i), g[i], want[i])...)
	}
	return found
}

// differSet pairs each wanted element with the first of the rest that fits. Shapes that overlap go from the narrow to the wide.
func differSet(path string, got, want []any, more bool) []string {
	rest := slices.Clone(got)
	var found []string
	for _, w := range want {
		i := slices.IndexFunc(rest, func(g any) bool { return len(differ(path, g, w)) == 0 })
		if i < 0 {
			found = append(found, fmt.Sprintf("%s: got %s, want one to be %s", path, text(got), text(w)))
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) > 0 && !more {
		found = append(found, fmt.Sprintf("%s: got %s as well", path, text(rest)))
	}
	return found
}

// text shows a value as JSON.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

func TestShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, answer, shape, wrong string }{
		{"same", `{"a":1,"b":[true,"x"]}`, `{"b":[true,"x"],"a":1}`, ""},
		{"number", `{"a":1}`, `{"a":2}`, ".a: got 1, want 2"},
		{"string-for-number", `{"a":"1"}`, `{"a":1}`, `.a: got "1", want 1`},
		{"number-for-string", `{"a":1}`, `{"a":"1"}`, `.a: got 1, want "1"`},
		{"absent", `{}`, `{"a":[]}`, ".a: is not there, want []"},
		{"null-list", `{"a":null}`, `{"a":[]}`, ".a: got null, want a list"},
		{"more-members", `{"a":1,"b":2}`, `{"a":1}`, ".b: got 2, want nothing"},
		{"more-members-allowed", `{"a":1,"b":2}`, `{"a":1,"…":"…"}`, ""},
		{"pattern", `"i-12ab"`, `"~i-[0-9a-f]+"`, ""},
		{"pattern-whole", `"xi-12ab"`, `"~i-[0-9a-f]+"`, `: got "xi-12ab", want "~i-[0-9a-f]+"`},
		{"pattern-for-number", `12`, `"~.*"`, `: got 12, want "~.*"`},
		{"anything", `{"a":{}}`, `{"a":"*"}`, ""},
		{"anything-but-nothing", `{"a":null}`, `{"a":"*"}`, `.a: got null, want "*"`},
		{"order", `["b","a"]`, `["a","b"]`, `[0]: got "b", want "a"`},
		{"any-order", `["b","a"]`, `["any order","a","b"]`, ""},
		{"any-order-too-many", `["b","a","c"]`, `["any order","a","b"]`, `: got ["c"] as well`},
		{"any-order-twice", `["a","a"]`, `["any order","a","b"]`, `: got ["a","a"], want one to be "b"`},
		{"too-few", `["a"]`, `["a","b"]`, `: got 1 elements, want 2: ["a"]`},
		{"too-many", `["a","b"]`, `["a"]`, `: got 2 elements, want 1: ["a","b"]`},
		{"more-elements-allowed", `["a","b"]`, `["a","…"]`, ""},
		{"some-in-any-order", `["c","b","a"]`, `["any order","a","b","…"]`, ""},
		{"list-for-object", `[]`, `{}`, ": got [], want an object"},
		{"no-JSON", `oops`, `{}`, "is no JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(differences(c.answer, c.shape), "; ")
			if (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
				t.Errorf("%s against %s: got %q, want %q", c.answer, c.shape, got, c.wrong)
			}
		})
	}
}
