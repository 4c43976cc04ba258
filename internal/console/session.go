package console

import (
	"net"
	"net/http"
	"sync"
	"time"

	"lull/internal/control/sigv4"
)

const (
	// sessionIdle ends a session that nobody uses: a browser that was left alone. Live pages do not count as use.
	sessionIdle = 30 * time.Minute
	// sessionAge ends every session: a day's work.
	sessionAge = 12 * time.Hour
	// sessionsMax bounds them. When there are as many, the one goes that was not used for the longest time.
	sessionsMax = 1000
	// sessionsOfKeyMax bounds those of one key in the same way: whoever has one, be it to read with, logs out no others.
	sessionsOfKeyMax = 100
	// flashBytesMax bounds what a session keeps for its next page.
	flashBytesMax = 1 << 10
)

// cookieName is of the one cookie; the port comes behind it, because cookies belong to a host with all its ports, and two lulls on one
// machine would log each other's users out. The prefix __Host- would bind it closer, but wants TLS.
const cookieName = "lull_console_"

// session is somebody who has logged in, from one browser.
type session struct {
	id    string
	keyID string // the access key; looked up anew with each request, so that a revoked one ends its sessions
	began time.Time
	used  time.Time
	flash string
}

// over says whether a session has ended.
func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) > sessionIdle || now.Sub(s.began) > sessionAge
}

// sessions is who is logged in. It is in memory: the cookie holds nothing but a signed id, so that a logout ends a session for
// whoever has copied the cookie, too.
type sessions struct {
	// Fixed after newSessions.
	signer *signer

	// Guarded by mu.
	mu   sync.Mutex
	byID map[string]*session
}

func newSessions(s *signer) *sessions { return &sessions{signer: s, byID: map[string]*session{}} }

// begin makes a session for a key, and its cookie's value.
func (s *sessions) begin(keyID string, now time.Time) (value string, err error) {
	id, err := s.signer.newID()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoomLocked(now, sessionsOfKeyMax, func(one *session) bool { return one.keyID == keyID })
	s.makeRoomLocked(now, sessionsMax, func(*session) bool { return true })
	s.byID[id] = &session{id: id, keyID: keyID, began: now, used: now}
	return s.signer.sign("session", id), nil
}

// makeRoomLocked forgets what is over, and of the sessions that count one more if there are as many as there may be.
func (s *sessions) makeRoomLocked(now time.Time, most int, counts func(*session) bool) {
	var eldest *session
	n := 0
	for id, one := range s.byID {
		switch {
		case one.over(now):
			delete(s.byID, id)
		case counts(one):
			n++
			if eldest == nil || one.used.Before(eldest.used) {
				eldest = one
			}
		}
	}
	if n >= most {
		delete(s.byID, eldest.id)
	}
}

// find returns the session of a cookie's value. With use it is kept from falling idle.
func (s *sessions) find(value string, now time.Time, use bool) (session, bool) {
	id, ok := s.signer.verified("session", value)
	if !ok {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byID[id]
	if one == nil {
		return session{}, false
	}
	if one.over(now) {
		delete(s.byID, id)
		return session{}, false
	}
	if use {
		one.used = now
	}
	return *one, true
}

// end forgets a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// setFlash keeps a line for the session's next page.
func (s *sessions) setFlash(id, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.byID[id]; one != nil {
		one.flash = line[:min(len(line), flashBytesMax)]
	}
}

// takeFlash returns that line, once.
func (s *sessions) takeFlash(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byID[id]
	if one == nil {
		return ""
	}
	line := one.flash
	one.flash = ""
	return line
}

// visitor returns who sends a request; known is false for strangers.
func (c *Console) visitor(r *http.Request, now time.Time, use bool) (found session, who sigv4.Key, known bool) {
	cookie, err := r.Cookie(cookieNameFor(r))
	if err != nil {
		return session{}, sigv4.Key{}, false
	}
	if found, known = c.sessions.find(cookie.Value, now, use); !known {
		return session{}, sigv4.Key{}, false
	}
	if who, known = c.o.Keys.Lookup(found.keyID); !known || !mayRead(who) {
		c.sessions.end(found.id)
		return session{}, sigv4.Key{}, false
	}
	who.Secret = "" // nothing behind this needs it
	return found, who, true
}

// mayRead says whether a key may see the console.
func mayRead(k sigv4.Key) bool {
	return !k.Disabled && (k.Role == sigv4.Administrator || k.Role == sigv4.ReadOnly)
}

// cookieOf returns the session's cookie; an empty value takes it away.
func cookieOf(r *http.Request, value string) *http.Cookie {
	age := int(sessionAge / time.Second)
	if value == "" {
		age = -1
	}
	return &http.Cookie{
		Name: cookieNameFor(r), Value: value, Path: Root, MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

// cookieNameFor returns the cookie's name at the port that a browser has asked.
func cookieNameFor(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	for _, c := range port {
		if c < '0' || c > '9' {
			return cookieName
		}
	}
	return cookieName + port
}
