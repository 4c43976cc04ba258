package wire

import "strings"

// The protocols of listeners.
const (
	ProtocolHTTP  = "HTTP"
	ProtocolHTTP2 = "HTTP2"
	ProtocolGRPC  = "GRPC"
	ProtocolTCP   = "TCP"
)

// ListenerDetails is a listener without its name, and the whole of what a PUT replaces. In a decoded one
// ConnectionConfiguration is set.
type ListenerDetails struct {
	DefaultBackendSetName   string                   `wire:"defaultBackendSetName,required" range:"1-32" match:"name"`
	Port                    int                      `wire:"port,required" range:"1-65535"`
	Protocol                string                   `wire:"protocol,required"`
	HostnameNames           []string                 `wire:"hostnameNames" range:"0-16" eachmatch:"name"`
	PathRouteSetName        *string                  `wire:"pathRouteSetName" match:"name"`
	RoutingPolicyName       *string                  `wire:"routingPolicyName" match:"name"`
	RuleSetNames            []string                 `wire:"ruleSetNames" range:"0-50" eachmatch:"name"`
	SSLConfiguration        *SSLConfiguration        `wire:"sslConfiguration"`
	ConnectionConfiguration *ConnectionConfiguration `wire:"connectionConfiguration"`
}

// CreateListenerDetails asks for a listener.
type CreateListenerDetails struct {
	Name string `wire:"name,required,notempty" match:"name"`
	ListenerDetails
}

// Listener is a listener as reads show it.
type Listener struct {
	Name string `wire:"name"`
	ListenerDetails
}

// ListenerRuleSummary is one rule that a listener has, and the rule set it comes from.
type ListenerRuleSummary struct {
	Rule        Rule   `wire:"rule"`
	RuleSetName string `wire:"ruleSetName"`
}

func (d *ListenerDetails) check(field string) error {
	if err := d.checkProtocol(field); err != nil {
		return err
	}
	if d.PathRouteSetName != nil && d.RoutingPolicyName != nil {
		name := join(field, "routingPolicyName")
		return invalid(name, "%s '%s' cannot be given together with pathRouteSetName '%s': use one of them", name, *d.RoutingPolicyName, *d.PathRouteSetName)
	}
	for _, names := range []struct {
		name   string
		values []string
	}{{"hostnameNames", d.HostnameNames}, {"ruleSetNames", d.RuleSetNames}} {
		if err := checkDistinct(join(field, names.name), names.values); err != nil {
			return err
		}
	}
	if err := d.SSLConfiguration.checkFront(join(field, "sslConfiguration")); err != nil {
		return err
	}
	return d.checkConnection(join(field, "connectionConfiguration"))
}

// checkProtocol refuses protocols that there are not, and what a protocol cannot have.
func (d *ListenerDetails) checkProtocol(field string) error {
	name := join(field, "protocol")
	given := d.Protocol
	d.Protocol = strings.ToUpper(given)
	switch d.Protocol {
	case ProtocolHTTP:
	case ProtocolHTTP2, ProtocolGRPC:
		if d.SSLConfiguration == nil {
			ssl := join(field, "sslConfiguration")
			return refuse(MissingParameter, ssl, "%s is required when protocol is %s", ssl, d.Protocol)
		}
	case ProtocolTCP:
		if len(d.RuleSetNames) > 0 {
			return invalid(join(field, "ruleSetNames"), "%s is not allowed when protocol is TCP: rule sets are for HTTP, HTTP2 and GRPC", join(field, "ruleSetNames"))
		}
		if len(d.HostnameNames) > 0 {
			return invalid(join(field, "hostnameNames"), "%s is not allowed when protocol is TCP: hostnames are for HTTP, HTTP2 and GRPC", join(field, "hostnameNames"))
		}
	case "HTTPS":
		return invalid(name, "%s '%s' is not allowed: allowed is HTTP, HTTP2, GRPC, TCP; for HTTPS use HTTP with sslConfiguration", name, shown(given))
	default:
		return invalid(name, "%s '%s' is not allowed: allowed is HTTP, HTTP2, GRPC, TCP", name, shown(given))
	}
	return nil
}

// checkDistinct refuses a name that a list has twice.
func checkDistinct(field string, values []string) error {
	seen := map[string]bool{}
	for _, value := range values {
		if seen[value] {
			return invalid(field, "%s has '%s' more than once", field, shown(value))
		}
		seen[value] = true
	}
	return nil
}
