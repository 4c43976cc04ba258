// Package http1 provides the codec of HTTP/1.0 and HTTP/1.1: bytes in, values out, no I/O.
//
// An HTTP proxy calls it on its loop for both of its connections: a Receiver for each direction of an exchange, one
// Head for the whole loop, and the Append functions for what is sent on. Every function is pure and may run anywhere.
//
// # What an exchange sees
//
// A Receiver turns the bytes of one direction into events: head, data, trailers, end and reset. They are those of an
// HTTP/2 stream as well (HEADERS, DATA, HEADERS with END_STREAM, the END_STREAM flag, RST_STREAM), so the code that
// routes, arms timers, retries and accounts need not know which protocol stands behind them:
//
//	head      the Head is filled; a response may bring several with status 1xx before the final one
//	data      the next so many bytes are payload
//	trailers  the Head is filled with trailer fields; the message has ended
//	end       the message has ended; every head, data or trailers event can say so itself by its End mark
//	reset     the message is broken and never ends: a Fault says why
//
// A Step says how many bytes stand in front of the payload as framing, so that a proxy can cut payload out and frame
// it anew, or pass whole runs on as they are: the framing that was accepted is strict enough for any recipient.
//
// # Design
//
// A head is read in one pass when its bytes are all there, which is nearly always. Otherwise the caller keeps them in
// one contiguous buffer and offers them again with more behind; a Scan of 12 bytes remembers how far they were read,
// so that a peer that drips costs two passes in all and not one for each byte. A fault in a complete line is reported
// with that line. What is said of a head does not depend on how it was cut into pieces. The alternative, a machine with a
// state for each byte, was not taken: its state is kept for every connection, and it is slower on whole heads.
//
// Fields are kept as offsets and not as slices, because the caller may move the bytes, into a hold buffer for example.
// Those that a proxy must understand have an ID; what else there is, is passed on without being looked at.
//
// Framing is not repaired but refused, save where RFC 9112 defines the one reading that a recipient must take. Such a
// message is marked, forwarded only in its one reading, and Classify tells how suspicious the request was; what
// becomes of it is then decided by the desync mode. A fault is refused in every mode, as this codec does not guess.
//
// # Ownership
//
// A Head and a Receiver belong to their caller and are not safe for concurrent use. Nothing keeps a reference to the
// bytes it was given. Nothing is allocated but room for more than 32 fields, which a Head keeps for its next use.
//
// # Limits
//
// Limits bounds a head or trailer section: bytes, bytes of a line, fields. A method has at most MethodMax bytes, a chunk
// size 16 digits, a chunk's line 4096 bytes, and chunk framing may exceed the payload by no more than 16 KiB over
// 32 bytes for each chunk.
//
// # Specifications
//
// RFC 9110 (fields §5, Host §7.2, Connection §7.6.1, Upgrade §7.8, Content-Length §8.6, Expect §10.1.1) and RFC 9112
// (message §2, request line §3, status line §4, field syntax §5, body §6, chunks §7, connections §9). The branches cite
// their section, the table of faults is the list of all refusals. The classes of desync protection follow the
// documentation of AWS for its Classic Load Balancer.
package http1
