package ociapi

import (
	"errors"
	"strings"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/rules"
)

// routingPolicyKind is Oracle's word.
const routingPolicyKind = "routing policy"

//nolint:gochecknoglobals // a table
var routingPolicyReads = map[string]read{
	"ListRoutingPolicies": listRoutingPolicies,
	"GetRoutingPolicy": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, routingPolicyKind, b.RoutingPolicies, r.Parameters[wire.RoutingPolicyName], routingPolicyView)
	}),
}

//nolint:gochecknoglobals // a table
var routingPolicyChanges = map[string]change{
	"CreateRoutingPolicy": createRoutingPolicy,
	"UpdateRoutingPolicy": updateRoutingPolicy,
	"DeleteRoutingPolicy": deleteRoutingPolicy,
}

// routingPolicyView returns a routing policy, which knows its name.
func routingPolicyView(_ string, p wire.RoutingPolicy) wire.RoutingPolicy { return p }

// listRoutingPolicies is the one list of children that comes in pages and has an etag too.
func listRoutingPolicies(s *Service, r *wire.Request) (Answer, error) {
	var next string
	answer, err := ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		order := wire.Order[wire.RoutingPolicy]{
			Scope: "ListRoutingPolicies " + b.ID, Key: func(p wire.RoutingPolicy) string { return p.Name }, Compare: strings.Compare,
		}
		page, marker, err := wire.Paginate(order, sorted(b.RoutingPolicies, routingPolicyView), *r.Query.(*wire.PageQuery))
		next = marker
		return page, err
	})(s, r)
	answer.NextPage = next
	return answer, err
}

func createRoutingPolicy(d *document, r *wire.Request) error {
	body := r.Body.(*wire.RoutingPolicy)
	if err := checkConditions(body.Name, body.Rules); err != nil {
		return err
	}
	return add(d, routingPolicyKind, d.RoutingPolicies, body.Name, *body)
}

func updateRoutingPolicy(d *document, r *wire.Request) error {
	name, body := r.Parameters[wire.RoutingPolicyName], r.Body.(*wire.UpdateRoutingPolicyDetails)
	if _, found := d.RoutingPolicies[name]; !found {
		return wire.NoSuchChild(d.ID, routingPolicyKind, name)
	}
	if err := checkConditions(name, body.Rules); err != nil {
		return err
	}
	d.RoutingPolicies[name] = wire.RoutingPolicy{Name: name, ConditionLanguageVersion: body.ConditionLanguageVersion, Rules: body.Rules}
	return nil
}

func deleteRoutingPolicy(d *document, r *wire.Request) error {
	name := r.Parameters[wire.RoutingPolicyName]
	for listener, l := range ordered(d.Listeners) {
		if l.RoutingPolicyName != nil && *l.RoutingPolicyName == name {
			return inUse(routingPolicyKind, name, "listener", listener)
		}
	}
	return drop(d, routingPolicyKind, d.RoutingPolicies, name)
}

// checkConditions reads the conditions of a policy. A policy comes by its own operations only, so that nobody needs to read those
// of the others with each change to the load balancer.
func checkConditions(name string, list []wire.RoutingRule) error {
	conditions, err := parseConditions(list)
	if err != nil {
		return err
	}
	c := rules.Config{}
	for _, condition := range conditions {
		c.Rules = append(c.Rules, rules.Rule{Condition: condition})
	}
	if _, err := rules.New(&c); err != nil {
		return invalid("rules", "RoutingPolicy '%s': %s", name, err)
	}
	return nil
}

// parseConditions reads the conditions of a policy's rules.
func parseConditions(list []wire.RoutingRule) ([]rules.Condition, error) {
	conditions := make([]rules.Condition, len(list))
	for i := range list {
		var err error
		if conditions[i], err = rules.ParseCondition(list[i].Condition); err != nil {
			return nil, faultyCondition(i, &list[i], err)
		}
	}
	return conditions, nil
}

// faultyContext is how many bytes of a condition a message repeats around the fault.
const faultyContext = 40

// faultyCondition tells what is wrong with the condition of a rule and where, with what stands there: conditions may have thousands
// of characters.
func faultyCondition(i int, rule *wire.RoutingRule, err error) error {
	text := rule.Condition
	var parse *rules.ParseError
	if errors.As(err, &parse) {
		begin, end := max(parse.Offset-faultyContext, 0), min(parse.Offset+faultyContext, len(text))
		text = strings.ToValidUTF8(text[begin:end], "")
	}
	return invalid("condition", "rules[%d].condition of rule '%s' cannot be read: %s; near '%s'", i, rule.Name, err, text)
}

// checkRoutingPolicies wants backend sets that are there. The text is Oracle's, as its ingress controller looks for it.
func checkRoutingPolicies(_ *Service, d *document) error {
	if n := len(d.RoutingPolicies); n > routingPoliciesMax {
		return refuse(wire.LimitExceeded, "routingPolicies", "Load balancer %s would have %d routing policies, at most %d are allowed", d.ID, n, routingPoliciesMax)
	}
	for name, p := range ordered(d.RoutingPolicies) {
		for i := range p.Rules {
			for _, action := range p.Rules[i].Actions {
				if _, found := d.BackendSets[action.BackendSetName]; !found {
					return invalid("backendSetName", "RoutingPolicy '%s' contains a rule referencing BackendSet '%s' which does not exist in load balancer '%s' (rule '%s')",
						name, action.BackendSetName, d.ID, p.Rules[i].Name)
				}
			}
		}
	}
	return nil
}
