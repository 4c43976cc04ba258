// Package awselb provides the outside suite of the Classic ELB API: the aws command and the AWS SDK for Go against the real program.
//
// Its tests do nothing unless LULL names the program; `make conformance` does that by way of the script run, which also installs the
// aws command and gives everything a network of its own where the machine allows it. What compares answers is tested always.
//
// Each section of the tables is a page of the user guide, or a part of one. It starts a lull of its own in an empty directory, with
// load balancers, instances and certificates of the names that the page uses, so that commands stand in the tables as the guide
// writes them. Between client and lull stands a relay that keeps what was said, for what a client does not show: forms on
// the wire, status codes, request ids. Starting the aws command takes a second of processor time, so sections run side by
// side, as many as -parallel allows.
//
// Everything is bounded: a command by commandMax, a wait by patience, the whole run by the script.
//
// Follows the Classic Load Balancer user guide and the examples of the aws command, by the numbers of the README.
package awselb
