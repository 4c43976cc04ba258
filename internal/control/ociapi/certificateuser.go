package ociapi

import (
	"slices"

	"lull/internal/control/ociapi/wire"
)

// CertificateUser returns who uses a certificate that no load balancer has itself, if anybody does.
func (s *Service) CertificateUser(id string) (by string, used bool) {
	st := s.state.Load()
	for _, b := range ordered(st.balancers) {
		if b.usesCertificate(id) {
			return "load balancer " + b.DisplayName + " (" + b.ID + ")", true
		}
	}
	return "", false
}

// usesCertificate reports whether a listener or a backend set names a certificate of the store.
func (d *document) usesCertificate(id string) bool {
	for _, l := range d.Listeners {
		if namesCertificate(l.SSLConfiguration, id) {
			return true
		}
	}
	for _, set := range d.BackendSets {
		if namesCertificate(set.SSLConfiguration, id) {
			return true
		}
	}
	return false
}

func namesCertificate(c *wire.SSLConfiguration, id string) bool {
	return c != nil && (slices.Contains(c.CertificateIDs, id) || slices.Contains(c.TrustedCertificateAuthorityIDs, id))
}
