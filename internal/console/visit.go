package console

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lull/internal/control/sigv4"
)

// visit is one request on its way through, and what pages answer with. It is used on the request's goroutine only.
type visit struct {
	w   http.ResponseWriter
	r   *http.Request
	c   *Console
	now time.Time

	known   bool // somebody is logged in; who and session are set
	who     sigv4.Key
	session session
}

// frame is what the layout shows around a page.
type frame struct {
	Title   string
	Page    string // the name of its directory below ui
	Section string // which link of the navigation is current
	Known   bool
	Who     string
	Role    string
	CSRF    string // for every form
	Writes  bool   // whoever is logged in may change things; without it there are no buttons
	Flash   string // what the last change has come to; shown once
	Live    string // path and query of the stream; empty: the page stands still
	Data    any    // of the page itself
	Assets  assets
}

// mayWrite says whether whoever is logged in may change things.
func (v *visit) mayWrite() bool { return v.known && v.who.Role == sigv4.Administrator }

// changes says whether the request may change something.
func (v *visit) changes() bool { return v.r.Method == http.MethodPost }

// show answers with a page. section is the link of the navigation that is current.
func (v *visit) show(page, section, title string, data any) error {
	return v.showWith(http.StatusOK, frame{Page: page, Section: section, Title: title, Data: data})
}

func (v *visit) showWith(status int, f frame) error {
	f.Known, f.Assets = v.known, v.c.ui.assets
	if v.known {
		f.Who, f.Role, f.Writes, f.CSRF = v.who.ID, string(v.who.Role), v.mayWrite(), v.c.signer.csrf(v.session.id)
		f.Flash = v.c.sessions.takeFlash(v.session.id)
	}
	var page bytes.Buffer
	if err := v.c.ui.render(&page, f); err != nil {
		return err
	}
	v.send(status, "text/html; charset=utf-8", page.Bytes())
	return nil
}

// send answers. Strangers' connections end with the answer: there are few, and they are for those who have a key.
func (v *visit) send(status int, kind string, body []byte) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if !v.known {
		h.Set("Connection", "close")
	}
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body) // there is nobody to tell
	}
}

// done ends a change: it goes on to another page, which tells what the change has come to.
func (v *visit) done(page string, query url.Values, flash string) error {
	if v.known && flash != "" {
		v.c.sessions.setFlash(v.session.id, flash)
	}
	return v.goTo(page, query)
}

// goTo has the browser ask for another page of the console.
func (v *visit) goTo(page string, query url.Values) error {
	v.w.Header().Set("Location", link(page, query))
	v.send(http.StatusSeeOther, "text/plain; charset=utf-8", nil)
	return nil
}

// link returns the address of a page.
func link(page string, query url.Values) string {
	if len(query) == 0 {
		return Root + page
	}
	return Root + page + "?" + query.Encode()
}

// toLogin has somebody unknown log in, and come back afterwards. A script is told by the status: it would take a login page for an answer.
func (v *visit) toLogin() error {
	if v.r.Header.Get("Sec-Fetch-Dest") == "empty" || v.changes() {
		return refusal(http.StatusUnauthorized, "the session has ended: log in again")
	}
	next := strings.TrimPrefix(v.r.URL.Path, Root)
	if v.r.URL.RawQuery != "" {
		next += "?" + v.r.URL.RawQuery
	}
	if _, _, ok := v.c.nextPage(next); !ok || next == "" {
		return v.goTo("login", nil)
	}
	return v.goTo("login", url.Values{"next": {next}})
}

// nextPage reads where somebody wanted to go. The name is one of the console's own pages and only the query is theirs, so that no link
// to the login leads out of it.
func (c *Console) nextPage(next string) (page string, query url.Values, ok bool) {
	page, raw, _ := strings.Cut(next, "?")
	found, known := c.routes[page]
	query, err := url.ParseQuery(raw)
	return page, query, known && found.get != nil && !found.open && !found.background && err == nil
}

// fail answers with an error.
func (v *visit) fail(err error) {
	told := &refused{http.StatusInternalServerError, "lull has failed at this; its log says more"}
	if !errors.As(err, &told) {
		v.c.o.Log.Error("console", "path", v.r.URL.Path, "error", err)
	}
	shown := v.showWith(told.status, frame{Page: "failure", Title: http.StatusText(told.status), Data: told.message})
	if shown != nil {
		v.send(told.status, "text/plain; charset=utf-8", []byte(told.message+"\n"))
	}
}
