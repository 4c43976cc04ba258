// Package relay provides what a proxy keeps of a transport connection and of the bytes on their way to it.
//
// Both proxies build on it, each on its loop's thread: Conn is a descriptor with what edge-triggered epoll said of it,
// Flow is one direction of a relay with the bytes that its receiver has not taken. What flows where, what a timer means
// and how a connection ends is the proxies' own. Plain values without locks, kept small because an idle connection
// consists of little else.
package relay
