package dataplane_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// sticking gives the set stickiness.
func sticking(s plan.Stickiness) func(*plan.Plan) {
	return func(p *plan.Plan) {
		s := s
		if s.Cookie == "" {
			s.Cookie = "AWSELB"
		}
		lulltest.Set(p).Stickiness = &s
	}
}

// visit asks over a connection of its own, with a Cookie field if one is given, and returns who answered, or the status if
// that was lull, and the Set-Cookie line of lull's own cookie, empty without.
func visit(t *testing.T, e *lulltest.Engine, cookie string) (name, set string) {
	t.Helper()
	c := e.DialHTTP()
	request := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	if cookie != "" {
		request += "Cookie: " + cookie + "\r\n"
	}
	c.Send(request + "\r\n")
	a := c.Answer("GET")
	if name = string(a.Data); a.StatusCode != http.StatusOK {
		name = a.Status[:3]
	}
	for _, line := range a.Header["Set-Cookie"] {
		if strings.HasPrefix(line, "AWSELB=") {
			if set != "" {
				t.Errorf("client: got two cookies of lull: %q", a.Header["Set-Cookie"])
			}
			set = line
		}
	}
	return name, set
}

// pairOf cuts a Set-Cookie line to what clients send back.
func pairOf(set string) string {
	pair, _, _ := strings.Cut(set, ";")
	return pair
}

// stays checks that a session stays with a backend, over several connections and loops, and is not told so again.
func stays(t *testing.T, e *lulltest.Engine, cookie, name string) {
	t.Helper()
	for range 6 {
		if got, set := visit(t, e, cookie); got != name || set != "" {
			t.Errorf("with %q: got %s, and the cookie %q; want %s and none", cookie, got, set, name)
		}
	}
}

// TestSession: the first response begins a session, and the cookie keeps it with its backend.
func TestSession(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, sessionBody)
}

func sessionBody(t *testing.T) {
	for name, c := range map[string]struct {
		settings plan.Stickiness
		tail     string
	}{
		"duration": {plan.Stickiness{Duration: 90 * time.Second}, ";PATH=/;MAX-AGE=90"},
		"session":  {plan.Stickiness{Path: "/app", Domain: "a.example", Secure: true, HTTPOnly: true}, ";PATH=/app;DOMAIN=a.example;SECURE;HTTPONLY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _, _ := fleet(t, 2, 3, sticking(c.settings))
			cookies := map[string]string{}
			for range 9 {
				backend, set := visit(t, e, "")
				if !strings.HasSuffix(set, c.tail) || cookies[backend] != "" && cookies[backend] != set {
					t.Errorf("%s: got %q, want the same for all clients, and %q at its end", backend, set, c.tail)
				}
				cookies[backend] = set
			}
			if len(cookies) != 3 {
				t.Errorf("new clients: went to %d backends, want 3", len(cookies))
			}
			for backend, set := range cookies {
				stays(t, e, pairOf(set), backend)
				stays(t, e, "x=y; "+pairOf(set)+"; AWSELB=forged", backend)
			}
			if backend, set := visit(t, e, "AWSELB=forged"); cookies[backend] != set {
				t.Errorf("with a forged cookie: got %s and %q, want that of a new client", backend, set)
			}
		})
	}
}

// TestSessionOnOneConnection: each request has its own cookie, also those that come over one connection without waiting, and
// interim responses have none.
func TestSessionOnOneConnection(t *testing.T) {
	t.Parallel()
	hinting := func(name string) *lulltest.HTTPServer {
		return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(earlyHints + lulltest.Response(name)) })
	}
	p := lulltest.HTTPPlan(0, hinting("a").Addr, hinting("b").Addr)
	sticking(plan.Stickiness{})(p)
	e := startHTTP(t, 1, p)
	cookies := map[string]string{}
	client := e.DialHTTP()
	for range 2 {
		client.Get("/")
		client.Expect(earlyHints)
		a := client.Answer("GET")
		cookies[string(a.Data)] = pairOf(a.Header.Get("Set-Cookie"))
	}
	want := []string{"a", "a", "b", "a", "b", "b", "b", "a"}
	sent := ""
	for _, name := range want {
		sent += "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookies[name] + "\r\n\r\n"
	}
	client.Send(sent)
	for i, name := range want {
		client.Expect(earlyHints)
		if a := client.ExpectAnswer(name); a.Header.Get("Set-Cookie") != "" {
			t.Errorf("answer %d: got the cookie %q, want none", i, a.Header.Get("Set-Cookie"))
		}
	}
}

