package dataplane_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// transfers are exchanges that last for several idle times with a byte in each half of one. Each has a part before those
// bytes and one behind them.
//
//nolint:gochecknoglobals // a table
var transfers = map[string]struct {
	begin func(d *dialog, bytes int)
	each  func(d *dialog)
	end   func(d *dialog)
}{
	"upload":   {beginUpload, (*dialog).passUp, func(d *dialog) { d.answer() }},
	"download": {beginDownload, (*dialog).passDown, func(*dialog) {}},
	"upload_chunks": {
		func(d *dialog, _ int) { d.say(post + "Transfer-Encoding: chunked\r\n\r\n"); d.meet().RequestHead() },
		func(d *dialog) { d.say("1\r\nx\r\n") },
		func(d *dialog) { d.say("0\r\n\r\n"); d.answer() },
	},
	"download_chunks": {
		func(d *dialog, _ int) {
			d.ask("GET", "")
			d.tell("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		},
		func(d *dialog) { d.tell("1\r\nx\r\n") },
		func(d *dialog) {
			d.tell("0\r\n\r\n")
			if a := d.c.Answer("GET"); a.How != "whole" {
				d.t.Errorf("client: got %q and %s, want it whole", a.Data, a.How)
			}
		},
	},
}

func beginUpload(d *dialog, bytes int) {
	d.say(fmt.Sprintf("%sContent-Length: %d\r\n\r\n", post, bytes))
	d.meet().RequestHead()
	d.hear()
}

func beginDownload(d *dialog, bytes int) {
	d.ask("GET", "")
	d.tell(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", bytes))
	d.c.Head()
	d.hear()
}

func (d *dialog) passUp() { d.pass(d.c, d.b) }

func (d *dialog) passDown() { d.pass(d.b, d.c) }

// rearms are the settings with which a byte either way re-arms everything.
//
//nolint:gochecknoglobals // a table
var rearms = map[string]struct {
	model timeout.Model
	rearm bool
}{"shared": {timeout.Shared, false}, "active_transfer_rearms": {timeout.Directional, true}}

// TestActiveTransferSH_06_DI_16_TO_12: an upload or a download is never cut for its length while a byte moves before each
// idle period is over, however silent the other direction is.
func TestActiveTransferSH_06_DI_16_TO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, activeTransfer)
}

func activeTransfer(t *testing.T) {
	for name, way := range transfers {
		for model, set := range rearms {
			t.Run(name+"_"+model, func(t *testing.T) {
				t.Parallel()
				const idle, bytes = time.Second, 7 // 3.5 idle times
				s := newSite(t, 1, set.model, func(s *timeout.Settings) { s.Idle, s.ActiveTransferRearm = idle, set.rearm })
				d := s.dial(idle)
				way.begin(d, bytes)
				for range bytes {
					way.each(d)
					let(idle / 2)
				}
				way.end(d)
				if x := d.completed(1); x.Took < (bytes-1)*idle/2 {
					t.Errorf("exchange: took %v, want at least %v", x.Took, (bytes-1)*idle/2)
				}
				if name != "upload_chunks" { // whose bytes nobody has read
					d.idle = lulltest.Patience
					d.exchange() // the connections are as good as new
				}
			})
		}
	}
}

// TestTransferStopsSH_06_DI_16: a transfer that stops is cut the idle time after its last byte.
func TestTransferStopsSH_06_DI_16(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, transferStops)
}

func transferStops(t *testing.T) {
	for name, way := range transfers {
		for model, set := range rearms {
			t.Run(name+"_"+model, func(t *testing.T) {
				t.Parallel()
				const idle = time.Second
				s := newSite(t, 1, set.model, func(s *timeout.Settings) { s.Idle, s.ActiveTransferRearm = idle, set.rearm })
				d := s.dial(idle)
				way.begin(d, 100)
				for range 3 {
					let(idle / 2)
					way.each(d)
				}
				got := <-watchHTTP(d.c)
				got.within(t, "client", "eof", d.last, idle)
				x := s.ExchangeOf(d.c, 1)
				if !x.Reason.Info().Timer || x.Timer != "idle" || (x.Status == 408) != (name[0] == 'u') {
					t.Errorf("exchange: got %v by %q with %d, want a reason by idle and 408 for an upload", x.Reason, x.Timer, x.Status)
				}
				if set.model == timeout.Shared && x.Reason != map[byte]reason.Reason{'u': reason.RequestIdle, 'd': reason.ResponseIdle}[name[0]] {
					t.Errorf("exchange: got %v, want the reason of the side that stalled", x.Reason)
				}
				d.judge(s.Engine, x.Reason, idle)
			})
		}
	}
}

