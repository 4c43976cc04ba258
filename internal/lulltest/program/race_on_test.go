//go:build race

package program_test

import "time"

// connsLimit is how long listing a full process may take. The race detector makes it several times slower.
const connsLimit = 20 * time.Second

// closeLimit is how late 8,600 connections may be closed.
const closeLimit = 10 * time.Second
