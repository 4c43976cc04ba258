package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// RuleSet is a named list of rules.
type RuleSet struct {
	Name string `wire:"name,required,notempty" match:"name"`
	RuleSetDetails
}

// RuleSetDetails is the rules without the name.
type RuleSetDetails struct {
	Items []Rule `wire:"items,required" range:"1-20"`
}

// The actions of rules.
const (
	AddRequestHeader     = "ADD_HTTP_REQUEST_HEADER"
	ExtendRequestHeader  = "EXTEND_HTTP_REQUEST_HEADER_VALUE"
	RemoveRequestHeader  = "REMOVE_HTTP_REQUEST_HEADER"
	AddResponseHeader    = "ADD_HTTP_RESPONSE_HEADER"
	ExtendResponseHeader = "EXTEND_HTTP_RESPONSE_HEADER_VALUE"
	RemoveResponseHeader = "REMOVE_HTTP_RESPONSE_HEADER"
	Allow                = "ALLOW"
	ControlMethods       = "CONTROL_ACCESS_USING_HTTP_METHODS"
	Redirect             = "REDIRECT"
	HTTPHeader           = "HTTP_HEADER"
	IPMaxConnections     = "IP_BASED_MAX_CONNECTIONS"
)

// Rule is any of the eleven kinds of rules, told apart by Action. In a decoded one every field is nil that the action
// does not have, and the others have their defaults.
type Rule struct {
	Action string `wire:"action,required" enum:"ADD_HTTP_REQUEST_HEADER EXTEND_HTTP_REQUEST_HEADER_VALUE REMOVE_HTTP_REQUEST_HEADER ADD_HTTP_RESPONSE_HEADER EXTEND_HTTP_RESPONSE_HEADER_VALUE REMOVE_HTTP_RESPONSE_HEADER ALLOW CONTROL_ACCESS_USING_HTTP_METHODS REDIRECT HTTP_HEADER IP_BASED_MAX_CONNECTIONS"`

	// Of the rules for headers.
	Header *string `wire:"header" match:"token"`
	Value  *string `wire:"value" range:"1-4096"`
	Prefix *string `wire:"prefix" range:"1-4096"`
	Suffix *string `wire:"suffix" range:"1-4096"`

	// Of ALLOW and REDIRECT.
	Conditions  []RuleCondition `wire:"conditions,omitempty" range:"1-2"`
	Description *string         `wire:"description"`

	// Of CONTROL_ACCESS_USING_HTTP_METHODS.
	AllowedMethods []string `wire:"allowedMethods,omitempty" range:"1-64" eachrange:"1-64" eachmatch:"token"`
	StatusCode     *int     `wire:"statusCode" range:"200-599"`

	// Of REDIRECT.
	ResponseCode *int         `wire:"responseCode" enum:"301 302 303 307 308"`
	RedirectURI  *RedirectURI `wire:"redirectUri"`

	// Of HTTP_HEADER.
	AreInvalidCharactersAllowed *bool `wire:"areInvalidCharactersAllowed"`
	HTTPLargeHeaderSizeInKB     *int  `wire:"httpLargeHeaderSizeInKB" enum:"8 16 32 64"`

	// Of IP_BASED_MAX_CONNECTIONS.
	DefaultMaxConnections *int                   `wire:"defaultMaxConnections" range:"1-2147483647"`
	IPMaxConnections      []IPMaxConnectionsRule `wire:"ipMaxConnections,omitempty" range:"0-3"`
}

// IPMaxConnectionsRule is a limit for some clients.
type IPMaxConnectionsRule struct {
	IPAddresses    []string `wire:"ipAddresses,required" range:"1-64"`
	MaxConnections int      `wire:"maxConnections,required" range:"1-2147483647"`
}

// ruleKind is what a rule of one action has.
type ruleKind struct {
	required, optional []string
	check              func(*Rule, string) error
}

// ruleKinds is every action.
//
//nolint:gochecknoglobals // a table
var ruleKinds = map[string]ruleKind{
	AddRequestHeader:     {required: []string{"header", "value"}, check: (*Rule).checkHeader},
	ExtendRequestHeader:  {required: []string{"header"}, optional: []string{"prefix", "suffix"}, check: (*Rule).checkExtension},
	RemoveRequestHeader:  {required: []string{"header"}},
	AddResponseHeader:    {required: []string{"header", "value"}, check: (*Rule).checkHeader},
	ExtendResponseHeader: {required: []string{"header"}, optional: []string{"prefix", "suffix"}, check: (*Rule).checkExtension},
	RemoveResponseHeader: {required: []string{"header"}},
	Allow:                {required: []string{"conditions"}, optional: []string{"description"}, check: (*Rule).checkAllow},
	ControlMethods:       {required: []string{"allowedMethods"}, optional: []string{"statusCode"}, check: (*Rule).checkMethods},
	Redirect:             {required: []string{"conditions"}, optional: []string{"responseCode", "redirectUri"}, check: (*Rule).checkRedirect},
	HTTPHeader:           {optional: []string{"areInvalidCharactersAllowed", "httpLargeHeaderSizeInKB"}, check: (*Rule).checkHTTPHeader},
	IPMaxConnections:     {optional: []string{"defaultMaxConnections", "ipMaxConnections"}, check: (*Rule).checkIPMaxConnections},
}

