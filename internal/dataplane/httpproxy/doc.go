// Package httpproxy provides the HTTP proxy: the state machines of a client's connection, of the exchanges on it one after
// the other, and of the back-end connections that carry them.
//
// One Proxy belongs to each loop and runs on its thread only. An acceptor gives it connections (Take), the loop calls it
// for descriptors and timers, the engine for plan changes and snapshots (through loop.Post).
//
// # Design
//
// Three kinds of object, because three things have lives of their own: a front (a client's connection, idle most of its
// time and therefore small), an exchange (a request and its response, on loan from a list while one is under way) and a
// back (a connection to a backend, which belongs to an exchange or lies in the pool). An exchange sees heads, data,
// trailers and ends, as package http1 hands them out, so that it can serve another HTTP version one day.
//
// Bytes are read into one area of the loop, the head is rewritten into another, and both leave in one system call. What
// the receiving side does not take is held, and the sending side is not read meanwhile: that is the back-pressure, at
// most one read each way. A request that has no back-end connection yet is held as it came and read anew later; the same
// goes for one that must be repeated (SH-09). Chunks and trailers pass in their one accepted reading.
//
// A front has one timer for whatever it waits for, a back one for its time in the pool. Both only ever fire early and are
// then armed anew (package timeout says for when), so an exchange costs no work on the wheel.
//
// An Upgrade makes a tunnel of an exchange: package tcpproxy adopts both connections.
//
// Files in the order of a request's life: httpproxy.go (connections come, events, timers), front.go, exchange.go,
// back.go (the objects), header.go (PROXY header), crowd.go (the bound on an address), request.go, admit.go (what is
// refused, what is promised), site.go and reply.go (what the rules of its site make of a request), route.go, connect.go,
// queue.go, forward.go (towards the backend), respond.go (towards the client), edit.go (what a site changes in heads),
// stale.go (SH-09), answer.go (lull's own responses), upgrade.go, finish.go (every way to end), pool.go, listener.go and
// show.go (plan changes, views, records).
//
// # Limits
//
// Heads are bounded by limits.head_bytes, held bytes by one read each way, interim responses by interimMax, repeated
// requests by replayMax, pooled connections by pooledMax, exchanges served in one turn by
// stepsMax, redirects by redirectTargetMax and locationMax.
//
// # Specifications
//
// RFC 9110 (semantics: §7.6 forwarding, §7.8 Upgrade, §10.1.1 Expect, §15.2 interim responses), RFC 9112 (§6, §7 framing,
// §9 connections), and the rules SH-02..SH-13, DI-01..DI-16, PR-01..PR-03, TO-01..TO-12 of spec/timeouts.md.
package httpproxy
