//go:build race

package proxyproto_test

// raceEnabled: the race detector allocates, so allocation tests are skipped.
const raceEnabled = true
