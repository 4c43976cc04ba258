// Package tlsio provides TLS over descriptors that never block: crypto/tls driven by an event loop.
//
// The proxies own a Conn beside each descriptor that speaks TLS, and call it on their loop's thread. The engine makes one
// Server for each listener and one Client for each backend set, which all loops share, and one Gate for the process.
//
// # Design
//
// Once the handshake is over, crypto/tls is asked for records as they come: it reads through a net.Conn (wire) that gives a
// temporary error when the socket has no more, after which it can be asked again, and whose writes always succeed, into an
// area of the loop. So Read looks like a read of a socket, and Seal turns bytes into those that go on the wire; who holds
// them while the peer is slow is the proxies' affair, as with plain bytes. An idle connection has no buffer of ours.
//
// A handshake cannot be asked again, and costs as much as a dozen requests or more. It runs on a goroutine of its own, fed
// by the loop, which alone touches the descriptor: the goroutine ends by itself when the loop has given up on it. Before
// the whole of a client's first record is there, no goroutine is begun. A Gate bounds how many there are, and how many
// compute at once: first come, first served, so that under more handshakes than the machine can do some succeed, where
// otherwise all would be late.
//
// Not chosen: a goroutine per connection (14 KiB and two wake-ups more), a record layer of our own (a second
// implementation of what must not go wrong), kernel TLS (not in every kernel, and it needs the keys out of crypto/tls).
//
// Limits: a handshake's input is fed in pieces of at most feedMax; crypto/tls bounds its messages. What a peer can make lull
// say without asking for data (answers to key updates) is bounded by controlMax.
//
// Follows RFC 8446 and RFC 5246 in what crypto/tls leaves to its user: §6.1 (close_notify, truncation), §4.6.3 (key updates);
// RFC 5077 and RFC 8446 §4.6.1 (tickets: see Tickets); rule TO-05 of spec/timeouts.md.
package tlsio