// TestSessionFollows: a session that the application begins, and ends.
func TestSessionFollows(t *testing.T) {
	t.Parallel()
	app := func(name string) *lulltest.HTTPServer {
		return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			switch s.URL.Path {
			case "/login":
				return c.Reply(lulltest.Response(name, "Set-Cookie: JSESSIONID=1; Path=/app; HttpOnly"))
			case "/logout":
				return c.Reply(lulltest.Response(name, "Set-Cookie: JSESSIONID=; Path=/app; Max-Age=0"))
			}
			return c.Reply(lulltest.Response(name))
		})
	}
	p := lulltest.HTTPPlan(0, app("a").Addr, app("b").Addr)
	sticking(plan.Stickiness{Follow: "JSESSIONID"})(p)
	e := startHTTP(t, 2, p)
	if _, set := visit(t, e, ""); set != "" {
		t.Errorf("before the application's session: got %q, want none", set)
	}
	ask := func(path, cookie string) (name, set string) {
		c := e.DialHTTP()
		c.Send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" + cookie + "Connection: close\r\n\r\n")
		a := c.Answer("GET")
		if lines := a.Header["Set-Cookie"]; len(lines) > 0 {
			set = lines[len(lines)-1]
		}
		return string(a.Data), set
	}
	backend, set := ask("/login", "")
	if !strings.HasPrefix(set, "AWSELB=") || !strings.HasSuffix(set, ";Path=/app;HttpOnly") {
		t.Fatalf("with the application's cookie: got %q, want lull's with its attributes", set)
	}
	stays(t, e, "JSESSIONID=1; "+pairOf(set), backend)
	names := map[string]bool{}
	for range 4 { // without the application's cookie there is no session
		name, _ := visit(t, e, pairOf(set))
		names[name] = true
	}
	if len(names) != 2 {
		t.Errorf("with lull's cookie alone: got %v, want both backends", names)
	}
	name, gone := ask("/logout", "Cookie: JSESSIONID=1; "+pairOf(set)+"\r\n")
	if name != backend || !strings.HasPrefix(gone, pairOf(set)) || !strings.HasSuffix(gone, ";Max-Age=0") {
		t.Errorf("at its end: got %s and %q, want %s and lull's cookie deleted", name, gone, backend)
	}
}

// newSession begins a session and returns its backend's name, index and cookie.
func newSession(t *testing.T, e *lulltest.Engine) (name string, index int, cookie string) {
	t.Helper()
	name, set := visit(t, e, "")
	return name, int(name[0] - 'a'), pairOf(set)
}

// TestSessionMoves: a session whose backend cannot be had goes to another, with all of the request, is told so, and stays
// there when the first one recovers.
func TestSessionMoves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gone, back func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan
	}{
		"down": {
			func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan {
				e.SetStatus(lulltest.Set(p).Backends[i].Key, false, "refused")
				return p
			},
			func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan {
				e.SetStatus(lulltest.Set(p).Backends[i].Key, true, "")
				return p
			},
		},
		"offline": {
			func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan {
				return e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[i].Offline = true })
			},
			func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan {
				return e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[i].Offline = false })
			},
		},
		"removed": {
			func(e *lulltest.Engine, p *plan.Plan, i int) *plan.Plan {
				return e.Changed(p, func(p *plan.Plan) {
					lulltest.Set(p).Backends = slices.Delete(slices.Clone(lulltest.Set(p).Backends), i, i+1)
				})
			},
			func(_ *lulltest.Engine, p *plan.Plan, _ int) *plan.Plan { return p },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, p, _ := fleet(t, 2, 3, sticking(plan.Stickiness{}))
			was, index, cookie := newSession(t, e)
			p = c.gone(e, p, index)
			now, set := visit(t, e, cookie)
			if now == was || set == "" || pairOf(set) == cookie {
				t.Fatalf("moved: got %s and the cookie %q, want another than %s and its cookie", now, set, was)
			}
			stays(t, e, pairOf(set), now)
			c.back(e, p, index)
			stays(t, e, pairOf(set), now)
		})
	}
}

// TestSessionRefused: a backend that refuses a session's connect is passed over in the same request; without fallback that is
// a 502, as long as it lasts.
func TestSessionRefused(t *testing.T) {
	t.Parallel()
	for name, faithful := range map[string]bool{"fallback": false, "no_fallback": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			once := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
				c.Reply(lulltest.Response("a", "Connection: close"))
				return false
			})
			other := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
				return c.Reply(lulltest.Response("b" + string(s.Data)))
			})
			p := lulltest.HTTPPlan(0, once.Addr, other.Addr)
			lulltest.Set(p).Backends[1].Backup = true
			sticking(plan.Stickiness{NoFallback: faithful})(p)
			e := startHTTP(t, 1, p)
			was, _, cookie := newSession(t, e)
			if was != "a" {
				t.Fatalf("first: got %s, want a", was)
			}
			once.Stop()
			for range 2 {
				c := e.DialHTTP()
				c.Send("POST / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\nContent-Length: 5\r\n\r\nhello")
				a := c.Answer("POST")
				x := e.ExchangeOf(c, 1)
				if faithful {
					checkOwn(t, a, "POST", 502)
					if x.Reason != reason.NoBackend && x.Reason != reason.ConnectRefused || x.Status != 502 || a.Header.Get("Set-Cookie") != "" {
						t.Errorf("exchange: got %v with %d and the cookie %q, want 502 and none", x.Reason, x.Status, a.Header.Get("Set-Cookie"))
					}
					continue
				}
				if string(a.Data) != "bhello" || a.Header.Get("Set-Cookie") == "" || x.Tries != 2 {
					t.Errorf("client: got %s, %q, cookie %q after %d tries; want the other backend's answer and cookie after 2",
						a.Status, a.Data, a.Header.Get("Set-Cookie"), x.Tries)
				}
			}
		})
	}
}

