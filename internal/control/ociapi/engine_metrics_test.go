package ociapi_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// TestIdleTimeoutIsTold_TMO_24: the idle timeout of one listener of the API is a 504 of its backend set in the counters that metrics
// are made of, and in Oracle's access log; a listener on the same port before the same set answers as ever.
func TestIdleTimeoutIsTold_TMO_24(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.FollowExchanges()
	s, conns := lulltest.Hands(t)
	path := w.make("web", fields{
		"backendSets": fields{"set": w.set(s.Addr)}, "hostnames": fields{"h": fields{"name": "h", "hostname": "two.test"}},
		"listeners": fields{
			"one": listener("HTTP", portHTTP, "set").with(idle(30)),
			"two": listener("HTTP", portHTTP, "set").with(idle(1), fields{"hostnameNames": []string{"h"}}),
		},
	})
	ask := func(host string) (client, backend *lulltest.HTTPConn) {
		client = w.dialHTTP(path)
		client.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		backend = lulltest.TakeHTTP(t, conns)
		backend.Request()
		return client, backend
	}
	one, backend := ask("one.test")
	backend.Send(lulltest.Response("hello"))
	one.ExpectAnswer("hello")
	_ = backend.Close()
	two, _ := ask("two.test")
	if a := two.Answer("GET"); a.StatusCode != 504 {
		t.Fatalf("got %d, want 504", a.StatusCode)
	}
	x := w.engine.ExchangeOf(two, 1)
	var entry struct {
		LogContent struct{ Data map[string]any }
	}
	line := accesslog.OCI.Append(nil, record.Entry{Exchange: &x})
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&entry); err != nil {
		t.Fatal(err)
	}
	data := entry.LogContent.Data
	if data["lbStatusCode"] != "504" || data["backendStatusCode"] != "" || data["listenerName"] != "two" || data["backendAddr"] != s.Addr.String() {
		t.Errorf("access log: got %s", line)
	}
	sets := w.engine.Stats().Sets
	if len(sets) != 1 {
		t.Fatalf("got counters of %d sets, want one", len(sets))
	}
	set := sets[0]
	if set.Key.Name != "set" || set.Requests != 2 || set.OK != 1 || set.Timeout != 1 || set.Overdue != 1 || set.Answers != 2 || set.AnswersTook < time.Second {
		t.Errorf("counted for the set: got %+v, want two requests of which one got 504 after a second", set)
	}
}
