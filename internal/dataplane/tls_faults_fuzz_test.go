package dataplane_test

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// FuzzTLSListener throws bytes at listeners that speak TLS, in pieces, and then leaves. The connection ends, for a reason that
// such a client deserves, and nothing of it stays. Sockets make it slow; FuzzHandshake in tlsio goes without them.
func FuzzTLSListener(f *testing.F) {
	fort := newFort(f, 1, func(f *fort) { f.each(func(l *plan.Listener) { l.Timeouts.Handshake = 2 * time.Second }) })
	hello := helloOf(f, fort.trust(0))
	f.Add(hello, uint16(0))
	f.Add(hello, uint16(0x0107))
	f.Add(hello[:len(hello)/2], uint16(0x0203))
	f.Add(slices.Concat(hello, []byte("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x20"), make([]byte, 32)), uint16(0x03ff))
	f.Add([]byte(lulltest.Request("POST", "/", "hello")), uint16(9))
	f.Add([]byte("\x16\x03\x01\x00\x00"), uint16(1))
	f.Add([]byte("\x80\x2e\x01\x00\x02\x00\x15"), uint16(2))
	f.Add([]byte{}, uint16(0x0100))
	f.Fuzz(func(t *testing.T, b []byte, how uint16) {
		key := lulltest.HTTPKey
		if how>>8&1 != 0 {
			key = secretKey
		}
		raw, err := net.Dial("tcp", fort.Local(key).String())
		if err != nil {
			t.Fatal(err)
		}
		c := raw.(*net.TCPConn)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
		for piece := int(how&0xff) * 16; len(b) > 0; {
			n := len(b)
			if piece > 0 {
				n = min(n, piece)
			}
			if _, err := c.Write(b[:n]); err != nil {
				break // it has been refused already
			}
			b = b[n:]
		}
		want := []reason.Reason{reason.HandshakeFailed, reason.ClientClosed, reason.PlainHTTP, reason.ClientReset}
		if how>>9&1 != 0 {
			_ = c.SetLinger(0)
			_ = c.Close()
		} else {
			_ = c.CloseWrite()
			if _, err := io.Copy(io.Discard, c); lulltest.Closed(err) == "timeout" {
				t.Fatal("the connection has not ended")
			}
			_ = c.Close()
		}
		r := fort.closeOf(t, c)
		if !slices.Contains(want, r) || r == reason.PlainHTTP && key == secretKey {
			t.Errorf("record: got %v, want one of %v", r, want)
		}
		if !lulltest.Eventually(func() bool {
			running, waiting := fort.Handshakes()
			return running == 0 && waiting == 0 && fort.Held().Connections == 0
		}) {
			t.Errorf("leak: the engine holds %+v", fort.Held())
		}
	})
}

// closeOf returns why a client's connection has ended.
func (f *fort) closeOf(t *testing.T, c *net.TCPConn) (why reason.Reason) {
	t.Helper()
	if !lulltest.Eventually(func() bool {
		for _, r := range slices.Backward(lulltest.Recorded(&f.Log().Ring)) {
			if r.Ends.Peer.String() == c.LocalAddr().String() {
				why = r.Reason
				return true
			}
		}
		return false
	}) {
		t.Fatalf("there is no record of the connection from %v", c.LocalAddr())
	}
	return why
}
