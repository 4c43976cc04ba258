package tcpproxy

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUrgentData: the kernel ends a read at urgent data. What lies behind it must not wait for the next packet, and the
// urgent byte itself is passed on in its place.
func TestUrgentData(t *testing.T) {
	t.Parallel()
	s := scenes["relaying"](t)
	resume := s.hold()
	send(t, s.client, "before")
	raw, err := s.client.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil) })
	if err != nil {
		t.Fatalf("send urgent data: %v", err)
	}
	send(t, s.client, "behind")
	resume()
	const want = "before!behind"
	got := make([]byte, len(want))
	_ = s.server.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.ReadFull(s.server, got); err != nil || string(got) != want {
		t.Errorf("the backend got %q, %v, want %q", got[:n], err, want)
	}
}
