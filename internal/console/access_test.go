package console

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lull/internal/dataplane/plan"
)

// TestStranger: whoever is not logged in gets the login page and what it looks like, and nothing else.
func TestStranger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := &browser{r: r}
	for path, found := range routes() {
		if found.open {
			continue
		}
		method, want := http.MethodGet, http.StatusSeeOther
		if found.get == nil {
			method, want = http.MethodPost, http.StatusUnauthorized
		}
		if a := b.do(method, Root+path, nil); a.Code != want || want == http.StatusSeeOther && !strings.HasPrefix(a.Header().Get("Location"), "/console/login") {
			t.Errorf("%s %q: got %d to %q, want %d to the login", method, path, a.Code, a.Header().Get("Location"), want)
		}
	}
	script := b.do(http.MethodGet, Root, nil, func(q *http.Request) { q.Header.Set("Sec-Fetch-Dest", "empty") })
	script.want(http.StatusUnauthorized)
	page := b.get("/console/login").want(http.StatusOK)
	if len(page.all("nav")) != 0 || page.Header().Get("Connection") != "close" {
		t.Error("strangers get the navigation, or keep their connection")
	}
	for _, link := range page.all("link") {
		b.get(attr(link, "href")).want(http.StatusOK)
	}
	b.get("/console/assets/none.css").want(http.StatusNotFound)
}

// TestLogin: an id and its secret open the console, anything else does not.
func TestLogin(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, id, secret string
		want             int
	}{
		{"administrator", adminID, secretOf(adminID), http.StatusSeeOther},
		{"reader", readerID, secretOf(readerID), http.StatusSeeOther},
		{"other-role", "LULLODD", secretOf("LULLODD"), http.StatusForbidden},
		{"wrong", adminID, "wrong", http.StatusForbidden},
		{"others-secret", adminID, secretOf(readerID), http.StatusForbidden},
		{"unknown", "LULLNOBODY", "", http.StatusForbidden},
		{"empty", "", "", http.StatusForbidden},
		{"long", strings.Repeat("x", 129), "x", http.StatusForbidden},
		{"markup", `"><b id="bad">`, "x", http.StatusForbidden},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &browser{r: newRig(t)}
			a := b.do(http.MethodPost, "/console/login", url.Values{"id": {c.id}, "secret": {c.secret}}).want(c.want)
			if in := b.cookie != nil; in != (c.want == http.StatusSeeOther) {
				t.Errorf("got a session: %v", in)
			}
			if c.want == http.StatusForbidden && (len(a.all("p.error")) != 1 || len(a.all("b")) != 0 || c.secret != "" && strings.Contains(a.Body.String(), `value="`+c.secret)) {
				t.Errorf("got\n%s", a.Body)
			}
		})
	}
}

// TestNext: after the login comes the page that was asked for, and never one that is not the console's.
func TestNext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := &browser{r: r}
	a := b.get("/console/connections?state=ended&backend=%22%3E").want(http.StatusSeeOther)
	login := b.get(a.Header().Get("Location")).want(http.StatusOK)
	next := attr(login.one("input[name=next]"), "value")
	if next != "connections?state=ended&backend=%22%3E" {
		t.Fatalf("got next %q", next)
	}
	wrong := b.do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {"x"}, "next": {next}}).want(http.StatusForbidden)
	if got := attr(wrong.one("input[name=next]"), "value"); got != next {
		t.Errorf("after a mistake: got next %q", got)
	}
	for next, want := range map[string]string{
		next: "/console/connections?backend=%22%3E&state=ended", "": "/console/", "reasons": "/console/reasons", "//evil.example": "/console/", "https://evil.example/": "/console/",
		"/evil": "/console/", "../lull/v1/keys": "/console/", "logout": "/console/", "login?next=x": "/console/", "live?page=overview": "/console/", "reasons?%zz": "/console/",
		"\\\\evil.example": "/console/", "reasons\r\nX-A: b": "/console/",
	} {
		a := (&browser{r: r, from: "192.0.2.9:1"}).do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {secretOf(adminID)}, "next": {next}})
		if got := a.Header().Get("Location"); got != want {
			t.Errorf("next %q: got %q, want %q", next, got, want)
		}
		r.pass(attemptsEvery)
	}
}

