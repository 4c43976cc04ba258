package awselb

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandMax bounds one command: the aws command takes a second to start, several on a busy machine, and a waiter asks every 15 s.
const commandMax = 60 * time.Second

// command is the aws command as it is installed.
type command struct {
	path    string
	version string
	major   string
}

// theCommand finds the aws command: AWS names it, otherwise Debian's own goes before what else there may be.
//
//nolint:gochecknoglobals // asked for once; it takes a second
var theCommand = sync.OnceValues(func() (command, error) {
	c := command{path: os.Getenv("AWS")}
	if c.path == "" {
		c.path = "/usr/bin/aws"
		if _, err := os.Stat(c.path); err != nil {
			if c.path, err = exec.LookPath("aws"); err != nil {
				return c, err
			}
		}
	}
	out, err := exec.Command(c.path, "--version").CombinedOutput()
	if err != nil {
		return c, err
	}
	c.version = strings.TrimSpace(string(out))
	m := regexp.MustCompile(`aws-cli/(\d+)\.`).FindStringSubmatch(c.version)
	if m == nil {
		return c, errors.New("aws --version: " + c.version)
	}
	c.major = m[1]
	return c, nil
})

// codes returns the exit codes for what the client refuses itself, and for what the server refuses.
func (c command) codes() (client, server int) {
	if c.major == "1" {
		return 255, 255
	}
	return 252, 254
}

// user is somebody with the aws command and the credentials of a lull.
type user struct {
	t       testing.TB
	command command
	dir     string // where commands run, with the files they name
	env     []string
}

// newUser returns a user whose `aws` goes to url. The option --endpoint-url is added by a script, for the aws command that Debian
// has does not read the endpoint that aws/config names.
func newUser(t testing.TB, l *lull, url string) *user {
	t.Helper()
	c, err := theCommand()
	if err != nil {
		t.Fatalf("the aws command: %v", err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\nexec '" + c.path + "' --endpoint-url '" + url + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(l.Path, "lull-data", "aws")
	return &user{t: t, command: c, dir: dir, env: []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + filepath.Join(data, "config"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(data, "credentials"),
	}}
}

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a line as it would be typed.
func (u *user) run(line string, env ...string) result {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = u.dir, append(append([]string{}, u.env...), env...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		u.t.Fatalf("%s: %v", line, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
