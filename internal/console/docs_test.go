package console

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lull/internal/dataplane/record"
)

// TestDocs holds docs/operate/console.md to the limits that are in force.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operate/console.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("| sessions | %s;", number(sessionsMax)),
		fmt.Sprintf("| sessions of one key | %d;", sessionsOfKeyMax),
		fmt.Sprintf("| live pages open at once | %d, and %d of one key |", streamsMax, streamsOfKeyMax),
		fmt.Sprintf("asks again | %.0f min |", streamAge.Minutes()),
		fmt.Sprintf("| connections on a page | %d, and %d pages", connsPerPage, connPagesMax),
		fmt.Sprintf("| failed requests on a page | %d |", requestsPerPage),
		fmt.Sprintf("remembered | %s |", number(record.Remembered)),
		fmt.Sprintf("| a form | %d KiB |", bodyBytesMax>>10),
		fmt.Sprintf("ends after %.0f minutes", sessionIdle.Minutes()),
		fmt.Sprintf("after %.0f hours", sessionAge.Hours()),
		fmt.Sprintf("After %d attempts to log in that failed an address has to wait %.0f seconds", attemptsBurst, attemptsEvery.Seconds()),
		fmt.Sprintf("together have %d and then one a second", attemptsAllBurst),
		fmt.Sprintf("read every %.0f seconds", restEvery.Seconds()),
		"within an hour",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/operate/console.md lacks %q", want)
		}
	}
	for _, line := range serverLines(keepaliveMargin) {
		if !strings.Contains(string(page), line.Server) {
			t.Errorf("docs/operate/console.md lacks %q", line.Server)
		}
	}
}
