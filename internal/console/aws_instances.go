package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// awsInstancesTab is the tab Instances: which are registered and how they are, and the zones that they are in.
func awsInstancesTab(v *visit, d query.LoadBalancerDescription) ([]section, error) {
	name := d.LoadBalancerName
	health, err := awsAsk[query.DescribeInstanceHealthResult](v, &query.DescribeInstanceHealthRequest{LoadBalancerName: name})
	if err != nil {
		return nil, err
	}
	t := &table{Caption: "Instances", Head: []string{"Instance", "Status", "Why"}}
	for _, i := range health.InstanceStates {
		t.Rows = append(t.Rows, tableRow{
			Cells: []string{i.InstanceID, i.State, i.Description},
			Actions: []action{{
				Label: "Remove", Of: "Remove " + i.InstanceID, Danger: true, Link: to("aws-instance-remove", "load_balancer", name, "instance", i.InstanceID),
			}},
		})
	}
	registered := section{
		Heading: "Instances", Table: t, About: "Those that are OutOfService get no new requests.",
		Actions: []action{{Label: "Register instances", Link: to("aws-instances-add", "load_balancer", name)}},
	}
	return []section{registered, placesOf(d)}, nil
}

// placesOf shows the zones or subnets of a load balancer: it is in the one or in the other.
func placesOf(d query.LoadBalancerDescription) section {
	name := d.LoadBalancerName
	places := func(heading, add, remove, page string, list []string) section {
		return section{Heading: heading, Facts: []fact{{"Enabled", listed(list)}}, Actions: []action{
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
		edit: edit{
			Heading: "Register instances", Balancer: d.LoadBalancerName, Tab: tabInstances,
			Form: &form{Submit: "Register", Fields: []*field{{
				Name: "Instances", Label: "Instances", Kind: "textarea", Hint: "Ids such as i-1234567890abcdef0, or addresses, with spaces or lines between them.",
			}}},
			done: "The instances have been registered.",
		},
		action: "RegisterInstancesWithLoadBalancer",
		params: func(_ *form, params url.Values) { expand(params, "Instances", ".InstanceId") },
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
		edit: edit{
			Heading: "Deregister " + shortened(id), About: []string{"It gets no new connections. " + rest},
			Balancer: d.LoadBalancerName, Tab: tabInstances,
			Form: &form{Submit: "Deregister", Danger: true, Keep: []kept{{"instance", id}}},
			done: "The instance has been deregistered.", fate: always(v.withInstance(&d, id)),
		},
		action: "DeregisterInstancesFromLoadBalancer",
		params: func(_ *form, params url.Values) { params.Set("Instances.member.1.InstanceId", id) },
	}, nil
}

// withInstance returns the fate of the connections to an instance that goes: none of its host's, if another instance is that, too.
func (v *visit) withInstance(d *query.LoadBalancerDescription, id string) fateOf {
	host, _ := v.c.o.InstanceHost(id)
	shared := slices.ContainsFunc(d.Instances, func(other query.Instance) bool {
		its, _ := v.c.o.InstanceHost(other.InstanceID)
		return other.InstanceID != id && its == host
	})
	return v.c.withBackend(d.LoadBalancerName, "", func(k *plan.BackendKey) bool { return k.Host == host && !shared })
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
			edit: edit{
				Heading: heading, About: []string{"There are: " + listed(list) + "."}, Balancer: d.LoadBalancerName, Tab: tabInstances,
				Form: &form{Submit: submit, Danger: danger, Fields: []*field{{Name: param, Label: heading, Hint: "Names with spaces between them."}}},
				done: "This has been saved.",
			},
			action: action,
			params: func(_ *form, params url.Values) { expand(params, param, "") },
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