// TestCookie: what a session's cookie is like, and that nothing made up passes for one.
func TestCookie(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.loggedIn(adminID)
	c := b.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/console/" || c.Domain != "" || c.Name != "lull_console_8440" {
		t.Errorf("got %+v", c)
	}
	secure := &browser{r: r}
	secure.do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {secretOf(adminID)}}, func(q *http.Request) {
		q.TLS = &tls.ConnectionState{}
		q.Header.Set("Origin", "https://127.0.0.1:8440")
	})
	if !secure.cookie.Secure {
		t.Error("over TLS the cookie is not Secure")
	}
	id, mac, _ := strings.Cut(c.Value, ".")
	for name, value := range map[string]string{
		"empty": "", "id-only": id, "no-signature": id + ".", "signed-as-csrf": id + "." + r.console.signer.csrf(id), "other-id": "x" + id + "." + mac,
		"unknown-but-signed": r.console.signer.sign("session", "x"), "other-process": newRig(t).console.signer.sign("session", id),
	} {
		forged := *c
		forged.Value = value
		if a := (&browser{r: r, cookie: &forged}).get("/console/"); a.Code != http.StatusSeeOther {
			t.Errorf("%s: got %d", name, a.Code)
		}
	}
	b.get("/console/").want(http.StatusOK)
}

