package file

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	referencePath = "../../../docs/reference/lull-yaml.md"
	examplePath   = "testdata/good/contract.yaml"
)

const referenceHead = `# lull.yaml

The file that ` + "`lull serve`" + ` runs by and ` + "`lull check`" + ` checks. There must be a load balancer or an ` + "`api`" + ` in it.

- A duration is written as Go does (` + "`60s`, `1m30s`, `1500ms`" + `); a bare integer is seconds. Where *whole seconds* are
  asked for, ` + "`999ms`" + ` and ` + "`1.5s`" + ` are out of range.
- Unknown keys, keys given twice, wrong types and values out of range are refused at start and on reload, all of them at
  once, each with file, line, key, value and allowed range. A refused file changes nothing that runs.
- A key with nothing after it is refused; only lists may be empty. Text that YAML would take for something else (a name
  such as ` + "`12`" + `) goes in quotes.
- Anchors and aliases may be used, merge keys (` + "`<<`" + `) may not. The file holds one document and at most 4 MiB.
- Relative paths of certificates, keys, authorities and credentials start from the directory of this file; the control socket's, the access
  log's and those of directories start from the directory in which the process was started.
- Certificates, keys and authorities are read anew when their files change, without a reload: see [TLS](../operate/tls.md). Files of
  ` + "`public_keys`" + ` are read with this file only.

` + "```" + `
lull.yaml:12: load_balancers[0].timeouts.idle: 5000s is out of range: allowed 1s..4000s (whole seconds)
` + "```" + `

## Example

` + "```yaml" + `
%s` + "```" + `

## Keys

*Takes effect* says when a change is felt after a reload (SIGHUP): *now*, by connections that are open too; *next
connection*, by what begins after it; *restart*, only by a new process. *AWS* and *OCI* are what the two clouds call the
same thing. What a rule such as TO-11 says in full stands in the specification of the timeouts.

<!-- Written by "go test ./internal/control/file -update"; change the table in settings.go, not this file. -->
`

const referenceTail = `
## Between keys

- A listener's address and port are its own: no other listener of the file and not the metrics may have them, and one at
  ` + "`0.0.0.0` or `::`" + ` takes its port from all of its address family. ` + "`::`" + ` does not include IPv4.
- ` + "`api.address`" + ` and ` + "`api.dns.address`" + ` are their own, too. The former must be a loopback address unless there is ` + "`api.tls` or `api.insecure`" + `.
- ` + "`lull serve`" + ` without a file runs as with one that says ` + "`api: {}`" + `.
- An attempt to connect never takes longer than ` + "`idle`" + `, whatever ` + "`connect`" + ` says.
- A listener and its backend set are of the same layer: ` + "`http` goes with `http` and `https`, `tcp` with `tcp` and `ssl`" + `, each side with or
  without TLS as it likes. A set that does not say takes the plain form of its first listener's; one that is used by listeners of
  both layers is refused, and so is ` + "`stickiness`" + ` on a tcp or ssl set.
- An https or ssl listener must have ` + "`tls`" + ` with a certificate; an https or ssl set needs no ` + "`tls`" + `, and then verifies its backends
  against the authorities of the system. ` + "`tls`" + ` on anything else is refused, lest somebody believe that it is in use.
- A PROXY header is outside of TLS on both sides: clients send it before their handshake, and backends get it before theirs.
- In the shared model ` + "`idle`" + ` is also how long a client connection may wait for its next request and how long an unused back-end
  connection is kept; there is no limit on requests for each connection. Up to 1,024 requests of the load balancer wait while
  backends are at their ` + "`connections_max`" + `, as in the Classic Load Balancer's surge queue; the directional model has no queue.
- A session with ` + "`follow`" + ` ends with the application's cookie, so ` + "`duration`" + ` does not go with it.
- A backend set that no listener uses is allowed. So is one without backends, and a load balancer without listeners.
  ` + "`lull check`" + ` warns of them, and of timers that another one always beats.

## Additions

Of the keys above, ` + "`instances`, those of `api` other than `address` and `data`, `timeouts.drain`, `timeouts.stale_retry`, `listeners[].desync_mitigation_mode`, `backends[].connections_max`" + `,
` + "`health_check.status` and `body`, those of `stickiness` other than `cookie` and `duration`, and those of `tls` other than `certificate`, `key` and `min_version`" + `
were added after the format was first set down. The ranges of a health check are the two clouds' together; intervals and timeouts below a second, down to 100ms, are lull's
own, for laptops and tests.

## Not supported yet

These parts of the format are refused with just those words:

%s`

