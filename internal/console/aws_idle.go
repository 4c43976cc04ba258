package console

import (
	"net/url"
	"strconv"
	"time"

	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
)

// The page Configure Connection Settings, as the old console of AWS has it (book A9).

const idleParam = "LoadBalancerAttributes.ConnectionSettings.IdleTimeout"

// awsIdleTimeout is the form for the idle timeout.
func awsIdleTimeout(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	a, err := awsAttributes(v, name)
	if err != nil {
		return nil, err
	}
	allowed := timeout.IdleRange(timeout.Shared)
	least, most := int64(allowed.Min/time.Second), int64(allowed.Max/time.Second)
	return &awsEdit{
		edit: edit{
			Heading: "Configure Connection Settings", Balancer: name, Tab: tabDescription,
			About: []string{"For how long both connections of a pair, the client's and the one to the instance, may be idle before the load balancer closes them."},
			Form: &form{Submit: "Save", Fields: []*field{{
				Name: idleParam, Label: "Idle timeout", Kind: "number", Unit: "seconds", Min: least, Max: most,
				Value: strconv.Itoa(int(a.ConnectionSettings.IdleTimeout)),
				Hint:  number(least) + " to " + number(most) + " seconds. It holds for connections that are open, too.",
			}}},
			fate: func(f *form) (fateOf, bool) { return idleOfBalancer(name, f.field(idleParam)) },
			done: "The idle timeout of " + name + " has been saved.",
		},
		action: "ModifyLoadBalancerAttributes",
	}, nil
}

// idleOfBalancer gives all connections of a load balancer the idle timeout that was typed.
func idleOfBalancer(name string, typed *field) (fateOf, bool) {
	n, err := strconv.ParseInt(typed.Value, 10, 64)
	if err != nil || n < typed.Min || n > typed.Max {
		return nil, false
	}
	return func(l *record.Live) (fate, bool) {
		return fate{idle: time.Duration(n) * time.Second}, l.Ends.LoadBalancer == name
	}, true
}
