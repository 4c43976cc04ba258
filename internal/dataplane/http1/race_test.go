//go:build race

package http1

// raceEnabled: the race detector allocates, so allocation tests are skipped.
const raceEnabled = true
