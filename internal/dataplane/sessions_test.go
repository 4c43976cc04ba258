package dataplane_test

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The tests of this file hold what the OCI API promises of sessions (STK-01 to STK-06; routing before them is held where sites are), with a
// client that keeps cookies as browsers do.

// routeCookie is OCI's name of the load balancer's cookie.
const routeCookie = "X-Oracle-BMC-LBS-Route"

// shop is two backends, a and b, that set and delete cookies as they are asked to: /set/name and /drop/name, several names apart by "+".
func shop(t *testing.T, s plan.Stickiness) (*lulltest.Engine, *plan.Plan) {
	t.Helper()
	var addrs []netip.AddrPort
	for _, name := range []string{"a", "b"} {
		addrs = append(addrs, lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			_, what, _ := strings.Cut(s.URL.Path, "/")
			verb, cookies, _ := strings.Cut(what, "/")
			var lines []string
			for cookie := range strings.SplitSeq(cookies, "+") {
				switch verb {
				case "set":
					lines = append(lines, "Set-Cookie: "+cookie+"=1; Path=/")
				case "drop":
					lines = append(lines, "Set-Cookie: "+cookie+"=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
				}
			}
			return c.Reply(lulltest.Response(name, lines...))
		}).Addr)
	}
	p := lulltest.HTTPPlan(timeout.Directional, addrs...)
	s.Cookie = routeCookie
	lulltest.Set(p).Stickiness = &s
	return startHTTP(t, 1, p), p
}

// shopper is a client with a memory for cookies.
type shopper struct {
	*http.Client
	t    *testing.T
	base *url.URL
}

func newShopper(t *testing.T, e *lulltest.Engine) *shopper {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	base := &url.URL{Scheme: "http", Host: e.Local(lulltest.HTTPKey).String(), Path: "/"}
	return &shopper{&http.Client{Transport: transport, Jar: jar, Timeout: lulltest.Patience}, t, base}
}

// asks returns who answered, or the status if lull did, and the Set-Cookie line of lull's own cookie.
func (s *shopper) asks(path string) (name, set string) {
	s.t.Helper()
	r, err := s.Get(s.base.String() + path)
	if err != nil {
		s.t.Fatalf("get %s: %v", path, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatalf("read %s: %v", path, err)
	}
	for _, line := range r.Header["Set-Cookie"] {
		if strings.HasPrefix(line, routeCookie+"=") {
			set = line
		}
	}
	if r.StatusCode != http.StatusOK {
		return r.Status[:3], set
	}
	return string(body), set
}

// wanders checks that there is no session: both backends are asked in turn.
func (s *shopper) wanders(what string) {
	s.t.Helper()
	var got []string
	for range 4 {
		name, set := s.asks("")
		if set != "" {
			s.t.Errorf("%s: got the cookie %q, want none", what, set)
		}
		got = append(got, name)
	}
	if !slices.Contains(got, "a") || !slices.Contains(got, "b") {
		s.t.Errorf("%s: got %v, want no session", what, got)
	}
}

// remains checks that there is a session with that backend.
func (s *shopper) remains(what, name string) {
	s.t.Helper()
	for range 4 {
		if got, _ := s.asks(""); got != name {
			s.t.Errorf("%s: got %s, want the session with %s", what, got, name)
		}
	}
}

// TestSTK01AppCookie: the session begins with the response that sets the application's cookie, of its name or with "*" of any.
func TestSTK01AppCookie(t *testing.T) {
	t.Parallel()
	for follow, begins := range map[string]map[string]bool{
		"SID": {"SID": true, "other": false, "sid": false, "other+SID": true},
		"*":   {"SID": true, "other": true, "a+b+c": true},
	} {
		for cookies, begins := range begins {
			t.Run(follow+"-"+cookies, func(t *testing.T) {
				t.Parallel()
				e, _ := shop(t, plan.Stickiness{Follow: follow})
				s := newShopper(t, e)
				s.wanders("before")
				name, set := s.asks("set/" + cookies)
				if begins != (set != "") {
					t.Errorf("with it: got the cookie %q, want one: %t", set, begins)
				}
				if !begins {
					s.wanders("after another cookie")
					return
				}
				s.remains("after it", name)
				if again, set := s.asks("set/" + cookies); again != name || follow == "SID" && set == "" {
					t.Errorf("set again: got %s and the cookie %q, want %s and that it is sent along", again, set, name)
				}
				s.remains("set again", name)
			})
		}
	}
}

// TestSTK02Deletion: the session ends when the backend deletes the application's cookie, with "*" when it has deleted all of them, and
// another may begin.
func TestSTK02Deletion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		follow, cookies string
		keeps, ends     []string // deletions, one after the other
	}{
		"one":               {"SID", "SID+other", []string{"other"}, []string{"SID"}},
		"any":               {"*", "SID", nil, []string{"SID"}},
		"all":               {"*", "a+b+c", []string{"b", "a"}, []string{"c"}},
		"all-at-once":       {"*", "a+b", nil, []string{"a+b"}},
		"not-one-unheld":    {"*", "a", []string{"b"}, []string{"a"}},
		"not-one-of-others": {"SID", "SID", []string{"other"}, []string{"SID"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := shop(t, plan.Stickiness{Follow: c.follow})
			s := newShopper(t, e)
			home, _ := s.asks("set/" + c.cookies)
			s.remains("in the session", home)
			for _, gone := range c.keeps {
				s.asks("drop/" + gone)
				s.remains("without "+gone, home)
			}
			for _, gone := range c.ends {
				s.asks("drop/" + gone)
			}
			s.wanders("after the end")
			home, set := s.asks("set/" + c.cookies)
			if c.follow == "SID" && set == "" {
				t.Error("another session: got no cookie")
			}
			s.remains("in another session", home)
		})
	}
}

