package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/awselb/query"
)

// The types of policies that a listener can have.
const (
	typeAppCookie = "AppCookieStickinessPolicyType"
	typeLBCookie  = "LBCookieStickinessPolicyType"
	typeSSL       = "SSLNegotiationPolicyType"
)

// awsPolicies returns a load balancer's policies, among them the predefined one that is enabled; without a name those that are predefined.
func awsPolicies(v *visit, name string) ([]query.PolicyDescription, error) {
	request := &query.DescribeLoadBalancerPoliciesRequest{}
	if name != "" {
		request.LoadBalancerName = &name
	}
	found, err := awsAsk[query.DescribeLoadBalancerPoliciesResult](v, request)
	return found.PolicyDescriptions, err
}

// awsPolicySections shows the policies, and which ports of instances have any.
func awsPolicySections(v *visit, d query.LoadBalancerDescription) ([]section, error) {
	name := d.LoadBalancerName
	list, err := awsPolicies(v, name)
	if err != nil {
		return nil, err
	}
	policies := &table{Caption: "Policies", Head: []string{"Name", "Type", "Attributes"}}
	for i := range list {
		policies.Rows = append(policies.Rows, tableRow{
			Cells: []string{list[i].PolicyName, list[i].PolicyTypeName, attributesText(&list[i])},
			Actions: []action{{
				Label: "Delete", Of: "Delete policy " + list[i].PolicyName, Danger: true, Link: to("aws-policy-delete", "load_balancer", name, "policy", list[i].PolicyName),
			}},
		})
	}
	ports := &table{Caption: "Instance ports", Head: []string{"Instance port", "Policies"}}
	for _, port := range instancePorts(d) {
		text := strconv.Itoa(int(port))
		ports.Rows = append(ports.Rows, tableRow{
			Cells:   []string{text, listed(backendPolicies(d, port))},
			Actions: []action{{Label: "Edit", Of: "Edit policies of instance port " + text, Link: to("aws-instance-port", "load_balancer", name, "port", text)}},
		})
	}
	link := func(page string) string { return to(page, "load_balancer", name) }
	return []section{
		{Heading: "Policies", Table: policies, Actions: []action{
			{Label: "Create load balancer cookie", Link: link("aws-policy-lb-cookie")}, {Label: "Create application cookie", Link: link("aws-policy-app-cookie")},
			{Label: "Create security policy", Link: link("aws-policy-ssl")}, {Label: "Create other policy", Link: link("aws-policy-create")},
		}},
		{Heading: "Policies of instance ports", Table: ports},
	}, nil
}

// attributesText tells a policy's attributes; of ciphers and the like, of which there are a hundred, only those that are on.
func attributesText(p *query.PolicyDescription) string {
	var list []string
	for _, a := range p.PolicyAttributeDescriptions {
		switch {
		case a.AttributeValue == "false" && p.PolicyTypeName == typeSSL:
		case a.AttributeValue == "true" && p.PolicyTypeName == typeSSL:
			list = append(list, a.AttributeName)
		default:
			list = append(list, a.AttributeName+" = "+a.AttributeValue)
		}
	}
	return listed(list)
}

