package ociapi

import (
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
)

// ruled is what a listener's hostnames, path routes, routing policy and rule sets come to.
type ruled struct {
	site    *plan.Site
	hosts   []string    // empty: it takes the requests that no other listener of the port does
	headMax int         // bytes
	caps    *rules.Caps // nil: no bound
}

// ruled compiles what decides about a listener's requests, given the backend sets of its load balancer by name.
func (d *document) ruled(name string, l *wire.ListenerDetails, sets map[string]*plan.BackendSet) (*ruled, error) {
	return &ruled{site: &plan.Site{Name: name, Sets: []*plan.BackendSet{sets[l.DefaultBackendSetName]}}}, nil
}
