package awselb

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/awselb/query"
)

// policiesMax is the greatest number of policies of a load balancer. AWS does not tell its own; people have met one just below 100.
const policiesMax = 100

func (s *Service) createAppCookiePolicy(ctx context.Context, r *query.CreateAppCookieStickinessPolicyRequest) (any, error) {
	return s.definePolicy(ctx, r.LoadBalancerName, r.PolicyName, typeAppCookie, []query.PolicyAttribute{
		{AttributeName: new(attributeCookieName), AttributeValue: &r.CookieName},
	})
}

func (s *Service) createLBCookiePolicy(ctx context.Context, r *query.CreateLBCookieStickinessPolicyRequest) (any, error) {
	var given []query.PolicyAttribute
	if r.CookieExpirationPeriod != nil {
		given = append(given, query.PolicyAttribute{
			AttributeName: new(attributeCookiePeriod), AttributeValue: new(strconv.FormatInt(*r.CookieExpirationPeriod, 10)),
		})
	}
	return s.definePolicy(ctx, r.LoadBalancerName, r.PolicyName, typeLBCookie, given)
}

func (s *Service) createPolicy(ctx context.Context, r *query.CreateLoadBalancerPolicyRequest) (any, error) {
	return s.definePolicy(ctx, r.LoadBalancerName, r.PolicyName, r.PolicyTypeName, r.PolicyAttributes)
}

// definePolicy adds a policy to a load balancer and enables it nowhere.
func (s *Service) definePolicy(ctx context.Context, balancer, name, kind string, given []query.PolicyAttribute) (any, error) {
	if _, err := s.find(balancer); err != nil {
		return nil, err // before what is wrong with the policy: it could be right elsewhere
	}
	p, err := readPolicy(name, kind, given)
	if err != nil {
		return nil, err
	}
	if _, err := s.change(ctx, balancer, func(d *document) error { return d.addPolicy(p) }); err != nil {
		return nil, err
	}
	s.tellLeftOut(balancer, &p)
	return query.Empty{}, nil
}

// addPolicy adds a policy, unless it is there. That the very same may be asked for again is what the API's front page promises of all
// operations; the operation itself says only that a name must be new. Programs rely on both.
func (d *document) addPolicy(p policy) error {
	if old := d.policy(p.Name); old != nil {
		if old.same(&p) {
			return nil
		}
		return &query.Error{Code: query.DuplicatePolicyName, Field: "PolicyName",
			Message: "A policy with name " + p.Name + " already exists for load balancer " + d.Name + ", and it is another one"}
	}
	if len(d.Policies) >= policiesMax {
		return &query.Error{Code: query.TooManyPolicies, Field: "PolicyName",
			Message: "The load balancer " + d.Name + " has " + strconv.Itoa(len(d.Policies)) + " policies: at most " + strconv.Itoa(policiesMax) + " are allowed; delete some that are not enabled"}
	}
	if err := d.checkReferences(&p); err != nil {
		return err
	}
	d.insertPolicy(p)
	return nil
}

// same says whether two policies are described alike.
func (p *policy) same(o *policy) bool {
	return p.Type == o.Type && slices.Equal(p.describe(), o.describe())
}

// checkReferences refuses a policy that refers to a public key policy which the load balancer does not have.
func (d *document) checkReferences(p *policy) error {
	for _, name := range p.values(attributePublicKeyPolicy) {
		if named := d.policy(name); named == nil || named.Type != typePublicKey {
			return conflict("the policy %s refers to %s, and there is no policy of the type %s with that name for load balancer %s",
				p.Name, shown(name), typePublicKey, d.Name)
		}
	}
	return nil
}

// tellLeftOut logs what a new policy names and lull does not have. The API has no place where to say it.
func (s *Service) tellLeftOut(balancer string, p *policy) {
	if p.Type != typeSSLNegotiation || p.value(attributeReference) != "" {
		return
	}
	compiled, err := p.negotiation()
	if err != nil || len(compiled.LeftOut) == 0 {
		return
	}
	s.o.Log.Warn("an SSL negotiation policy names what lull does not have", "load_balancer", balancer, "policy", p.Name,
		"left_out", strings.Join(compiled.LeftOut, " "), "versions", strings.Join(compiled.Versions(), " "), "ciphers", strings.Join(compiled.Ciphers(), " "))
}

func (s *Service) deletePolicy(ctx context.Context, r *query.DeleteLoadBalancerPolicyRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if d.inUse(r.PolicyName) {
			return conflict("You cannot delete policy [%s] since it is enabled or referred by other enabled policy.", r.PolicyName)
		}
		d.Policies = slices.DeleteFunc(d.Policies, func(p policy) bool { return p.Name == r.PolicyName })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return query.Empty{}, nil
}

// inUse says whether a policy is enabled, or one that refers to it is.
func (d *document) inUse(name string) bool {
	for i := range d.Listeners {
		if slices.Contains(d.Listeners[i].Policies, name) {
			return true
		}
	}
	for _, enabled := range d.BackendPolicies {
		for _, e := range enabled {
			if e == name {
				return true
			}
			if p := d.policy(e); p != nil && slices.Contains(p.values(attributePublicKeyPolicy), name) {
				return true
			}
		}
	}
	return false
}

func (s *Service) describePolicies(r *query.DescribeLoadBalancerPoliciesRequest) (any, error) {
	list, of := samplePolicies(), ""
	if r.LoadBalancerName != nil {
		b, err := s.find(*r.LoadBalancerName)
		if err != nil {
			return nil, err
		}
		list, of = b.Policies, b.Name
	}
	list, err := named(list, r.PolicyNames, of)
	if err != nil {
		return nil, err
	}
	var result query.DescribeLoadBalancerPoliciesResult
	for i := range list {
		result.PolicyDescriptions = append(result.PolicyDescriptions, query.PolicyDescription{
			PolicyName: list[i].Name, PolicyTypeName: list[i].Type, PolicyAttributeDescriptions: list[i].describe(),
		})
	}
	return result, nil
}

// named returns the policies of those names, in their order; all if there are no names.
func named(list []policy, names []string, balancer string) ([]policy, error) {
	if len(names) == 0 {
		return list, nil
	}
	var chosen []policy
	for _, name := range distinct(names) {
		i := slices.IndexFunc(list, func(p policy) bool { return p.Name == name })
		switch {
		case i >= 0:
			chosen = append(chosen, list[i])
		case balancer != "":
			return nil, policyNotFound(shown(name), balancer)
		default:
			return nil, &query.Error{Code: query.PolicyNotFound, Field: "PolicyNames",
				Message: "There is no predefined policy with name " + shown(name) + ": for one of a load balancer, name that as well"}
		}
	}
	return chosen, nil
}

// describe returns the attributes as the API tells them. A cookie without a period has the period "0" here.
func (p *policy) describe() []query.PolicyAttributeDescription {
	switch p.Type {
	case typeSSLNegotiation:
		return p.describeSSL()
	case typeLBCookie:
		period := p.value(attributeCookiePeriod)
		if period == "" {
			period = "0"
		}
		return []query.PolicyAttributeDescription{{AttributeName: attributeCookiePeriod, AttributeValue: period}}
	case typeProxyProtocol:
		return []query.PolicyAttributeDescription{{AttributeName: attributeProxyProtocol, AttributeValue: booleanText(p.isTrue(attributeProxyProtocol))}}
	}
	list := make([]query.PolicyAttributeDescription, 0, len(p.Attributes))
	for _, a := range p.Attributes {
		list = append(list, query.PolicyAttributeDescription{AttributeName: a.Name, AttributeValue: a.Value})
	}
	return list
}
