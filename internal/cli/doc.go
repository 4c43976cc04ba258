// Package cli provides the lull commands: what they take, what they print and how they exit.
//
// Main is called once, by cmd/lull or by a test, on the main goroutine. There is one file for each command, with a
// constructor that root.go lists; a command gets everything it needs from the process through env, so that tests run
// it in the same process and look at what it wrote. Commands return errors and never exit or print a failure
// themselves: report turns the error into a line on standard error and an exit code, in one place. Nothing is kept in
// package variables besides what the linker sets.
//
// Text for people is stable, line by line and kept by golden tests; what machines read is asked for with --json.
//
// It follows the table of commands and the exit codes of spec/lull-yaml.md: 0 fine, 1 failed while running, 2 wrong
// usage or configuration.
package cli
