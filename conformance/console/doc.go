// Package console provides the outside suite of the web console: real Chromium, driven from outside, on the pages of the real program.
//
// Its tests do nothing unless LULL names the program; `make conformance` does that by way of the script run, which also installs
// axe-core. Each test starts a lull of its own in an empty directory, and a browser with an empty profile, and does what a person does:
// it clicks links by what they say and types into fields by their labels. Nothing stands between the browser and lull.
//
// Everything is bounded: a wait by patience, a browser by browserMax, the whole run by the script.
//
// The ways through the pages are those of the AWS documentation (book A9); accessibility is held to WCAG 2.2 AA as far as axe-core sees.
package console
