package wire

import "strconv"

// RoutingPolicy is a named list of rules that choose a backend set by a condition. The conditions are read by whoever
// compiles them.
type RoutingPolicy struct {
	Name                     string        `wire:"name,required,notempty" match:"name"`
	ConditionLanguageVersion string        `wire:"conditionLanguageVersion,required" enum:"V1"`
	Rules                    []RoutingRule `wire:"rules,required" range:"1-100"`
}

// UpdateRoutingPolicyDetails is other rules for a policy. Without a version it is the only one there is.
type UpdateRoutingPolicyDetails struct {
	ConditionLanguageVersion string        `wire:"conditionLanguageVersion" enum:"V1" default:"V1"`
	Rules                    []RoutingRule `wire:"rules,required" range:"1-100"`
}

// RoutingRule is one rule: where its condition is true, its one action is done.
type RoutingRule struct {
	Name      string          `wire:"name,required,notempty" match:"name"`
	Condition string          `wire:"condition,required,notempty" range:"1-4096"`
	Actions   []RoutingAction `wire:"actions,required" range:"1-1"`
}

// RoutingAction names the backend set that gets the request.
type RoutingAction struct {
	Name           string `wire:"name,required" enum:"FORWARD_TO_BACKENDSET"`
	BackendSetName string `wire:"backendSetName,required" range:"1-32" match:"name"`
}

func (p *RoutingPolicy) check(field string) error { return checkRoutingRules(field, p.Rules) }

func (p *UpdateRoutingPolicyDetails) check(field string) error {
	return checkRoutingRules(field, p.Rules)
}

// checkRoutingRules refuses two rules of one name.
func checkRoutingRules(field string, rules []RoutingRule) error {
	seen := map[string]bool{}
	for i, r := range rules {
		if seen[r.Name] {
			name := join(field, "rules") + "[" + strconv.Itoa(i) + "].name"
			return invalid(name, "%s '%s' is the name of another rule of this policy", name, r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}