// TestSTK03Attributes: OCI's name, the path / without another, and the other attributes only where they are asked for.
func TestSTK03Attributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings plan.Stickiness
		want     http.Cookie
	}{
		"defaults": {plan.Stickiness{}, http.Cookie{Path: "/"}},
		"path":     {plan.Stickiness{Path: "/app"}, http.Cookie{Path: "/app"}},
		"domain":   {plan.Stickiness{Domain: "example.com"}, http.Cookie{Path: "/", Domain: "example.com"}},
		"max-age":  {plan.Stickiness{Duration: 300 * time.Second}, http.Cookie{Path: "/", MaxAge: 300}},
		"secure":   {plan.Stickiness{Secure: true}, http.Cookie{Path: "/", Secure: true}},
		"httponly": {plan.Stickiness{HTTPOnly: true}, http.Cookie{Path: "/", HttpOnly: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := shop(t, c.settings)
			_, set := newShopper(t, e).asks("")
			got, err := http.ParseSetCookie(set)
			if err != nil {
				t.Fatalf("%q: %v", set, err)
			}
			want := c.want
			want.Name, want.Value, want.Raw = routeCookie, got.Value, ""
			if got.Raw = ""; got.String() != want.String() {
				t.Errorf("got %s, want %s", got, &want)
			}
		})
	}
}

// TestSTK04Fallback: the session's backend gone, another takes it with a cookie of its own; without fallback it is a 502 and again a 502, until
// the client drops the cookie.
func TestSTK04Fallback(t *testing.T) {
	t.Parallel()
	for _, follow := range []string{"", "SID", "*"} {
		for _, faithful := range []bool{false, true} {
			for _, how := range []string{"down", "offline"} {
				name := strings.Trim(strings.Join([]string{follow, how, map[bool]string{true: "no-fallback", false: "fallback"}[faithful]}, "-"), "-")
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					e, p := shop(t, plan.Stickiness{Follow: follow, NoFallback: faithful})
					s := newShopper(t, e)
					home, _ := s.asks("set/SID")
					s.remains("in the session", home)
					index := int(home[0] - 'a')
					if how == "down" {
						e.SetStatus(lulltest.Set(p).Backends[index].Key, false, "refused")
					} else {
						e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[index].Offline = true })
					}
					other := map[string]string{"a": "b", "b": "a"}[home]
					if !faithful {
						if got, set := s.asks(""); got != other || set == "" {
							t.Errorf("its backend gone: got %s and the cookie %q, want %s and its cookie", got, set, other)
						}
						s.remains("moved", other)
						return
					}
					for range 3 {
						if got, set := s.asks(""); got != "502" || set != "" {
							t.Errorf("its backend gone: got %s and the cookie %q, want 502 and none", got, set)
						}
					}
					s.Jar.SetCookies(s.base, []*http.Cookie{{Name: routeCookie, Path: "/", MaxAge: -1}})
					if got, _ := s.asks(""); got != other {
						t.Errorf("without the cookie: got %s, want %s", got, other)
					}
				})
			}
		}
	}
}

