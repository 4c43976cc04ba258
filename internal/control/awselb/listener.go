package awselb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"lull/internal/control/awselb/query"
)

func (s *Service) createListeners(ctx context.Context, r *query.CreateLoadBalancerListenersRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		return s.addListeners(d, listenersOf(r.Listeners))
	})
	return query.Empty{}, err
}

func (s *Service) deleteListeners(ctx context.Context, r *query.DeleteLoadBalancerListenersRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if len(r.LoadBalancerPorts) == 0 {
			return invalid("LoadBalancerPorts", "LoadBalancerPorts cannot be empty")
		}
		// Policies stay, those of the instance port as well: they are the load balancer's, and a listener that is made anew, which is
		// the only way to change one, finds them again.
		d.Listeners = slices.DeleteFunc(d.Listeners, func(l listener) bool { return slices.Contains(r.LoadBalancerPorts, l.Port) })
		return nil
	})
	return query.Empty{}, err
}

func (s *Service) setListenerCertificate(ctx context.Context, r *query.SetLoadBalancerListenerSSLCertificateRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		l := d.listener(r.LoadBalancerPort)
		switch {
		case l == nil:
			return listenerNotFound(d.Name, r.LoadBalancerPort)
		case !l.secure():
			return conflict("The listener on port %d of load balancer %s speaks %s and has no certificate: only HTTPS and SSL listeners have one",
				l.Port, d.Name, l.Protocol)
		}
		l.CertificateID = r.SSLCertificateID
		return s.checkCertificate(l)
	})
	return query.Empty{}, err
}

// listenersOf returns what a request asks for. Decode has filled in what it may leave out.
func listenersOf(asked []query.Listener) []listener {
	list := make([]listener, len(asked))
	for i, l := range asked {
		list[i] = listener{Protocol: l.Protocol, Port: l.LoadBalancerPort, InstanceProtocol: *l.InstanceProtocol, InstancePort: l.InstancePort}
		if l.SSLCertificateID != nil {
			list[i].CertificateID = *l.SSLCertificateID
		}
	}
	return list
}

// addListeners adds those that are not there yet: all of them, or the error says which one cannot be and why.
func (s *Service) addListeners(d *document, asked []listener) error {
	for _, l := range asked {
		if old := d.listener(l.Port); old != nil {
			if !old.same(&l) {
				return &query.Error{Code: query.DuplicateListener, Field: "Listeners", Message: fmt.Sprintf(
					"A listener already exists for %s with LoadBalancerPort %d, but with a different InstancePort, Protocol, or SSLCertificateId", d.Name, l.Port)}
			}
			continue
		}
		if err := d.checkInstancePort(&l); err != nil {
			return err
		}
		if err := s.checkCertificate(&l); err != nil {
			return err
		}
		if l.secure() {
			d.usePredefined(defaultSSLPolicy)
			l.Policies = []string{defaultSSLPolicy}
		}
		d.Listeners = append(d.Listeners, l)
	}
	if len(d.Listeners) > listenersMax {
		return conflict("The load balancer '%s' would have %d listeners: %d are allowed", d.Name, len(d.Listeners), listenersMax)
	}
	slices.SortFunc(d.Listeners, func(a, b listener) int { return cmp.Compare(a.Port, b.Port) })
	return nil
}

// same says whether two listeners are the same but for their policies.
func (l *listener) same(o *listener) bool {
	return l.Protocol == o.Protocol && l.Port == o.Port && l.InstanceProtocol == o.InstanceProtocol && l.InstancePort == o.InstancePort &&
		l.CertificateID == o.CertificateID
}

// checkInstancePort holds a listener against those that there are: what is on an instance's port speaks TLS or does not.
func (d *document) checkInstancePort(l *listener) error {
	for i := range d.Listeners {
		if o := &d.Listeners[i]; o.InstancePort == l.InstancePort && o.secureBack() != l.secureBack() {
			return conflict("InstanceProtocol %s of the listener on port %d does not go with %s of the listener on port %d: listeners that share the InstancePort %d must all use HTTPS or SSL there, or all HTTP or TCP",
				l.InstanceProtocol, l.Port, o.InstanceProtocol, o.Port, l.InstancePort)
		}
	}
	return nil
}

// checkCertificate refuses a secure listener a certificate that lull does not have.
func (s *Service) checkCertificate(l *listener) error {
	if !l.secure() {
		return nil
	}
	if _, found := s.o.Certificates.Holder(l.CertificateID); !found {
		return &query.Error{Code: query.CertificateNotFound, Field: "SSLCertificateId",
			Message: "Server Certificate not found for the key: " + l.CertificateID}
	}
	return nil
}

// listenerNotFound is the answer about a port that has no listener.
func listenerNotFound(balancer string, port int32) error {
	return &query.Error{Code: query.ListenerNotFound, Field: "LoadBalancerPort", Message: fmt.Sprintf(
		"There is no listener with LoadBalancerPort %d for load balancer %s", port, balancer)}
}
