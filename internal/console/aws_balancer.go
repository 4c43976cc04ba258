package console

import (
	"net/url"
	"strconv"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// awsCreations leads to the form that makes a load balancer, where there is the API to make one.
func (c *Console) awsCreations() []action {
	if c.o.ELB == nil {
		return nil
	}
	return []action{{Label: "Create Load Balancer", Link: to("aws-create")}}
}

// awsCreate is the form that makes a load balancer with one listener; more are added afterwards.
func awsCreate(v *visit, _ url.Values) (*awsEdit, error) {
	if _, err := awsAsk[query.DescribeAccountLimitsResult](v, &query.DescribeAccountLimitsRequest{}); err != nil {
		return nil, err
	}
	zones := &field{Name: "AvailabilityZones", Label: "Availability Zones", Optional: true, Hint: "Names with spaces between them; or leave it empty and give subnets."}
	if len(v.c.o.Zones) > 0 {
		zones.Value, zones.Hint = v.c.o.Zones[0], zones.Hint+" There are: "+strings.Join(v.c.o.Zones, ", ")+"."
	}
	fields := []*field{{Name: "LoadBalancerName", Label: "Name", Hint: "At most 32 letters, digits and hyphens, not beginning or ending with a hyphen."}}
	fields = append(fields, listenerFields("Listeners.member.1.")...)
	fields = append(fields, zones,
		&field{Name: "Subnets", Label: "Subnets", Optional: true, Hint: "Instead of zones."},
		&field{Name: "SecurityGroups", Label: "Security groups", Optional: true},
		&field{Name: "Scheme", Label: "Scheme", Kind: "select", Value: query.SchemeInternetFacing, Choices: []choice{{query.SchemeInternetFacing, "Internet-facing"}, {query.SchemeInternal, "Internal"}}})
	return &awsEdit{
		edit: edit{
			Heading: "Create Load Balancer", About: []string{"A Classic Load Balancer, as AWS has it. Its idle timeout is 60 seconds until you change it."}, Form: &form{Submit: "Create", Fields: fields},
			done: "The load balancer has been created. Register instances with it next.",
		},
		action: "CreateLoadBalancer",
		params: func(_ *form, params url.Values) {
			for _, list := range []string{"AvailabilityZones", "Subnets", "SecurityGroups"} {
				expand(params, list, "")
			}
		},
		next: func(f *form) (string, url.Values) {
			return "load-balancer", url.Values{"load_balancer": {f.field("LoadBalancerName").Value}, "tab": {tabInstances}}
		},
		check: func(f *form) { refuseTaken(v, f.field("LoadBalancerName")) },
	}, nil
}

// refuseTaken refuses a name that there is. The API takes a load balancer that is the same for a repeat, which nobody means who fills in a form.
func refuseTaken(v *visit, name *field) {
	for _, lb := range v.c.o.Plan().LoadBalancers {
		if lb.Name == name.Value {
			name.Error = "There is a load balancer " + lb.Name + " already, defined in " + lb.Origin + "."
		}
	}
}

// awsDelete is the form that deletes a load balancer.
func awsDelete(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	text := balancerText(d)
	return &awsEdit{
		edit: edit{
			Heading: "Delete " + d.LoadBalancerName, About: []string{text}, Balancer: d.LoadBalancerName, Tab: tabDescription, seen: text,
			Form: &form{Submit: "Delete", Danger: true}, done: "Load balancer " + d.LoadBalancerName + " has been deleted.",
			fate: always(v.c.withListeners(d.LoadBalancerName, func(*plan.Listener) bool { return true })),
		},
		action: "DeleteLoadBalancer",
		next:   func(*form) (string, url.Values) { return "", nil },
	}, nil
}

// balancerText tells what would be lost.
func balancerText(d query.LoadBalancerDescription) string {
	var ports, ids []string
	for i := range d.ListenerDescriptions {
		l := &d.ListenerDescriptions[i].Listener
		ports = append(ports, l.Protocol+" "+strconv.Itoa(int(l.LoadBalancerPort)))
	}
	for _, i := range d.Instances {
		ids = append(ids, i.InstanceID)
	}
	return "Made " + d.CreatedTime.UTC().Format("2006-01-02 15:04:05 UTC") + "; listeners: " + listed(ports) + "; instances: " + listed(ids) + "."
}

// awsSecurityGroups is the form for the security groups, which are replaced as a whole.
func awsSecurityGroups(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Edit security groups", Balancer: d.LoadBalancerName, Tab: tabDescription,
			Form: &form{Submit: "Save", Fields: []*field{{
				Name: "SecurityGroups", Label: "Security groups", Value: strings.Join(d.SecurityGroups, " "), Optional: true, Hint: "Ids with spaces between them.",
			}}},
			done: "The security groups have been saved.",
		},
		action: "ApplySecurityGroupsToLoadBalancer",
		params: func(f *form, params url.Values) {
			setList(params, "SecurityGroups", strings.Fields(f.field("SecurityGroups").Value))
		},
	}, nil
}
