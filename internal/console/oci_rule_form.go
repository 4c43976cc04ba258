package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kindRules is the kind of the field that holds the rules of a rule set. Its value is the API's list of them as JSON, and Rules has the
// fields that people see of it: each time the form is shown they are made of the value, and when it comes back the value of them.
const kindRules = "rules"

// rulesOfSetMax is how many rules a rule set can have (OP-22). No form has more.
const rulesOfSetMax = 20

// ruleList is what a form shows of rules.
type ruleList struct {
	Rows   []*ruleRow
	Kinds  []choice // of which another one can be; none: it is full
	Notice string   // what a button has done
	drawn  bool     // a button was used that only has the form drawn anew
	at     int      // the row that it has moved or added; -1: none
	did    string   // its name
}

// ruleRow is one rule of a form.
type ruleRow struct {
	*field // of the rule as a whole, for what is wrong with it
	Number int
	Action string
	Fields []*field
	Kept   string // the rule as JSON, if it has what the fields do not show; else empty
	JSON   string // it again, if it has no fields
	// First and Last cannot be moved any further; Up and Down say which button the reader is taken to, who has used it.
	First, Last, Up, Down bool
}

// Groups returns the fields of a rule in their groups.
func (r *ruleRow) Groups() []fieldGroup { return groupsOf(r.Fields) }

// rulesField is the field for a rule set's rules.
func rulesField(rules []any) *field {
	one := &field{Name: "items", Label: "Rules", Kind: kindRules, Value: compact(rules), Rules: &ruleList{}, Hint: "1 to 20. Rules for headers take effect in this order; the others in one of their own, wherever they stand."}
	one.showRules()
	return one
}

// InWords tells what the rules of a field do.
func (one *field) InWords() []string { return rulesInWords(readJSON(one.Value)) }

// TheirsInWords tells what the rules do that somebody else has set meanwhile.
func (one *field) TheirsInWords() []string { return rulesInWords(readJSON(one.Theirs)) }

func rulesInWords(rules any) (list []string) {
	for _, rule := range listIn(rules) {
		list = append(list, inWords(rule))
	}
	return list
}

// showRules makes the rows of the value.
func (one *field) showRules() {
	rules, _ := readJSON(one.Value).([]any)
	list := one.Rules
	list.Rows, list.Kinds = nil, nil
	for i, rule := range listIn(rules) {
		list.Rows = append(list.Rows, newRuleRow(one.Name, i, rule))
	}
	if n := len(list.Rows); n > 0 {
		list.Rows[0].First, list.Rows[n-1].Last = true, true
	}
	if len(list.Rows) < rulesOfSetMax {
		for _, k := range ruleKinds {
			list.Kinds = append(list.Kinds, choice{k.action, k.label})
		}
	}
	one.Focus = list.drawn && !list.lead()
}

// lead takes the reader to where a button has brought a rule, if there is one.
func (list *ruleList) lead() bool {
	if list.at < 0 || list.at >= len(list.Rows) {
		return false
	}
	switch row := list.Rows[list.at]; {
	case list.did == "up" && !row.First, list.did == "down" && row.Last && !row.First:
		row.Up = true
	case list.did == "up", list.did == "down":
		row.Down = !row.Last
	case list.did == "add" && len(row.Fields) > 0:
		row.Fields[0].Focus = true
	}
	return true
}

