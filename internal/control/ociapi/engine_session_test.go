package ociapi_test

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/lulltest"
)

const routeCookie = "X-Oracle-BMC-LBS-Route"

// cookieOf returns "name=value" of a cookie that an answer sets; empty if it sets none of that name.
func cookieOf(a lulltest.Answer, name string) string {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// applications returns backends that say their name and set a cookie app for /login, and end it for /logout.
func (w *world) applications(n int) (at []netip.AddrPort) {
	w.t.Helper()
	for i := range n {
		name := "b" + string(rune('0'+i))
		at = append(at, lulltest.ServeHTTP(w.t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			switch s.URL.Path {
			case "/login":
				return c.Reply(lulltest.Response(name, "Set-Cookie: app=1; Path=/"))
			case "/logout":
				return c.Reply(lulltest.Response(name, "Set-Cookie: app=; Path=/; Max-Age=0"))
			}
			return c.Reply(lulltest.Response(name))
		}).Addr)
	}
	return at
}

// asks makes a request with those cookies.
func (w *world) asks(path, target string, cookies ...string) lulltest.Answer {
	w.t.Helper()
	c := w.dialHTTP(path)
	defer func() { _ = c.Close() }()
	head := "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	if len(cookies) > 0 {
		head += "Cookie: " + strings.Join(cookies, "; ") + "\r\n"
	}
	c.Send(head + "\r\n")
	return c.Answer("GET")
}

// stays checks that requests with these cookies all go to one backend.
func (w *world) stays(path, want string, cookies ...string) {
	w.t.Helper()
	for range 4 {
		if a := w.asks(path, "/", cookies...); string(a.Data) != want {
			w.t.Errorf("with %v: got %d %q, want %s", cookies, a.StatusCode, a.Data, want)
		}
	}
}

// moves checks that requests with these cookies go to more than one backend.
func (w *world) moves(path string, cookies ...string) {
	w.t.Helper()
	met := map[string]bool{}
	for range 4 {
		met[string(w.asks(path, "/", cookies...).Data)] = true
	}
	if len(met) < 2 {
		w.t.Errorf("with %v: got %v alone", cookies, met)
	}
}

// TestApplicationCookie_STK_01_STK_02: a session begins when a backend sets the cookie, and ends when a backend ends that; * is any.
func TestApplicationCookie_STK_01_STK_02(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app", "*"} {
		t.Run("of_"+strings.Trim(name, "*"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := w.web(w.set(w.applications(2)...).with(fields{"sessionPersistenceConfiguration": fields{"cookieName": name}}))
			if a := w.asks(path, "/"); len(a.Cookies()) != 0 {
				t.Errorf("before the backend sets one: got the cookies %v", a.Cookies())
			}
			w.moves(path)
			w.moves(path, "app=1") // nobody has begun that session
			in := w.asks(path, "/login")
			ours := cookieOf(in, routeCookie)
			if ours == "" || cookieOf(in, "app") != "app=1" {
				t.Fatalf("got the cookies %v", in.Cookies())
			}
			w.stays(path, string(in.Data), "app=1", ours)
			out := w.asks(path, "/logout", "app=1", ours)
			if string(out.Data) != string(in.Data) {
				t.Errorf("the end of the session: got %q, want %q", out.Data, in.Data)
			}
			held := []string{ours} // what a browser has left
			for _, c := range out.Cookies() {
				if c.Name == routeCookie && c.MaxAge < 0 {
					held = nil
				}
			}
			w.moves(path, held...)
		})
	}
	t.Run("another", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		path := w.web(w.set(w.applications(2)...).with(fields{"sessionPersistenceConfiguration": fields{"cookieName": "other"}}))
		if a := w.asks(path, "/login"); cookieOf(a, routeCookie) != "" {
			t.Errorf("another cookie than the one to be followed: got the cookies %v", a.Cookies())
		}
	})
}

