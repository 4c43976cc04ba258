package console

import (
	"net/url"
	"strconv"

	"lull/internal/control/awselb/query"
)

// awsHealthTab is the tab Health check.
func awsHealthTab(_ *visit, d query.LoadBalancerDescription) ([]section, error) {
	h := d.HealthCheck
	return []section{{
		Heading: "Health check",
		Facts: []fact{
			{"Ping target", h.Target}, {"Timeout", number(int(h.Timeout)) + " seconds"}, {"Interval", number(int(h.Interval)) + " seconds"},
			{"Unhealthy threshold", number(int(h.UnhealthyThreshold))}, {"Healthy threshold", number(int(h.HealthyThreshold))},
		},
		Actions: []action{{Label: "Edit Health Check", Link: to("aws-health-check", "load_balancer", d.LoadBalancerName)}},
	}}, nil
}

// awsHealthCheck is the form for the health check.
func awsHealthCheck(v *visit, names url.Values) (*awsEdit, error) {
	d, err := awsDescribed(v, names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	h := d.HealthCheck
	numberField := func(name, label, unit, hint string, value int32) *field {
		return &field{Name: "HealthCheck." + name, Label: label, Kind: "number", Unit: unit, Hint: hint, Value: strconv.Itoa(int(value))}
	}
	return &awsEdit{
		edit: edit{
			Heading: "Configure Health Check", Balancer: d.LoadBalancerName, Tab: tabHealthCheck,
			Form: &form{Submit: "Save", Fields: []*field{
				{Name: "HealthCheck.Target", Label: "Ping target", Value: h.Target, Hint: "TCP:port or SSL:port, or HTTP:port/path or HTTPS:port/path."},
				numberField("Timeout", "Response timeout", "seconds", "2 to 60 seconds, and less than the interval.", h.Timeout),
				numberField("Interval", "Interval", "seconds", "5 to 300 seconds.", h.Interval),
				numberField("UnhealthyThreshold", "Unhealthy threshold", "", "2 to 10 failures in a row take an instance out.", h.UnhealthyThreshold),
				numberField("HealthyThreshold", "Healthy threshold", "", "2 to 10 successes in a row bring it back.", h.HealthyThreshold),
			}},
			done: "The health check of " + d.LoadBalancerName + " has been saved.",
		},
		action: "ConfigureHealthCheck",
	}, nil
}
