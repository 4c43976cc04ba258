//go:build !race

package program_test

import "time"

// connsLimit is how long listing a full process may take.
const connsLimit = time.Second

// closeLimit is how late 8,600 connections may be closed and their peers may see it, on a machine that does other things too.
const closeLimit = 2 * time.Second
