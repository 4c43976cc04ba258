package ociapi

import (
	"maps"
	"slices"
)

// Summary is what metrics and logs tell a load balancer by.
type Summary struct {
	ID            string // OCID
	DisplayName   string // need not be the only one of its name
	PlanName      string // in the plan, in commands and in counters
	CompartmentID string
}

// Summaries returns the load balancers that are in the plan, by OCID. Callable from anywhere.
func (s *Service) Summaries() []Summary {
	balancers := s.state.Load().balancers
	list := make([]Summary, 0, len(balancers))
	for _, id := range slices.Sorted(maps.Keys(balancers)) {
		if b := balancers[id]; b.compiled != nil {
			list = append(list, Summary{ID: b.ID, DisplayName: b.DisplayName, PlanName: b.PlanName, CompartmentID: b.CompartmentID})
		}
	}
	return list
}