// TestOwnCookie_STK_03_STK_06: the load balancer's own cookie as it is configured; it tells nothing of where the backend is.
func TestOwnCookie_STK_03_STK_06(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with fields
		want string // the line but for the value
	}{
		"defaults": {fields{}, routeCookie + "=; Path=/"},
		"everything": {
			fields{"cookieName": "lb", "domain": "test", "path": "/x", "maxAgeInSeconds": 90, "isHttpOnly": true},
			"lb=; Path=/x; Domain=test; Max-Age=90; HttpOnly",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := w.applications(2)
			path := w.web(w.set(at...).with(fields{"lbCookieSessionPersistenceConfiguration": c.with}))
			a := w.asks(path, "/")
			line := a.Header.Get("Set-Cookie")
			cookie, rest, _ := strings.Cut(line, ";")
			own, value, _ := strings.Cut(cookie, "=")
			got := parts(own + "=;" + rest)
			for part := range parts(c.want) {
				if !got[part] {
					t.Errorf("got %q, want %s in it", line, part)
				}
			}
			if len(got) != len(parts(c.want)) || len(a.Header.Values("Set-Cookie")) != 1 {
				t.Errorf("got %q, want %q", a.Header.Values("Set-Cookie"), c.want)
			}
			for _, tell := range []string{"127.0.0.1", "7f000001", "MTI3", at[0].String()} {
				if strings.Contains(strings.ToLower(value), strings.ToLower(tell)) {
					t.Errorf("the value %q holds %q", value, tell)
				}
			}
			w.stays(path, string(a.Data), own+"="+value)
		})
	}
}

func parts(line string) map[string]bool {
	all := map[string]bool{}
	for _, p := range strings.Split(line, ";") {
		if p = strings.ToLower(strings.TrimSpace(p)); p != "" {
			all[p] = true
		}
	}
	return all
}

// TestFallback_STK_04: when the session's backend is down, the client gets another with another cookie, or 502 again and again.
func TestFallback_STK_04(t *testing.T) {
	t.Parallel()
	for name, disabled := range map[string]bool{"allowed": false, "disabled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at := w.applications(2)
			sticky := fields{"lbCookieSessionPersistenceConfiguration": fields{"disableFallback": disabled}}
			path := w.web(w.set(at...).with(sticky))
			first := w.asks(path, "/")
			cookie, other := cookieOf(first, routeCookie), "b1"
			gone := 0
			if string(first.Data) == "b1" {
				gone, other = 1, "b0"
			}
			list := []fields{backend(at[0]), backend(at[1])}
			list[gone] = list[gone].with(fields{"offline": true})
			w.put(path, "backendSets/set", w.set().with(sticky, fields{"backends": list}))
			for range 3 {
				a := w.asks(path, "/", cookie)
				switch {
				case disabled && a.StatusCode != 502:
					t.Errorf("got %d %q, want 502", a.StatusCode, a.Data)
				case !disabled && (string(a.Data) != other || cookieOf(a, routeCookie) == "" || cookieOf(a, routeCookie) == cookie):
					t.Errorf("got %q with the cookies %v, want %s with another", a.Data, a.Cookies(), other)
				}
			}
			if a := w.asks(path, "/"); string(a.Data) != other {
				t.Errorf("without the cookie: got %d %q, want %s", a.StatusCode, a.Data, other)
			}
		})
	}
}

// TestRoutesBeforeSessions_STK_05: routes choose the set first; the cookie of another set, or an invented one, is ignored.
func TestRoutesBeforeSessions_STK_05(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.applications(4)
	sticky := fields{"lbCookieSessionPersistenceConfiguration": fields{}}
	path := w.make("web", fields{
		"backendSets": fields{"one": w.set(at[:2]...).with(sticky), "two": w.set(at[2:]...).with(sticky)},
		"pathRouteSets": fields{"p": fields{"pathRoutes": []fields{
			{"path": "/two", "pathMatchType": fields{"matchType": "PREFIX_MATCH"}, "backendSetName": "two"},
		}}},
		"listeners": fields{"l": listener("HTTP", portHTTP, "one").with(fields{"pathRouteSetName": "p"})},
	})
	one := w.asks(path, "/")
	cookie := cookieOf(one, routeCookie)
	w.stays(path, string(one.Data), cookie)
	met := map[string]bool{}
	for range 4 {
		met[string(w.asks(path, "/two", cookie).Data)] = true
	}
	if !met["b2"] || !met["b3"] || len(met) != 2 {
		t.Errorf("in the other set: got %v, want b2 and b3", met)
	}
	w.moves(path, routeCookie+"=invented")
}

// TestDrainedSession_POL_06: the sessions of a backend that drains go on there.
func TestDrainedSession_POL_06(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.applications(2)
	sticky := fields{"lbCookieSessionPersistenceConfiguration": fields{}}
	path := w.web(w.set(at[0]).with(sticky))
	cookie := cookieOf(w.asks(path, "/"), routeCookie)
	w.put(path, "backendSets/set", w.set().with(sticky, fields{"backends": []fields{backend(at[0]).with(fields{"drain": true}), backend(at[1])}}))
	w.stays(path, "b0", cookie)
	w.stays(path, "b1")
}
