package dataplane_test

import (
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestLateBytesTO_08_DI_10: what a client sends after lull has closed its side does not destroy the response that is still
// on its way to it, whatever ended the connection.
func TestLateBytesTO_08_DI_10(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lateBytes)
}

func lateBytes(t *testing.T) {
	const age = 1500 * time.Millisecond      // in which a busy machine makes the handshakes too
	body := strings.Repeat("hello ", 50_000) // more than the client's window, less than lull's kernel takes at once
	for name, field := range map[string]string{
		"request_cap": "", "close_asked": "Connection: close\r\n", "age": "",
	} {

		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Directional, func(set *timeout.Settings) {
				switch name {
				case "request_cap":
					set.FrontRequestsMax = 1
				case "age":
					set.AgeMax = age
				}
			})
			d := &dialog{s: s, ends: ends{t: t, idle: lulltest.Patience, last: now()}}
			d.c = lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 4<<10))
			d.client = d.c.Conn
			d.say("GET / HTTP/1.1\r\nHost: test\r\n" + field + "\r\n")
			d.punctual(d.last, age)
			d.meet().Request()
			if name == "age" {
				let(age)
			}
			d.tell(lulltest.Response(body))
			s.ExchangeOf(d.c, 1)
			s.CloseOf(d.c)
			d.say(lulltest.Request("GET", "/late", ""))
			if a := d.c.Answer("GET"); a.How != "whole" || string(a.Data) != body {
				t.Errorf("client: got %d bytes and %s, want %d, whole", len(a.Data), a.How, len(body))
			}
			if how, data := d.c.End(); how != "eof" || len(data) > 0 {
				t.Errorf("client: got %q and %s behind the response, want nothing and eof", data, how)
			}
		})
	}
}
