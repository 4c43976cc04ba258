package console

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lull/internal/control/sigv4"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

const (
	ownOrigin = "http://127.0.0.1:8440"
	adminID   = "LULLADMIN"
	readerID  = "LULLREADER"
)

// secretOf is what the rig's keys have for a secret.
func secretOf(id string) string { return "sesame-" + id }

// fakeKeys are keys that can be revoked.
type fakeKeys struct {
	mu   sync.Mutex
	keys map[string]sigv4.Key
}

func (f *fakeKeys) Lookup(id string) (sigv4.Key, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.keys[id]
	return k, ok
}

func (f *fakeKeys) revoke(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, id)
}

// fakeEngine is a data plane with made-up contents.
type fakeEngine struct {
	log       record.Log
	exchanges record.Exchanges
	origin    string // of every load balancer; empty: lull.yaml

	mu    sync.Mutex
	conns []record.Live
	stats stats.Snapshot
	walks int
	reads int
}

func (e *fakeEngine) Conns(ctx context.Context, each func([]record.Live) error) error {
	e.mu.Lock()
	list := e.conns
	e.walks++
	e.mu.Unlock()
	for len(list) > 0 {
		n := min(256, len(list))
		if err := each(list[:n:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return ctx.Err()
}
func (e *fakeEngine) Log() *record.Log             { return &e.log }
func (e *fakeEngine) Exchanges() *record.Exchanges { return &e.exchanges }
func (e *fakeEngine) Origin(string) string         { return cmp.Or(e.origin, "lull.yaml") }
func (e *fakeEngine) Stats() stats.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads++
	return e.stats
}

// set changes what the engine has.
func (e *fakeEngine) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// rig is a console with made-up surroundings and a clock that stands still.
type rig struct {
	t       testing.TB
	console *Console
	engine  *fakeEngine
	keys    *fakeKeys
	plan    *plan.Plan

	mu  sync.Mutex
	now time.Time
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, engine: &fakeEngine{}, plan: &plan.Plan{}, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	r.keys = &fakeKeys{keys: map[string]sigv4.Key{
		adminID:   {ID: adminID, Secret: secretOf(adminID), Role: sigv4.Administrator},
		readerID:  {ID: readerID, Secret: secretOf(readerID), Role: sigv4.ReadOnly},
		"LULLODD": {ID: "LULLODD", Secret: secretOf("LULLODD"), Role: "auditor"},
	}}
	c, err := still(Options{
		Engine: r.engine, Plan: r.inForce, Keys: r.keys, Host: "lull.example",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r.console = c
	return r
}

func (r *rig) inForce() *plan.Plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// browser is somebody who visits, with a cookie once there is one.
type browser struct {
	r      *rig
	cookie *http.Cookie
	from   string // address and port; empty: some of this machine
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t        testing.TB
	question bool // it was said to be one
}

// Question notes that the request is no change.
func (a *answer) Question() { a.question = true }

// do sends a request as a browser on one of the console's own pages does, changed by edit.
func (b *browser) do(method, target string, form url.Values, edit ...func(*http.Request)) *answer {
	b.r.t.Helper()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q := httptest.NewRequestWithContext(ctx, method, ownOrigin+target, body)
	q.RemoteAddr = "127.0.0.1:40000"
	if b.from != "" {
		q.RemoteAddr = b.from
	}
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Origin", ownOrigin)
	}
	if b.cookie != nil {
		q.AddCookie(b.cookie)
	}
	for _, f := range edit {
		f(q)
	}
	w := &answer{ResponseRecorder: httptest.NewRecorder(), t: b.r.t}
	b.r.console.ServeHTTP(w, q)
	for _, c := range w.Result().Cookies() {
		b.cookie = c
		if c.MaxAge < 0 {
			b.cookie = nil
		}
	}
	return w
}

func (b *browser) get(target string) *answer {
	b.r.t.Helper()
	return b.do(http.MethodGet, target, nil)
}

// loggedIn returns a browser with a session of a key.
func (r *rig) loggedIn(id string) *browser {
	r.t.Helper()
	b := &browser{r: r}
	a := b.do(http.MethodPost, "/console/login", url.Values{"id": {id}, "secret": {secretOf(id)}})
	if a.Code != http.StatusSeeOther || b.cookie == nil {
		r.t.Fatalf("login of %s: got %d %s", id, a.Code, a.Body)
	}
	return b
}

// csrf returns the token of the browser's session, off a page.
func (b *browser) csrf() string {
	b.r.t.Helper()
	return attr(b.get("/console/").one("input[name=csrf]"), "value")
}

// tree parses a page.
func (a *answer) tree() *html.Node {
	a.t.Helper()
	root, err := html.Parse(strings.NewReader(a.Body.String()))
	if err != nil {
		a.t.Fatal(err)
	}
	return root
}

// want fails the test unless the answer has that status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("got %d %s, want %d\n%s", a.Code, a.Header().Get("Location"), status, a.Body)
	}
	return a
}

// all returns the elements that match "tag", "tag.class", "tag#id" or "tag[name=value]"; no tag is any.
func (a *answer) all(selector string) []*html.Node {
	a.t.Helper()
	return within(a.tree(), selector)
}

// one returns the only element that matches.
func (a *answer) one(selector string) *html.Node {
	a.t.Helper()
	found := a.all(selector)
	if len(found) == 0 {
		a.t.Fatalf("no %s in\n%s", selector, a.Body)
	}
	return found[0]
}

func within(root *html.Node, selector string) (found []*html.Node) {
	tag, name, value := split(selector)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) && (name == "" || has(n, name, value)) {
			found = append(found, n)
		}
	}
	return found
}

func split(selector string) (tag, name, value string) {
	for i, c := range selector {
		rest := selector[i+1:]
		switch c {
		case '.':
			return selector[:i], "class", rest
		case '#':
			return selector[:i], "id", rest
		case '[':
			name, value, _ = strings.Cut(strings.TrimSuffix(rest, "]"), "=")
			return selector[:i], name, value
		}
	}
	return selector, "", ""
}

func has(n *html.Node, name, value string) bool {
	for _, a := range n.Attr {
		if a.Key != name {
			continue
		}
		if name != "class" {
			return value == "" || a.Val == value
		}
		for _, word := range strings.Fields(a.Val) {
			if word == value {
				return true
			}
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text returns what people read of an element, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// paged follows a list from page to page. It returns how many pages and different rows there are, and what the first row begins with.
func (b *browser) paged(next string) (pages, found int, first string) {
	b.r.t.Helper()
	const most = 10
	seen := map[string]bool{}
	for ; next != "" && pages < most; pages++ {
		a := b.get(next).want(http.StatusOK)
		for _, row := range rows(a) {
			if first == "" {
				first = row[0]
			}
			seen[row[0]] = true
		}
		next = ""
		for _, link := range a.all("a[rel=next]") {
			next = attr(link, "href")
		}
	}
	return pages, len(seen), first
}
