package program_test

import (
	"testing"

	"lull/internal/lulltest/program"
)

// TestHTTPReloadProtocol changes what a listener speaks, and back. New connections speak the new protocol from then on. A
// tcp connection that is open goes on as it began; an http one ends with what is under way on it, or at once.
func TestHTTPReloadProtocol(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	tcp := before(backend.Addr)
	http := before(backend.Addr, "protocol: tcp", "protocol: http")
	p := d.Serve(tcp)
	first := answered(t, d)

	reload(d, p, http)
	hello(first)
	waiting, held := answered(t, d), dialHTTP(t, d)
	held.Get("/held")
	backend.await(t, "/held", 1)
	seen := backend.Seen()
	for i, want := range []string{"", "", "127.0.0.1"} {
		if got := seen[i].Header.Get("X-Forwarded-For"); got != want {
			t.Errorf("request %d: got X-Forwarded-For %q, want %q", i+1, got, want)
		}
	}
	contains(t, "conns", d.Run("conns"), "tunnel-idle (idle 60s)", "client-idle (idle 60s)", "response-idle (idle 60s)")

	reload(d, p, tcp)
	hello(first)
	if how, data := waiting.End(); how != "eof" || len(data) != 0 {
		t.Errorf("connection that waits for a request: got %q and %s, want eof", data, how)
	}
	backend.release()
	if a := held.ExpectAnswer("hello"); !a.Close {
		t.Error("request that was under way: the response does not end the connection")
	}
	if how, _ := held.End(); how != "eof" {
		t.Errorf("connection of the request that was under way: got %s, want eof", how)
	}
	second := answered(t, d)
	contains(t, "conns", d.Run("conns"), first.LocalAddr().String(), second.LocalAddr().String(), "tunnel-idle (idle 60s)")
	logged(t, d, " "+waiting.LocalAddr().String()+" ", " drained ")
	logged(t, d, " "+held.LocalAddr().String()+" ", " exchanges=1 ", " drained ")
}
