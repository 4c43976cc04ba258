package console

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"lull/internal/control/sigv4"
)

const (
	// linkAge is for how long a one-time link opens the console: somebody has just read it on a terminal.
	linkAge = time.Hour
	// linksMax bounds those that nobody has used.
	linksMax = 16
	// fieldBytesMax bounds an id and a secret; keys.Keys makes shorter ones.
	fieldBytesMax = 128
)

// links are the tokens of one-time links that nobody has used yet. They are kept as signatures, so that comparing takes no time
// that tells of the token.
type links struct {
	// Fixed after newLinks.
	signer *signer
	wrong  *attempts // those with a token that is none, apart from logins: any site's page can have a browser open links

	// Guarded by mu.
	mu     sync.Mutex
	unused map[string]oneTime // by the token's signature
}

type oneTime struct {
	keyID string
	until time.Time
}

func newLinks(s *signer) *links {
	return &links{signer: s, wrong: newAttempts(time.Time{}), unused: map[string]oneTime{}}
}

// add makes a token with which somebody can log in once as a key's holder.
func (l *links) add(keyID string, now time.Time) (string, error) {
	token, err := l.signer.newID()
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for mac, one := range l.unused {
		if now.After(one.until) || len(l.unused) >= linksMax {
			delete(l.unused, mac)
		}
	}
	l.unused[l.signer.mac("link", token)] = oneTime{keyID, now.Add(linkAge)}
	return token, nil
}

// take uses a token up.
func (l *links) take(token string, now time.Time) (keyID string, ok bool) {
	mac := l.signer.mac("link", token)
	l.mu.Lock()
	defer l.mu.Unlock()
	one, found := l.unused[mac]
	delete(l.unused, mac)
	return one.keyID, found && !now.After(one.until)
}

// Link returns the path and query of a link that logs in once as the holder of a key, without its secret.
func (c *Console) Link(keyID string) (string, error) {
	token, err := c.links.add(keyID, c.o.Now())
	if err != nil {
		return "", err
	}
	return Root + "login?token=" + token, nil
}

// loginPage is what the page shows.
type loginPage struct {
	ID    string // as it was typed
	Next  string // where to go then, as nextPage takes it
	Error string
	Ended bool // there was a session
	Enter bool // somebody is in: the page goes on to the console
}

// loginForm asks who it is, or takes a one-time link.
func (v *visit) loginForm() error {
	token := v.r.URL.Query().Get("token")
	switch {
	case token != "" && v.r.Method == http.MethodGet: // HEAD is what previews of links send
		return v.useLink(token)
	case v.known:
		return v.goOn(v.r.URL.Query().Get("next"))
	}
	_, err := v.r.Cookie(cookieNameFor(v.r))
	return v.show("login", "", "Log in", loginPage{Next: v.r.URL.Query().Get("next"), Ended: err == nil})
}

// useLink logs in whoever brings a token. It answers with a page that goes on by itself and not with a redirect: a browser that was
// led here by another site would not send the new cookie, which is SameSite=Strict, along with a redirect.
func (v *visit) useLink(token string) error {
	keyID, ok := v.c.links.take(token, v.now)
	switch {
	case !ok && !v.c.links.wrong.take(v.address(), v.now):
		return v.tooMany()
	case !ok:
		return v.refuseLogin("", "This link has been used, or is too old. Log in with an access key, or start lull again for another link.")
	}
	key, found := v.c.o.Keys.Lookup(keyID)
	if !found || !mayRead(key) {
		return v.refuseLogin("", "The access key that this link stands for is not in force any more.")
	}
	if err := v.begin(keyID); err != nil {
		return err
	}
	v.w.Header().Set("Refresh", "0; url="+Root)
	return v.showWith(http.StatusOK, frame{Page: "login", Title: "Welcome", Data: loginPage{Enter: true}})
}

// login takes an access key's id and secret. Those that are right have not to wait for others' mistakes: everybody on this machine,
// and behind one NAT, has the same address.
func (v *visit) login() error {
	id, secret := v.r.PostForm.Get("id"), v.r.PostForm.Get("secret")
	long := len(id) > fieldBytesMax || len(secret) > fieldBytesMax
	var key sigv4.Key
	if !long {
		key, _ = v.c.o.Keys.Lookup(id)
	}
	right := sameSecret(secret, key.Secret) && key.Secret != "" && mayRead(key) // also for an id that nobody has, which takes as long
	switch {
	case !right && !v.c.attempts.take(v.address(), v.now):
		return v.tooMany()
	case long:
		return v.refuseLogin("", "An access key's id and its secret have at most 128 characters each.")
	case !right:
		return v.refuseLogin(id, "This id and secret do not belong together, or the key is not in force.")
	}
	if err := v.begin(key.ID); err != nil {
		return err
	}
	return v.goOn(v.r.PostForm.Get("next"))
}

// goOn goes where somebody wanted to go before the login, or to the overview.
func (v *visit) goOn(next string) error {
	if page, query, ok := v.c.nextPage(next); ok {
		return v.goTo(page, query)
	}
	return v.goTo("", nil)
}

// begin makes a session, in place of the one that there may be.
func (v *visit) begin(keyID string) error {
	if v.known {
		v.c.sessions.end(v.session.id)
	}
	value, err := v.c.sessions.begin(keyID, v.now)
	if err != nil {
		return err
	}
	http.SetCookie(v.w, cookieOf(v.r, value))
	v.c.o.Log.Info("console login", "key", keyID, "client", v.r.RemoteAddr)
	return nil
}

func (v *visit) refuseLogin(id, why string) error {
	v.c.o.Log.Warn("console login refused", "client", v.r.RemoteAddr)
	return v.showWith(http.StatusForbidden, frame{Page: "login", Title: "Log in", Data: loginPage{ID: id, Error: why, Next: v.r.PostForm.Get("next")}})
}

func (v *visit) tooMany() error {
	v.w.Header().Set("Retry-After", "10")
	return v.showWith(http.StatusTooManyRequests, frame{Page: "login", Title: "Log in", Data: loginPage{Error: "There were too many attempts. Wait 10 seconds, then try again."}})
}

// logout ends the session.
func (v *visit) logout() error {
	v.c.sessions.end(v.session.id)
	v.known = false
	http.SetCookie(v.w, cookieOf(v.r, ""))
	return v.goTo("login", nil)
}

// address is where the request comes from.
func (v *visit) address() netip.Addr {
	at, _ := netip.ParseAddrPort(v.r.RemoteAddr) // net/http's own words; the zero address shares a limit
	return at.Addr()
}
