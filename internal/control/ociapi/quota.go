package ociapi

import "lull/internal/control/store"

// The documented limits of a load balancer, and of lull where Oracle leaves it to the tenancy or says nothing.
const (
	balancersMax       = 2000 // as many as of the Classic ELB API
	backendSetsMax     = 16
	backendsMax        = 512 // of all sets together
	listenersMax       = 16
	hostnamesMax       = 16
	rulesMax           = 50  // of all rule sets together
	certificatesMax    = 100 // ours, and the following
	cipherSuitesMax    = 100
	pathRouteSetsMax   = 100
	routingPoliciesMax = 100
	documentBytesMax   = store.ValueBytesMax // certificates are what can make a load balancer as large
)