// TestSessionEnds: a session ends when nobody uses it, when it is old, with its key, and by a logout, for every copy of its cookie.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		end  func(*rig, *browser)
	}{
		{"idle", func(r *rig, _ *browser) { r.pass(sessionIdle + time.Second) }},
		{"old", func(r *rig, b *browser) {
			for range sessionAge/(sessionIdle/2) - 2 {
				r.pass(sessionIdle / 2)
				b.get("/console/").want(http.StatusOK)
			}
			r.pass(2 * time.Second)
		}},
		{"revoked", func(r *rig, _ *browser) { r.keys.revoke(adminID) }},
		{"logout", func(_ *rig, b *browser) {
			copied := *b.cookie
			b.do(http.MethodPost, "/console/logout", url.Values{"csrf": {b.csrf()}}).want(http.StatusSeeOther)
			if b.cookie != nil {
				t.Error("the cookie stays")
			}
			b.cookie = &copied
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			b := r.loggedIn(adminID)
			r.pass(sessionIdle - time.Second)
			b.get("/console/").want(http.StatusOK)
			if fresh := (&browser{r: r}).get("/console/login"); strings.Contains(text(fresh.one("main")), "session has ended") {
				t.Error("somebody who comes for the first time is told that a session has ended")
			}
			c.end(r, b)
			away := b.get("/console/").want(http.StatusSeeOther)
			if got := text(b.get(away.Header().Get("Location")).one("p[role=status]")); got != "Your session has ended. Log in to go on where you were." {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestSessionsMax: there are never more sessions than that; the one that was used longest ago makes room.
func TestSessionsMax(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, now := r.console.sessions, r.clock()
	first, _ := s.begin("a", now)
	second, _ := s.begin("b", now.Add(time.Second))
	for i := range sessionsMax - 2 {
		_, _ = s.begin("c"+strconv.Itoa(i), now.Add(2*time.Second))
	}
	s.find(first, now.Add(3*time.Second), true)
	_, _ = s.begin("d", now.Add(4*time.Second))
	_, one := s.find(first, now.Add(5*time.Second), true)
	_, other := s.find(second, now.Add(5*time.Second), true)
	if !one || other || len(s.byID) != sessionsMax {
		t.Errorf("got used %v, unused %v, %d sessions", one, other, len(s.byID))
	}
}

// TestSessionsOfKeyMax: whoever has a key to read with cannot log out others by logging in again and again, only itself.
func TestSessionsOfKeyMax(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, now := r.console.sessions, r.clock()
	admin, _ := s.begin("admin", now)
	first, _ := s.begin("reader", now.Add(time.Second))
	for range sessionsMax {
		_, _ = s.begin("reader", now.Add(2*time.Second))
	}
	_, one := s.find(admin, now.Add(3*time.Second), true)
	_, other := s.find(first, now.Add(3*time.Second), true)
	if !one || other || len(s.byID) != sessionsOfKeyMax+1 {
		t.Errorf("got the administrator %v, the reader's first %v, %d sessions", one, other, len(s.byID))
	}
}

// TestLink: a link opens the console once, for a while.
func TestLink(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, err := r.console.Link(adminID)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{r: r}
	b.do(http.MethodHead, path, nil)
	if b.cookie != nil {
		t.Fatal("a preview of the link has used it")
	}
	a := b.get(path).want(http.StatusOK)
	if b.cookie == nil || a.Header().Get("Refresh") != "0; url=/console/" {
		t.Fatalf("got no session: %s", a.Body)
	}
	b.get("/console/").want(http.StatusOK)
	(&browser{r: r}).get(path).want(http.StatusForbidden)
	(&browser{r: r}).get("/console/login?token=made-up").want(http.StatusForbidden)
	late, _ := r.console.Link(adminID)
	r.pass(linkAge + time.Second)
	(&browser{r: r}).get(late).want(http.StatusForbidden)
	orphan, _ := r.console.Link(readerID)
	r.keys.revoke(readerID)
	(&browser{r: r}).get(orphan).want(http.StatusForbidden)
	for range 3 * linksMax {
		_, _ = r.console.Link(adminID)
	}
	if n := len(r.console.links.unused); n > linksMax {
		t.Errorf("%d links are kept", n)
	}
}

// TestForgery: a change goes through only from a page of the console, in that session.
func TestForgery(t *testing.T) {
	t.Parallel()
	other := newRig(t).loggedIn(adminID).csrf()
	cases := []struct {
		name string
		csrf string // empty: the right one
		edit func(*http.Request)
		want int
	}{
		{"right", "", func(*http.Request) {}, http.StatusSeeOther},
		{"origin-only", "", func(q *http.Request) { q.Header.Del("Sec-Fetch-Site") }, http.StatusSeeOther},
		{"fetch-site-only", "", func(q *http.Request) { q.Header.Del("Origin") }, http.StatusSeeOther},
		{"neither", "", func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Del("Origin") }, http.StatusForbidden},
		{"other-session", other, func(*http.Request) {}, http.StatusForbidden},
		{"no-token", " ", func(*http.Request) {}, http.StatusForbidden},
		{"other-site", "", func(q *http.Request) { q.Header.Set("Origin", "http://evil.example") }, http.StatusForbidden},
		{"other-port", "", func(q *http.Request) { q.Header.Set("Origin", "http://127.0.0.1:9000") }, http.StatusForbidden},
		{"other-scheme", "", func(q *http.Request) { q.Header.Set("Origin", "https://127.0.0.1:8440") }, http.StatusForbidden},
		{"null-origin", "", func(q *http.Request) { q.Header.Set("Origin", "null") }, http.StatusForbidden},
		{"cross-site", "", func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		{"same-site", "", func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		{"typed", "", func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "none") }, http.StatusForbidden},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newRig(t).loggedIn(adminID)
			token := c.csrf
			if token == "" {
				token = b.csrf()
			}
			b.do(http.MethodPost, "/console/logout", url.Values{"csrf": {token}}, c.edit).want(c.want)
			if c.want == http.StatusForbidden {
				b.get("/console/").want(http.StatusOK) // still in
			}
		})
	}
	b := &browser{r: newRig(t)}
	b.do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {secretOf(adminID)}}, func(q *http.Request) {
		q.Header.Set("Origin", "http://evil.example")
	}).want(http.StatusForbidden)
}

