package console

import (
	"net/url"
	"strconv"

	"lull/internal/control/awselb/query"
)

// The attributes other than the idle timeout: one form for each group, as the API changes them.

const (
	drainingParam  = "LoadBalancerAttributes.ConnectionDraining."
	crossZoneParam = "LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled"
	logParam       = "LoadBalancerAttributes.AccessLog."
	desyncParam    = "LoadBalancerAttributes.AdditionalAttributes.member.1."
)

// awsAttributeForm returns the page of a group of attributes.
func awsAttributeForm(name, heading string, fields ...*field) *awsEdit {
	return &awsEdit{
		edit: edit{
			Heading: heading, Balancer: name, Tab: tabDescription,
			Form: &form{Submit: "Save", Fields: fields}, done: "The attributes of " + name + " have been saved.",
		},
		action: "ModifyLoadBalancerAttributes",
	}
}

// awsDraining is the form for connection draining.
func awsDraining(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	a, err := awsAttributes(v, name)
	if err != nil {
		return nil, err
	}
	return awsAttributeForm(name, "Configure Connection Draining",
		&field{
			Name: drainingParam + "Enabled", Label: "Enable connection draining", Kind: "checkbox", Value: checked(a.ConnectionDraining.Enabled),
			Hint: "Connections to an instance that is deregistered or unhealthy may end by themselves.",
		},
		&field{
			Name: drainingParam + "Timeout", Label: "Timeout", Kind: "number", Unit: "seconds", Value: strconv.Itoa(int(*a.ConnectionDraining.Timeout)),
			Hint: "1 to 3,600 seconds, after which the rest is closed.",
		}), nil
}

// awsCrossZone is the form for cross-zone load balancing.
func awsCrossZone(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	a, err := awsAttributes(v, name)
	if err != nil {
		return nil, err
	}
	return awsAttributeForm(name, "Configure Cross-Zone Load Balancing", &field{
		Name: crossZoneParam, Label: "Enable cross-zone load balancing", Kind: "checkbox", Value: checked(a.CrossZoneLoadBalancing.Enabled),
		Hint: "The addresses of each zone use the instances of all zones.",
	}), nil
}

// awsDesync is the form for the desync mitigation mode.
func awsDesync(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	a, err := awsAttributes(v, name)
	if err != nil {
		return nil, err
	}
	e := awsAttributeForm(name, "Configure Desync Mitigation", &field{
		Name: desyncParam + "Value", Label: "Desync mitigation mode", Kind: "select", Value: desyncOf(a),
		Choices: []choice{{"defensive", "Defensive (recommended)"}, {"strictest", "Strictest"}, {"monitor", "Monitor"}},
		Hint:    "What becomes of requests that servers may read in different ways.",
	})
	e.params = func(_ *form, params url.Values) { params.Set(desyncParam+"Key", query.DesyncMitigationMode) }
	return e, nil
}

// desyncOf returns the desync mitigation mode, which is the only additional attribute.
func desyncOf(a query.Attributes) string {
	if len(a.AdditionalAttributes) == 0 {
		return ""
	}
	return *a.AdditionalAttributes[0].Value
}

// awsAccessLogs is the form for the delivery of access logs.
func awsAccessLogs(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	a, err := awsAttributes(v, name)
	if err != nil {
		return nil, err
	}
	l, every := a.AccessLog, "60"
	if l.EmitInterval != nil {
		every = strconv.Itoa(int(*l.EmitInterval))
	}
	e := awsAttributeForm(name, "Configure Access Logs",
		&field{Name: logParam + "Enabled", Label: "Enable access logs", Kind: "checkbox", Value: checked(l.Enabled)},
		&field{Name: logParam + "EmitInterval", Label: "Interval", Kind: "select", Value: every, Unit: "minutes", Choices: []choice{{"5", "5"}, {"60", "60"}}},
		&field{Name: logParam + "S3BucketName", Label: "Bucket", Value: told(l.S3BucketName), Optional: true, Hint: "Needed to enable them."},
		&field{Name: logParam + "S3BucketPrefix", Label: "Prefix", Value: told(l.S3BucketPrefix), Optional: true, Hint: "May be empty; may not contain AWSLogs."})
	// What is emptied is to be empty, where leaving it out would keep it.
	e.params = func(f *form, params url.Values) {
		for _, one := range []string{"S3BucketName", "S3BucketPrefix"} {
			params.Set(logParam+one, f.field(logParam+one).Value)
		}
	}
	return e, nil
}

// checked is the value of a checkbox.
func checked(on bool) string {
	if on {
		return "on"
	}
	return ""
}

// told returns what may be missing.
func told(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