// TestSlowReaderSH_06_DI_16: bytes that a slow client takes re-arm the timer although the backend has sent all it can, and
// the last of them counts.
func TestSlowReaderSH_06_DI_16(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	for model, set := range rearms {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			const idle = 1500 * time.Millisecond
			s := newSite(t, 1, set.model, func(s *timeout.Settings) { s.Idle, s.ActiveTransferRearm = idle, set.rearm })
			d := &dialog{s: s, ends: ends{t: t, idle: lulltest.Patience, last: now()}}
			d.c = lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 64<<10))
			d.client = d.c.Conn
			d.ask("GET", "")
			d.tell(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
			go func() { _, _ = io.CopyN(d.b.Conn, zeros{}, size) }()
			d.c.Head()
			for range 6 { // 3 idle times
				let(idle / 2)
				_ = d.c.SetReadDeadline(time.Now().Add(lulltest.Patience))
				d.last = now()
				if _, err := io.CopyN(io.Discard, d.c, 4<<20); err != nil { // more than lull's kernel holds, so that lull notices
					t.Fatalf("client: read: %v", err)
				}
				d.hear()
			}
			d.judged(1, verdict{reason.SendIdle, "idle", idle, 200})
		})
	}
}

// TestSlowHeadsTO_12: heads that come a byte at a time are bytes as well.
func TestSlowHeadsTO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, slowHeads)
}

func slowHeads(t *testing.T) {
	const idle = time.Second
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	d := s.dial(idle)
	for _, b := range "GET /" {
		d.say(string(b))
		let(idle / 2)
	}
	d.say(" HTTP/1.1\r\nHost: test\r\n\r\n")
	d.meet().Request()
	for _, b := range "HTTP/" {
		d.tell(string(b))
		let(idle / 2)
	}
	d.tell("1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	d.c.ExpectAnswer("hello")
	d.completed(1)
}

// TestBothWaysDI_08_TO_12: an exchange with bytes each way before each idle period is over is never cut: here a response
// that comes while its request still does.
func TestBothWaysDI_08_TO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, bothWays)
}

func bothWays(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle, bytes = 1200 * time.Millisecond, 7
		s := newSite(t, 1, m, idleOf(idle))
		d := s.dial(idle)
		beginUpload(d, bytes)
		d.tell(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", bytes))
		last := d.c.Head().Close // which lull may choose, not knowing how long the request will be
		for range bytes - 1 {
			let(idle / 2)
			d.step('b')
		}
		let(idle / 2)
		d.pass(d.c, d.b) // first the request ends, then the response
		d.pass(d.b, d.c)
		d.completed(1)
		if d.idle = lulltest.Patience; last {
			(<-watchHTTP(d.c)).within(t, "client", "eof", d.last, 0)
		} else {
			d.exchange()
		}
	})
}

// TestUploadUnansweredDI_04_DI_02: bytes that flow up steadily do not help where the backend is silent: the exchange is cut the
// idle time after its first byte, or after the backend's last.
func TestUploadUnansweredDI_04_DI_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, uploadUnanswered)
}

func uploadUnanswered(t *testing.T) {
	for _, interim := range []bool{false, true} {
		t.Run(fmt.Sprintf("interim_%v", interim), func(t *testing.T) {
			t.Parallel()
			const idle = 1200 * time.Millisecond
			s := newSite(t, 1, timeout.Directional, idleOf(idle))
			d := s.dial(idle)
			beginUpload(d, 1000)
			stop := drip(d.c, idle/6)
			defer stop()
			if interim {
				let(idle / 2)
				d.tell("HTTP/1.1 103 Early Hints\r\n\r\n")
			}
			d.refused("GET", 408, idle)
			if x, _ := d.judged(1, verdict{reason.UploadUnanswered, "idle", idle, 408}); x.TimerFlow != "down" || x.QuietUp >= idle {
				t.Errorf("exchange: ended by the timer for %q, quiet up for %v; want that for down, not up", x.TimerFlow, x.QuietUp)
			}
			s.WaitPooled(0)
		})
	}
}

