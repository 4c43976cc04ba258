//go:build !race

package certs_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = false
