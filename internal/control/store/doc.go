// Package store provides the documents of the front doors that are not files: revisioned, changed by transactions, and watched.
//
// A front door opens one store when lull starts and uses it from the goroutines that answer its API. What compiles documents into a
// plan lists them and watches from the revision that the list was of. Documents are bytes under a key; a key is a path of
// names, and what belongs together has a prefix.
//
// There is one revision for all documents, counted up by each commit. Whoever changes what they have read names the revisions in
// the transaction's conditions and gets *Conflict if somebody else was faster. That is etcd's model with its limits on a transaction,
// and so the store of a fleet can be etcd with the same callers; a history of documents, leases and locks, which etcd has
// too, have no use here.
//
// Everything is in memory as one immutable snapshot behind an atomic pointer; reads take no lock and never wait for a disk. bbolt keeps it safe:
// one goroutine takes all transactions that wait, decides them one after another, writes them with one bbolt transaction (two
// fsyncs), and only then publishes the next snapshot, wakes the watchers and answers the callers. Reading from bbolt instead would
// show a commit before its last fsync. A log of our own beside the snapshot would be faster to write and another
// format to get right; commits come from people and deployment scripts, and a disk's milliseconds do.
//
// bbolt never overwrites a page in use and switches over with one sector, so a crash at any instant leaves the state before or after a
// commit. It trusts what it maps, though: so all of a file is checked before bbolt gets it (pages.go), each document and their sum
// have checksums (record.go), and what is not whole is refused with the copy to restore. Falling back to an older state by itself would be
// kinder and would lose what somebody was told is safe. Copies are made each hour from memory, not from the file.
//
// A commit that the disk refuses changes nothing, and the next one is tried anew, which is all it takes on a disk that was full. Only when
// the very last fsync fails is the outcome unknown, even to the kernel; then nothing more is written until the file is opened again.
//
// A Store locks itself; docs/internals/locks.md has its locks. Entries, batches and the values in them are shared and never change. The
// values given to Commit are copied.
//
// Limits: in limits.go, each with its reason. A watcher that does not read holds up nobody: it is a place in the bounded history, and is told
// to list again when it comes back too late.
//
// Orders of magnitude on a small virtual machine with an ordinary disk, 10,000 documents of 1 KiB: a commit some milliseconds, 32 callers
// at once less than one each; getting a document a fifth of a microsecond, listing all of them a millisecond, opening the
// file some ten milliseconds; waking a thousand watchers less than a millisecond.
//
// Follows no specification; the file's pages are bbolt's format, version 2.
package store
