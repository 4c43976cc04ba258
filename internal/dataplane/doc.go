// Package dataplane provides the Engine: the loops with what runs on them, and the one way to configure and watch them.
//
// control/apply gives it plans, health checks and name resolution report to it, the admin API and metrics read from it;
// all of these on ordinary goroutines. Apply compares a plan with the last one: it opens what is new first, so that a
// port that cannot be bound refuses the whole plan and changes nothing, then has every loop take the change over in one
// piece, and last closes what is gone. What a change does not concern does not notice.
//
// Locks: Engine.mu is held during Apply, Drain, Close and by Stats; a Registry's or Log's lock may be taken inside it,
// never the other way round. Loops take none of the engine's locks.
package dataplane
