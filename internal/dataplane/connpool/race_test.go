//go:build race

package connpool_test

// raceEnabled: the race detector allocates, so allocation tests are skipped.
const raceEnabled = true
