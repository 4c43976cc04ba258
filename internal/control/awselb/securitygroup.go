package awselb

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"lull/internal/control/awselb/query"
)

// securityGroupID is what the id of a security group looks like. lull keeps them and lets nobody in or out by them, so that there is
// nothing else to check; a group's name in their place is a mistake in AWS too.
//
//nolint:gochecknoglobals // compiled once, read only
var securityGroupID = regexp.MustCompile(`^sg-[A-Za-z0-9-]+$`)

func (s *Service) applySecurityGroups(ctx context.Context, r *query.ApplySecurityGroupsToLoadBalancerRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if err := notEmpty("SecurityGroups", r.SecurityGroups); err != nil {
			return err
		}
		return d.setSecurityGroups(r.SecurityGroups)
	})
	if err != nil {
		return nil, err
	}
	return query.SecurityGroupsResult{SecurityGroups: d.SecurityGroups}, nil
}

// setSecurityGroups puts ids in place of those that there are.
func (d *document) setSecurityGroups(ids []string) error {
	for _, id := range ids {
		if !securityGroupID.MatchString(id) {
			return &query.Error{Code: query.InvalidSecurityGroup, Field: "SecurityGroups", Message: fmt.Sprintf(
				"The security group '%s' does not exist: ids have the form sg-0123456789abcdef0", id)}
		}
	}
	groups := slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(groups) > securityGroupsMax {
		return conflict("A load balancer has at most %d security groups, and these are %d", securityGroupsMax, len(groups))
	}
	d.SecurityGroups = groups
	return nil
}

// sourceSecurityGroup returns the group that instances are to let in. A load balancer in zones has the one that AWS gave all such
// in EC2-Classic, unless it has groups of its own.
func (d *document) sourceSecurityGroup(account string) *query.SourceSecurityGroup {
	switch {
	case len(d.SecurityGroups) > 0:
		return &query.SourceSecurityGroup{OwnerAlias: account, GroupName: d.SecurityGroups[0]}
	case d.InSubnets:
		return &query.SourceSecurityGroup{OwnerAlias: account, GroupName: "default"}
	}
	return &query.SourceSecurityGroup{OwnerAlias: "amazon-elb", GroupName: "amazon-elb-sg"}
}
