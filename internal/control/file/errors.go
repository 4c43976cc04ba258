package file

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// faultsMax is how many faults one reading reports. Nobody reads more at a sitting, and a hostile file of 4 MiB could
// hold a million.
const faultsMax = 200

// Error is one fault of a file.
type Error struct {
	File    string
	Line    int    // 1 is the first; 0 when the fault is the whole file's
	Column  int    // 1 is the first; 0 like Line
	Key     string // dotted path, "load_balancers[0].timeouts.idle"; empty for the file as such
	Value   string // as written, shortened when long; empty when a value is what is missing
	Message string // completes "Key: Value …", with the allowed range where there is one
	Err     error  // the cause, when it came from the operating system
}

// Error returns the fault on one line, for example
// "lull.yaml:12: load_balancers[0].timeouts.idle: 5000s is out of range: allowed 1s..4000s (whole seconds)".
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	if e.Value != "" {
		b.WriteString(e.Value + " ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap returns the cause, or nil.
func (e Error) Unwrap() error { return e.Err }

// Errors is every fault found in a file, in the order of its lines. Load and Parse return no other error.
type Errors []Error

// Error returns the faults, one to a line, without a line end after the last.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is find the cause of any of them.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// sort orders the faults as a reader of the file meets them.
func (es Errors) sort() {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
