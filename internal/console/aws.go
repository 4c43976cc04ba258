package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// awsEdits is the pages that change something, each with one form that makes one call of the API.
func awsEdits() map[string]awsBuilder {
	return map[string]awsBuilder{
		"aws-create":          awsCreate,
		"aws-delete":          awsDelete,
		"aws-security-groups": awsSecurityGroups,

		"aws-idle-timeout": awsIdleTimeout,
		"aws-draining":     awsDraining,
		"aws-cross-zone":   awsCrossZone,
		"aws-access-logs":  awsAccessLogs,
		"aws-desync":       awsDesync,

		"aws-health-check":    awsHealthCheck,
		"aws-instances-add":   awsInstancesAdd,
		"aws-instance-remove": awsInstanceRemove,
		"aws-zones-add":       awsPlaces("Enable Availability Zones", "Enable", "AvailabilityZones", "EnableAvailabilityZonesForLoadBalancer", false),
		"aws-zones-remove":    awsPlaces("Disable Availability Zones", "Disable", "AvailabilityZones", "DisableAvailabilityZonesForLoadBalancer", true),
		"aws-subnets-add":     awsPlaces("Attach subnets", "Attach", "Subnets", "AttachLoadBalancerToSubnets", false),
		"aws-subnets-remove":  awsPlaces("Detach subnets", "Detach", "Subnets", "DetachLoadBalancerFromSubnets", true),

		"aws-listener-create":      awsListenerCreate,
		"aws-listener-delete":      awsListenerDelete,
		"aws-listener-certificate": awsListenerCertificate,
		"aws-listener-policies":    awsListenerPolicies,
		"aws-instance-port":        awsInstancePort,
		"aws-policy-lb-cookie":     awsPolicyLBCookie,
		"aws-policy-app-cookie":    awsPolicyAppCookie,
		"aws-policy-ssl":           awsPolicySSL,
		"aws-policy-create":        awsPolicyCreate,
		"aws-policy-delete":        awsPolicyDelete,

		"aws-tag-add":    awsTagAdd,
		"aws-tag-edit":   awsTagEdit,
		"aws-tag-remove": awsTagRemove,
	}
}

// selected shows the load balancer that somebody has chosen from the list: one of the Classic ELB API on its tabs, as its old console had
// them, one of the OCI API on those of Oracle's console, and any other on the page that moves, which is the tab Monitoring here.
func (v *visit) selected() error {
	q := v.r.URL.Query()
	switch name := q.Get("load_balancer"); {
	case q.Get("tab") == tabMonitoring:
	case v.c.classic(name):
		return v.awsTab(name, q.Get("tab"))
	case v.c.ofOCI(name):
		return v.ociTab(name, q.Get("tab"))
	}
	return v.balancer()
}

// classic says whether a load balancer is of the Classic ELB API, so that it can be changed through that.
func (c *Console) classic(name string) bool {
	return c.o.ELB != nil && slices.ContainsFunc(c.o.Plan().LoadBalancers, func(lb *plan.LoadBalancer) bool {
		return lb.Name == name && lb.Origin == plan.OriginELB
	})
}

// awsAsk makes a call that only reads. What the API refuses is shown to whoever asked.
func awsAsk[Result any](v *visit, request any) (Result, error) {
	var none Result
	if v.c.o.ELB == nil {
		return none, refusal(http.StatusNotFound, "this lull serves no Classic ELB API")
	}
	result, err := v.c.o.ELB(v.r.Context(), request)
	var told *query.Error
	if errors.As(err, &told) {
		status := told.Code.Status()
		if told.Code == query.LoadBalancerNotFound || told.Code == query.OperationNotPermitted {
			status = http.StatusNotFound
		}
		return none, refusal(status, "%s", told.Message)
	}
	if err != nil {
		return none, err
	}
	typed, ok := result.(Result)
	if !ok {
		return none, fmt.Errorf("%T has the result %T, want %T", request, result, none)
	}
	return typed, nil
}

// awsDescribed returns what the API tells of a load balancer.
func awsDescribed(v *visit, name string) (query.LoadBalancerDescription, error) {
	found, err := awsAsk[query.DescribeLoadBalancersResult](v, &query.DescribeLoadBalancersRequest{LoadBalancerNames: []string{name}})
	if err != nil {
		return query.LoadBalancerDescription{}, err
	}
	return found.LoadBalancerDescriptions[0], nil
}

// awsAttributes returns a load balancer's attributes, of which the API has all.
func awsAttributes(v *visit, name string) (query.Attributes, error) {
	found, err := awsAsk[query.DescribeLoadBalancerAttributesResult](v, &query.DescribeLoadBalancerAttributesRequest{LoadBalancerName: name})
	return found.LoadBalancerAttributes, err
}

// awsRequest reads a request of the API as if it had come in, so that the same is valid and the same is said of what is not.
func awsRequest(action string, params url.Values) (any, error) {
	params.Set("Action", action)
	params.Set("Version", query.Version)
	form, err := query.ParseForm(http.MethodPost, "", "application/x-www-form-urlencoded", []byte(params.Encode()))
	if err != nil {
		return nil, err
	}
	return query.Decode(form)
}

// awsDo makes a call.
func (c *Console) awsDo(ctx context.Context, action string, params url.Values) error {
	request, err := awsRequest(action, params)
	if err == nil {
		_, err = c.o.ELB(ctx, request)
	}
	return err
}

// awsRefuse notes what the API has refused: at the field that is named like the parameter, or whose list has it, or above the form.
func awsRefuse(f *form, told *query.Error) {
	var at *field
	for _, one := range f.Fields {
		if one.Name == told.Field || strings.HasPrefix(told.Field, one.Name+".") || at == nil && told.Field != "" && strings.HasSuffix(one.Name, "."+told.Field) {
			at = one
		}
	}
	if at == nil {
		f.Error = told.Message
		return
	}
	at.Error = at.labelled(told.Message)
}
