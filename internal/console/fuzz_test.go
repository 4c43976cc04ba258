package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// FuzzQuery sends a query to one of the pages: whatever it is, the answer is a page without anything inline, and never lull's own fault.
func FuzzQuery(f *testing.F) {
	pages := []string{"", "load-balancer", "listener", "backend", "connections", "connection", "reasons", "keepalive", "live-ready", "login", "requests"}
	for i, seed := range []string{"name=%3Cb%3E&page_number=-1", "load_balancer=web", "load_balancer=web&listener=echo", "load_balancer=web&backend_set=app&backend=10.0.0.1:9001",
		"state=ended&reason=tunnel-idle&idle=30s", "id=7/3", "span=1h", "%zz", "page=overview", "token=%00", "status=504&client=192.0.2.0/24&took=1m&reason=response-idle"} {
		f.Add(byte(i), seed)
	}
	r := newRig(f)
	r.populate("web")
	r.engine.conns = crowd(5)
	r.engine.log.Append([]record.Close{ended(1000, reason.TunnelIdle, r.clock())})
	r.engine.exchanges.Append([]record.Exchange{failed(7, 3, reason.ResponseIdle, r.clock())})
	cookie := r.loggedIn(adminID).cookie
	f.Fuzz(func(t *testing.T, at byte, query string) {
		b := &browser{r: &rig{t: t, console: r.console}, cookie: cookie}
		path := pages[int(at)%len(pages)]
		a := b.do(http.MethodGet, "/console/"+path, nil, func(q *http.Request) { q.URL.RawQuery = query })
		if a.Code >= http.StatusInternalServerError {
			t.Errorf("%s?%q: got %d", path, query, a.Code)
		}
		inline(t, path, a.tree())
	})
}

// FuzzCookie takes made-up cookies: none opens a session.
func FuzzCookie(f *testing.F) {
	r := newRig(f)
	right := r.loggedIn(adminID).cookie.Value
	for _, seed := range []string{"", ".", "a.b", right + "x", right[1:], strings.Repeat(".", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if _, ok := r.console.sessions.find(value, r.clock(), true); ok && value != right {
			t.Errorf("%q opens a session", value)
		}
	})
}

// FuzzSameOrigin takes made-up origins: only the console's own may change something.
func FuzzSameOrigin(f *testing.F) {
	for _, seed := range []string{ownOrigin, "null", "http://127.0.0.1:8440.evil.example", "http://evil@127.0.0.1:8440", "HTTP://127.0.0.1:8440", "http://127.0.0.1:8440/x", "//127.0.0.1:8440"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		r := &http.Request{Host: "127.0.0.1:8440", Header: http.Header{"Origin": {origin}}}
		u, err := url.Parse(origin)
		if sameOrigin(r) == nil && (err != nil || u.Host != "127.0.0.1:8440" || !strings.EqualFold(u.Scheme, "http")) {
			t.Errorf("%q passes for the console's own", origin)
		}
	})
}
