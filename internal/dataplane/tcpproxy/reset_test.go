package tcpproxy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
)

// TestBothReset has both peers send bytes and reset in one turn, so that each write finds the other side gone.
func TestBothReset(t *testing.T) {
	t.Parallel()
	s := scenes["relaying"](t)
	resume := s.hold()
	send(t, s.client, "up")
	send(t, s.server, "down")
	reset(s.client)
	reset(s.server)
	resume()
	s.waitState(free)
	if got := s.reasons(); len(got) != 1 || got[0] != reason.ClientReset && got[0] != reason.BackendReset {
		t.Errorf("recorded: got %v, want one reset", got)
	}
}

// TestResetIsNoEnd: a peer whose counterpart was reset must see a reset and not an ordinary end, even if lull learns of
// it from a failed write: half an answer must not look like a whole one.
func TestResetIsNoEnd(t *testing.T) {
	t.Parallel()
	flood := func(c *net.TCPConn) (ended chan error) {
		ended = make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, backlogged))
			ended <- err
		}()
		return ended
	}
	type end struct {
		left   *net.TCPConn
		writes chan error // of the one that writes: the kernel tells of a reset once, whichever call comes first
	}
	tests := map[string]func(*scene) end{
		"upload-held": func(s *scene) end { // the backend does not read; lull holds bytes for it when it resets
			writes := flood(s.client)
			s.waitFor("back-pressure", func(v look) bool { return v.up > 0 })
			reset(s.server)
			return end{s.client, writes}
		},
		"upload-in-the-same-turn": func(s *scene) end {
			resume := s.hold()
			send(s.t, s.client, "hello")
			reset(s.server)
			resume()
			return end{s.client, nil}
		},
		"download-held": func(s *scene) end {
			writes := flood(s.server)
			s.waitFor("back-pressure", func(v look) bool { return v.down > 0 })
			reset(s.client)
			return end{s.server, writes}
		},
		"download-in-the-same-turn": func(s *scene) end {
			resume := s.hold()
			send(s.t, s.server, "hello")
			reset(s.client)
			resume()
			return end{s.server, nil}
		},
		"quiet": func(s *scene) end { reset(s.server); return end{s.client, nil} },
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenes["relaying"](t)
			e := run(s)
			how, data := outcomeOf(e.left)
			if e.writes != nil && errors.Is(<-e.writes, syscall.ECONNRESET) {
				how = "reset"
			}
			if how != "reset" || len(data) != 0 {
				t.Errorf("the other side saw %s after %d bytes, want a reset", how, len(data))
			}
			s.waitState(free)
		})
	}
}

// TestResetAtLast: a client that does not take the rest in time is reset too, and so is one when lull stops: what it got
// is not the whole.
func TestResetAtLast(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(*scene){
		"timer": func(s *scene) { s.due() },
		"stop":  func(s *scene) { s.on(func() { s.p.EndAll(reason.Shutdown) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenes["doomed"](t)
			last(s)
			s.waitState(free)
			if how, data := outcomeOf(s.client); how != "reset" || len(data) >= backlogged {
				t.Errorf("the client saw %s after %d bytes, want a reset", how, len(data))
			}
		})
	}
}

// TestAnswerBeforeReset: a backend that answers and closes with bytes unread sends an RST behind its answer. The client
// must get all of it, whether it fits into the sockets' buffers or not.
func TestAnswerBeforeReset(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1000, 60_000, 300_000, 2_000_000} {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d-slow-%v", size, slow), func(t *testing.T) {
				t.Parallel()
				b := newPeer(t)
				s := &scene{rig: newRig(t, nil, b.addr)}
				s.client, s.server = s.dial(slow), b.accept()
				send(t, s.client, "a request that is never read")
				s.settle()
				answer := bytes.Repeat([]byte("answer. "), size/8+1)[:size]
				if _, err := s.server.Write(answer); err != nil {
					t.Fatalf("answer: %v", err)
				}
				waitSent(t, s.server) // an RST makes the backend's own kernel throw away what it has not sent
				_ = s.server.Close()  // with bytes unread: the kernel sends an RST
				if slow {
					time.Sleep(20 * time.Millisecond) // a client that has something else to do: nothing can be waited for
				}
				how, data := outcomeOf(s.client)
				if !bytes.Equal(data, answer) {
					t.Errorf("the client got %d bytes and saw %s, want all %d", len(data), how, size)
				}
				s.waitState(free)
			})
		}
	}
}
