// Package awselb provides the front door of the Classic ELB API 2012-06-01: its load balancers as documents, the 29 operations on
// them, and their compilation to a plan.
//
// The API server calls Do with each decoded request on the goroutine of its HTTP request. Reads take an immutable snapshot
// of all documents and no lock. Changes are made one at a time: the document is cloned, changed and checked, compiled, given to
// the data plane, stored, and only then shown to others; a change that any of these refuses has not happened. A document is what
// the API has to tell again, word for word; the plan is compiled from it and never read back (ADR 0003).
//
// Each load balancer has a node for each of its zones, as in AWS: an address of its own, taken from a pool, on which all its
// listeners are. All instances are backends of every node; with cross-zone load balancing off a node gives new connections to
// its own zone's only. So switching it moves nobody's open connection.
//
// What is outside is seen through small interfaces: which instance has which address, which ARN which certificate, what
// health checks say. When one of the first two changes, Refresh compiles everything anew.
//
// One mutex guards changes; it is held while the data plane and the store work, which is some milliseconds.
//
// Limits: those of the API (quota.go) and of the store.
//
// Follows the ELB API reference 2012-06-01 and the Classic Load Balancer user guide. Where they are silent, the comment at the place
// says what was chosen.
package awselb
