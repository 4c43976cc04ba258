package load

import (
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns the two ends of a connection, neither of which blocks.
func pair(t *testing.T) (client, server int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// TestNothingUnasked wants no protocol to take bytes for an answer that it did not ask for.
func TestNothingUnasked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		protocol protocol
		answer   string // whole, and one byte more
	}{
		"echo": {newEchoes(1, 4), "aaaab"},
		"get":  {newGets(1, getRequest, bare{}), responseHead(0, "") + "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fd, server := pair(t)
			if err := c.protocol.begin(fd, 0); err != nil {
				t.Fatal(err)
			}
			if err := send(server, []byte(c.answer)); err != nil {
				t.Fatal(err)
			}
			if ended, err := c.protocol.receive(fd, 0); err == nil {
				t.Errorf("a byte too many: got %t, want an error", ended)
			}
		})
	}
}

// TestSilence looks at a connection between two exchanges.
func TestSilence(t *testing.T) {
	t.Parallel()
	fd, server := pair(t)
	g := newGets(1, getRequest, bare{})
	if ended, err := g.receive(fd, 0); ended || err != nil {
		t.Errorf("nothing came: got %t, %v; want false and no error", ended, err)
	}
	if err := send(server, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if ended, err := g.receive(fd, 0); err == nil {
		t.Errorf("a byte came: got %t, want an error", ended)
	}
}
