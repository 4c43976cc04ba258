//go:build race

package httpproxy

// raceEnabled: the race detector allocates, so allocation tests are skipped.
const raceEnabled = true