// reference renders docs/reference/lull-yaml.md from the table.
func reference(t *testing.T) []byte {
	t.Helper()
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(example), "\n") // without the comment that says where it is used
	var b bytes.Buffer
	fmt.Fprintf(&b, referenceHead, body)
	writeKeys(&b, "")
	for i := range settings {
		switch s := &settings[i]; s.kind {
		case kindMapping:
			writeKeys(&b, s.path)
		case kindList:
			writeKeys(&b, s.path+"[]")
		case kindDuration, kindSeconds, kindInteger, kindBoolean, kindWord, kindName, kindText, kindAddress, kindHost, kindEndpoint,
			kindPath, kindToken, kindDomain, kindFile, kindFiles, kindTexts, kindSecurity:
		}
	}
	fmt.Fprintf(&b, referenceTail, laterWords())
	return b.Bytes()
}

// writeKeys renders the keys of one mapping, if it has any that lull knows.
func writeKeys(b *bytes.Buffer, parent string) {
	if len(children[parent]) == 0 {
		return
	}
	title := "Top level"
	if parent != "" {
		title = "`" + parent + "`"
	}
	fmt.Fprintf(b, "\n### %s\n\n", title)
	if row := byPath[strings.TrimSuffix(parent, "[]")]; row != nil {
		fmt.Fprintf(b, "%s%s\n\n", row.doc, after(" Default: ", row.defNote, "."))
	}
	b.WriteString("| Key | Type | Default | Allowed | Takes effect | AWS | OCI | |\n|---|---|---|---|---|---|---|---|\n")
	for _, key := range children[parent] {
		s := byPath[joinPath(parent, key)]
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s | %s | %s%s |\n", key, s.kind, shownDefault(s), shownAllowed(s), s.effect,
			s.aws, s.oci, onlyWith(s), s.doc)
	}
}

// onlyWith says what a key needs beside it, if anything.
func onlyWith(s *setting) string {
	switch {
	case s.onlyHTTP:
		return "Protocol http or https only. "
	case s.onlyTLS:
		return "Protocol https or ssl only. "
	}
	return after("Model ", s.only, " only. ")
}

// after puts a text between two others, unless it is empty.
func after(before, text, end string) string {
	if text == "" {
		return ""
	}
	return before + text + end
}

func shownDefault(s *setting) string {
	switch {
	case s.required:
		return "must be given"
	case s.defNote != "":
		return s.defNote
	default:
		return after("`", s.def, "`")
	}
}

func shownAllowed(s *setting) string {
	switch {
	case s.allowNote != "":
		return s.allowNote
	case s.kind == kindWord || s.kind == kindBoolean:
		return "`" + strings.ReplaceAll(s.allowed(), ", ", "`, `") + "`"
	default:
		return s.allowed()
	}
}

// laterWords lists what the table says is for later, one to a line.
func laterWords() string {
	var b strings.Builder
	for i := range settings {
		s := &settings[i]
		if len(s.later) > 0 {
			fmt.Fprintf(&b, "- `%s`: `%s`\n", s.path, strings.Join(s.later, "`, `"))
		}
	}
	return b.String()
}

// TestReferenceFollowsTheTable keeps the document true; with -update it is written anew.
func TestReferenceFollowsTheTable(t *testing.T) {
	t.Parallel()
	want := reference(t)
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
		t.Errorf("docs/reference/lull-yaml.md does not follow the table: run go test ./internal/control/file -update")
	}
}
