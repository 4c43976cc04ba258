package dataplane

import (
	"net/netip"

	"lull/internal/dataplane/plan"
)

// Take gives an accepted connection to the proxy that has its listener. On the worker's loop, as is Reclaim. A listener that
// is gone by now is the TCP proxy's to refuse.
func (w *worker) Take(fd int, peer netip.AddrPort, key plan.ListenerKey) {
	if protocol, _ := w.tcp.Protocol(key); protocol == plan.HTTP { // it knows all listeners, for the tunnels
		w.http.Take(fd, peer, key)
		return
	}
	w.tcp.Take(fd, peer, key)
}

// Reclaim ends a connection that has nothing under way, if there is one (PR-03).
func (w *worker) Reclaim() bool { return w.http.Reclaim() || w.tcp.Reclaim() }