// newRuleRow makes the fields of a rule.
func newRuleRow(list string, i int, rule map[string]any) *ruleRow {
	action, _ := rule["action"].(string)
	name := ruleName(list, i)
	row := &ruleRow{field: &field{Name: name, Label: fmt.Sprintf("Rule %d", i+1)}, Number: i + 1, Action: action}
	k := ruleKindOf(action)
	if k == nil {
		row.Kept = compact(rule)
		row.JSON = row.Kept
		return row
	}
	row.Label += ": " + k.label
	row.Fields = k.fields()
	for _, one := range row.Fields {
		one.Value = textOf(memberIn(rule, pathOf(one.Name)))
		if part, drop := strings.CutSuffix(one.Name, drops); drop {
			one.Value = checked(memberIn(rule, pathOf(part)) == "")
		}
		if one.Kind == "" && strings.Contains(one.Value, "\n") { // of a single line, browsers would make one
			one.Kind = "textarea"
		}
		if one.Kind == "select" && one.Value == "" {
			one.Value = one.Choices[0].Value
		}
		if one.Kind == "select" && labelIn(one.Choices, one.Value) == one.Value && !slices.Contains(one.Choices, choice{one.Value, one.Value}) {
			one.Choices = append(one.Choices, choice{one.Value, one.Value})
		}
	}
	if whole := compact(rule); compact(k.laid(map[string]any{}, row.Fields)) != whole {
		row.Kept = whole
	}
	for _, one := range row.Fields {
		one.Name, one.Inner = name+"."+one.Name, true
	}
	return row
}

