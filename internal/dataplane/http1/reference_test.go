package http1

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write docs/reference/http-parsing.md from the tables")

const referencePath = "../../../docs/reference/http-parsing.md"

const referenceHead = `# HTTP parsing

What lull accepts as HTTP/1.0 and HTTP/1.1, from clients and from backends, and what it refuses. Two parsers that read one
message differently are how requests are smuggled past a load balancer, so lull takes no message that it would have to
guess about, and sends on only what can be read in one way.

<!-- Written by "go test ./internal/dataplane/http1 -update"; change reference_test.go or the tables, not this file. -->

## What happens to a message with a fault

- A request is answered with the status below, and the connection is closed. Nothing of it reaches a backend if the fault
  is in its head. The column *AWS, OCI* is the status under those two timeout models, since the load balancers of the two
  clouds know none but 400 and 405 here; *RFC* is the exact one.
- A response with a fault in its head is answered with 502 in its place. Later than that, both connections are closed in
  such a way that the response does not look complete.
- The fault's code is in the access log.

## Limits

| What | Limit |
|---|---|
| method | 127 bytes |
| request line, status line, field line | 16 KiB, or a quarter of ` + "`limits.head_bytes`" + ` if that is more |
| request head, response head | 64 KiB (` + "`limits.head_bytes`" + `) |
| fields of a head | 128 |
| trailer section | 8 KiB, lines of 4 KiB, 32 fields |
| unknown names in Connection | 16 |
| empty lines before a request | 2 |
| chunk size | 16 hexadecimal digits, 9223372036854775807 |
| chunk size with extensions | 4096 bytes |
| chunk framing beyond 32 bytes for each chunk and as many bytes as its data, in all | 16 KiB |

## Faults

Sections are of RFC 9110 and RFC 9112. *Reason* is the desync reason of a request with this fault.

| Fault | Refused because | Section | RFC | AWS, OCI | Reason |
|---|---|---|---|---|---|
`

const referenceMiddle = `
## What is taken although it could be refused

| What | Section | What lull does |
|---|---|---|
| a line of a head ends in LF alone | 9112 §2.2 | takes LF for CR LF; sends CR LF on. Never in chunk framing |
| one or two empty lines before a request | 9112 §2.2 | skips them |
| Content-Length and Transfer-Encoding: chunked | 9112 §6.1, §6.3 | goes by chunked, removes Content-Length, closes the connection after the exchange |
| several Content-Length lines with one value | 9112 §6.3 | sends one on |
| Content-Length with leading zeros | 9110 §8.6 | sends it on without |
| whitespace before the colon in a response | 9112 §5.1 | removes it, as a proxy must |
| a status line that ends behind the code | 9112 §4 | sends on the space that is missing |
| a status code from 600 to 999 | 9110 §15 | passes it on |
| bytes from 0x80 in a target, a value or a reason | 9110 §5.5 | passes them on |
| content in GET or HEAD | 9110 §9.3.1 | frames it like any other |
| an empty Host | 9112 §3.2 | passes it on |
| Connection items that are empty or no token | 9110 §5.6.1 | passes over them |
| Expect other than 100-continue | 9110 §10.1.1 | passes it on or removes it, as the model says |

Stricter than Go's net/http: Host and port, fragments, control characters, folded lines, faults of Content-Length
beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0, whitespace or LF alone behind a chunk size, trailers that frame.
Where both take a message, fuzzing holds them to the same fields, the same payload and the same end.

## What is removed on the way

- Connection, Keep-Alive, Proxy-Connection, TE, Upgrade, HTTP2-Settings, Proxy-Authenticate and Proxy-Authorization
  (9110 §7.6.1), unless a protocol upgrade is passed on. Transfer-Encoding is written anew.
- What Connection names, with the exception of Host, Content-Length, Content-Type, Trailer, Cookie, Set-Cookie, Authorization, Via,
  Forwarded, X-Real-IP and X-Forwarded-*: a sender may not name fields that are meant for the recipient, and could hide
  by it who it is.
- Content-Length and Transfer-Encoding in 1xx and 204 responses (9110 §8.6, 9112 §6.1).
- From trailers, what 9110 §6.5.1 bars from them.

An absolute request target becomes a path, and its authority Host (9112 §3.2.2). Everything else keeps its bytes and its
order.

## Desync protection

A request without fault can still be suspicious. It gets a class, and the mode says what becomes of it. The classes, reasons
and modes are those of the Classic Load Balancer; defensive is the default.

| Class | monitor | defensive | strictest |
|---|---|---|---|
`

const referenceWhys = `
*Close* forwards the request, and closes both connections after the response. *Block* answers 400 and closes. A request
with a fault is blocked in every mode, monitor too: here lull differs from the Classic Load Balancer, which forwards
even what nobody can frame. In every mode each request that is not Compliant is counted.

| Reason | Class | Blocked in every mode |
|---|---|---|
`

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	status := func(n int) string {
		if n == 0 {
			return "–"
		}
		return fmt.Sprint(n)
	}
	var faulty, tolerated [whyCount]bool
	for f := NoFault + 1; f < faultCount; f++ {
		i := f.Info()
		why := "–"
		if i.Why != WhyNone {
			why = i.Why.String()
		}
		faulty[i.Why] = true
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", i.Code, i.Text, i.Section, status(i.Status), status(i.Cloud), why)
	}
	b.WriteString(referenceMiddle)
	actions := [...]string{Forward: "forward", ForwardClose: "forward, close", Block: "block"}
	for c := range classCount {
		fmt.Fprintf(&b, "| %v | %s | %s | %s |\n", c, actions[Decide(Monitor, c)], actions[Decide(Defensive, c)], actions[Decide(Strictest, c)])
	}
	b.WriteString(referenceWhys)
	for _, w := range []Why{
		WhyBareLF, WhySuspiciousHeader, WhyUndefinedTransferEncoding, WhyUndefinedContentLength, WhyBadTransferEncoding, WhyMultipleChunked,
		WhyBadContentLength, WhyMultipleContentLength, WhyDuplicateContentLength, WhyGetHeadZeroContentLength, WhyBothPresent,
	} {
		tolerated[w] = true
	}
	for w := WhyNone + 1; w < whyCount; w++ {
		blocked := "no"
		switch {
		case faulty[w] && tolerated[w]:
			blocked = "if lull would have to go by that field; otherwise as its class says"
		case faulty[w]:
			blocked = "yes"
		}
		fmt.Fprintf(&b, "| %v | %v | %s |\n", w, w.Class(), blocked)
	}
	return b.Bytes()
}

func TestReferenceFollowsTheTables(t *testing.T) {
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
		t.Errorf("docs/reference/http-parsing.md does not follow the tables: run go test ./internal/dataplane/http1 -update")
	}
}