//nolint:gochecknoglobals // compiled once, read only
var ruleSchema = of[Rule]()

func (r *Rule) check(field string) error {
	kind := ruleKinds[r.Action]
	v := reflect.ValueOf(r).Elem()
	for _, m := range ruleSchema.members {
		if m.name == "action" {
			continue
		}
		value := v.FieldByIndex(m.index)
		switch {
		case slices.Contains(kind.required, m.name) && value.IsNil():
			name := join(field, m.name)
			return refuse(MissingParameter, name, "%s is required when action is %s", name, r.Action)
		case !slices.Contains(kind.required, m.name) && !slices.Contains(kind.optional, m.name):
			value.SetZero() // tolerated like a field that there is not
		}
	}
	if kind.check == nil {
		return nil
	}
	return kind.check(r, field)
}

// checkHeader refuses a value that a header cannot have.
func (r *Rule) checkHeader(field string) error {
	return checkHeaderValue(join(field, "value"), r.Value)
}

// checkExtension refuses to extend by nothing.
func (r *Rule) checkExtension(field string) error {
	if r.Prefix == nil && r.Suffix == nil {
		return refuse(MissingParameter, join(field, "prefix"), "%s needs prefix or suffix when action is %s", field, r.Action)
	}
	if err := checkHeaderValue(join(field, "prefix"), r.Prefix); err != nil {
		return err
	}
	return checkHeaderValue(join(field, "suffix"), r.Suffix)
}

// checkHeaderValue refuses what is not in RFC 9110 §5.5, which would end the header and begin another, and what the API
// keeps for variables: a dollar sign, and a name in braces.
func checkHeaderValue(field string, value *string) error {
	if value == nil {
		return nil
	}
	if strings.ContainsFunc(*value, func(c rune) bool { return c < ' ' && c != '\t' || c >= 0x7f }) {
		return invalid(field, "%s '%s' is not allowed: use visible ASCII characters, spaces and tabs", field, shown(*value))
	}
	_, behind, brace := strings.Cut(*value, "{")
	if strings.Contains(*value, "$") || brace && strings.Contains(behind, "}") {
		return invalid(field, "%s '%s' is not allowed: it cannot have a dollar sign, nor a name in braces", field, shown(*value))
	}
	return nil
}

// checkMethods puts the default status.
func (r *Rule) checkMethods(field string) error {
	r.StatusCode = orDefault(r.StatusCode, 405)
	return checkDistinct(join(field, "allowedMethods"), r.AllowedMethods)
}

// checkHTTPHeader puts the defaults.
func (r *Rule) checkHTTPHeader(string) error {
	r.AreInvalidCharactersAllowed = orDefault(r.AreInvalidCharactersAllowed, false)
	r.HTTPLargeHeaderSizeInKB = orDefault(r.HTTPLargeHeaderSizeInKB, 8)
	return nil
}

// orDefault returns the value, or a default where there is none.
func orDefault[T any](value *T, fallback T) *T {
	if value == nil {
		return &fallback
	}
	return value
}

// checkIPMaxConnections refuses a rule that limits nothing, and clients that are none.
func (r *Rule) checkIPMaxConnections(field string) error {
	if r.DefaultMaxConnections == nil && len(r.IPMaxConnections) == 0 {
		return refuse(MissingParameter, join(field, "defaultMaxConnections"), "%s needs defaultMaxConnections or ipMaxConnections", field)
	}
	for i, limit := range r.IPMaxConnections {
		for j, text := range limit.IPAddresses {
			name := fmt.Sprintf("%s.ipMaxConnections[%d].ipAddresses[%d]", field, i, j)
			if err := checkPrefix(name, &text); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAllow refuses combinations of conditions that no client can be held against.
func (r *Rule) checkAllow(field string) error {
	var attributes []string
	for i := range r.Conditions {
		c := &r.Conditions[i]
		if c.AttributeName == AttributePath {
			return c.misplaced(field, i, r.Action)
		}
		attributes = append(attributes, c.AttributeName)
	}
	slices.Sort(attributes)
	switch strings.Join(attributes, "+") {
	case AttributeSourceIP, AttributeVCN, AttributeVCN + "+" + AttributeVCNIP:
		return nil
	}
	field = join(field, "conditions")
	return invalid(field, "%s cannot be %s together: use %s, %s, or %s with %s", field, strings.Join(attributes, " and "),
		AttributeSourceIP, AttributeVCN, AttributeVCN, AttributeVCNIP)
}

// checkRedirect refuses all but one path, and puts the default status.
func (r *Rule) checkRedirect(field string) error {
	for i := range r.Conditions {
		if c := &r.Conditions[i]; c.AttributeName != AttributePath {
			return c.misplaced(field, i, r.Action)
		}
	}
	if len(r.Conditions) != 1 {
		field = join(field, "conditions")
		return invalid(field, "%s size must be between 1 and 1", field)
	}
	r.ResponseCode = orDefault(r.ResponseCode, 302)
	return nil
}

// misplaced refuses a condition that the action cannot have.
func (c *RuleCondition) misplaced(field string, i int, action string) error {
	field = join(field, "conditions["+strconv.Itoa(i)+"].attributeName")
	return invalid(field, "%s '%s' is not allowed when action is %s", field, c.AttributeName, action)
}
