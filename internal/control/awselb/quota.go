package awselb

import (
	"slices"
	"strconv"

	"lull/internal/control/awselb/query"
)

// The quotas of lull, which are those of an account in a region: there is one of each here. AWS begins with 20 load balancers and
// raises that on request; lull has nobody to ask, so its quotas are what it is measured with and some room, and not settings.
const (
	// balancersMax is twice what lull is measured with. All load balancers are compiled into one plan, and each change walks them.
	balancersMax = 2000

	// listenersMax bounds the listeners of a load balancer, each of which is a socket in every zone: AWS's quota.
	listenersMax = 100

	// instancesMax bounds the instances of a load balancer, each of which is a backend of every listener: AWS's quota.
	instancesMax = 1000

	// zonesMax bounds the zones of a load balancer, each of which takes an address. No region of AWS has more than six.
	zonesMax = 16

	// securityGroupsMax bounds the security groups of a load balancer: AWS's quota.
	securityGroupsMax = 5

	// tagsMax bounds the tags of a load balancer. AWS's guide says 50, the API reference, which is older here, 10.
	tagsMax = 50
)

// accountLimits are the quotas that the API tells, in the order in which AWS does.
//
//nolint:gochecknoglobals // a table
var accountLimits = []query.Limit{
	{Name: "classic-load-balancers", Max: strconv.Itoa(balancersMax)},
	{Name: "classic-listeners", Max: strconv.Itoa(listenersMax)},
	{Name: "classic-registered-instances", Max: strconv.Itoa(instancesMax)},
}

func (s *Service) describeAccountLimits(r *query.DescribeAccountLimitsRequest) (any, error) {
	// The key of a limit is its place, so that pages keep the order of the list. There are fewer than ten.
	key := func(l query.Limit) string {
		return strconv.Itoa(slices.Index(accountLimits, l))
	}
	limits, next, err := query.Paginate("DescribeAccountLimits", accountLimits, key, r.Marker, r.PageSize)
	if err != nil {
		return nil, err
	}
	return query.DescribeAccountLimitsResult{Limits: limits, NextMarker: next}, nil
}
