// Package lulltest provides what tests of the data plane and of the whole program share: backends with a manner of their
// own, an engine with one listener in front of them, and a look for leaks at the end of every test.
//
// Tests only; each test's goroutine calls it. Everything listens on port 0 of 127.0.0.1 (or ::1), and everything is
// closed by t.Cleanup. When a test ends, its clients are closed first and then the engine must come to hold nothing:
// no pair, timer, buffer, pipe or descriptor but its listening sockets.
//
// A test's body that OnWires runs speaks TLS without knowing it (wire.go).
package lulltest
