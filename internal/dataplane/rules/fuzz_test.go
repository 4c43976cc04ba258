package rules_test

import (
	"errors"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
)

// What is read and written again must read the same, and an error must point into the text.
func FuzzParseCondition(f *testing.F) {
	for _, c := range conditions {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := rules.ParseCondition(text)
		if err != nil {
			var at *rules.ParseError
			if !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(text) || at.Expected == "" || at.Found == "" {
				t.Fatalf("%q: got error %#v", text, err)
			}
			return
		}
		if c.Terms() == 0 || c.Terms() > rules.ConditionTermsMax {
			t.Fatalf("%q: got %d terms", text, c.Terms())
		}
		again, err := rules.ParseCondition(c.String())
		if err != nil && len(c.String()) <= rules.ConditionBytesMax {
			t.Fatalf("%q: read %s again: %v", text, c, err)
		}
		if err == nil && again.String() != c.String() {
			t.Fatalf("%q: got %s, then %s", text, c, again)
		}
	})
}

// Conditions are one to a line; so many of them are on access and the others rules.
func FuzzDecide(f *testing.F) {
	all := make([]string, 0, len(conditions))
	for _, c := range conditions {
		all = append(all, strings.ReplaceAll(c.text, "\n", " "))
	}
	r := shopping(f)
	f.Add(strings.Join(all[:40], "\n"), uint8(3), r.Bytes)
	f.Add(strings.Join(all[40:], "\n"), uint8(0), r.Bytes)
	f.Add("'a' eq 'b'\nhttp.request.headers[(i 'x')] not eq 'b'", uint8(1), []byte("GET http://a HTTP/1.1\r\nHost: b\r\nX: b\r\nx: c\r\n\r\n"))
	f.Add("not any(http.request.url.query['a'][0] ew 'b')", uint8(0), []byte("GET /?a=%62&a=%6&a=+%2B HTTP/1.0\r\n\r\n"))
	for _, c := range all {
		f.Add(c, uint8(0), r.Bytes)
	}
	f.Fuzz(func(t *testing.T, text string, access uint8, head []byte) {
		r := &rules.Request{Head: new(http1.Head), Bytes: head}
		var s http1.Scan
		if n, _ := r.Head.ReadRequest(head, &s, &http1.RequestLimits); n == 0 {
			return
		}
		config := rules.Config{Head: rules.HeadForm{AnyCharacters: true}, Default: rules.NoSet}
		n, allowed, want := naiveOf(r), true, rules.NoSet
		for i, line := range strings.Split(text, "\n") {
			c, err := rules.ParseCondition(line)
			if err != nil {
				return
			}
			holds := n.holds(c.String())
			if got := c.Match(r); got != holds {
				t.Fatalf("%q: got %v for %s, want %v", head, got, c, holds)
			}
			if i < int(access) {
				allowed = holds || i > 0 && allowed
				config.Allow = append(config.Allow, c)
				continue
			}
			if holds && want == rules.NoSet {
				want = i
			}
			config.Rules = append(config.Rules, rules.Rule{Condition: c, Set: i})
		}
		tb, err := rules.New(&config)
		if err != nil {
			return
		}
		d := tb.Decide(r)
		if allowed != (d.Action == rules.Forward) || allowed && d.Set != want {
			t.Fatalf("%q by %q: got %+v, want allowed %v, set %d", head, text, d, allowed, want)
		}
	})
}

// Whatever the templates and the request, a location is one line without anything that a URI does not hold, and leads
// to no host but the template's or the request's.
func FuzzRedirect(f *testing.F) {
	f.Add("in{host}", "/a{path}", "?a&{query}", []byte("GET //b/c?d HTTP/1.1\r\nHost: e:80\r\n\r\n"))
	f.Add("{host}", "{path}", "", []byte("GET //evil/x HTTP/1.0\r\n\r\n"))
	f.Add("{host}", "", "{query}", []byte("OPTIONS * HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, host, path, query string, head []byte) {
		req := &rules.Request{Head: new(http1.Head), Bytes: head}
		var s http1.Scan
		if n, _ := req.Head.ReadRequest(head, &s, &http1.RequestLimits); n == 0 {
			return
		}
		r, err := rules.NewRedirect(&rules.RedirectTo{Host: &host, Path: &path, Query: &query})
		if err != nil {
			return
		}
		got := string(r.AppendLocation(nil, req))
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f {
				t.Fatalf("got %q", got)
			}
		}
		switch rest, absolute := strings.CutPrefix(got, "http://"); {
		case !absolute && (!strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//")):
			t.Fatalf("%q: got %q", head, got)
		case absolute && host == "{host}" && !strings.HasPrefix(rest, string(req.Head.Authority(head))):
			t.Fatalf("%q: got %q", head, got)
		}
	})
}

// A head that was edited is read again as one head with the same framing, and has as many fields of the name as the edit says.
func FuzzEdits(f *testing.F) {
	f.Add("x_a", "v", "p", "s", uint8(1), []byte("POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx_a: 2\r\nContent-Length: 3\r\n\r\n"))
	f.Add("Via", " ", "", "s", uint8(0), []byte("GET / HTTP/1.1\r\nHost: a\r\nVia: 1\nvia : 2\r\n\r\n"))
	f.Fuzz(func(t *testing.T, name, value, prefix, suffix string, kind uint8, head []byte) {
		h, s := new(http1.Head), http1.Scan{}
		if n, _ := h.ReadRequest(head, &s, &http1.RequestLimits); n == 0 || h.Has(http1.Connection) || h.Form() != http1.Origin {
			return
		}
		e, err := rules.NewEdits([]rules.HeaderEdit{
			{Kind: rules.EditKind(kind % 3), Name: name, Value: value, Prefix: prefix, Suffix: suffix},
		}, nil)
		if err != nil || strings.EqualFold(name, "host") {
			return
		}
		edit := edited(e, nil, h, head)
		edit.Framing, edit.Host = h.RequestFraming(), []byte("h") // HTTP/1.0 may have none
		out := h.AppendRequest(nil, head, &edit)
		again, wide := new(http1.Head), http1.Limits{Line: 1 << 20, Head: 1 << 20, Fields: 255}
		s = http1.Scan{}
		n, fault := again.ReadRequest(out, &s, &wide)
		if fault == http1.NameSimilar { // the codec refuses twins of framing fields, which the edit does not add
			return
		}
		if n != len(out) || again.RequestFraming() != h.RequestFraming() {
			t.Fatalf("%q: got %d, %v of %q", head, n, fault, out)
		}
		count := countTwins(again, out, name)
		switch rules.EditKind(kind % 3) {
		case rules.SetField:
			if count != 1 {
				t.Fatalf("%q: set %q %d times in %q", head, name, count, out)
			}
		case rules.RemoveField:
			if count != 0 {
				t.Fatalf("%q: left %d of %q in %q", head, count, name, out)
			}
		case rules.ExtendField:
			if before := countTwins(h, head, name); count != before {
				t.Fatalf("%q: made %d of %d of %q in %q", head, count, before, name, out)
			}
		}
	})
}

func countTwins(h *http1.Head, b []byte, name string) (n int) {
	fields := h.Fields()
	for i := range fields {
		field := strings.ReplaceAll(string(fields[i].Name(b)), "_", "-")
		if strings.EqualFold(field, strings.ReplaceAll(name, "_", "-")) {
			n++
		}
	}
	return n
}
