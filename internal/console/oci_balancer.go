package console

import (
	"net/http"
	"net/url"
	"slices"
)

// ociCreations leads to the form that makes a load balancer, where there is the API to make one.
func (c *Console) ociCreations() []action {
	if c.o.OCI == nil {
		return nil
	}
	return []action{{Label: "Create OCI load balancer", Link: link("oci-load-balancer-create", nil)}}
}

// The fields for a shape.
func shapeFields(body map[string]any) []*field {
	return filledIn([]*field{
		{Name: "shapeName", Label: "Shape", Kind: "select", Choices: same("flexible", "10Mbps-Micro", "10Mbps", "100Mbps", "400Mbps", "8000Mbps")},
		{Name: "shapeDetails.minimumBandwidthInMbps", Label: "Bandwidth at least", Kind: "number", Unit: "Mbps", Min: 10, Max: 8000, Optional: true, Hint: "10 to 8,000, of the flexible shape. lull bounds no bandwidth."},
		{Name: "shapeDetails.maximumBandwidthInMbps", Label: "Bandwidth at most", Kind: "number", Unit: "Mbps", Min: 10, Max: 8000, Optional: true, Hint: "10 to 8,000."},
	}, body)
}

// ociBalancerCreate is the form that makes a load balancer, to which the rest is added afterwards.
func ociBalancerCreate(v *visit, _ url.Values) (*ociEdit, error) {
	if err := v.wantOCI(); err != nil {
		return nil, err
	}
	tenancy := ""
	if v.c.o.Tenancy != nil {
		tenancy = v.c.o.Tenancy()
	}
	body := map[string]any{"shapeName": "flexible", "shapeDetails": map[string]any{"minimumBandwidthInMbps": 10.0, "maximumBandwidthInMbps": 100.0}}
	return &ociEdit{
		edit: edit{
			Heading: "Create load balancer", done: "The load balancer has been created. Create a backend set next, and then a listener.",
			About: []string{"Backend sets and listeners are added to it when it is there."},
			Form: &form{Submit: "Create load balancer", Fields: slices.Concat([]*field{
				{Name: "displayName", Label: "Name"},
				{Name: "compartmentId", Label: "Compartment", Value: tenancy, Hint: "The OCID of lull's tenancy, or of a compartment: any."},
				{Name: "subnetIds", Label: "Subnets", Kind: kindList, Value: "ocid1.subnet.oc1..any", Hint: "One or two OCIDs. lull has no subnets and takes any."},
				{Name: "isPrivate", Label: "Private", Kind: "checkbox"},
				{Name: "isDeleteProtectionEnabled", Label: "Delete protection", Kind: "checkbox"},
			}, tagFields(nil, nil), shapeFields(body))},
		},
		read: tagsRead(nil), method: http.MethodPost, path: "/loadBalancers", body: body, tool: ociTool{does: "load-balancer create"},
	}, nil
}

// ociBalancerEdit is the form for what a load balancer is called and protected from.
func ociBalancerEdit(v *visit, names url.Values) (*ociEdit, error) {
	return v.ociWhole(names, "Edit load balancer", "load-balancer update", http.MethodPut, "", func(b *ociBalancer) []*field {
		return append([]*field{
			{Name: "displayName", Label: "Name", Hint: "Commands and metrics go on with the name that it began with."},
			{Name: "isDeleteProtectionEnabled", Label: "Delete protection", Kind: "checkbox"},
			{Name: "isRequestIdEnabled", Label: "Send request ids", Kind: "checkbox"},
			{Name: "requestIdHeader", Label: "Request id header", Optional: true, Hint: "It begins with X-; empty leaves it as it is."},
		}, tagFields(b.FreeformTags, b.DefinedTags)...)
	})
}

// ociShape is the form for the bandwidth.
func ociShape(v *visit, names url.Values) (*ociEdit, error) {
	return v.ociWhole(names, "Update shape", "", http.MethodPut, "updateShape", func(b *ociBalancer) []*field { return shapeFields(b.doc) })
}

// ociNetworkGroups is the form for the network security groups.
func ociNetworkGroups(v *visit, names url.Values) (*ociEdit, error) {
	return v.ociWhole(names, "Edit network security groups", "", http.MethodPut, "networkSecurityGroups", func(*ociBalancer) []*field {
		return []*field{{Name: "networkSecurityGroupIds", Label: "Network security groups", Kind: kindList, Hint: "At most five OCIDs, with commas between them. lull has no such groups and takes any."}}
	})
}

// ociCompartment is the form that moves a load balancer.
func ociCompartment(v *visit, names url.Values) (*ociEdit, error) {
	return v.ociWhole(names, "Move load balancer", "", http.MethodPost, "changeCompartment", func(*ociBalancer) []*field {
		return []*field{{Name: "compartmentId", Label: "Compartment", Hint: "The OCID of the one that it moves to."}}
	})
}

// ociWhole makes a page about a load balancer itself. Its request has no more in it than the fields.
func (v *visit) ociWhole(names url.Values, heading, does, method, part string, fields func(*ociBalancer) []*field) (*ociEdit, error) {
	b, err := v.ociBalancer(names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	e := b.edit(tabDetails)
	e.Heading, e.About, e.done = heading, []string{"Load balancer " + b.DisplayName + "."}, "The load balancer has been saved."
	e.method, e.path, e.tool, e.read = method, b.path(), b.tool(does), tagsRead(b.DefinedTags)
	e.tool.raw = does == ""
	if part != "" {
		e.path = b.path(part)
	}
	e.Form.Fields = filledIn(fields(b), b.doc)
	return e, nil
}
