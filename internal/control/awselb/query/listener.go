package query

import (
	"slices"
	"strings"
)

// The protocols, in the order in which messages list them.
const (
	protocolHTTP  = "HTTP"
	protocolHTTPS = "HTTPS"
	protocolTCP   = "TCP"
	protocolSSL   = "SSL"
)

// Listener is one port of a load balancer. In a decoded request the protocols are in upper case, InstanceProtocol is
// set, and SSLCertificateID is there exactly when Protocol is HTTPS or SSL.
type Listener struct {
	Protocol         string  `wire:"Protocol,required"`
	LoadBalancerPort int32   `wire:"LoadBalancerPort,required" range:"1-65535"`
	InstanceProtocol *string `wire:"InstanceProtocol"`
	InstancePort     int32   `wire:"InstancePort,required" range:"1-65535"`
	SSLCertificateID *string `wire:"SSLCertificateId" range:"0-2048"`
}

func (l *Listener) check(field string) error {
	var err error
	if l.Protocol, err = listenerProtocol(join(field, "Protocol"), l.Protocol); err != nil {
		return err
	}
	if err := l.checkInstanceProtocol(field); err != nil {
		return err
	}
	if !secure(l.Protocol) {
		l.SSLCertificateID = nil // AWS drops it silently, and templates rely on that
		return nil
	}
	if l.SSLCertificateID == nil || *l.SSLCertificateID == "" {
		return refuse(ValidationError, join(field, "SSLCertificateId"), "Secure Listeners need to specify a SSLCertificateId")
	}
	return nil
}

// checkInstanceProtocol gives the back-end side the plain protocol of the front's layer where none is named, and refuses
// one of the other layer.
func (l *Listener) checkInstanceProtocol(field string) error {
	if l.InstanceProtocol == nil {
		plain := protocolTCP
		if hypertext(l.Protocol) {
			plain = protocolHTTP
		}
		l.InstanceProtocol = &plain
		return nil
	}
	field = join(field, "InstanceProtocol")
	protocol, err := listenerProtocol(field, *l.InstanceProtocol)
	if err != nil {
		return err
	}
	if hypertext(protocol) != hypertext(l.Protocol) {
		return refuse(ValidationError, field, "%s %s does not go with the Protocol %s: use HTTP or HTTPS on both sides, or TCP or SSL on both", field, protocol, l.Protocol)
	}
	l.InstanceProtocol = &protocol
	return nil
}

// listenerProtocol returns a protocol in upper case.
func listenerProtocol(field, value string) (string, error) {
	protocol := strings.ToUpper(value)
	if !slices.Contains([]string{protocolHTTP, protocolHTTPS, protocolTCP, protocolSSL}, protocol) {
		return "", refuse(UnsupportedProtocol, field, "%s '%s' is not supported: use HTTP, HTTPS, TCP or SSL", field, shown(value))
	}
	return protocol, nil
}

// secure reports whether a protocol runs over TLS.
func secure(protocol string) bool { return protocol == protocolHTTPS || protocol == protocolSSL }

// hypertext reports whether a protocol is of layer 7.
func hypertext(protocol string) bool { return protocol == protocolHTTP || protocol == protocolHTTPS }

// ListenerDescription is a listener with the policies that are enabled on it.
type ListenerDescription struct {
	Listener    Listener `wire:"Listener"`
	PolicyNames []string `wire:"PolicyNames"`
}

// CreateLoadBalancerListenersRequest asks for more listeners.
type CreateLoadBalancerListenersRequest struct {
	LoadBalancerName string     `wire:"LoadBalancerName,required"`
	Listeners        []Listener `wire:"Listeners,required" range:"1-"`
}

// DeleteLoadBalancerListenersRequest asks for the end of listeners, which need not exist.
type DeleteLoadBalancerListenersRequest struct {
	LoadBalancerName  string  `wire:"LoadBalancerName,required"`
	LoadBalancerPorts []int32 `wire:"LoadBalancerPorts,required" each:"1-65535"`
}

// SetLoadBalancerListenerSSLCertificateRequest asks for another certificate on a listener.
type SetLoadBalancerListenerSSLCertificateRequest struct {
	LoadBalancerName string `wire:"LoadBalancerName,required"`
	LoadBalancerPort int32  `wire:"LoadBalancerPort,required" range:"1-65535"`
	SSLCertificateID string `wire:"SSLCertificateId,required" range:"1-2048"`
}
