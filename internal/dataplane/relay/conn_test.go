package relay

import (
	"testing"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/sys"
)

// TestEnds: what is known of the end of a stream, by the order in which lull learns of it.
func TestEnds(t *testing.T) {
	t.Parallel()
	event := func(e uint32) func(*Conn) { return func(c *Conn) { c.Mark(e) } }
	write := func(e sys.Errno) func(*Conn) { return func(c *Conn) { c.Broke(e) } }
	short := func(c *Conn) { c.Short() }
	end := func(c *Conn) { c.AtEnd() }
	for name, c := range map[string]struct {
		learned []func(*Conn)
		want    Marks // of Ended, ByFIN, Failed and NoFIN
	}{
		"open":                  {[]func(*Conn){event(sys.In), short}, 0},
		"fin":                   {[]func(*Conn){event(sys.In | sys.RdHup), end}, Ended | ByFIN},
		"fin_behind_bytes":      {[]func(*Conn){event(sys.In | sys.RdHup), short}, Ended | ByFIN},
		"fin_then_reset":        {[]func(*Conn){event(sys.In | sys.RdHup), short, event(sys.Err | sys.Hup)}, Ended | ByFIN | Failed},
		"fin_and_reset":         {[]func(*Conn){event(sys.In | sys.RdHup | sys.Err), short, end}, Ended | ByFIN | Failed},
		"fin_write_broken_pipe": {[]func(*Conn){write(unix.EPIPE), end}, Ended | ByFIN | Failed},
		"reset_behind_bytes":    {[]func(*Conn){event(sys.In | sys.RdHup | sys.Err), short}, Failed},
		"reset_seen_by_writing": {[]func(*Conn){write(unix.ECONNRESET), short, end}, Ended | Failed | NoFIN},
		"timed_out_in_writing":  {[]func(*Conn){write(unix.ETIMEDOUT), end}, Ended | Failed | NoFIN},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := Conn{FD: 1}
			for _, l := range c.learned {
				l(&conn)
			}
			if got := conn.Marks & (Ended | ByFIN | Failed | NoFIN); got != c.want {
				t.Errorf("marks: got %b, want %b", got, c.want)
			}
		})
	}
}
