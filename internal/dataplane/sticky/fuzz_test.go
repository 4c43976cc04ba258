package sticky_test

import (
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
)

//nolint:gochecknoglobals // constants
var fuzzPlans = []plan.Stickiness{ownPlan, followPlan, anyPlan}

// FuzzFind compares Find with the same reading of cookies in its most naive form.
func FuzzFind(f *testing.F) {
	for _, in := range []string{
		"Cookie: SID=1; AWSELB=" + value1, "Cookie: AWSELB=\"" + value0 + "\";AWSELB=" + value1, "Cookie: SID=1\r\nCookie: AWSELB=x; AWSELB=" + value6 + "\r\nCookie: a",
	} {
		for which := range fuzzPlans {
			f.Add([]byte(in), uint8(which))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, which uint8) {
		var h http1.Head
		var s http1.Scan
		b := append(append([]byte("GET / HTTP/1.1\r\nHost: a\r\n"), in...), "\r\n\r\n"...)
		if n, _ := h.ReadRequest(b, &s, &http1.RequestLimits); n == 0 {
			return
		}
		p := fuzzPlans[int(which)%len(fuzzPlans)]
		if got, want := table(p).Find(&h, b), naiveFind(&p, &h, b); got != want {
			t.Fatalf("%q, %+v: got %d, want %d", in, p, got, want)
		}
	})
}

func naiveFind(p *plan.Stickiness, h *http1.Head, b []byte) int {
	found, followed := -1, p.Follow == ""
	for _, f := range h.Fields() {
		if f.ID != http1.Cookie {
			continue
		}
		for _, part := range strings.Split(string(f.Value(b)), ";") {
			name, value, ok := strings.Cut(part, "=")
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
			if len(value) > 1 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
				value = value[1 : len(value)-1]
			}
			switch {
			case !ok || name == "":
			case name != p.Cookie:
				followed = followed || p.Follow == "*" || p.Follow == name
			case found < 0:
				found = map[string]int{value0: 1, value1: 2, value6: 3}[value] - 1
			}
		}
	}
	if !followed {
		return -1
	}
	return found
}

// FuzzAppendSetCookie checks that whatever the backend sets, one line at most is added, that it is lull's cookie with the
// right value, and that net/http reads from it the attributes that it reads from a line of the backend.
func FuzzAppendSetCookie(f *testing.F) {
	for _, in := range []string{
		"Set-Cookie: SID=1; Path=/a; Max-Age=60; HttpOnly;", "Set-Cookie: x=y\r\nSet-Cookie: SID=; Expires=Thu, 01 Jan 1970 00:00:00 GMT;;domain=a.b",
		"Set-Cookie: SID=\"a;b\"; secure; SameSite=None\r\nSet-Cookie:", "Set-Cookie : SID=1 ; PATH=/",
	} {
		for which := range fuzzPlans {
			f.Add([]byte(in), uint8(which), int8(0))
			f.Add([]byte(in), uint8(which), int8(-1))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, which uint8, found int8) {
		var h http1.Head
		var s http1.Scan
		b := append(append([]byte("HTTP/1.1 200 OK\r\n"), in...), "\r\n\r\n"...)
		if n, _ := h.ReadResponse(b, &s, &http1.ResponseLimits); n == 0 {
			return
		}
		p := fuzzPlans[int(which)%len(fuzzPlans)]
		was := max(-1, int(found%3))
		out := table(p).AppendSetCookie([]byte("X: y\r\n"), 1, was, &h, b)
		added, ok := bytes.CutPrefix(out, []byte("X: y\r\n"))
		if !ok {
			t.Fatalf("%q: got %q, want it behind what was there", in, out)
		}
		if len(added) == 0 {
			if p.Follow == "" && was != 1 {
				t.Fatalf("%q: got no cookie for a new client", in)
			}
			return
		}
		if len(added) > len(line1)+len(";PATH=/;MAX-AGE=60\r\n")+len(in) {
			t.Fatalf("%q: got %d bytes", in, len(added))
		}
		checkLine(t, in, added, &p, &h, b)
	})
}

func checkLine(t *testing.T, in, added []byte, p *plan.Stickiness, h *http1.Head, b []byte) {
	t.Helper()
	again, raw := response(t, strings.TrimSuffix(string(added), "\r\n"))
	if fields := again.Fields(); len(fields) != 1 || fields[0].ID != http1.SetCookie {
		t.Fatalf("%q: got %q, which is %d fields", in, added, len(fields))
	}
	text := string(again.Get(raw, http1.SetCookie))
	if !strings.HasPrefix(text+";", "AWSELB="+value1+";") {
		t.Fatalf("%q: got %q, want lull's cookie of backend 1", in, text)
	}
	got, err := http.ParseSetCookie(text)
	if err != nil {
		t.Fatalf("%q: got %q: %v", in, text, err)
	}
	candidates := []string{"AWSELB=" + value1 + ";PATH=/"}
	if p.Duration != 0 {
		candidates[0] += ";MAX-AGE=60"
	}
	for _, f := range h.Fields() {
		if _, attributes, _ := strings.Cut(string(f.Value(b)), ";"); p.Follow == "SID" && f.ID == http1.SetCookie {
			candidates = append(candidates, "AWSELB="+value1+";"+attributes)
		}
	}
	for _, c := range candidates {
		if want, err := http.ParseSetCookie(c); err == nil && same(got, want) {
			return
		}
	}
	t.Fatalf("%q: got %q, want the attributes of one of %q", in, text, candidates)
}

// same compares what clients understand. Raw keeps the whitespace, and Unparsed an attribute's place in it.
func same(a, b *http.Cookie) bool {
	x, y := *a, *b
	x.Raw, y.Raw = "", ""
	x.Unparsed, y.Unparsed = trimmed(x.Unparsed), trimmed(y.Unparsed)
	return reflect.DeepEqual(x, y)
}

func trimmed(parts []string) (kept []string) {
	for _, part := range parts {
		if part = strings.Trim(part, " \t"); part != "" {
			kept = append(kept, part)
		}
	}
	return kept
}
