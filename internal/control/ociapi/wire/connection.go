package wire

// The idle timeouts, in seconds, of listeners that say nothing. That of WebSocket is that of its HTTP listener.
const (
	idleTimeoutTCP  = 300
	idleTimeoutHTTP = 60
)

// proxyV2 is the version of the PROXY protocol that can carry options.
const proxyV2 = 2

// ConnectionConfiguration is what a listener's connections are held to. A client that sends one has to say the idle
// timeout, even when it wants something else from it.
type ConnectionConfiguration struct {
	IdleTimeout                    int      `wire:"idleTimeout,required" range:"1-7200"`
	BackendTCPProxyProtocolVersion *int     `wire:"backendTcpProxyProtocolVersion" range:"1-2"`
	BackendTCPProxyProtocolOptions []string `wire:"backendTcpProxyProtocolOptions,omitempty" range:"0-1" eachenum:"PP2_TYPE_AUTHORITY"`
}

// checkConnection refuses a PROXY protocol where there is none, and puts the defaults of the protocol.
func (d *ListenerDetails) checkConnection(field string) error {
	c := d.ConnectionConfiguration
	if c == nil {
		c = &ConnectionConfiguration{IdleTimeout: idleTimeoutHTTP}
		if d.Protocol == ProtocolTCP {
			c.IdleTimeout = idleTimeoutTCP
		}
		d.ConnectionConfiguration = c
		return nil
	}
	version := join(field, "backendTcpProxyProtocolVersion")
	options := join(field, "backendTcpProxyProtocolOptions")
	switch {
	case c.BackendTCPProxyProtocolVersion != nil && d.Protocol != ProtocolTCP:
		return invalid(version, "%s %d is not allowed when protocol is %s: it is for TCP", version, *c.BackendTCPProxyProtocolVersion, d.Protocol)
	case len(c.BackendTCPProxyProtocolOptions) > 0 && (c.BackendTCPProxyProtocolVersion == nil || *c.BackendTCPProxyProtocolVersion != proxyV2):
		return invalid(options, "%s is allowed only when backendTcpProxyProtocolVersion is %d", options, proxyV2)
	}
	return nil
}
