//go:build race

package program_test

import "time"

// connsLimit is how long listing a full process may take. The race detector makes it several times slower.
const connsLimit = 20 * time.Second
