package reason

import (
	"regexp"
	"testing"
)

// specCodes are the codes of spec/timeouts.md §5, in its order.
//
//nolint:gochecknoglobals // a list of the specification
var specCodes = []string{
	"client-closed", "backend-closed", "client-reset", "backend-reset", "client-idle", "request-idle",
	"response-idle", "send-idle", "upload-unanswered", "download-unasked", "tunnel-idle",
	"pool-idle", "backend-closed-idle", "request-cap", "age-cap", "head-too-slow", "handshake-timeout",
	"connect-timeout", "connect-refused", "no-backend", "queue-full", "bad-request", "bad-response", "too-large",
	"drained", "drain-timeout", "listener-removed", "reclaimed", "shutdown", "handed-over", "internal",
}

// TestTableHasEveryCodeOfTheSpec is the table's half of TO-07: every end has a reason from §5.
func TestTableHasEveryCodeOfTheSpec(t *testing.T) {
	t.Parallel()
	for i, code := range specCodes {
		r, ok := Parse(code)
		if !ok {
			t.Errorf("Parse(%q) found nothing", code)
			continue
		}
		if want := Reason(i + 1); r != want {
			t.Errorf("%s is reason %d, want %d: the constants follow the order of the specification", code, r, want)
		}
	}
}

func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]Reason{}
	for r := None; r < count; r++ {
		info := r.Info()
		if !code.MatchString(info.Code) {
			t.Errorf("reason %d has code %q, want lower-case words joined by hyphens", r, info.Code)
		}
		if info.Text == "" {
			t.Errorf("%s has no text", info.Code)
		}
		if before, ok := seen[info.Code]; ok {
			t.Errorf("reasons %d and %d share the code %q", before, r, info.Code)
		}
		seen[info.Code] = r
	}
}

func TestParseRoundTrip(t *testing.T) {
	t.Parallel()
	for r := None; r < count; r++ {
		if got, ok := Parse(r.String()); !ok || got != r {
			t.Errorf("Parse(%q) = %d, %t, want %d", r.String(), got, ok, r)
		}
	}
	for _, code := range []string{"", "Tunnel-Idle", "tunnel_idle", "tunnel-idle "} {
		if got, ok := Parse(code); ok {
			t.Errorf("Parse(%q) = %s, want nothing", code, got)
		}
	}
}

func TestOutsideTheTableIsInternal(t *testing.T) {
	t.Parallel()
	for _, r := range []Reason{count, 255} {
		if got := r.String(); got != "internal" {
			t.Errorf("Reason(%d) is %q, want internal", r, got)
		}
	}
}

func TestSideString(t *testing.T) {
	t.Parallel()
	for side, want := range map[Side]string{Inside: "lull", FrontEnd: "front-end", BackEnd: "back-end", 9: "lull"} {
		if got := side.String(); got != want {
			t.Errorf("Side(%d) is %q, want %q", side, got, want)
		}
	}
}
