//go:build !race

package program_test

import "time"

// connsLimit is how long listing a full process may take.
const connsLimit = time.Second
