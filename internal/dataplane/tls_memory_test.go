package dataplane_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// TestTLSIdleMemory: a connection that has sent full records keeps no room for them while it waits for its next request. Not
// parallel: it reads the whole process's figures.
func TestTLSIdleMemory(t *testing.T) { //nolint:paralleltest // as said
	const conns, bodyBytes, keptMax = 128, 64 << 10, 6 << 10
	a := testca.NewFor(t)
	e := secureHTTP(t, a, func(*plan.Plan) {}, web(t, a, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "ok")
	}))
	small := []byte(lulltest.Request("GET", "/", ""))
	large := []byte(lulltest.Request("POST", "/", string(bytes.Repeat([]byte("x"), bodyBytes))))
	var all [conns]*tls.Conn
	for i := range all {
		c, err := tls.Dial("tcp", e.Local(lulltest.HTTPKey).String(), &tls.Config{
			RootCAs: a.Pool(), ServerName: "web.example", DynamicRecordSizingDisabled: true,
		})
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
		t.Cleanup(func() { _ = c.Close() })
		all[i] = c
		exchangeOver(t, c, small)
	}
	exchangeOver(t, all[0], large) // what the loop and the backend keep for all
	before := heapInUse()
	for _, c := range all {
		exchangeOver(t, c, large)
	}
	if got := (heapInUse() - before) / conns; got > keptMax {
		t.Errorf("memory that %d bytes of body leave behind: got %d bytes for each connection, want at most %d", bodyBytes, got, keptMax)
	}
}

// exchangeOver sends a request and reads until the whole response is there, which ends in ok.
func exchangeOver(t *testing.T, c *tls.Conn, request []byte) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	if _, err := c.Write(request); err != nil {
		t.Fatalf("send: %v", err)
	}
	var got []byte
	for !bytes.HasSuffix(got, []byte("\r\n\r\nok")) {
		var b [512]byte
		n, err := c.Read(b[:])
		if got = append(got, b[:n]...); err != nil {
			t.Fatalf("response: got %q, then %v", got, err)
		}
	}
}

// heapInUse returns the bytes of all that is reachable.
func heapInUse() int64 {
	var m runtime.MemStats
	for range 3 { // what pools hold survives the first
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
