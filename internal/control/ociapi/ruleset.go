package ociapi

import (
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// ruleSetKind is Oracle's word.
const ruleSetKind = "rule set"

//nolint:gochecknoglobals // a table
var ruleSetReads = map[string]read{
	"ListRuleSets": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return sorted(b.RuleSets, ruleSetView), nil }),
	"GetRuleSet": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, ruleSetKind, b.RuleSets, r.Parameters[wire.RuleSetName], ruleSetView)
	}),
	"ListListenerRules": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, "listener", b.Listeners, r.Parameters[wire.ListenerName], b.listedRules)
	}),
}

//nolint:gochecknoglobals // a table
var ruleSetChanges = map[string]change{
	"CreateRuleSet": createRuleSet,
	"UpdateRuleSet": updateRuleSet,
	"DeleteRuleSet": deleteRuleSet,
}

// ruleSetView returns a rule set.
func ruleSetView(name string, items []wire.Rule) wire.RuleSet {
	return wire.RuleSet{Name: name, RuleSetDetails: wire.RuleSetDetails{Items: items}}
}

func createRuleSet(d *document, r *wire.Request) error {
	body := r.Body.(*wire.RuleSet)
	return add(d, ruleSetKind, d.RuleSets, body.Name, body.Items)
}

func updateRuleSet(d *document, r *wire.Request) error {
	return replace(d, ruleSetKind, d.RuleSets, r.Parameters[wire.RuleSetName], r.Body.(*wire.RuleSetDetails).Items)
}

func deleteRuleSet(d *document, r *wire.Request) error {
	name := r.Parameters[wire.RuleSetName]
	for listener, l := range ordered(d.Listeners) {
		if slices.Contains(l.RuleSetNames, name) {
			return inUse(ruleSetKind, name, "listener", listener)
		}
	}
	return drop(d, ruleSetKind, d.RuleSets, name)
}

// listingOrder is the order in which a listener's rules are told. Oracle gives four of the places: access control, methods, request
// headers, response headers. The others stand where they act, and last those that concern connections and heads as a whole.
//
//nolint:gochecknoglobals // a table
var listingOrder = map[string]int{
	wire.Allow: 1, wire.ControlMethods: 2, wire.Redirect: 3,
	wire.AddRequestHeader: 4, wire.ExtendRequestHeader: 4, wire.RemoveRequestHeader: 4,
	wire.AddResponseHeader: 5, wire.ExtendResponseHeader: 5, wire.RemoveResponseHeader: 5,
	wire.HTTPHeader: 6, wire.IPMaxConnections: 7,
}

// listedRules returns the rules of a listener in the order of their effect; of one kind, as they stand in their sets.
func (d *document) listedRules(_ string, l wire.ListenerDetails) []wire.ListenerRuleSummary {
	list := d.listenerRules(&l)
	slices.SortStableFunc(list, func(a, b wire.ListenerRuleSummary) int {
		return listingOrder[a.Rule.Action] - listingOrder[b.Rule.Action]
	})
	return list
}

// listenerRules returns the rules of a listener as they stand: its rule sets in the order in which it names them.
func (d *document) listenerRules(l *wire.ListenerDetails) []wire.ListenerRuleSummary {
	list := []wire.ListenerRuleSummary{}
	for _, name := range l.RuleSetNames {
		for _, rule := range d.RuleSets[name] {
			list = append(list, wire.ListenerRuleSummary{Rule: rule, RuleSetName: name})
		}
	}
	return list
}

// checkRuleSets wants rules that the data plane can follow, and not too many of them.
func checkRuleSets(_ *Service, d *document) error {
	total := 0
	for name, items := range ordered(d.RuleSets) {
		if total += len(items); total > rulesMax {
			return refuse(wire.LimitExceeded, "items", "Load balancer %s would have more than %d rules in all its rule sets, which are all that are allowed", d.ID, rulesMax)
		}
		for i := range items {
			if err := checkRule(&items[i]); err != nil {
				return invalid("items", "Rule set '%s', items[%d] (%s): %s", name, i, items[i].Action, err)
			}
		}
	}
	return nil
}

// checkRule compiles a rule by itself.
func checkRule(r *wire.Rule) error {
	p := &parts{}
	if err := p.add(r); err != nil {
		return err
	}
	return p.check()
}

// checkListenerRules wants no more than one rule of those that cannot be in force twice.
func checkListenerRules(_ *Service, d *document) error {
	for name, l := range ordered(d.Listeners) {
		seen := map[string]string{} // what there can be one of → its rule set
		for _, item := range d.listenerRules(&l) {
			key, what := single(&item.Rule)
			if key == "" {
				continue
			}
			if other, twice := seen[key]; twice {
				return invalid("ruleSetNames", "Listener '%s' can have only one rule %s: rule set '%s' has one, and rule set '%s' another",
					name, what, other, item.RuleSetName)
			}
			seen[key] = item.RuleSetName
		}
	}
	return nil
}

// single returns by what a rule is the only one of its listener, as a key and for people; empty if there may be others like it.
func single(r *wire.Rule) (key, what string) {
	switch r.Action {
	case wire.ControlMethods, wire.HTTPHeader:
		return r.Action, "with action " + r.Action
	case wire.Redirect:
		path := r.Conditions[0].AttributeValue
		return r.Action + " " + strings.ToLower(path), "with action " + r.Action + " for path '" + path + "'"
	}
	return "", ""
}
