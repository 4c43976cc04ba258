package console

import (
	"net/http"
	"slices"
	"strings"

	"lull/internal/control/awselb/query"
)

// The tabs of a load balancer of the Classic ELB API, as links name them.
const (
	tabDescription = "description"
	tabInstances   = "instances"
	tabHealthCheck = "health-check"
	tabListeners   = "listeners"
	tabMonitoring  = "monitoring"
	tabTags        = "tags"
)

// tabsOf returns the tabs of a load balancer; none if it is of neither API.
func (c *Console) tabsOf(name, current string) []tab {
	if c.ofOCI(name) {
		return ociTabs(name, current)
	}
	if !c.classic(name) {
		return nil
	}
	var tabs []tab
	for _, one := range [][2]string{
		{tabDescription, "Description"}, {tabInstances, "Instances"}, {tabHealthCheck, "Health check"},
		{tabListeners, "Listeners"}, {tabMonitoring, "Monitoring"}, {tabTags, "Tags"},
	} {
		tabs = append(tabs, tab{Label: one[1], Link: to("load-balancer", "load_balancer", name, "tab", one[0]), Current: one[0] == current})
	}
	return tabs
}

// awsTab shows one tab.
func (v *visit) awsTab(name, current string) error {
	if current == "" {
		current = tabDescription
	}
	sections := map[string]func(*visit, query.LoadBalancerDescription) ([]section, error){
		tabDescription: awsDescription, tabInstances: awsInstancesTab, tabHealthCheck: awsHealthTab, tabListeners: awsListenersTab, tabTags: awsTagsTab,
	}[current]
	if sections == nil {
		return refusal(http.StatusNotFound, "a load balancer has no tab %q", shortened(current))
	}
	d, err := awsDescribed(v, name)
	if err != nil {
		return err
	}
	p := tabPage{Name: name, Tabs: v.c.tabsOf(name, current)}
	if p.Sections, err = sections(v, d); err != nil {
		return err
	}
	return v.show("tab", "overview", name, p)
}

// awsDescription is the tab Description: what a load balancer is, and its attributes.
func awsDescription(v *visit, d query.LoadBalancerDescription) ([]section, error) {
	a, err := awsAttributes(v, d.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	name := d.LoadBalancerName
	link := func(page string) string { return to(page, "load_balancer", name) }
	logs := "disabled"
	if a.AccessLog.Enabled {
		logs = "every " + number(int(*a.AccessLog.EmitInterval)) + " minutes to bucket " + told(a.AccessLog.S3BucketName)
	}
	draining := "disabled"
	if a.ConnectionDraining.Enabled {
		draining = "enabled, " + number(int(*a.ConnectionDraining.Timeout)) + " seconds"
	}
	basic := section{Heading: "Basic configuration", Facts: []fact{
		{"DNS name", d.DNSName}, {"Addresses", listed(v.c.addressesOf(name))}, {"Scheme", d.Scheme}, {"Created", d.CreatedTime.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"Availability Zones", listed(d.AvailabilityZones)}, {"Subnets", listed(d.Subnets)}, {"Security groups", listed(d.SecurityGroups)},
		{"Instances", number(len(d.Instances))},
	}, Actions: []action{
		{Label: "Edit security groups", Link: link("aws-security-groups")}, {Label: "Delete load balancer", Link: link("aws-delete"), Danger: true},
	}}
	attributes := section{
		Heading: "Attributes",
		Facts: []fact{
			{"Idle timeout", number(int(a.ConnectionSettings.IdleTimeout)) + " seconds"}, {"Connection draining", draining},
			{"Cross-zone load balancing", map[bool]string{true: "enabled", false: "disabled"}[a.CrossZoneLoadBalancing.Enabled]},
			{"Access logs", logs}, {"Desync mitigation mode", desyncOf(a)},
		},
		Actions: []action{
			{Label: "Edit idle timeout", Link: link("aws-idle-timeout")}, {Label: "Edit connection draining", Link: link("aws-draining")},
			{Label: "Edit cross-zone load balancing", Link: link("aws-cross-zone")}, {Label: "Edit access logs", Link: link("aws-access-logs")},
			{Label: "Edit desync mitigation", Link: link("aws-desync")},
		},
	}
	return []section{basic, attributes}, nil
}

// addressesOf returns the addresses of a load balancer, one for each zone or subnet: its DNS name means something only where it is made
// to resolve.
func (c *Console) addressesOf(name string) (addresses []string) {
	for _, lb := range c.o.Plan().LoadBalancers {
		if lb.Name != name {
			continue
		}
		for _, l := range lb.Listeners {
			if address := l.Address.Addr().String(); !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	slices.Sort(addresses)
	return addresses
}

// listed writes names in a row.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
