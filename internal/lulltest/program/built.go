package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// built, in the environment, names the program that the outside suites hold against real clients.
const built = "LULL"

// File returns the file of the program that LULL names, and skips the test where none is named.
func File(t testing.TB) string {
	t.Helper()
	name := os.Getenv(built)
	if name == "" {
		t.Skipf("%s does not name a program: this is for make conformance", built)
	}
	file, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Built returns an empty directory in which lull is the program that LULL names, as make build made it, and not the test binary.
// It skips the test where none is named.
func Built(t testing.TB) *Dir {
	t.Helper()
	file := File(t)
	d := NewDir(t)
	d.exe = file
	return d
}

// Net returns the first three bytes of addresses, 127.x.y, that no other directory has: for load balancers, backends and clients that
// want some of their own. There is one for each of 0 to 9. The first directory's depend on the process, so that two runs at a time are
// hardly in each other's way.
func (d *Dir) Net(i int) string {
	return fmt.Sprintf("127.%d.%d", 16+(os.Getpid()*16+d.number)%224, os.Getpid()%200+i)
}

// Do runs a command that has to succeed, and returns what it printed.
func (d *Dir) Do(args ...string) string {
	d.t.Helper()
	out, err := d.Command(d.t.Context(), args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("lull %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// For has what fails from now on fail that test, which may be a part of the one that the directory was made for.
func (d *Dir) For(t testing.TB) { d.t = t }
