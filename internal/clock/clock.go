// Package clock provides lull's monotonic time: nanoseconds since the process started, as an int64.
//
// Anyone may call it from any goroutine; the loops call it once a turn and hand the value down, so that
// everything below them (the wheel, the timeout rules, the state machines) takes now as an argument and can be
// tested with made-up numbers. An int64 is half the size of a time.Time and carries no pointer, which matters
// where every connection keeps four of them. It reads CLOCK_MONOTONIC, so wall-clock changes have no effect
// (rule TO-10); Wall converts a reading back to wall time for people and logs.
package clock

import "time"

// base is an arbitrary instant at start-up. It lies a second in the past so that no reading is ever zero, which
// the data plane uses for "never".
var base = time.Now().Add(-time.Second)

// Now returns nanoseconds on the monotonic clock since shortly before the process started. It is never zero.
func Now() int64 { return int64(time.Since(base)) }

// Wall returns the wall-clock time at which Now returned t, as the wall clock stood when the process started.
func Wall(t int64) time.Time { return base.Add(time.Duration(t)) }

// Real returns the wall-clock time as the machine has it now, for what is held against the clocks of other machines: signatures, names
// of files by the hour. Unlike Wall it follows a clock that is set, and the time for which the machine slept.
func Real() time.Time { return time.Now() }
