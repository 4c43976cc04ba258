package console

import (
	"net/url"
	"strconv"
	"strings"

	"lull/internal/control/awselb/query"
)

// awsInstancesTab is the tab Instances: which are registered and how they are, and the zones that they are in.
func awsInstancesTab(v *visit, d query.LoadBalancerDescription) ([]awsSection, error) {
	name := d.LoadBalancerName
	health, err := awsAsk[query.DescribeInstanceHealthResult](v, &query.DescribeInstanceHealthRequest{LoadBalancerName: name})
	if err != nil {
		return nil, err
	}
	table := &awsTable{Caption: "Instances", Head: []string{"Instance", "Status", "Why"}}
	for _, i := range health.InstanceStates {
		table.Rows = append(table.Rows, awsRow{
			Cells: []string{i.InstanceID, i.State, i.Description},
			Actions: []awsAction{{
				Label: "Remove", Of: "Remove " + i.InstanceID, Danger: true, Link: to("aws-instance-remove", "load_balancer", name, "instance", i.InstanceID),
			}},
		})
	}
	registered := awsSection{
		Heading: "Instances", Table: table, About: number(len(table.Rows)) + " are registered.",
		Actions: []awsAction{{Label: "Register instances", Link: to("aws-instances-add", "load_balancer", name)}},
	}
	return []awsSection{registered, placesOf(d)}, nil
}

// placesOf shows the zones or subnets of a load balancer: it is in the one or in the other.
func placesOf(d query.LoadBalancerDescription) awsSection {
	name := d.LoadBalancerName
	places := func(heading, add, remove, page string, list []string) awsSection {
		return awsSection{Heading: heading, Facts: []fact{{"Enabled", listed(list)}}, Actions: []awsAction{
			{Label: add, Link: to(page+"-add", "load_balancer", name)}, {Label: remove, Link: to(page+"-remove", "load_balancer", name), Danger: true},
		}}
	}
	if len(d.Subnets) > 0 {
		return places("Subnets", "Attach subnets", "Detach subnets", "aws-subnets", d.Subnets)
	}
	return places("Availability Zones", "Enable zones", "Disable zones", "aws-zones", d.AvailabilityZones)
}

// awsInstancesAdd is the form that registers instances.
func awsInstancesAdd(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		Heading: "Register instances", Balancer: d.LoadBalancerName, Tab: tabInstances, action: "RegisterInstancesWithLoadBalancer",
		Form: &form{Submit: "Register", Fields: []*field{{
			Name: "Instances", Label: "Instances", Kind: "textarea", Hint: "Ids such as i-1234567890abcdef0, or addresses, with spaces or lines between them.",
		}}},
		params: func(_ *form, params url.Values) { expand(params, "Instances", ".InstanceId") },
		done:   "The instances have been registered.",
	}, nil
}

// awsInstanceRemove is the form that deregisters an instance.
func awsInstanceRemove(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	a, err := awsAttributes(v, d.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	id, rest := names.Get("instance"), "Connections to it are cut at once, because connection draining is off."
	if a.ConnectionDraining.Enabled {
		rest = "Connections to it may end by themselves for " + number(int(*a.ConnectionDraining.Timeout)) + " seconds; then they are closed."
	}
	return &awsEdit{
		Heading: "Deregister " + shortened(id), About: []string{"It gets no new connections. " + rest},
		Balancer: d.LoadBalancerName, Tab: tabInstances, action: "DeregisterInstancesFromLoadBalancer",
		Form:   &form{Submit: "Deregister", Danger: true, Keep: []kept{{"instance", id}}},
		params: func(_ *form, params url.Values) { params.Set("Instances.member.1.InstanceId", id) },
		done:   "The instance has been deregistered.",
	}, nil
}

// awsPlaces returns the form that enables or disables zones, or attaches or detaches subnets. Which are there is shown.
func awsPlaces(heading, submit, param, action string, danger bool) awsBuilder {
	return func(v *visit, names url.Values) (*awsEdit, error) {
		d, err := awsDescribed(v, names.Get("load_balancer"))
		if err != nil {
			return nil, err
		}
		list := d.AvailabilityZones
		if param == "Subnets" {
			list = d.Subnets
		}
		return &awsEdit{
			Heading: heading, About: []string{"There are: " + listed(list) + "."}, Balancer: d.LoadBalancerName, Tab: tabInstances, action: action,
			Form:   &form{Submit: submit, Danger: danger, Fields: []*field{{Name: param, Label: heading, Hint: "Names with spaces between them."}}},
			params: func(_ *form, params url.Values) { expand(params, param, "") },
			done:   "This has been saved.",
		}, nil
	}
}

// expand makes a list as the API has it of the words of one parameter; suffix is the member that each word is.
func expand(params url.Values, name, suffix string) {
	words := strings.FieldsFunc(params.Get(name), func(r rune) bool { return r == ',' || r <= ' ' })
	params.Del(name)
	for i, word := range words {
		params.Set(name+".member."+strconv.Itoa(i+1)+suffix, word)
	}
}