// TestSessionFaithful: without fallback a session is refused while its backend cannot be had, and goes on when it can.
func TestSessionFaithful(t *testing.T) {
	t.Parallel()
	e, p, _ := fleet(t, 2, 3, sticking(plan.Stickiness{NoFallback: true}))
	name, index, cookie := newSession(t, e)
	key := lulltest.Set(p).Backends[index].Key
	for range 2 {
		e.SetStatus(key, false, "refused")
		for range 3 {
			if got, set := visit(t, e, cookie); got != "502" || set != "" {
				t.Errorf("its backend down: got %s and the cookie %q, want 502 and none", got, set)
			}
			if got, _ := visit(t, e, ""); got == "502" || got == name {
				t.Errorf("a new client: got %s, want another backend", got)
			}
		}
		e.SetStatus(key, true, "")
		stays(t, e, cookie, name)
	}
	if l, _ := totalsOf(e, lulltest.HTTPKey); l.OwnStatus[5] != 6 || l.Ends[reason.NoBackend] != 6 {
		t.Errorf("counters: got %v of its own and %d without a backend, want 6", l.OwnStatus, l.Ends[reason.NoBackend])
	}
	e.Changed(p, func(p *plan.Plan) {
		lulltest.Set(p).Backends = slices.Delete(slices.Clone(lulltest.Set(p).Backends), index, index+1)
	})
	if got, set := visit(t, e, cookie); got == "502" || got == name || set == "" {
		t.Errorf("its backend not in the plan any more: got %s and the cookie %q, want those of a new client", got, set)
	}
}

// TestSessionDrains: a backend that drains goes on with its sessions, and begins none.
func TestSessionDrains(t *testing.T) {
	t.Parallel()
	e, p, _ := fleet(t, 2, 2, sticking(plan.Stickiness{}))
	name, index, cookie := newSession(t, e)
	p = e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[index].Drain = true })
	stays(t, e, cookie, name)
	for range 4 {
		if got, _ := visit(t, e, ""); got == name {
			t.Errorf("a new client: got %s, which drains", got)
		}
	}
	e.Changed(p, func(p *plan.Plan) { slices.Reverse(lulltest.Set(p).Backends) }) // their places in the plan mean nothing
	stays(t, e, cookie, name)
}

// TestSessionChangesMeanwhile: a plan that changes while a request is under way, or stickiness that comes and goes, mixes
// nothing up.
func TestSessionChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Plan){
		"reordered": func(p *plan.Plan) { slices.Reverse(lulltest.Set(p).Backends) },
		"removed":   func(p *plan.Plan) { lulltest.Set(p).Backends = lulltest.Set(p).Backends[1:] },
		"lifted":    func(p *plan.Plan) { lulltest.Set(p).Stickiness = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			second := lulltest.Greeter(t)
			s := counter(t, 1, 0, func(p *plan.Plan) {
				added := lulltest.Set(lulltest.HTTPPlan(0, second.Addr)).Backends[0]
				added.Backup = true
				lulltest.Set(p).Backends = append(lulltest.Set(p).Backends, added)
				sticking(plan.Stickiness{Follow: "J"})(p)
			})
			client, backend := s.meet(lulltest.Request("GET", "/", ""))
			backend.Request()
			backend.Send(lulltest.Response("first", "Set-Cookie: J=1"))
			cookies := client.ExpectAnswer("first").Header["Set-Cookie"]
			client.Send("GET / HTTP/1.1\r\nHost: a\r\nCookie: J=1; " + pairOf(cookies[1]) + "\r\n\r\n")
			backend.Request()
			s.Changed(s.plan, change)
			backend.Send(lulltest.Response("again", "Set-Cookie: J=2"))
			want := []string{"J=2"}
			if name == "reordered" {
				want = append(want, cookies[1])
			}
			if got := client.ExpectAnswer("again").Header["Set-Cookie"]; !slices.Equal(got, want) {
				t.Errorf("client: got the cookies %q, want %q", got, want)
			}
		})
	}
}
