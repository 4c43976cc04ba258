package awselb

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lull/internal/lulltest/program"
)

// TestDocument types the first commands of docs/operate/aws.md as they stand there. It runs before the others, which may want the
// defaults of lull serve as well.
func TestDocument(t *testing.T) { //nolint:paralleltest // see above
	file := program.File(t)
	if !alone() {
		t.Skip("the defaults of lull serve without a file may be taken where the network is shared")
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operate", "aws.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- run by conformance/awselb -->\n```console\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/operate/aws.md: there are no commands to run")
	}
	l := prepare(t)
	l.api = "127.0.0.1:8440"
	script := "set -e\ntrap 'kill $!' EXIT\n"
	for line := range strings.Lines(string(block[1])) {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case !ok:
			t.Errorf("%q is no command", line)
		case command == "lull serve &\n":
			l.start("serve") // it has to be ready before the next line
		default:
			script += command
		}
	}
	u := newUser(t, l, "http://"+l.api)
	bin := t.TempDir()
	if err := os.Symlink(file, filepath.Join(bin, "lull")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*commandMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir, cmd.Env = l.Path, append(u.env, "PATH="+bin+":"+strings.TrimPrefix(u.env[0], "PATH="))
	out, err := cmd.CombinedOutput()
	for _, word := range []string{`"DNSName": "web-`, `"Target": "TCP:9001"`, `"InstanceId": "127.0.0.1"`, "Directory listing", `"IdleTimeout": 30`, "connections"} {
		if err != nil || !strings.Contains(string(out), word) {
			t.Fatalf("got %v, want %s in\n%s", err, word, out)
		}
	}
}
