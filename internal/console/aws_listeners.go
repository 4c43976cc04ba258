package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// awsListenersTab is the tab Listeners, with the policies that they can have.
func awsListenersTab(v *visit, d query.LoadBalancerDescription) ([]section, error) {
	name := d.LoadBalancerName
	t := &table{Caption: "Listeners", Head: []string{"Load balancer", "Instance", "Certificate", "Policies"}}
	for i := range d.ListenerDescriptions {
		l := &d.ListenerDescriptions[i]
		port := strconv.Itoa(int(l.Listener.LoadBalancerPort))
		row := tableRow{
			Cells: []string{
				l.Listener.Protocol + " " + port, told(l.Listener.InstanceProtocol) + " " + strconv.Itoa(int(l.Listener.InstancePort)), told(l.Listener.SSLCertificateID), listed(l.PolicyNames),
			},
			Actions: []action{{Label: "Edit policies", Of: "Edit policies of port " + port, Link: to("aws-listener-policies", "load_balancer", name, "port", port)}},
		}
		if l.Listener.SSLCertificateID != nil {
			row.Actions = append(row.Actions, action{Label: "Change certificate", Of: "Change certificate of port " + port, Link: to("aws-listener-certificate", "load_balancer", name, "port", port)})
		}
		row.Actions = append(row.Actions, action{Label: "Delete", Of: "Delete port " + port, Danger: true, Link: to("aws-listener-delete", "load_balancer", name, "port", port)})
		t.Rows = append(t.Rows, row)
	}
	listeners := section{Heading: "Listeners", Table: t, Actions: []action{{Label: "Add listener", Link: to("aws-listener-create", "load_balancer", name)}}}
	policies, err := awsPolicySections(v, d)
	return append([]section{listeners}, policies...), err
}

// listenerFields are the fields of a listener, of which the parameters begin with prefix.
func listenerFields(prefix string) []*field {
	protocols := []choice{{"HTTP", "HTTP"}, {"HTTPS", "HTTPS (Secure HTTP)"}, {"TCP", "TCP"}, {"SSL", "SSL (Secure TCP)"}}
	return []*field{
		{Name: prefix + "Protocol", Label: "Load balancer protocol", Kind: "select", Value: "HTTP", Choices: protocols},
		{Name: prefix + "LoadBalancerPort", Label: "Load balancer port", Kind: "number", Value: "80", Hint: "1 to 65,535."},
		{Name: prefix + "InstanceProtocol", Label: "Instance protocol", Kind: "select", Value: "HTTP", Choices: protocols, Hint: "HTTP or HTTPS on both sides, or TCP or SSL on both."},
		{Name: prefix + "InstancePort", Label: "Instance port", Kind: "number", Value: "80", Hint: "1 to 65,535."},
		{Name: prefix + "SSLCertificateId", Label: "Certificate", Optional: true, Hint: "The ARN of a certificate; needed for HTTPS and SSL."},
	}
}

// awsListenerCreate is the form that adds a listener.
func awsListenerCreate(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Add listener", Balancer: d.LoadBalancerName, Tab: tabListeners,
			Form: &form{Submit: "Add", Fields: listenerFields("Listeners.member.1.")}, done: "The listener has been added.",
		},
		action: "CreateLoadBalancerListeners",
	}, nil
}

// awsListener returns the load balancer and listener that names are of.
func awsListener(v *visit, names url.Values) (d query.LoadBalancerDescription, l query.ListenerDescription, port string, err error) {
	if d, err = awsDescribed(v, names.Get("load_balancer")); err != nil {
		return d, l, "", err
	}
	port = names.Get("port")
	i := slices.IndexFunc(d.ListenerDescriptions, func(l query.ListenerDescription) bool {
		return strconv.Itoa(int(l.Listener.LoadBalancerPort)) == port
	})
	if i < 0 {
		return d, l, port, refusal(http.StatusNotFound, "load balancer %s has no listener on port %q, or it has been deleted", d.LoadBalancerName, shortened(port))
	}
	return d, d.ListenerDescriptions[i], port, nil
}

// awsListenerDelete is the form that deletes a listener.
func awsListenerDelete(v *visit, names url.Values) (*awsEdit, error) {
	d, l, port, err := awsListener(v, names)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Delete listener on port " + port, About: []string{listenerText(l)}, Balancer: d.LoadBalancerName, Tab: tabListeners, seen: listenerText(l),
			Form: &form{Submit: "Delete", Danger: true, Keep: []kept{{"port", port}}},
			done: "The listener on port " + port + " has been deleted.",
			fate: always(v.c.withListeners(d.LoadBalancerName, func(other *plan.Listener) bool {
				return int32(other.Address.Port()) == l.Listener.LoadBalancerPort
			})),
		},
		action: "DeleteLoadBalancerListeners",
		params: func(_ *form, params url.Values) { params.Set("LoadBalancerPorts.member.1", port) },
	}, nil
}

// listenerText tells all that a listener is.
func listenerText(l query.ListenerDescription) string {
	text := l.Listener.Protocol + " " + strconv.Itoa(int(l.Listener.LoadBalancerPort)) + " to " + told(l.Listener.InstanceProtocol) + " " + strconv.Itoa(int(l.Listener.InstancePort))
	if l.Listener.SSLCertificateID != nil {
		text += ", certificate " + *l.Listener.SSLCertificateID
	}
	return text + ", policies: " + listed(l.PolicyNames) + "."
}

// awsListenerCertificate is the form that gives a listener another certificate.
func awsListenerCertificate(v *visit, names url.Values) (*awsEdit, error) {
	d, l, port, err := awsListener(v, names)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Certificate of port " + port, Balancer: d.LoadBalancerName, Tab: tabListeners,
			Form: &form{Submit: "Save", Keep: []kept{{"port", port}}, Fields: []*field{
				{Name: "SSLCertificateId", Label: "Certificate", Value: told(l.Listener.SSLCertificateID), Hint: "The ARN of a certificate that lull has."},
			}},
			done: "The certificate of port " + port + " has been changed.",
		},
		action: "SetLoadBalancerListenerSSLCertificate",
		params: func(_ *form, params url.Values) { params.Set("LoadBalancerPort", port) },
	}, nil
}
