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
		{tabDetails, "Details"}, {tabListeners, "Listeners"}, {tabWorkRequests, "Work requests"}, {tabMonitoring, "Monitoring"},
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
	sections := map[string]func(*visit, *ociBalancer) ([]awsSection, error){
		tabDetails: ociDetails, tabListeners: ociListeners, tabWorkRequests: ociWorkRequests,
	}[current]
	if sections == nil {
		return refusal(http.StatusNotFound, "a load balancer has no tab %q", shortened(current))
	}
	b, err := v.ociBalancer(name)
	if err != nil {
		return err
	}
	p := awsPage{Name: b.DisplayName, Tabs: ociTabs(name, current)}
	if p.Sections, err = sections(v, b); err != nil {
		return err
	}
	return v.show("aws", "overview", b.DisplayName, p)
}

// ociDetails is the tab Details: what a load balancer is.
func ociDetails(_ *visit, b *ociBalancer) ([]awsSection, error) {
	addresses := make([]string, len(b.IPAddresses))
	for i, a := range b.IPAddresses {
		addresses[i] = a.IPAddress
	}
	shape := b.ShapeName
	if d := b.ShapeDetails; d != nil {
		shape += ", " + number(d.MinimumBandwidthInMbps) + " to " + number(d.MaximumBandwidthInMbps) + " Mbps"
	}
	return []awsSection{{Heading: "Load balancer information", Facts: []fact{
		{"Lifecycle state", b.LifecycleState}, {"OCID", b.id}, {"Compartment", b.CompartmentID}, {"Addresses", listed(addresses)}, {"Shape", shape},
		{"Created", at(b.TimeCreated)}, {"Subnets", listed(b.SubnetIDs)}, {"Network security groups", listed(b.NetworkSecurityGroupIDs)},
		{"Delete protection", onOff(b.IsDeleteProtectionEnabled)}, {"Request id header", requestID(b)},
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
func ociListeners(_ *visit, b *ociBalancer) ([]awsSection, error) {
	table := &awsTable{Caption: "Listeners", Head: []string{"Name", "Protocol", "Port", "Backend set", "Idle timeout", "Hostnames"}}
	for _, name := range slices.Sorted(maps.Keys(b.Listeners)) {
		l := b.Listeners[name]
		table.Rows = append(table.Rows, awsRow{
			Cells:   []string{name, speaksOCI(&l.ListenerDetails), strconv.Itoa(l.Port), l.DefaultBackendSetName, idleText(&l.ListenerDetails), listed(l.HostnameNames)},
			Actions: []awsAction{{Label: "Edit", Of: "Edit listener " + name, Link: to("oci-listener", "load_balancer", b.name, "listener", name)}},
		})
	}
	return []awsSection{{Heading: "Listeners", Table: table, Actions: []awsAction{{Label: "Create listener", Link: to("oci-listener", "load_balancer", b.name)}}}}, nil
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
		return ""
	}
	return number(l.ConnectionConfiguration.IdleTimeout) + " seconds"
}
