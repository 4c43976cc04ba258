package dataplane_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// unasked is what a backend says that nobody has asked for: to a client that gets it, it is somebody else's response.
const unasked = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"

// TestUnaskedResponse: a backend says more than it was asked for, at a time of its choice. No client ever gets it: the
// connection is closed, and the next request goes over another.
func TestUnaskedResponse(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unaskedResponse)
}

func unaskedResponse(t *testing.T) {
	const filled = 64 << 10 // what lull reads at once: it cannot know whether more is there
	for name, speak := range map[string]func(d, other *dialog){
		"with_the_response": func(d, other *dialog) {
			d.tell(lulltest.Response("hello") + unasked)
			d.c.ExpectAnswer("hello")
			other.c.Get("/other")
		},
		"with_a_response_that_has_no_body": func(d, other *dialog) {
			d.tell("HTTP/1.1 204 No Content\r\n\r\n" + unasked)
			if a := d.c.Answer("GET"); a.StatusCode != 204 || a.How != "whole" {
				d.t.Errorf("client: got %s and %s, want 204", a.Status, a.How)
			}
			other.c.Get("/other")
		},
		"in_the_pool": func(d, other *dialog) {
			d.answer()
			d.tell(unasked)
			d.s.PoolCloses(1)
			other.c.Get("/other")
		},
		"before_the_request": func(d, other *dialog) {
			d.answer()
			d.s.WaitPooled(1)
			release := d.s.Hold()
			d.tell(unasked)
			other.c.Get("/other")
			release()
		},
		"crossing_the_request": func(d, other *dialog) {
			d.answer()
			d.s.WaitPooled(1)
			release := d.s.Hold()
			other.c.Get("/other")
			d.tell(unasked)
			release()
		},
		"behind_a_full_read": func(d, other *dialog) {
			release := d.s.Hold()
			head, _, _ := strings.Cut(lulltest.Response(strings.Repeat("x", 60_000)), "\r\n\r\n")
			body := strings.Repeat("x", 60_000)
			d.tell(head + "\r\nX: " + strings.Repeat("y", filled-len(head)-len("\r\nX: \r\n\r\n")-len(body)) + "\r\n\r\n" + body + unasked)
			other.c.Get("/other")
			release()
			d.c.ExpectAnswer(body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 1, m, func(*timeout.Settings) {})
				d, other := s.dial(lulltest.Patience), s.dial(lulltest.Patience)
				other.c.Get("/first") // both are known to the loop
				b := lulltest.TakeHTTP(t, s.accepted)
				b.Request()
				b.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfirst")
				other.c.ExpectAnswer("first")
				d.ask("GET", "")
				speak(d, other)
				fresh := lulltest.TakeHTTP(t, s.accepted)
				if r := fresh.Request(); r.URL.Path != "/other" {
					t.Errorf("backend: got %s, want /other over a connection of its own", r.URL.Path)
				}
				fresh.Send(lulltest.Response("clean"))
				other.c.ExpectAnswer("clean")
				if how, data := d.b.End(); how == "timeout" || len(data) > 0 {
					t.Errorf("backend: its connection ended with %s and %q, want it closed and nothing", how, data)
				}
				_ = other.c.Close()
				for r := s.NextClose(); r.Pooled; r = s.NextClose() {
					if r.Reason != reason.BadResponse {
						t.Errorf("record: got %v of the pooled connection, want bad-response", r.Reason)
					}
				}
			})
		})
	}
}

// TestUnaskedWithinTurn: what a backend says behind its response arrives in the turn in which the connection is pooled and
// given to a request that has waited for it, so that no event has told of it. It reaches nobody all the same.
func TestUnaskedWithinTurn(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unaskedWithinTurn)
}

func unaskedWithinTurn(t *testing.T) {
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	lulltest.Set(p).Backends[0].ConnectionsMax = 1
	s := &site{startHTTP(t, 1, p), t, p, backend, accepted}
	d, other := s.dial(lulltest.Patience), s.dial(lulltest.Patience)
	d.ask("GET", "")
	other.c.Get("/other")
	s.WaitState(other.c, "queued")
	next, release := s.HoldTwice()
	d.tell(lulltest.Response("hello"))
	next()
	d.c.ExpectAnswer("hello")
	d.tell(unasked)
	release()
	fresh := lulltest.TakeHTTP(t, s.accepted)
	if r := fresh.Request(); r.URL.Path != "/other" {
		t.Errorf("backend: got %s, want /other over a connection of its own", r.URL.Path)
	}
	fresh.Send(lulltest.Response("clean"))
	other.c.ExpectAnswer("clean")
	if how, data := d.b.End(); how == "timeout" || len(data) > 0 {
		t.Errorf("backend: its connection ended with %s and %q, want it closed and nothing", how, data)
	}
	if r := s.PoolCloses(1)[0]; r.Reason != reason.BadResponse {
		t.Errorf("record: got %v of the pooled connection, want bad-response", r.Reason)
	}
}

// TestAmbiguousStale: an ambiguous request that was sent a second time, because it had met a dead connection, is still
// ambiguous: nothing may follow it on the connection that takes it.
func TestAmbiguousStale(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, ambiguousStale)
}

func ambiguousStale(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		d := stale(t, m, true)
		d.b.Deafen()
		d.say(post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
		d.s.WaitState(d.c, "answer")
		_ = d.b.Close()
		d.b = nil
		if r := d.meet().Request(); string(r.Data) != "hello" {
			t.Fatalf("backend: got %q, want hello", r.Data)
		}
		d.answer()
		over(t, d.c)
		if how, data := d.b.End(); how != "eof" || len(data) > 0 {
			t.Errorf("backend: got %q and %s, want nothing more and a FIN", data, how)
		}
		d.s.WaitPooled(0)
	})
}
