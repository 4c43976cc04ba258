package cli

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

func TestVersionText(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]string{"version": "6.1.0-18-arm64", "version-old-kernel": "2.6.27.1", "version-no-kernel": ""} {
		v := versionInfo{
			Version: "v1.2.3", Commit: "0123abc", Go: "go1.26.0", Platform: "linux/arm64", Kernel: release,
			Features: kernelFeatures(release),
		}
		var out bytes.Buffer
		if err := v.writeText(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
}

func TestVersionJSON(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run("version", "--json")
	var got versionInfo
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitFine || stderr != "" {
		t.Fatalf("got %d, %q, %q, %v", code, stdout, stderr, err)
	}
	if got.Version == "" || got.Commit == "" || got.Go != runtime.Version() || got.Kernel == "" || len(got.Features) != 6 {
		t.Errorf("got %+v", got)
	}
	for _, f := range got.Features {
		if !f.Available {
			t.Errorf("%s: not available on %s, where this test runs", f.Name, got.Kernel)
		}
	}
}

func TestVersionReal(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run("version")
	if code != exitFine || !strings.HasPrefix(stdout, "lull ") || !strings.Contains(stdout, "epoll") || stderr != "" {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}

func TestParseRelease(t *testing.T) {
	t.Parallel()
	cases := map[string][3]int{
		"": {}, "6": {6}, "6.18": {6, 18}, "6.18.44-fc-v657": {6, 18, 44}, "2.6.27.1": {2, 6, 27}, "x.1": {},
		"5.10+": {5, 10}, "99999999999999999999.1": {9999999},
	}
	for release, want := range cases {
		if got := parseRelease(release); got != want {
			t.Errorf("parseRelease(%q): got %v, want %v", release, got, want)
		}
	}
}
