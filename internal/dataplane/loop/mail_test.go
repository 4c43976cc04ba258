package loop

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/sys"
)

// TestPostOrder posts from many goroutines in an order fixed by a lock, and from the loop itself.
func TestPostOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 500
	l, _ := runLoop(t, &fake{})
	done := make(chan struct{})
	var mu sync.Mutex
	next := 0       // guarded by mu
	var order []int // on the loop
	inner := 0      // on the loop: mail that mail has posted
	var posts sync.WaitGroup
	for range senders {
		posts.Go(func() {
			for range each {
				mu.Lock()
				n := next
				next++
				l.Post(func() {
					order = append(order, n)
					l.Post(func() { inner++ })
				})
				mu.Unlock()
			}
		})
	}
	posts.Wait()
	l.Post(func() { l.Post(func() { close(done) }) })
	wait(t, "mail", done)
	if len(order) != senders*each || inner != senders*each {
		t.Fatalf("run: got %d and %d from the loop, want %d each", len(order), inner, senders*each)
	}
	for i, n := range order {
		if n != i {
			t.Fatalf("mail %d ran as number %d", n, i)
		}
	}
}

// TestPostOrderEach posts without a lock: each sender's own mail stays in order, and none is lost while the loop falls
// asleep and wakes between.
func TestPostOrderEach(t *testing.T) {
	t.Parallel()
	const senders, each = 4, 300
	l, _ := runLoop(t, &fake{})
	var last [senders]int // on the loop
	var posts sync.WaitGroup
	for s := range senders {
		posts.Go(func() {
			for i := 1; i <= each; i++ {
				answer := make(chan struct{})
				l.Post(func() {
					if last[s] != i-1 {
						t.Errorf("sender %d: mail %d came after %d", s, i, last[s])
					}
					last[s] = i
					close(answer)
				})
				if i%10 == 0 {
					wait(t, "mail", answer)
				}
			}
		})
	}
	posts.Wait()
	done := make(chan struct{})
	l.Post(func() { close(done) })
	wait(t, "mail", done)
	for s, n := range last {
		if n != each {
			t.Errorf("sender %d: %d of %d were run", s, n, each)
		}
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	l, ended := runLoop(t, &fake{})
	before, after := 0, 0
	hold := make(chan struct{})
	l.Post(func() { <-hold })
	l.Post(func() { before++ })
	l.Stop()
	close(hold)
	wait(t, "end of Run", ended)
	l.Post(func() { after++ })
	l.Stop() // must not block or panic
	if before != 1 || after != 0 {
		t.Errorf("mail: %d ran that was posted before Stop, %d after its end; want 1, 0", before, after)
	}
}

// TestPostAfterStop: a stopped loop's descriptors are closed and their numbers soon another's; Post must not write to
// those.
func TestPostAfterStop(t *testing.T) {
	t.Parallel()
	for range 50 {
		l, ended := runLoop(t, &fake{})
		wake := l.wake
		l.Stop()
		wait(t, "end of Run", ended)
		counter, errno := sys.Eventfd()
		if errno != 0 {
			t.Fatalf("eventfd: %v", errno)
		}
		taken, err := unix.FcntlInt(uintptr(counter), unix.F_DUPFD_CLOEXEC, wake)
		if counter != wake && (err != nil || taken != wake) {
			sys.Close(counter)
			sys.Close(taken)
			continue // a test that runs beside this one was faster
		}
		l.Post(func() {})
		var count [8]byte
		if n, err := unix.Read(counter, count[:]); err != unix.EAGAIN {
			t.Errorf("Post to a stopped loop wrote to descriptor %d, which is another's: read %d, %v", wake, n, err)
		}
		sys.Close(counter)
		if taken != counter {
			sys.Close(taken)
		}
		return
	}
	t.Skip("the descriptor's number was never free")
}
