package reason

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write docs/reference/reasons.md from the table")

const referencePath = "../../../docs/reference/reasons.md"

const referenceHead = `# Reasons

Every connection, and every HTTP exchange, ends with exactly one of these reasons. It is the same word in the access log, in ` + "`lull events`" + `,
in ` + "`lull explain`" + ` and in the metric ` + "`lull_closes_total`" + `.

- *Ended by* is where the end came from: the client's side (front-end), the backend's side (back-end) or lull itself.
  The record of a connection carries its own side, which is the same except where the record knows better.
- *Timer* says that one of lull's timers fired: then the record also names the setting, its value, when it was last
  armed and how late it was.
- *HTTP status* is what the client gets of lull when an exchange ends so before anything of a response was sent; after that, the
  response is cut short in a way that shows. A backend that closes without an answer is a 502 in the directional model, and
  a request that is refused may have a status of its own ([parsing](http-parsing.md)), as may a rule on methods or a redirect.
- *Error* marks ends that a user may have noticed. The others are ordinary: somebody hung up, or a timer did its work.

` + "`lull explain ID`" + ` adds what to change if that end was unwanted. Some reasons belong to HTTP and appear only on
HTTP listeners.

<!-- Written by "go test ./internal/dataplane/reason -update"; change the table in reason.go, not this file. -->

| Reason | Closed because | Ended by | Timer | Error | HTTP status |
|---|---|---|---|---|---|
`

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	yes := map[bool]string{true: "yes", false: ""}
	for r := None + 1; r < count; r++ {
		i := r.Info()
		status := ""
		if i.Status != 0 {
			status = strconv.Itoa(i.Status)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", i.Code, i.Text, i.Side, yes[i.Timer], yes[i.Error], status)
	}
	return b.Bytes()
}

func TestReferenceFollowsTheTable(t *testing.T) {
	t.Parallel()
	want := reference()
	if *update {
		if err := os.WriteFile(referencePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/reference/reasons.md does not follow the table: run go test ./internal/dataplane/reason -update")
	}
}
