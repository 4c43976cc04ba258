package rules_test

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
)

// get is a request for a target of the host a.example:8080 with more field lines.
func get(t testing.TB, target string, lines ...string) *rules.Request {
	t.Helper()
	return raw(t, "GET "+target+" HTTP/1.1\r\nHost: a.example:8080\r\n"+strings.Join(append(lines, "", ""), "\r\n"))
}

// raw is a request from 192.0.2.1.
func raw(t testing.TB, text string) *rules.Request {
	t.Helper()
	r := &rules.Request{Head: new(http1.Head), Bytes: []byte(text), Client: netip.MustParseAddr("192.0.2.1")}
	var s http1.Scan
	if n, f := r.Head.ReadRequest(r.Bytes, &s, &http1.RequestLimits); n != len(text) {
		t.Fatalf("read %q: got %d, %v", text, n, f)
	}
	return r
}

func parse(t testing.TB, text string) rules.Condition {
	t.Helper()
	c, err := rules.ParseCondition(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return c
}

func table(t testing.TB, c *rules.Config) *rules.Table {
	t.Helper()
	tb, err := rules.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want one with %q", err, part)
	}
}
