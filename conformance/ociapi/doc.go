// Package ociapi provides the outside suite of the OCI Load Balancer API: Oracle's SDKs against the real program.
//
// Its tests do nothing unless LULL names the program; `make conformance` does that by way of the script run. What compares answers is
// tested always.
//
// Each test starts a lull of its own in an empty directory and acts as a new user does: with the configuration and the key that the
// first start wrote, and the endpoint overridden. Between the SDK and lull stands nothing, but what comes back is kept as it came, for
// what the SDK does not show.
//
// Everything is bounded: a wait by patience, the whole run by the script.
//
// Follows the Load Balancing API reference 20170115.
package ociapi
