package ociapi

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"lull/internal/control/ociapi/wire"
)

// FuzzCondition: whatever a client writes for a condition, the answer is a refusal that can be sent and is not as long as the
// condition, or a policy that compiles.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		"http.request.url.path eq (i '/documents')", "not any(http.request.url.path sw '/a', all('b' in (http.request.cookies)))",
		"http.request.headers['X'] eq 'a'", "http.request.url.path eq '" + strings.Repeat("ü", 100), "any(", "\x00\xff", strings.Repeat("any(", 20),
		"http.request.url.query['a'][1] != 'b'", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := checkConditions("p", []wire.RoutingRule{{Name: "r", Condition: text}})
		if err == nil {
			return
		}
		var refused *wire.Error
		if !errors.As(err, &refused) || refused.Code != wire.InvalidParameter || refused.Field != "condition" {
			t.Fatalf("%q: got %v", text, err)
		}
		if utf8.ValidString(text) && !utf8.ValidString(refused.Message) || len(refused.Message) > 512 {
			t.Errorf("%q: got a message of %d bytes: %q", text, len(refused.Message), refused.Message)
		}
	})
}