// ruleName is what the API calls a rule.
func ruleName(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// laid puts fields over a rule.
func (k *ruleKind) laid(rule map[string]any, fields []*field) map[string]any {
	rule["action"] = k.action
	for path, value := range k.fixed {
		withMember(rule, pathOf(path), value)
	}
	for _, one := range fields {
		part, drop := strings.CutSuffix(one.Name, drops)
		switch {
		case !drop:
			withMember(rule, pathOf(one.Name), one.ruleValue())
		case one.Value == "on":
			withMember(rule, pathOf(part), "")
		}
	}
	return withoutGaps(rule)
}

// ruleValue returns what a field of a rule stands for; nil for nothing. What is no number is left as it was typed, as in wireValue.
func (one *field) ruleValue() any {
	switch {
	case one.Kind == "checkbox":
		return one.Value == "on"
	case one.Value == "":
		return nil
	case one.Kind == kindList:
		return namesIn(one.Value)
	case one.Kind == "number", one.Kind == "select":
		if n, err := strconv.ParseInt(one.Value, 10, 64); err == nil {
			return n
		}
	}
	return one.Value
}

// rulesSent returns the rules that a form has as JSON, with what a button makes of them.
func (one *field) rulesSent(sent url.Values) string {
	rules := []any{}
	for i := range rulesOfSetMax {
		name := ruleName(one.Name, i)
		if !sent.Has(name + ".action") {
			break
		}
		rules = append(rules, ruleSent(sent, name))
	}
	if does := sent.Get(one.Name + ".do"); does != "" {
		rules = one.Rules.step(rules, does, sent.Get(one.Name+".kind"))
	}
	return compact(rules)
}

// ruleSent returns a rule as a form has it.
func ruleSent(sent url.Values, name string) map[string]any {
	action, rule := sent.Get(name+".action"), map[string]any{}
	if kept := sent.Get(name + ".kept"); kept != "" && json.Unmarshal([]byte(kept), &rule) != nil {
		rule = map[string]any{}
	}
	rule = cloned(rule)
	k := ruleKindOf(action)
	if k == nil {
		if rule["action"] == nil {
			rule["action"] = action
		}
		return rule
	}
	fields := k.fields()
	for _, one := range fields {
		one.Value = one.typed(sent.Get(name + "." + one.Name))
	}
	return k.laid(rule, fields)
}

// step does to rules what a button says: "add" one of a kind, or "up", "down" or "remove" and which. Nothing is saved by that.
func (list *ruleList) step(rules []any, does, kind string) []any {
	list.drawn, list.at = true, -1
	word, number, _ := strings.Cut(does, " ")
	i, err := strconv.Atoi(number)
	list.did = word
	switch k := ruleKindOf(kind); {
	case word == "add" && len(rules) >= rulesOfSetMax:
		list.Notice = fmt.Sprintf("These are %d rules, which are all that a rule set can have.", rulesOfSetMax)
	case word == "add" && k != nil:
		list.at = len(rules)
		list.Notice = fmt.Sprintf("Rule %d has been added. It is not saved yet.", list.at+1)
		return append(rules, k.blank())
	case err != nil || i < 0 || i >= len(rules):
	case word == "remove":
		list.Notice = fmt.Sprintf("Rule %d has been removed. That is not saved yet.", i+1)
		return slices.Delete(rules, i, i+1)
	case word == "up" && i > 0:
		list.swap(rules, i, i-1)
	case word == "down" && i+1 < len(rules):
		list.swap(rules, i, i+1)
	}
	return rules
}

// swap moves a rule by one.
func (list *ruleList) swap(rules []any, from, to int) {
	rules[from], rules[to] = rules[to], rules[from]
	list.at, list.Notice = to, fmt.Sprintf("Rule %d is rule %d now. That is not saved yet.", from+1, to+1)
}

// blank returns a rule of a kind into which nothing has been typed.
func (k *ruleKind) blank() map[string]any {
	fields := k.fields()
	for _, one := range fields {
		if one.Kind == "select" {
			one.Value = one.Choices[0].Value
		}
	}
	return k.laid(map[string]any{}, fields)
}

// sumOf tells one value from another in few bytes. A form has to fit into bodyBytesMax with all its rules.
func sumOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// ruleNamed finds the rule that a refusal is about, which the message begins with. Further behind there may be something that was typed.
//
//nolint:gochecknoglobals // compiled once, read only
var ruleNamed = regexp.MustCompile(`^(Rule set '[^']*', )?items\[([0-9]{1,4})\](\.?)`)

// ruleAtFault returns the field that a refusal of rules is about: where the API finds it in the list only, its message names the rule.
func ruleAtFault(told, message string) string {
	if named := ruleNamed.FindStringSubmatch(message); told == "items" && named != nil {
		return "items[" + named[2] + "]"
	}
	return told
}

// numbered returns a message about rules with the number that the form gives to the rule: there they begin with 1.
func numbered(message string) string {
	named := ruleNamed.FindStringSubmatch(message)
	if named == nil {
		return message
	}
	i, _ := strconv.Atoi(named[2]) // the expression has digits there
	return fmt.Sprintf("Rule %d", i+1) + strings.Replace(named[3], ".", ": ", 1) + message[len(named[0]):]
}

// pathOf splits a member's path: conditions[0].attributeValue is conditions, [0], attributeValue.
func pathOf(name string) []string {
	return strings.Split(strings.ReplaceAll(name, "[", ".["), ".")
}

// placeIn returns the place in a list that a part of a path stands for.
func placeIn(part string) (i int, ok bool) {
	digits, list := strings.CutPrefix(part, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
	return i, list && err == nil
}

// memberIn returns what a value has at a path; nil if there is nothing.
func memberIn(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	if i, list := placeIn(path[0]); list {
		if all, _ := value.([]any); i < len(all) {
			return memberIn(all[i], path[1:])
		}
		return nil
	}
	object, _ := value.(map[string]any)
	return memberIn(object[path[0]], path[1:])
}

// withMember returns a value with something at a path, nil for nothing. An object that is empty then is nothing. Lists may have gaps
// afterwards.
func withMember(value any, path []string, member any) any {
	if len(path) == 0 {
		return member
	}
	if i, list := placeIn(path[0]); list {
		all, _ := value.([]any)
		for len(all) <= i { // a path of ruleKinds: at most 2
			all = append(all, nil)
		}
		all[i] = withMember(all[i], path[1:], member)
		return all
	}
	object, _ := value.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	object[path[0]] = withMember(object[path[0]], path[1:], member)
	if object[path[0]] == nil {
		delete(object, path[0])
	}
	if len(object) == 0 {
		return nil
	}
	return object
}

// withoutGaps takes out of an object's lists what is nothing, and lists of nothing.
func withoutGaps(object map[string]any) map[string]any {
	for name, value := range object {
		all, list := value.([]any)
		if !list {
			continue
		}
		object[name] = slices.DeleteFunc(all, func(one any) bool { return one == nil })
		if len(object[name].([]any)) == 0 {
			delete(object, name)
		}
	}
	return object
}
