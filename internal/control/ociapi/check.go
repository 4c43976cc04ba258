package ociapi

// check holds a whole document against what its parts must be to each other: that what they name is there, that there is not too
// much of anything, that listeners can share a port. So an operation changes its part and asks for nothing that is not its own.
func (s *Service) check(d *document) error {
	for _, f := range checks {
		if err := f(s, d); err != nil {
			return err
		}
	}
	return nil
}

// checks is every rule about a whole document, in the order in which clients hear of what they break.
//
//nolint:gochecknoglobals // a table
var checks = []func(s *Service, d *document) error{
	checkOutside,
	checkBackendSets, checkCertificates, checkCipherSuites, checkListeners, checkSSL,
	checkHostnames, checkPathRouteSets, checkRoutingPolicies, checkRuleSets,
	checkListenerHosts, checkListenerRules, checkRequestIDField,
}