// drip sends a byte again and again until stop is called, or the connection ends.
func drip(c *lulltest.HTTPConn, every time.Duration) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			select {
			case <-done:
				return
			case <-time.After(every):
			}
		}
	}()
	return func() { close(done); <-ended }
}

// TestDrippedHeadDI_01_DI_04: the phase begins with the first byte of the request, and the backend's silence with it,
// though nobody has asked it anything.
func TestDrippedHeadDI_01_DI_04(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, drippedHead)
}

func drippedHead(t *testing.T) {
	const idle = 1200 * time.Millisecond
	s := newSite(t, 1, timeout.Directional, idleOf(idle))
	d := s.dial(lulltest.Patience)
	let(idle / 2) // the wait for the request is no part of it
	d.say("GET /")
	defer drip(d.c, idle/6)()
	d.refused("GET", 408, idle)
	d.judged(1, verdict{reason.UploadUnanswered, "idle", idle, 408})
}

// TestDownloadUnaskedDI_05_DI_02: bytes that flow down steadily do not help where the client is silent after its request.
func TestDownloadUnaskedDI_05_DI_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, downloadUnasked)
}

func downloadUnasked(t *testing.T) {
	const idle = 1200 * time.Millisecond
	s := newSite(t, 1, timeout.Directional, idleOf(idle))
	d := s.dial(idle)
	d.ask("GET", "")
	asked := d.ends
	d.tell("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
	defer drip(d.b, idle/6)()
	if a := d.c.Answer("GET"); a.StatusCode != 200 || a.How != "cut" || len(a.Data) < 4 {
		t.Errorf("client: got %s, %q, %s; want 200 and some of it, cut", a.Status, a.Data, a.How)
	}
	d.ends = asked
	ending{"eof", nil, time.Now()}.within(t, "client", "eof", d.last, idle)
	if x, _ := d.judged(1, verdict{reason.DownloadUnasked, "idle", idle, 200}); x.TimerFlow != "up" || x.QuietDown >= idle {
		t.Errorf("exchange: ended by the timer for %q, quiet down for %v; want that for up, not down", x.TimerFlow, x.QuietDown)
	}
	s.WaitPooled(0)
}

// TestLateRequestDI_03: the backend's silence counts from the request's first byte; a request that is complete when it has
// lasted too long gets 504.
func TestLateRequestDI_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lateRequest)
}

func lateRequest(t *testing.T) {
	const idle = 1200 * time.Millisecond
	s := newSite(t, 1, timeout.Directional, idleOf(idle))
	d := s.dial(idle)
	d.say(post + "Content-Length: 5\r\n\r\nhel")
	begun := d.ends
	d.meet().RequestHead()
	begun.heard = time.Now()
	let(idle / 2)
	d.say("lo")
	d.ends.last, d.ends.heard = begun.last, begun.heard
	d.refused("POST", 504, idle)
	d.judged(1, verdict{reason.ResponseIdle, "idle", idle, 504})
}

// TestEarlyResponseDI_03: where part of a response has been sent while the request still arrives, nothing is written
// behind it.
func TestEarlyResponseDI_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, earlyResponse)
}

func earlyResponse(t *testing.T) {
	for name, response := range begun {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = time.Second
			s := newSite(t, 1, timeout.Directional, idleOf(idle))
			d := s.dial(idle)
			d.say(post + "Content-Length: 10\r\n\r\nabc")
			d.meet().RequestHead()
			d.hear()
			asked := d.ends
			let(idle / 2)
			d.tell(response)
			d.ends = asked
			ending{"eof", nil, d.cut("hello")}.within(t, "client", "eof", d.last, idle)
			if x := s.ExchangeOf(d.c, 1); x.Status != 200 || x.BackendStatus != 200 || x.Timer != "idle" {
				t.Errorf("exchange: got %d from %d by %q, want 200 from 200 by idle", x.Status, x.BackendStatus, x.Timer)
			}
			s.WaitPooled(0)
		})
	}
}
