package cli

import (
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, args string
		code       int
		stderr     string
	}{
		{"unknown-command", "zzz", exitWrong, `lull: there is no command "zzz"; see lull --help`},
		{"mistyped-command", "chek a.yaml", exitWrong, `lull: there is no command "chek": did you mean check?; see lull --help`},
		{"unknown-flag", "--zzz", exitWrong, `lull: unknown flag: --zzz; see lull --help`},
		{"unknown-flag-of-command", "check --zzz", exitWrong, `lull check: unknown flag: --zzz; see lull check --help`},
		{"flag-value", "version --json=maybe", exitWrong, `lull version: invalid argument "maybe" for "--json" flag: ` +
			`strconv.ParseBool: parsing "maybe": invalid syntax; see lull version --help`},
		{"argument-missing", "check", exitWrong, `lull check: the file to check is missing; see lull check --help`},
		{"argument-too-many", "check a b", exitWrong, `lull check: "b" is one argument too many; see lull check --help`},
		{"argument-unwanted", "version now", exitWrong, `lull version: "now" is one argument too many; see lull version --help`},
		{"help-for-nothing", "help zzz", exitWrong, `lull help: there is no command "zzz"; see lull help --help`},
		{"no-file", "check testdata/none.yaml", exitWrong, `testdata/none.yaml: cannot be read: no such file or directory`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(strings.Fields(c.args)...)
			if code != c.code || stdout != "" || stderr != c.stderr+"\n" {
				t.Errorf("lull %s:\ngot %d, %q, %q\nwant %d, \"\", %q", c.args, code, stdout, stderr, c.code, c.stderr+"\n")
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "--help", "help", "check --help", "help check", "version -h"} {
		code, stdout, stderr := run(strings.Fields(args)...)
		if code != exitFine || !strings.Contains(stdout, "Usage:") || stderr != "" {
			t.Errorf("lull %s: got %d, %q, %q, want 0 and the usage", args, code, stdout, stderr)
		}
	}
	_, stdout, _ := run("serve", "--help")
	for _, runs := range []string{"Classic ELB API", "OCI Load Balancer API", "console"} {
		if !strings.Contains(strings.ReplaceAll(stdout, "\n", " "), runs) {
			t.Errorf("lull serve --help does not say that the %s runs without a file: %q", runs, stdout)
		}
	}
}
