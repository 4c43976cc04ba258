// Package sticky provides cookie session stickiness: to which backend a request's cookie binds its client, and which
// cookie a response has to carry.
//
// The engine makes a Table for each backend set with stickiness when it applies a plan. All loops share it: the HTTP proxy
// asks Find for every request before it chooses a backend, and AppendSetCookie for the final response's head.
//
// # Design
//
// A session is in its cookie and nowhere else. The value stands for one backend, the same for all clients, and is computed
// from the configuration alone: every loop, every process of a fleet and the next process after a restart know each
// other's sessions without talking. The alternative, a table of sessions, would have to be kept, bounded and shared.
//
// The value is an HMAC of the backend's endpoint. It is not reversible, and one set's values mean nothing to another. Its
// key is made of names, however, and names are no secret: who knows both can test guesses at an address. A secret would
// have to be configured alike in a whole fleet, and nobody is kept from a backend by not knowing its value. All values of
// a set are known in advance, so to verify a cookie is to look it up; what is unknown, forged or malformed is no cookie.
//
// Without Follow, the client is given a cookie whenever it did not name the backend that answers. With Follow, lull's
// cookie accompanies one of the application: it comes with it, with the same attributes, and counts for nothing in a request
// without it. So it need not be known when the application's cookie expires, nor when a script deletes it. With "*" it
// accompanies all that the application sets; its attributes are then its own, since no single one's would do: a short-lived
// cookie would end the session of the others.
//
// Of the Classic Load Balancer AWSELBCORS is left out, a copy of the cookie with SameSite=None and Secure. Clients would
// not return it over plain http, and there is no TLS here yet.
//
// # Ownership
//
// A Table never changes after New, and may be used anywhere. Find and AppendSetCookie allocate nothing.
//
// # Limits
//
// All that is read is bounded by the limits on heads. What AppendSetCookie appends is one line, no longer than lull's own
// cookie with the attributes of the plan or those of one line of the response.
//
// # Specifications
//
// RFC 6265 (Set-Cookie §4.1, §5.2, Cookie §4.2, §5.4). The behaviour is that of the Classic Load Balancer's two cookie
// policies and of OCI's two kinds of session persistence; docs/reference/stickiness.md has it, with the differences.
package sticky

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
)

// anyCookie as plan.Stickiness.Follow stands for every cookie of the application.
const anyCookie = "*"

// Table is the sessions of one backend set under one plan.
type Table struct {
	// Fixed after New.
	cookie  string
	follow  string
	byValue map[string]int // index of the backend
	lines   [][]byte       // by index: the Set-Cookie line with the plan's attributes, CR LF included
	bare    int            // how long each line is without attributes
}

// New returns the table for a set's backends, in the order by which they are known to the caller.
func New(s *plan.Stickiness, set plan.SetKey, backends []plan.BackendKey) *Table {
	t := &Table{cookie: s.Cookie, follow: s.Follow, byValue: map[string]int{}, lines: make([][]byte, len(backends))}
	attributes := ownAttributes(s)
	if s.Scope != "" {
		set.Name = s.Scope
	}
	for i, key := range backends {
		value := valueOf(set, key)
		if _, ok := t.byValue[value]; !ok {
			t.byValue[value] = i
		}
		bare := "Set-Cookie: " + s.Cookie + "=" + value
		t.lines[i], t.bare = []byte(bare+attributes+"\r\n"), len(bare)
	}
	return t
}

// valueOf returns the cookie's value for a backend. It must be the same in every version of lull: another would end all
// sessions of a fleet that is being upgraded.
func valueOf(set plan.SetKey, key plan.BackendKey) string {
	mac := hmac.New(sha256.New, fmt.Appendf(nil, "lull session %d %s %s", len(set.LoadBalancer), set.LoadBalancer, set.Name))
	mac.Write([]byte(key.Endpoint()))
	return fmt.Sprintf("%X", mac.Sum(nil))
}

