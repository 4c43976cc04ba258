package sticky_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/sticky"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const none = -1
	for _, c := range []struct {
		name  string
		lines []string
		want  int
	}{
		{"no-cookie", nil, none},
		{"first-backend", []string{"Cookie: AWSELB=" + value0}, 0},
		{"second-backend", []string{"Cookie: AWSELB=" + value1}, 1},
		{"ipv6-backend", []string{"Cookie: AWSELB=" + value6}, 2},
		{"among-others", []string{"Cookie: a=b; AWSELB=" + value1 + "; c=d"}, 1},
		{"no-space", []string{"Cookie: a=b;AWSELB=" + value1 + ";c=d"}, 1},
		{"much-space", []string{"Cookie: a=b \t;  AWSELB = " + value1 + "\t; c=d"}, 1},
		{"semicolons", []string{"Cookie: ;;; AWSELB=" + value1 + ";"}, 1},
		{"second-line", []string{"Cookie: a=b", "Cookie: AWSELB=" + value1}, 1},
		{"other-field", []string{"X-Cookie: AWSELB=" + value1}, none},
		{"other-known-field", []string{"User-Agent: AWSELB=" + value1, "Cookie: a=b"}, none},
		{"field-name-case", []string{"cOOKIE: AWSELB=" + value1}, 1},
		{"quoted", []string{`Cookie: AWSELB="` + value1 + `"`}, 1},
		{"half-quoted", []string{`Cookie: AWSELB="` + value1}, none},
		{"quote-before", []string{`Cookie: AWSELB="` + value1 + `x`}, none},
		{"quote-behind", []string{`Cookie: AWSELB=x` + value1 + `"`}, none},
		{"one-quote", []string{`Cookie: AWSELB="`}, none},
		{"name-case", []string{"Cookie: awselb=" + value1}, none},
		{"longer-name", []string{"Cookie: XAWSELB=" + value1 + "; AWSELBCORS=" + value1}, none},
		{"value-case", []string{"Cookie: AWSELB=" + strings.ToLower(value1)}, none},
		{"shorter-value", []string{"Cookie: AWSELB=" + value1[:63]}, none},
		{"longer-value", []string{"Cookie: AWSELB=" + value1 + "0"}, none},
		{"forged", []string{"Cookie: AWSELB=" + strings.Repeat("A", 64)}, none},
		{"address", []string{"Cookie: AWSELB=10.0.0.1:80"}, none},
		{"index", []string{"Cookie: AWSELB=0"}, none},
		{"empty-value", []string{"Cookie: AWSELB="}, none},
		{"no-value", []string{"Cookie: AWSELB"}, none},
		{"no-name", []string{"Cookie: =" + value1}, none},
		{"bare-value", []string{"Cookie: " + value1}, none},
		{"comma", []string{"Cookie: a=b, AWSELB=" + value1}, none},
		{"first-of-two", []string{"Cookie: AWSELB=" + value1 + "; AWSELB=" + value0}, 1},
		{"first-of-two-lines", []string{"Cookie: AWSELB=" + value1, "Cookie: AWSELB=" + value0}, 1},
		{"first-valid", []string{"Cookie: AWSELB=gone; AWSELB=" + value1}, 1},
		{"empty", []string{"Cookie:"}, none},
		{"nominated", []string{"Connection: cookie", "Cookie: AWSELB=" + value1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := request(t, c.lines...)
			if got := table(ownPlan).Find(h, b); got != c.want {
				t.Errorf("%q: got %d, want %d", c.lines, got, c.want)
			}
		})
	}
}

