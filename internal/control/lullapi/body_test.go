package lullapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"lull/internal/control/fault"
	"lull/internal/control/lullapi"
)

// FuzzBody holds what is accepted against encoding/json, and wants every refusal to be about the body or a field.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"host":"a","zone":"b"}`, `{"host":"a"}`, `{"zone":"b"}`, `{"host":"\u00e9\ud83d\ude00\n"}`, `{"host":"a"}x`, `{"host":1e9}`, `{"host":{`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		host, zone, err := lullapi.ParseHostAndZone(body)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || !utf8.ValidString(err.Error()) || len(err.Error()) > 500 {
				t.Fatalf("%q: %q", body, err)
			}
			return
		}
		var want map[string]string
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q accepted, and encoding/json says %v", body, err)
		}
		if want["host"] != host || want["zone"] != zone || len(want) > 2 || len(want) == 0 {
			t.Fatalf("%q: got %q and %q, encoding/json %q", body, host, zone, want)
		}
		if _, _, err := lullapi.ParseHostAndZone([]byte(strings.TrimSpace(string(body)) + "x")); err == nil {
			t.Fatalf("%q with more behind it is accepted", body)
		}
	})
}