// ownAttributes returns the attributes that a plan gives the cookie, written as the Classic Load Balancer writes its own.
func ownAttributes(s *plan.Stickiness) string {
	a := ";PATH=/"
	if s.Path != "" {
		a = ";PATH=" + s.Path
	}
	if s.Domain != "" {
		a += ";DOMAIN=" + s.Domain
	}
	if s.Duration > 0 { // rounded up, as 0 would tell the client to drop the cookie
		a += ";MAX-AGE=" + strconv.FormatInt(int64((s.Duration+time.Second-1)/time.Second), 10)
	}
	if s.Secure {
		a += ";SECURE"
	}
	if s.HTTPOnly {
		a += ";HTTPONLY"
	}
	return a
}

// Find returns the index of the backend to which the request in h, which was read from b, is bound by its cookie; -1 if
// it is not. A client may send several cookies of the name, the one for the longest path first (RFC 6265 §5.4): the
// first that names a backend of the set counts.
func (t *Table) Find(h *http1.Head, b []byte) int {
	if !h.Has(http1.Cookie) {
		return -1
	}
	found, followed := -1, t.follow == ""
	fields := h.Fields()
	for i := range fields {
		if fields[i].ID != http1.Cookie {
			continue
		}
		for rest := fields[i].Value(b); len(rest) > 0; {
			var name, value []byte
			name, value, rest = nextCookie(rest)
			if string(name) == t.cookie {
				found = t.prefer(found, value)
			} else {
				followed = followed || t.follows(name)
			}
			if found >= 0 && followed {
				return found
			}
		}
	}
	return -1
}

// prefer returns found if it is a backend, or else the backend that the value names, -1 if there is none.
func (t *Table) prefer(found int, value []byte) int {
	if found >= 0 {
		return found
	}
	if i, ok := t.byValue[string(value)]; ok {
		return i
	}
	return -1
}

// follows reports whether a cookie, which is not lull's own, is one that the session accompanies.
func (t *Table) follows(name []byte) bool {
	return len(name) > 0 && (t.follow == anyCookie || string(name) == t.follow)
}

// AppendSetCookie appends the Set-Cookie line, with CR LF, that goes with a response of the backend with that index, or
// nothing if the client needs none. found is what Find returned for the request; h is the response's head, read from b.
func (t *Table) AppendSetCookie(dst []byte, index, found int, h *http1.Head, b []byte) []byte {
	if t.follow != "" {
		attributes, ok := t.followed(h, b)
		switch {
		case ok && t.follow != anyCookie:
			return t.appendLike(dst, index, attributes)
		case !ok && found < 0: // no session, and none begins
			return dst
		}
	}
	if found == index { // the client's is right, and is never refreshed
		return dst
	}
	return append(dst, t.lines[index]...)
}

// followed reports whether the response in h sets a cookie that the session accompanies, and returns its attributes. Of
// several the last counts, as it does for the client, but one that deletes only counts if no other is set: a cookie may be
// deleted for one path or domain and set for another. With "*" a deletion begins nothing.
func (t *Table) followed(h *http1.Head, b []byte) (attributes []byte, ok bool) {
	if !h.Has(http1.SetCookie) {
		return nil, false
	}
	set := t.follow == anyCookie
	fields := h.Fields()
	for i := range fields {
		if fields[i].ID != http1.SetCookie {
			continue
		}
		name, rest := cutSetCookie(fields[i].Value(b))
		if string(name) == t.cookie || !t.follows(name) {
			continue
		}
		switch gone := deletes(rest); {
		case gone && set:
			continue
		case !gone:
			set = true
		}
		attributes, ok = rest, true
	}
	return attributes, ok
}

// appendLike appends lull's cookie with the attributes of another: all of them, also those that are younger than lull.
// Among them are the ones that delete, with which lull's cookie is deleted too.
func (t *Table) appendLike(dst []byte, index int, attributes []byte) []byte {
	dst = append(dst, t.lines[index][:t.bare]...)
	for len(attributes) > 0 {
		var a []byte
		if a, attributes = nextPart(attributes); len(a) > 0 {
			dst = append(dst, ';')
			dst = append(dst, a...)
		}
	}
	return append(dst, '\r', '\n')
}
