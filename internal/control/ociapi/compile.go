package ociapi

import "lull/internal/dataplane/plan"

// compile makes a document's part of the plan.
func (s *Service) compile(d *document) (*plan.LoadBalancer, error) {
	return &plan.LoadBalancer{Name: d.PlanName, Origin: plan.OriginOCI}, nil
}
