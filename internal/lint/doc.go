// Package lint provides the house rules that no ready-made linter knows, as ordinary tests.
//
// `go test ./internal/lint` runs them on every file of the repository, and so does every `make test`: nothing needs to
// be installed. A check is a function from a file's text to findings, tried on made-up text first and on the tree
// afterwards; each finding names the fix and not only the fault. The alternative was a golangci-lint plugin, which has
// to be built with exactly the linter's own versions and does not run on a machine that has only Go.
//
// What linters do know (layering of direct imports, banned calls, function length once more) is in .golangci.yml.
package lint
