package sticky_test

import (
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/sticky"
)

// The values of the set lb/app for backendKeys, from another implementation of HMAC-SHA-256.
const (
	value0 = "5EA221B50D82D4096562AA02E7EF4DA91F934C8B2EDC26FD9FDD30C2C3147A05"
	value1 = "D372A06D74E31A12E44ED60F5A955D8976C4ACFBB9961CF3FE126158FEBDFC2D"
	value6 = "D707FD5047CAC334CCA02C9F02475031793D233317E5A095286DACA0616B5258"
)

//nolint:gochecknoglobals // a constant
var setKey = plan.SetKey{LoadBalancer: "lb", Name: "app"}

func backendKeys() []plan.BackendKey {
	return []plan.BackendKey{
		{Set: setKey, Host: "10.0.0.1", Port: 80},
		{Set: setKey, Host: "10.0.0.2", Port: 80},
		{Set: setKey, Host: "2001:db8::1", Port: 80},
	}
}

// The plans that most tests use.
//
//nolint:gochecknoglobals // constants
var (
	ownPlan    = plan.Stickiness{Cookie: "AWSELB", Duration: time.Minute}
	followPlan = plan.Stickiness{Cookie: "AWSELB", Follow: "SID"}
	anyPlan    = plan.Stickiness{Cookie: "AWSELB", Follow: "*"}
)

func table(s plan.Stickiness) *sticky.Table { return sticky.New(&s, setKey, backendKeys()) }

// request reads a request with these field lines.
func request(t testing.TB, lines ...string) (h *http1.Head, b []byte) {
	t.Helper()
	h, b = new(http1.Head), []byte("GET / HTTP/1.1\r\nHost: a\r\n"+joined(lines)+"\r\n")
	var s http1.Scan
	if n, f := h.ReadRequest(b, &s, &http1.RequestLimits); n != len(b) {
		t.Fatalf("read %q: got %d, %v", b, n, f)
	}
	return h, b
}

// response reads a response with these field lines.
func response(t testing.TB, lines ...string) (h *http1.Head, b []byte) {
	t.Helper()
	h, b = new(http1.Head), []byte("HTTP/1.1 200 OK\r\n"+joined(lines)+"\r\n")
	var s http1.Scan
	if n, f := h.ReadResponse(b, &s, &http1.ResponseLimits); n != len(b) {
		t.Fatalf("read %q: got %d, %v", b, n, f)
	}
	return h, b
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}