// TestRoles: a reader is refused every change but leaving, whatever the page.
func TestRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	did := 0
	r.console.routes["change"] = route{post: func(v *visit) error { did++; return v.done("", nil, "Done.") }}
	reader, admin := r.loggedIn(readerID), r.loggedIn(adminID)
	reader.do(http.MethodPost, "/console/change", url.Values{"csrf": {reader.csrf()}}).want(http.StatusForbidden)
	if did != 0 {
		t.Fatal("the change was made")
	}
	admin.do(http.MethodPost, "/console/change", url.Values{"csrf": {admin.csrf()}}).want(http.StatusSeeOther)
	page := admin.get("/console/")
	if got := text(page.one("p.flash")); did != 1 || got != "Done." {
		t.Errorf("got %d changes and %q", did, got)
	}
	if again := admin.get("/console/"); len(again.all("p.flash")) != 0 {
		t.Error("the line is shown twice")
	}
	for _, path := range []string{"/console/", "/console/connections", "/console/reasons", "/console/keepalive"} {
		if forms := reader.get(path).all("form[method=post]"); len(forms) != 1 { // to log out
			t.Errorf("%s: a reader sees %d forms that change something", path, len(forms))
		}
	}
	reader.do(http.MethodPost, "/console/logout", url.Values{"csrf": {reader.csrf()}}).want(http.StatusSeeOther)
}

// TestHeaders: every answer, whatever it is, holds browsers to the policy, and no page has anything inline.
func TestHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.loggedIn(adminID)
	for _, path := range []string{"/console/", "/console/login", "/console/none", "/console/login?token=x", "/console/connections", "/console/reasons"} {
		a := b.get(path)
		h := a.Header()
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: got policy %q", path, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: got %v", path, h)
		}
		inline(t, path, a.tree())
	}
}

// inline fails on what the policy would block.
func inline(t *testing.T, path string, root *html.Node) {
	t.Helper()
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			t.Errorf("%s: <%s> with text in the page", path, n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
			}
		}
	}
}

// TestHost: a name that somebody else may have pointed here is not answered to.
func TestHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for host, want := range map[string]int{
		"127.0.0.1:8440": 303, "localhost:8440": 303, "LOCALHOST": 303, "lull.localhost": 303, "[::1]:8440": 303, "10.1.2.3:8440": 303, "lull.example:8440": 303, "LULL.example": 303,
		"evil.example": 421, "evil.example:8440": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "": 421, "lull.example.evil": 421, "127.0.0.1:8440.evil.example": 421, "127.0.0.1:": 421, "[::1": 421, "::1]": 421, "[::1]x": 421, "[::1]:x": 421, "[127.0.0.1]": 303, "0x7f.1": 421,
	} {
		a := (&browser{r: r}).do(http.MethodGet, "/console/", nil, func(q *http.Request) { q.Host = host })
		if a.Code != want {
			t.Errorf("host %q: got %d, want %d", host, a.Code, want)
		}
	}
	a := (&browser{r: r}).do(http.MethodGet, "/console/", nil, func(q *http.Request) { q.Host, q.TLS = "any.example", &tls.ConnectionState{} })
	a.want(http.StatusSeeOther)
}

// TestAttempts: whoever tries too often has to wait, others do not, and all together have a limit, too.
func TestAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	try := func(from string) int {
		return (&browser{r: r, from: from}).do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {"wrong"}}).Code
	}
	for range attemptsBurst {
		if got := try("192.0.2.1:1"); got != http.StatusForbidden {
			t.Fatalf("within the burst: got %d", got)
		}
	}
	if got := try("192.0.2.1:2"); got != http.StatusTooManyRequests {
		t.Errorf("beyond the burst: got %d", got)
	}
	guess := func() int { return (&browser{r: r, from: "192.0.2.1:3"}).get("/console/login?token=x").Code }
	for range attemptsBurst {
		if got := guess(); got != http.StatusForbidden {
			t.Fatalf("links within their own burst: got %d", got)
		}
	}
	if got := guess(); got != http.StatusTooManyRequests {
		t.Errorf("links beyond the burst: got %d", got)
	}
	if got := try("192.0.2.2:1"); got != http.StatusForbidden {
		t.Errorf("another address: got %d", got)
	}
	r.pass(attemptsEvery)
	if one, two := try("192.0.2.1:1"), try("192.0.2.1:1"); one != http.StatusForbidden || two != http.StatusTooManyRequests {
		t.Errorf("after waiting: got %d and %d", one, two)
	}
}

