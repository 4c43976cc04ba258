package apiserver

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lull/internal/control/sigv4"
)

// TestDocsLimits holds the table of docs/operate/api.md to the limits that are in force.
func TestDocsLimits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/operate/api.md")
	if err != nil {
		t.Fatal(err)
	}
	l := defaultLimits
	for _, row := range []string{
		fmt.Sprintf("| connections | %d |", connectionsMax),
		fmt.Sprintf("| requests carried out at once | %d |", requestsMax),
		fmt.Sprintf("| body | %d MiB |", sigv4.DefaultBodyBytesMax>>20),
		fmt.Sprintf("| time for the head of a request | %.0f s |", l.header.Seconds()),
		fmt.Sprintf("| time for all of a request | %.0f s |", l.read.Seconds()),
		fmt.Sprintf("| time from there to the end of the answer | %.0f s |", l.write.Seconds()),
		fmt.Sprintf("| wait for the next request on a connection | %.0f s |", l.idle.Seconds()),
		fmt.Sprintf("After %d of them", warningsBurst),
	} {
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/operate/api.md lacks %q", row)
		}
	}
}