// TestFindFollow shows that a session that follows the application's cookie has ended when that is gone.
func TestFindFollow(t *testing.T) {
	t.Parallel()
	const none = -1
	for _, c := range []struct {
		name string
		line string
		sid  int // with Follow: SID
		any  int // with Follow: *
	}{
		{"alone", "AWSELB=" + value1, none, none},
		{"with-it", "SID=1; AWSELB=" + value1, 1, 1},
		{"it-comes-behind", "AWSELB=" + value1 + "; SID=1", 1, 1},
		{"it-is-empty", "SID=; AWSELB=" + value1, 1, 1},
		{"another", "lang=en; AWSELB=" + value1, none, 1},
		{"name-case", "sid=1; AWSELB=" + value1, none, 1},
		{"no-pair", "SID; AWSELB=" + value1, none, none},
		{"no-name", "=SID; AWSELB=" + value1, none, none},
		{"own-twice", "AWSELB=" + value1 + "; AWSELB=" + value0, none, none},
		{"first-of-two", "AWSELB=" + value1 + "; AWSELB=" + value0 + "; SID=1", 1, 1},
		{"only-it", "SID=1", none, none},
		{"forged", "SID=1; AWSELB=x", none, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := request(t, "Cookie: "+c.line)
			if got := table(followPlan).Find(h, b); got != c.sid {
				t.Errorf("%q, following SID: got %d, want %d", c.line, got, c.sid)
			}
			if got := table(anyPlan).Find(h, b); got != c.any {
				t.Errorf("%q, following any: got %d, want %d", c.line, got, c.any)
			}
			two, b2 := request(t, "Cookie: "+strings.ReplaceAll(c.line, "; ", "\r\nCookie: "))
			if got := table(followPlan).Find(two, b2); got != c.sid {
				t.Errorf("%q in lines of their own: got %d, want %d", c.line, got, c.sid)
			}
		})
	}
}

// TestOtherSets shows that a cookie means nothing where it was not made.
func TestOtherSets(t *testing.T) {
	t.Parallel()
	h, b := request(t, "Cookie: AWSELB="+value1)
	keys := backendKeys()
	for name, set := range map[string]plan.SetKey{
		"other-set":           {LoadBalancer: "lb", Name: "app2"},
		"other-load-balancer": {LoadBalancer: "lb2", Name: "app"},
		"same-letters":        {LoadBalancer: "lb ap", Name: "p"},
		"same-words":          {LoadBalancer: "lb app", Name: ""},
	} {
		if got := sticky.New(&ownPlan, set, keys).Find(h, b); got != -1 {
			t.Errorf("%s: got %d, want none", name, got)
		}
	}
	if got := sticky.New(&ownPlan, setKey, keys[:1]).Find(h, b); got != -1 {
		t.Errorf("backend gone: got %d, want none", got)
	}
	keys[0], keys[1] = keys[1], keys[0]
	if got := sticky.New(&ownPlan, setKey, keys).Find(h, b); got != 0 {
		t.Errorf("another order: got %d, want 0: a value stands for a backend, not for its place", got)
	}
	if got := sticky.New(&plan.Stickiness{Cookie: "AWSELB", Path: "/x", Secure: true}, setKey, keys).Find(h, b); got != 0 {
		t.Errorf("other attributes: got %d, want 0", got)
	}
}

// TestScope: sets with one scope know each other's sessions, but not those of a load balancer that happens to use the same word.
func TestScope(t *testing.T) {
	t.Parallel()
	shared := plan.Stickiness{Cookie: "AWSELB", Scope: setKey.Name}
	h, b := request(t, "Cookie: AWSELB="+value1)
	for name, c := range map[string]struct {
		set  plan.SetKey
		want int
	}{
		"same": {setKey, 1}, "other-set": {plan.SetKey{LoadBalancer: "lb", Name: "app2"}, 1}, "other-load-balancer": {plan.SetKey{LoadBalancer: "lb2", Name: "app"}, -1},
	} {
		if got := sticky.New(&shared, c.set, backendKeys()).Find(h, b); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// TestSameBackendTwice cannot come from a front door, and must not depend on chance.
func TestSameBackendTwice(t *testing.T) {
	t.Parallel()
	keys := backendKeys()
	keys[2] = keys[1]
	h, b := request(t, "Cookie: AWSELB="+value1)
	if got := sticky.New(&ownPlan, setKey, keys).Find(h, b); got != 1 {
		t.Errorf("got %d, want the first, 1", got)
	}
}
