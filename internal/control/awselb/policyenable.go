package awselb

import (
	"context"
	"crypto/x509"

	"lull/internal/control/awselb/query"
)

func (s *Service) setListenerPolicies(ctx context.Context, r *query.SetLoadBalancerPoliciesOfListenerRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		l := d.listener(r.LoadBalancerPort)
		if l == nil {
			return listenerNotFound(d.Name, r.LoadBalancerPort)
		}
		names := distinct(r.PolicyNames)
		if err := d.checkListenerPolicies(l, names); err != nil {
			return err
		}
		l.Policies = names
		return s.checkServed(d, l)
	})
	if err != nil {
		return nil, err
	}
	return query.Empty{}, nil
}

// checkListenerPolicies refuses policies that cannot be enabled on a listener, or not all at once. A predefined policy must be among
// the load balancer's already, as in AWS, where another policy has to refer to it otherwise.
func (d *document) checkListenerPolicies(l *listener, names []string) error {
	ssl, sticky := "", ""
	for _, name := range names {
		p := d.policy(name)
		if p == nil {
			return policyNotFound(shown(name), d.Name)
		}
		group := &sticky
		switch p.Type {
		case typeAppCookie, typeLBCookie:
			if !l.http() {
				return conflict("%s cannot be enabled: policies of the type %s are for HTTP and HTTPS listeners, and port %d is %s", name, p.Type, l.Port, l.Protocol)
			}
		case typeSSLNegotiation:
			if !l.secure() {
				return conflict("%s cannot be enabled: policies of the type %s are for HTTPS and SSL listeners, and port %d is %s", name, p.Type, l.Port, l.Protocol)
			}
			group = &ssl
		case typePublicKey:
			return conflict("%s cannot be enabled: a policy of the type %s is named by one of the type %s", name, p.Type, typeBackendAuthentication)
		default:
			return conflict("%s cannot be enabled: policies of the type %s are for back-end ports, not for listeners", name, p.Type)
		}
		if *group != "" {
			return conflict("%s cannot be enabled: together with %s; a listener takes one stickiness policy and one SSL negotiation policy", name, *group)
		}
		*group = name
	}
	return nil
}

// checkServed refuses an SSL negotiation policy with which no client could be served, since none of its ciphers goes with a key of the
// listener's certificate. The default policy goes with all. A certificate that does not exist is somebody else's to refuse.
func (s *Service) checkServed(d *document, l *listener) error {
	holder, found := s.o.Certificates.Holder(l.CertificateID)
	enabled := d.enabled(l.Policies, typeSSLNegotiation)
	if !found || enabled == nil {
		return nil
	}
	negotiable, err := enabled.negotiation()
	if err != nil {
		return err
	}
	kind := x509.UnknownPublicKeyAlgorithm
	for _, c := range holder.Set().All() {
		if kind = c.Leaf().PublicKeyAlgorithm; negotiable.Serves(kind) {
			return nil
		}
	}
	if kind == x509.UnknownPublicKeyAlgorithm {
		return nil // there is no certificate to judge by
	}
	return conflict("%s cannot be enabled: none of its ciphers goes with the certificate of port %d, which has an %s key", enabled.Name, l.Port, kind)
}

func (s *Service) setBackendPolicies(ctx context.Context, r *query.SetLoadBalancerPoliciesForBackendServerRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		names := distinct(r.PolicyNames)
		if len(names) == 0 {
			delete(d.BackendPolicies, r.InstancePort) // whether there still is a listener or not
			return nil
		}
		if err := d.checkBackendPolicies(r.InstancePort, names); err != nil {
			return err
		}
		d.BackendPolicies[r.InstancePort] = names
		return nil
	})
	if err != nil {
		return nil, err
	}
	return query.Empty{}, nil
}

// checkBackendPolicies refuses policies that cannot be enabled on a back-end port. Several of a type may be: each public key is good, and
// one that asks for a PROXY header is enough. That goes for HTTP ports as well, as they may be shared with TCP listeners; HTTP listeners
// send no PROXY header.
func (d *document) checkBackendPolicies(port int32, names []string) error {
	for _, name := range names {
		if d.policy(name) == nil {
			return policyNotFound(shown(name), d.Name)
		}
	}
	l := d.listenerTo(port)
	if l == nil {
		return conflict("there is no listener with InstancePort %d for load balancer %s", port, d.Name)
	}
	for _, name := range names {
		p := d.policy(name)
		switch p.Type {
		case typeProxyProtocol:
			if l.secureBack() {
				return conflict("%s cannot be enabled: instances expect no PROXY header where they are spoken to by %s, as on port %d", name, l.InstanceProtocol, port)
			}
		case typeBackendAuthentication:
			if !l.secureBack() {
				return conflict("%s cannot be enabled: policies of the type %s are for instances that are spoken to by HTTPS or SSL, and port %d is %s",
					name, p.Type, port, l.InstanceProtocol)
			}
			if err := d.checkReferences(p); err != nil {
				return err
			}
		case typePublicKey:
			return conflict("%s cannot be enabled: a policy of the type %s is named by one of the type %s", name, p.Type, typeBackendAuthentication)
		default:
			return conflict("%s cannot be enabled: policies of the type %s are for listeners, not for back-end ports", name, p.Type)
		}
	}
	return nil
}

// listenerTo returns one of the listeners that send to a port of the instances; nil if none does. All of them agree on whether instances
// are spoken to by TLS there.
func (d *document) listenerTo(port int32) *listener {
	for i := range d.Listeners {
		if d.Listeners[i].InstancePort == port {
			return &d.Listeners[i]
		}
	}
	return nil
}
