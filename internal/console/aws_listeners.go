package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"lull/internal/control/admin"
	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/record"
)

// awsListenersTab is the tab Listeners, with the policies that they can have.
func awsListenersTab(v *visit, d query.LoadBalancerDescription) ([]awsSection, error) {
	name := d.LoadBalancerName
	table := &awsTable{Caption: "Listeners", Head: []string{"Load balancer", "Instance", "Certificate", "Policies"}}
	for i := range d.ListenerDescriptions {
		l := &d.ListenerDescriptions[i]
		port := strconv.Itoa(int(l.Listener.LoadBalancerPort))
		row := awsRow{
			Cells: []string{
				l.Listener.Protocol + " " + port, told(l.Listener.InstanceProtocol) + " " + strconv.Itoa(int(l.Listener.InstancePort)), told(l.Listener.SSLCertificateID), listed(l.PolicyNames),
			},
			Actions: []awsAction{{Label: "Edit policies", Of: "Edit policies of port " + port, Link: to("aws-listener-policies", "load_balancer", name, "port", port)}},
		}
		if l.Listener.SSLCertificateID != nil {
			row.Actions = append(row.Actions, awsAction{Label: "Change certificate", Of: "Change certificate of port " + port, Link: to("aws-listener-certificate", "load_balancer", name, "port", port)})
		}
		row.Actions = append(row.Actions, awsAction{Label: "Delete", Of: "Delete port " + port, Danger: true, Link: to("aws-listener-delete", "load_balancer", name, "port", port)})
		table.Rows = append(table.Rows, row)
	}
	listeners := awsSection{Heading: "Listeners", Table: table, Actions: []awsAction{{Label: "Add listener", Link: to("aws-listener-create", "load_balancer", name)}}}
	policies, err := awsPolicySections(v, d)
	return append([]awsSection{listeners}, policies...), err
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
		Heading: "Add listener", Balancer: d.LoadBalancerName, Tab: tabListeners, action: "CreateLoadBalancerListeners",
		Form: &form{Submit: "Add", Fields: listenerFields("Listeners.member.1.")}, done: "The listener has been added.",
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
	about, err := v.openThrough(d.LoadBalancerName, int(l.Listener.LoadBalancerPort))
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		Heading: "Delete listener on port " + port, About: []string{listenerText(l), about}, Balancer: d.LoadBalancerName, Tab: tabListeners,
		action: "DeleteLoadBalancerListeners", seen: listenerText(l),
		Form:   &form{Submit: "Delete", Danger: true, Keep: []kept{{"port", port}}},
		params: func(_ *form, params url.Values) { params.Set("LoadBalancerPorts.member.1", port) },
		done:   "The listener on port " + port + " has been deleted.",
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

// openThrough says how many connections are open through a load balancer's listeners, or only the one on a port, and what becomes of
// them when those go.
func (v *visit) openThrough(name string, port int) (string, error) {
	var drain string
	concerned := map[string]bool{}
	for _, lb := range v.c.o.Plan().LoadBalancers {
		if lb.Name != name {
			continue
		}
		for _, l := range lb.Listeners {
			if port == 0 || int(l.Address.Port()) == port {
				concerned[l.Key.Name], drain = true, admin.Setting(l.Timeouts.Drain)
			}
		}
	}
	n := 0
	v.c.walking.Lock()
	defer v.c.walking.Unlock()
	err := v.c.o.Engine.Conns(v.r.Context(), func(batch []record.Live) error {
		for i := range batch {
			if l := &batch[i]; !l.Pooled && l.Ends.LoadBalancer == name && concerned[l.Ends.Listener] {
				n++
			}
		}
		return nil
	})
	if n == 0 {
		return "No connection is open through it.", err
	}
	return "Clients' connections that are open through it now: " + number(n) + ". They have this long to end by themselves: " + drain + ".", err
}

// awsListenerCertificate is the form that gives a listener another certificate.
func awsListenerCertificate(v *visit, names url.Values) (*awsEdit, error) {
	d, l, port, err := awsListener(v, names)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		Heading: "Certificate of port " + port, Balancer: d.LoadBalancerName, Tab: tabListeners, action: "SetLoadBalancerListenerSSLCertificate",
		Form: &form{Submit: "Save", Keep: []kept{{"port", port}}, Fields: []*field{
			{Name: "SSLCertificateId", Label: "Certificate", Value: told(l.Listener.SSLCertificateID), Hint: "The ARN of a certificate that lull has."},
		}},
		params: func(_ *form, params url.Values) { params.Set("LoadBalancerPort", port) },
		done:   "The certificate of port " + port + " has been changed.",
	}, nil
}
