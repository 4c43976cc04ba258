package store

import (
	"os"
	"os/exec"
	"testing"
)

// The test program takes the part of other processes when this is set.
const partVariable = "LULL_STORE_TEST_PART"

// parts are what it can be, each given the rest of the arguments.
//
//nolint:gochecknoglobals // a table
var parts = map[string]func(args []string) error{
	"commit": commitUntilKilled,
	"full":   fillDisk,
}

func TestMain(m *testing.M) {
	part := parts[os.Getenv(partVariable)]
	if part == nil {
		os.Exit(m.Run())
	}
	if err := part(os.Args[1:]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// otherProcess prepares a process that takes a part.
func otherProcess(t testing.TB, part string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	return cmd
}
