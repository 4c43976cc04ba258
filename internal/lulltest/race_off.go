//go:build !race

package lulltest

// raceDetector says whether the tests run under the race detector.
const raceDetector = false
