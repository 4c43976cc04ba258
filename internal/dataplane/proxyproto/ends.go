package proxyproto

import "net/netip"

// Ends are the two ends of a client's connection as its PROXY header gave them.
type Ends struct{ Source, Dest netip.AddrPort }
