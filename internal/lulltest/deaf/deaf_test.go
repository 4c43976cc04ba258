package deaf_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest/deaf"
)

func TestBackend(t *testing.T) {
	t.Parallel()
	const (
		patience = 10 * time.Second
		unheard  = 300 * time.Millisecond // before the kernel sends a SYN again, and long for an answer on this machine
	)
	for name, c := range map[string]struct {
		change func(*deaf.Backend)
		want   error
	}{
		"answers": {(*deaf.Backend).Answer, nil},
		"refuses": {(*deaf.Backend).Refuse, syscall.ECONNREFUSED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := deaf.New(t)
			dialed := make(chan error, 1)
			go func() {
				conn, err := net.DialTimeout("tcp", b.Addr.String(), patience)
				if err == nil {
					_ = conn.Close()
				}
				dialed <- err
			}()
			select {
			case err := <-dialed:
				t.Fatalf("it is not deaf: %v", err)
			case <-time.After(unheard):
			}
			c.change(b)
			if err := <-dialed; !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if other, err := net.Listen("tcp", b.Addr.String()); err == nil {
				_ = other.Close()
				t.Errorf("somebody else can listen on %s", b.Addr)
			}
		})
	}
}