// instancePorts returns the ports of instances that listeners use or policies are of.
func instancePorts(d query.LoadBalancerDescription) (ports []int32) {
	for i := range d.ListenerDescriptions {
		ports = append(ports, d.ListenerDescriptions[i].Listener.InstancePort)
	}
	for _, b := range d.BackendServerDescriptions {
		ports = append(ports, b.InstancePort)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// backendPolicies returns the policies of a port of the instances.
func backendPolicies(d query.LoadBalancerDescription, port int32) []string {
	for _, b := range d.BackendServerDescriptions {
		if b.InstancePort == port {
			return b.PolicyNames
		}
	}
	return nil
}

// awsListenerPolicies is the form for the policies of a listener: a cookie to stick by, and on secure ones how TLS is negotiated. The API
// replaces all of them at once, so the form has both.
func awsListenerPolicies(v *visit, names url.Values) (*awsEdit, error) {
	d, l, port, err := awsListener(v, names)
	if err != nil {
		return nil, err
	}
	own, err := awsPolicies(v, d.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	fields := []*field{policyChoice("stickiness", "Stickiness", "Disable stickiness", l.PolicyNames, own, typeLBCookie, typeAppCookie)}
	if l.Listener.SSLCertificateID != nil {
		fields = append(fields, policyChoice("negotiation", "Security policy", "The default one", l.PolicyNames, own, typeSSL))
	}
	return &awsEdit{
		edit: edit{
			Heading: "Policies of port " + port, Balancer: d.LoadBalancerName, Tab: tabListeners,
			Form: &form{Submit: "Save", Keep: []kept{{"port", port}}, Fields: fields},
			done: "The policies of port " + port + " have been saved.",
		},
		action: "SetLoadBalancerPoliciesOfListener",
		params: func(f *form, params url.Values) {
			params.Set("LoadBalancerPort", port)
			var chosen []string
			for _, one := range f.Fields {
				params.Del(one.Name)
				if one.Value != "" {
					chosen = append(chosen, one.Value)
				}
			}
			setList(params, "PolicyNames", chosen)
		},
	}, nil
}

// policyChoice returns a field with the policies of some types, of which at most one is enabled.
func policyChoice(name, label, none string, enabled []string, from []query.PolicyDescription, types ...string) *field {
	f := &field{Name: name, Label: label, Kind: "select", Choices: []choice{{"", none}}, Optional: true}
	for i := range from {
		policy := from[i].PolicyName
		if !slices.Contains(types, from[i].PolicyTypeName) || slices.Contains(f.Choices, choice{policy, policy}) {
			continue
		}
		f.Choices = append(f.Choices, choice{policy, policy})
		if slices.Contains(enabled, policy) {
			f.Value = policy
		}
	}
	return f
}

// setList sets a list, which may be empty.
func setList(params url.Values, name string, list []string) {
	params.Set(name, "")
	if len(list) > 0 {
		params.Set(name, strings.Join(list, " "))
		expand(params, name, "")
	}
}

// awsInstancePort is the form for the policies of a port of the instances.
func awsInstancePort(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	port := names.Get("port")
	n, _ := strconv.ParseInt(port, 10, 32) // what is no number is no port of an instance
	if !slices.Contains(instancePorts(d), int32(n)) {
		return nil, refusal(http.StatusNotFound, "load balancer %s has no instance port %q", d.LoadBalancerName, shortened(port))
	}
	return &awsEdit{
		edit: edit{
			Heading: "Policies of instance port " + port, Balancer: d.LoadBalancerName, Tab: tabListeners,
			Form: &form{Submit: "Save", Keep: []kept{{"port", port}}, Fields: []*field{{
				Name: "PolicyNames", Label: "Policies", Value: strings.Join(backendPolicies(d, int32(n)), " "), Optional: true,
				Hint: "Names of policies for the PROXY protocol or the authentication of instances, with spaces between them; empty: none.",
			}}},
			done: "The policies of instance port " + port + " have been saved.",
		},
		action: "SetLoadBalancerPoliciesForBackendServer",
		params: func(f *form, params url.Values) {
			params.Set("InstancePort", port)
			setList(params, "PolicyNames", strings.Fields(f.field("PolicyNames").Value))
		},
	}, nil
}

// awsPolicyForm returns the page that makes a policy.
func awsPolicyForm(v *visit, names url.Values, heading, action string, fields ...*field) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	fields = append([]*field{{Name: "PolicyName", Label: "Policy name", Hint: "Letters, digits and hyphens."}}, fields...)
	return &awsEdit{
		edit: edit{
			Heading: heading, Balancer: d.LoadBalancerName, Tab: tabListeners,
			Form: &form{Submit: "Create", Fields: fields}, done: "The policy has been created. It has an effect once it is enabled on a port.",
		},
		action: action,
	}, nil
}

// awsPolicyLBCookie is the form for a policy with a cookie of the load balancer's own.
func awsPolicyLBCookie(v *visit, names url.Values) (*awsEdit, error) {
	return awsPolicyForm(v, names, "Create load balancer cookie stickiness", "CreateLBCookieStickinessPolicy", &field{
		Name: "CookieExpirationPeriod", Label: "Expiration period", Kind: "number", Unit: "seconds", Optional: true, Hint: "Empty: as long as the browser is open.",
	})
}

// awsPolicyAppCookie is the form for a policy that follows the application's cookie.
func awsPolicyAppCookie(v *visit, names url.Values) (*awsEdit, error) {
	return awsPolicyForm(v, names, "Create application cookie stickiness", "CreateAppCookieStickinessPolicy", &field{
		Name: "CookieName", Label: "Cookie name", Hint: "The cookie that the application sets.",
	})
}

// awsPolicySSL is the form for a policy that negotiates TLS as one of the predefined ones does, which is how the API has those enabled.
func awsPolicySSL(v *visit, names url.Values) (*awsEdit, error) {
	samples, err := awsPolicies(v, "")
	if err != nil {
		return nil, err
	}
	const reference = "PolicyAttributes.member.1."
	like := &field{Name: reference + "AttributeValue", Label: "Like", Kind: "select", Hint: "The predefined policy whose protocols and ciphers it has."}
	for i := range samples {
		if samples[i].PolicyTypeName == typeSSL {
			like.Choices = append(like.Choices, choice{samples[i].PolicyName, samples[i].PolicyName})
		}
	}
	like.Value = like.Choices[0].Value
	e, err := awsPolicyForm(v, names, "Create security policy", "CreateLoadBalancerPolicy", like)
	if err == nil {
		e.params = func(_ *form, params url.Values) {
			params.Set("PolicyTypeName", typeSSL)
			params.Set(reference+"AttributeName", "Reference-Security-Policy")
		}
	}
	return e, err
}

// awsPolicyCreate is the form for a policy of any type.
func awsPolicyCreate(v *visit, names url.Values) (*awsEdit, error) {
	types, err := awsAsk[query.DescribeLoadBalancerPolicyTypesResult](v, &query.DescribeLoadBalancerPolicyTypesRequest{})
	if err != nil {
		return nil, err
	}
	kind := &field{Name: "PolicyTypeName", Label: "Type", Kind: "select"}
	for _, one := range types.PolicyTypeDescriptions {
		kind.Choices = append(kind.Choices, choice{one.PolicyTypeName, one.PolicyTypeName})
	}
	kind.Value = kind.Choices[0].Value
	e, err := awsPolicyForm(v, names, "Create policy", "CreateLoadBalancerPolicy", kind, &field{
		Name: "PolicyAttributes", Label: "Attributes", Kind: "textarea", Optional: true, Hint: "One on a line: name=value.",
	})
	if err == nil {
		e.params = func(_ *form, params url.Values) {
			expandPairs(params, "PolicyAttributes", "AttributeName", "AttributeValue")
		}
	}
	return e, err
}

// expandPairs makes a list as the API has it of the lines of one parameter, each name=value.
func expandPairs(params url.Values, name, left, right string) {
	lines, n := strings.Split(params.Get(name), "\n"), 0
	params.Del(name)
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		n++
		key, value, _ := strings.Cut(line, "=")
		params.Set(name+".member."+strconv.Itoa(n)+"."+left, strings.TrimSpace(key))
		params.Set(name+".member."+strconv.Itoa(n)+"."+right, strings.TrimSpace(value))
	}
}

// awsPolicyDelete is the form that deletes a policy.
func awsPolicyDelete(v *visit, names url.Values) (*awsEdit, error) {
	name, policy := names.Get("load_balancer"), names.Get("policy")
	list, err := awsPolicies(v, name)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(p query.PolicyDescription) bool { return p.PolicyName == policy })
	if i < 0 || name == "" {
		return nil, refusal(http.StatusNotFound, "load balancer %s has no policy %q, or it has been deleted", shortened(name), shortened(policy))
	}
	text := list[i].PolicyTypeName + ": " + attributesText(&list[i])
	return &awsEdit{
		edit: edit{
			Heading: "Delete policy " + policy, About: []string{text}, Balancer: name, Tab: tabListeners, seen: text,
			Form: &form{Submit: "Delete", Danger: true, Keep: []kept{{"policy", policy}}},
			done: "The policy has been deleted.",
		},
		action: "DeleteLoadBalancerPolicy",
		params: func(_ *form, params url.Values) { params.Set("PolicyName", policy) },
	}, nil
}