// TestAttemptsOfOthers: whoever is right gets in whatever others have tried from the same address: another user of the machine, or a
// page of any site, whose pictures are links to the login.
func TestAttemptsOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, err := r.console.Link(adminID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * attemptsBurst {
		(&browser{r: r}).get("/console/login?token=x")
		(&browser{r: r}).do(http.MethodPost, "/console/login", url.Values{"id": {"x"}, "secret": {strings.Repeat("x", fieldBytesMax+1)}})
		(&browser{r: r}).do(http.MethodPost, "/console/login", url.Values{"id": {adminID}, "secret": {"x"}})
	}
	right := url.Values{"id": {adminID}, "secret": {secretOf(adminID)}}
	(&browser{r: r}).do(http.MethodPost, "/console/login", right).want(http.StatusSeeOther)
	(&browser{r: r}).get(path).want(http.StatusOK)
}

// dated notes until when its client may send.
type dated struct {
	*httptest.ResponseRecorder
	until time.Time
}

// SetReadDeadline is what http.ResponseController looks for.
func (d *dated) SetReadDeadline(at time.Time) error {
	d.until = at
	return nil
}

// TestStrangersTime: a form of a stranger has not the server's whole time to arrive, as those who have a key need the connection.
func TestStrangersTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		path  string
		b     *browser
		short bool
	}{
		"stranger": {"login", &browser{r: r}, true},
		"known":    {"logout", r.loggedIn(adminID), false},
	} {
		w := &dated{ResponseRecorder: httptest.NewRecorder()}
		q := httptest.NewRequest(http.MethodPost, Root+c.path, strings.NewReader("id=x"))
		q.Host = "127.0.0.1:8440"
		q.Header.Set("Origin", "http://127.0.0.1:8440")
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.b.cookie != nil {
			q.AddCookie(c.b.cookie)
		}
		r.console.ServeHTTP(w, q)
		if got := !w.until.IsZero() && time.Until(w.until) <= strangersTime; got != c.short {
			t.Errorf("%s: may send until %v", name, w.until)
		}
	}
}

// TestAttemptsOfMany: addresses without number run into the limit of all, and do not fill the memory.
func TestAttemptsOfMany(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	a := newAttempts(now)
	passed := 0
	for i := range 3 * addressesMax {
		if a.take(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now) {
			passed++
		}
	}
	if passed != attemptsAllBurst || len(a.byAddress) > addressesMax {
		t.Errorf("%d passed, %d addresses are kept", passed, len(a.byAddress))
	}
	one, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2")
	if network(one) != network(other) || network(one) == network(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("an IPv6 network does not count as one address")
	}
}

// TestLimits: forms and queries have an end.
func TestLimits(t *testing.T) {
	t.Parallel()
	b := newRig(t).loggedIn(adminID)
	b.do(http.MethodPost, "/console/logout", url.Values{"x": {strings.Repeat("x", bodyBytesMax)}}).want(http.StatusRequestEntityTooLarge)
	b.get("/console/?x=" + strings.Repeat("x", queryBytesMax)).want(http.StatusRequestURITooLong)
	b.do(http.MethodDelete, "/console/", nil).want(http.StatusMethodNotAllowed)
	b.do(http.MethodPost, "/console/", nil).want(http.StatusMethodNotAllowed)
}

// TestMarkup: a name is shown as it is and is never markup.
func TestMarkup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const name = `<img src=x onerror="alert(1)">&amp;"'`
	r.plan = &plan.Plan{LoadBalancers: []*plan.LoadBalancer{{Name: name, Origin: "lull.yaml"}}}
	a := r.loggedIn(adminID).get("/console/").want(http.StatusOK)
	inline(t, "overview", a.tree())
	if len(a.all("img")) != 0 || !strings.Contains(text(a.one("main")), name) {
		t.Errorf("got\n%s", a.Body)
	}
}

// TestHTMX: the script is the one whose source is noted beside it.
func TestHTMX(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("ui/htmx/htmx.min.js")
	if err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile("ui/htmx/SOURCE.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(script)
	if !strings.Contains(string(note), hex.EncodeToString(sum[:])) || !strings.Contains(string(script), `version:"2.0.11"`) {
		t.Errorf("SOURCE.md does not tell of this file: its hash is %x", sum)
	}
}
