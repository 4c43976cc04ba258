//go:build race

package wheel_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
