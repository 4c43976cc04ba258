package awselb

import (
	"fmt"

	"lull/internal/control/awselb/query"
)

// notFound is the answer about a load balancer that does not exist, or that belongs to another front door.
func (s *Service) notFound(name string) error {
	for _, lb := range s.o.Runtime.Plan().LoadBalancers {
		if lb.Name == name && s.state.Load().balancers[name] == nil {
			return &query.Error{Code: query.OperationNotPermitted, Field: "LoadBalancerName", Message: fmt.Sprintf(
				"The load balancer '%s' is defined in %s and can only be changed there", name, lb.Origin)}
		}
	}
	return &query.Error{Code: query.LoadBalancerNotFound, Field: "LoadBalancerName",
		Message: fmt.Sprintf("There is no ACTIVE Load Balancer named '%s'", name)}
}

// invalid is the answer to a value that the API does not take.
func invalid(field, format string, args ...any) error {
	return &query.Error{Code: query.ValidationError, Field: field, Message: fmt.Sprintf(format, args...)}
}

// conflict is the answer to what cannot be done as things stand.
func conflict(format string, args ...any) error {
	return &query.Error{Code: query.InvalidConfigurationRequest, Message: fmt.Sprintf(format, args...)}
}

// policyNotFound is the answer about a policy that does not exist.
func policyNotFound(policy, balancer string) error {
	return &query.Error{Code: query.PolicyNotFound, Field: "PolicyNames", Message: fmt.Sprintf(
		"There is no policy with name %s for load balancer %s", policy, balancer)}
}
