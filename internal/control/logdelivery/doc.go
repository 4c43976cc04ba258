// Package logdelivery provides the delivery of access logs as a Classic Load Balancer delivers them: every 5 or 60 minutes a
// file of lines per load balancer and node, to a directory or to a bucket that speaks S3.
//
// The front door calls SetTargets whenever the load balancers that have a log change, and Check when somebody enables one;
// both from anywhere. A Delivery has a goroutine that follows what has ended, one that decides what is due, and up to
// uploadsMost that put files in place.
//
// Lines go from the rings of package record to the spool, a directory with a file per load balancer, node and interval, and
// from there as whole files to a Store. So memory holds a second's lines, or pendingAll bytes, whatever is slow; files
// outlive a crash; and no loop ever waits: what the rings forget, what has no room in the spool and what a Store does not
// take within an hour is lost, counted and logged. The alternative, sending lines as they come, has no retry that keeps
// the documented layout: objects cannot be appended to.
//
// A file belongs to the interval in which its lines' connections and exchanges ended, and is shut a moment after that: what
// ended just before the boundary has then been followed. A spool file begins with a line that says where it goes, is
// delivered without it, and is removed once it is there. One process at a time may use a spool.
//
// Locks: Delivery.mu and spool.mu are never held together. spool.mu is held while lines are written to files, by the
// follower and by the scheduler; on a disk that hangs Counters waits for it, SetTargets and Check do not.
//
// Limits: spool by Options.SpoolBytesMax, file by fileBytesMax, delivery by triesMost and attemptMost, Check by checkMost,
// Close by closeWait, the answers of an S3 server by answerBytesMax.
//
// Follows the user guide's "Access logs for your Classic Load Balancer" (file names, cadence, test file), reference §10.1;
// the lines are those of package accesslog, §10.2.
package logdelivery
