package console

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lull/internal/control/ociapi/wire"
)

// The tabs of a load balancer of the OCI API, beside those that have the names of the Classic ELB API's.
const (
	tabDetails      = "details"
	tabBackendSets  = "backend-sets"
	tabHostnames    = "hostnames"
	tabRouting      = "routing"
	tabRuleSets     = "rule-sets"
	tabCertificates = "certificates"
	tabCipherSuites = "cipher-suites"
	tabWorkRequests = "work-requests"
)

// onAnyAddress returns the name of a listener as it is on the first address: on another one the plan adds that, behind an @.
func onAnyAddress(listener string) string {
	name, _, _ := strings.Cut(listener, "@")
	return name
}

// ociTabs returns the tabs of a load balancer.
func ociTabs(name, current string) []tab {
	var tabs []tab
	for _, one := range [][2]string{
		{tabDetails, "Details"}, {tabListeners, "Listeners"}, {tabBackendSets, "Backend sets"}, {tabHostnames, "Hostnames"}, {tabRouting, "Routing"},
		{tabRuleSets, "Rule sets"}, {tabCertificates, "Certificates"}, {tabCipherSuites, "Cipher suites"}, {tabWorkRequests, "Work requests"}, {tabMonitoring, "Monitoring"},
	} {
		tabs = append(tabs, tab{Label: one[1], Link: to("load-balancer", "load_balancer", name, "tab", one[0]), Current: one[0] == current})
	}
	return tabs
}

// ociTab shows one tab.
func (v *visit) ociTab(name, current string) error {
	if current == "" {
		current = tabDetails
	}
	sections := map[string]func(*visit, *ociBalancer) ([]section, error){
		tabDetails: ociDetails, tabListeners: ociListeners, tabBackendSets: ociBackendSets, tabWorkRequests: ociWorkRequests,
		tabHostnames: ociNamed("hostname"), tabRouting: ociNamed("path-route-set", "routing-policy"), tabRuleSets: ociNamed("rule-set"),
		tabCertificates: ociNamed("certificate"), tabCipherSuites: ociNamed("cipher-suite"),
	}[current]
	if sections == nil {
		return refusal(http.StatusNotFound, "a load balancer has no tab %q", shortened(current))
	}
	b, err := v.ociBalancer(name)
	if err != nil {
		return err
	}
	p := tabPage{Name: b.DisplayName, Tabs: ociTabs(name, current)}
	if p.Sections, err = sections(v, b); err != nil {
		return err
	}
	return v.show("tab", "overview", b.DisplayName, p)
}

// ociNamed makes a tab of named things of some kinds.
func ociNamed(whats ...string) func(*visit, *ociBalancer) ([]section, error) {
	return func(_ *visit, b *ociBalancer) (sections []section, err error) {
		for _, what := range whats {
			k := ociKindNamed(what)
			heading := strings.ToUpper(k.word[:1]) + k.word[1:] + "s"
			if plain, y := strings.CutSuffix(heading, "ys"); y {
				heading = plain + "ies"
			}
			all, _ := b.doc[k.member].(map[string]any)
			t := &table{Caption: heading, Head: []string{"Name", "What it is"}}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				row := tableRow{Cells: []string{name, summary(k, b.child(k.member, name))}}
				if !k.fixed {
					row.Actions = append(row.Actions, b.edition(what, name))
				}
				row.Actions = append(row.Actions, b.deletion(what, name))
				t.Rows = append(t.Rows, row)
			}
			sections = append(sections, section{Heading: heading, Table: t, Actions: b.creation(what)})
		}
		return sections, nil
	}
}

// ociDetails is the tab Details: what a load balancer is.
func ociDetails(v *visit, b *ociBalancer) ([]section, error) {
	answer, err := v.ociRead(b.path("health"), nil)
	if err != nil {
		return nil, err
	}
	health, _ := answer.Result.(wire.LoadBalancerHealth)
	link := func(label, page string) action {
		return action{Label: label, Link: to(page, "load_balancer", b.name)}
	}
	addresses := make([]string, len(b.IPAddresses))
	for i, a := range b.IPAddresses {
		addresses[i] = a.IPAddress
	}
	shape := b.ShapeName
	if d := b.ShapeDetails; d != nil {
		shape += ", " + number(d.MinimumBandwidthInMbps) + " to " + number(d.MaximumBandwidthInMbps) + " Mbps"
	}
	return []section{{Heading: "Load balancer information", Facts: []fact{
		{"Lifecycle state", b.LifecycleState}, {"Overall health", health.Status}, {"OCID", b.id}, {"Compartment", b.CompartmentID}, {"Addresses", listed(addresses)}, {"Shape", shape},
		{"Created", at(b.TimeCreated)}, {"Subnets", listed(b.SubnetIDs)}, {"Network security groups", listed(b.NetworkSecurityGroupIDs)},
		{"Tags", listed(tagLines(b.FreeformTags))}, {"Defined tags", listed(definedTagLines(b.DefinedTags))}, {"Delete protection", onOff(b.IsDeleteProtectionEnabled)}, {"Request id header", requestID(b)},
	}, Actions: []action{
		link("Edit", "oci-load-balancer"), link("Update shape", "oci-shape"), link("Edit network security groups", "oci-network-groups"), link("Move", "oci-compartment"),
		{Label: "Delete", Of: "Delete load balancer " + b.DisplayName, Link: to("oci-delete", "load_balancer", b.name), Danger: true},
	}}}, nil
}

// requestID says which header carries the id of a request.
func requestID(b *ociBalancer) string {
	if b.IsRequestIDEnabled == nil || !*b.IsRequestIDEnabled || b.RequestIDHeader == nil {
		return "off"
	}
	return *b.RequestIDHeader
}

func onOff(on *bool) string {
	if on != nil && *on {
		return "on"
	}
	return "off"
}

// at writes a moment.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ociListeners is the tab Listeners.
func ociListeners(_ *visit, b *ociBalancer) ([]section, error) {
	t := &table{Caption: "Listeners", Head: []string{"Name", "Protocol", "Port", "Backend set", "Idle timeout", "Hostnames"}}
	for _, name := range slices.Sorted(maps.Keys(b.Listeners)) {
		l := b.Listeners[name]
		t.Rows = append(t.Rows, tableRow{
			Cells:   []string{name, speaksOCI(&l.ListenerDetails), strconv.Itoa(l.Port), l.DefaultBackendSetName, idleText(&l.ListenerDetails), listed(l.HostnameNames)},
			Actions: []action{b.edition("listener", name), b.deletion("listener", name)},
		})
	}
	if len(b.BackendSets) == 0 {
		return []section{{Heading: "Listeners", Table: t, About: "A listener needs a backend set: create one first.", Actions: b.creation("backend-set")}}, nil
	}
	return []section{{Heading: "Listeners", Table: t, Actions: b.creation("listener")}}, nil
}

// speaksOCI names a listener's protocol.
func speaksOCI(l *wire.ListenerDetails) string {
	if l.SSLConfiguration != nil {
		return l.Protocol + " with SSL"
	}
	return l.Protocol
}

func idleText(l *wire.ListenerDetails) string {
	if l.ConnectionConfiguration == nil {
		idle := ociIdleHTTP
		if l.Protocol == wire.ProtocolTCP {
			idle = ociIdleTCP
		}
		return number(idle) + " seconds, as nothing else is said"
	}
	return number(l.ConnectionConfiguration.IdleTimeout) + " seconds"
}