// TestSTK05Forged: a cookie that is made up, or that another load balancer or another set has given, is none: the policy decides, and the client is
// given a good one.
func TestSTK05Forged(t *testing.T) {
	t.Parallel()
	e, p := shop(t, plan.Stickiness{})
	_, good := newShopper(t, e).asks("")
	value := strings.TrimPrefix(pairOf(good), routeCookie+"=")
	_, foreign := newShopper(t, startHTTP(t, 1, elsewhere(p))).asks("")
	for name, forged := range map[string]string{
		"empty": "", "word": "forged", "cut": value[:len(value)-1], "longer": value + "0", "lower-case": strings.ToLower(value),
		"one-digit": flipped(value), "address": lulltest.Set(p).Backends[0].Key.Endpoint(), "long": strings.Repeat("A", 4000),
		"foreign": strings.TrimPrefix(pairOf(foreign), routeCookie+"="),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShopper(t, e)
			names := map[string]bool{}
			for range 2 {
				s.Jar.SetCookies(s.base, []*http.Cookie{{Name: routeCookie, Value: forged, Path: "/"}})
				got, set := s.asks("")
				names[got] = true
				if set == "" {
					t.Error("with a forged cookie: got no good one")
				}
			}
			if names["502"] {
				t.Errorf("with a forged cookie: got %v, want an answer", names)
			}
		})
	}
}

// elsewhere is a plan with the same backends in a set of another name.
func elsewhere(p *plan.Plan) *plan.Plan {
	var addrs []netip.AddrPort
	for _, b := range lulltest.Set(p).Backends {
		addrs = append(addrs, netip.MustParseAddrPort(b.Key.Endpoint()))
	}
	q := lulltest.HTTPPlan(timeout.Directional, addrs...)
	set := lulltest.Set(q)
	set.Key.Name, set.Stickiness = "elsewhere", lulltest.Set(p).Stickiness
	for i := range set.Backends {
		set.Backends[i].Key.Set = set.Key
	}
	return q
}

// flipped changes a hexadecimal digit.
func flipped(value string) string {
	digit := byte('0')
	if value[7] == digit {
		digit = '1'
	}
	return value[:7] + string(digit) + value[8:]
}

// TestSTK06Opaque: a cookie tells nothing of the backend's address in any usual form, and the same backends have others elsewhere.
func TestSTK06Opaque(t *testing.T) {
	t.Parallel()
	e, p := shop(t, plan.Stickiness{})
	values := map[string]string{}
	for range 4 {
		name, set := newShopper(t, e).asks("")
		values[name] = strings.TrimPrefix(pairOf(set), routeCookie+"=")
	}
	if len(values) != 2 || values["a"] == values["b"] {
		t.Fatalf("got %v, want one for each of two backends", values)
	}
	for i, b := range lulltest.Set(p).Backends {
		value := values[string(rune('a'+i))]
		raw, err := hex.DecodeString(value)
		if err != nil || len(raw) != 32 {
			t.Errorf("got %q, want 32 bytes in hexadecimal", value)
		}
		address := netip.MustParseAddr(b.Key.Host).AsSlice()
		for _, secret := range []string{b.Key.Host, b.Key.Endpoint(), string(address), b.Key.Set.Name} {
			for form, text := range map[string]string{
				"text": secret, "hexadecimal": strings.ToUpper(hex.EncodeToString([]byte(secret))), "base64": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			} {
				if len(text) > 2 && (strings.Contains(value, text) || strings.Contains(string(raw), text)) {
					t.Errorf("%q holds %q, in %s", value, secret, form)
				}
			}
		}
	}
}
