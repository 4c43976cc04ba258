package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// The rules of a rule set, as fields of a form and in words. A rule is an object of the API's JSON; which members it has depends on its
// action.

// ruleKind is what a rule of one action has.
type ruleKind struct {
	action, label string
	fields        func() []*field   // named like the members, of which some are in lists: conditions[0].attributeValue
	fixed         map[string]string // members that cannot be anything else
	words         func(rule map[string]any) string
}

// ruleKinds is every action, in the order in which rules take effect.
//
//nolint:gochecknoglobals // a table
var ruleKinds = []*ruleKind{
	{action: wire.AddRequestHeader, label: "Add request header", fields: addedHeader, words: wordsOfAdded("add request header ")},
	{action: wire.ExtendRequestHeader, label: "Extend request header", fields: extendedHeader, words: wordsOfExtended("extend request header ")},
	{action: wire.RemoveRequestHeader, label: "Remove request header", fields: removedHeader, words: wordsOfRemoved("remove request header ")},
	{action: wire.AddResponseHeader, label: "Add response header", fields: addedHeader, words: wordsOfAdded("add response header ")},
	{action: wire.ExtendResponseHeader, label: "Extend response header", fields: extendedHeader, words: wordsOfExtended("extend response header ")},
	{action: wire.RemoveResponseHeader, label: "Remove response header", fields: removedHeader, words: wordsOfRemoved("remove response header ")},
	{action: wire.Allow, label: "Access control: allow", fields: allowFields, words: wordsOfAllow},
	{action: wire.ControlMethods, label: "Access by HTTP method", fields: methodFields, words: wordsOfMethods},
	{action: wire.Redirect, label: "Redirect", fields: redirectFields, fixed: map[string]string{"conditions[0].attributeName": wire.AttributePath}, words: wordsOfRedirect},
	{action: wire.HTTPHeader, label: "HTTP header size", fields: headFields, words: wordsOfHead},
	{action: wire.IPMaxConnections, label: "Connections of each address", fields: connectionFields, words: wordsOfConnections},
}

// ruleKindOf returns what rules of an action have; nil if the console does not know it.
func ruleKindOf(action string) *ruleKind {
	i := slices.IndexFunc(ruleKinds, func(k *ruleKind) bool { return k.action == action })
	if i < 0 {
		return nil
	}
	return ruleKinds[i]
}

func removedHeader() []*field {
	return []*field{{Name: "header", Label: "Header", Hint: "Its name, such as X-Example; _ and - are the same letter."}}
}

func addedHeader() []*field {
	return append(removedHeader(), &field{
		Name: "value", Label: "Value", Hint: "Visible ASCII, spaces and tabs, without a dollar sign or a name in braces. It takes the place of all values that the header had.",
	})
}

func extendedHeader() []*field {
	return append(
		removedHeader(),
		&field{Name: "prefix", Label: "Prefix", Optional: true, Hint: "What is put before the value. A prefix, a suffix or both."},
		&field{Name: "suffix", Label: "Suffix", Optional: true, Hint: "What is put behind the value."})
}

func allowFields() []*field {
	const hint = "A block of addresses, such as 10.0.0.0/16 or 2001:db8::/32, or the OCID of a VCN."
	fields := []*field{
		{Name: "conditions[0].attributeName", Label: "Allow clients by", Kind: "select", Choices: clientsBy(), Hint: "With any rule like this, all other clients are refused."},
		{Name: "conditions[0].attributeValue", Label: "Allowed", Hint: hint},
	}
	return append(fields, grouped("Second condition, description", []*field{
		{Name: "conditions[1].attributeName", Label: "And by", Kind: "select", Optional: true, Choices: append([]choice{{"", "nothing else"}}, clientsBy()...), Hint: "A VCN can go together with addresses in it. lull knows no VCNs: a condition on one never holds."},
		{Name: "conditions[1].attributeValue", Label: "Allowed by that", Optional: true, Hint: hint},
		{Name: "description", Label: "Description", Optional: true, Hint: "1 to 255 characters, for people."},
	})...)
}

// clientsBy is what clients can be told apart by.
func clientsBy() []choice {
	return []choice{{wire.AttributeSourceIP, "address"}, {wire.AttributeVCN, "VCN"}, {wire.AttributeVCNIP, "address in the VCN"}}
}

func methodFields() []*field {
	return []*field{
		{Name: "allowedMethods", Label: "Allowed methods", Kind: kindList, Hint: "With commas between them: GET, HEAD, POST."},
		{Name: "statusCode", Label: "Status of others", Kind: "number", Optional: true, Min: 400, Max: 599, Hint: "400 to 599; empty is 405."},
	}
}

// pathMatches is how paths are matched, for people.
func pathMatches() []choice {
	return []choice{{"EXACT_MATCH", "is"}, {"FORCE_LONGEST_PREFIX_MATCH", "begins with, the longest first"}, {"PREFIX_MATCH", "begins with"}, {"SUFFIX_MATCH", "ends with"}}
}

// The fields that say that a redirect drops a part of the request's address. In JSON such a part is an empty string, and a field that
// nobody filled in is none.
const (
	redirectPath, redirectQuery = "redirectUri.path", "redirectUri.query"
	drops                       = "-none" // behind the name of the part
)

func redirectFields() []*field {
	const to = "redirectUri."
	return []*field{
		{Name: "conditions[0].operator", Label: "If the path", Kind: "select", Choices: pathMatches()},
		{Name: "conditions[0].attributeValue", Label: "Path of the request", Hint: "Without a query, such as /old."},
		{Name: "responseCode", Label: "Response code", Kind: "select", Choices: []choice{{"302", "302, for now"}, {"301", "301, for good"}, {"303", "303, see other"}, {"307", "307, for now, with the same method"}, {"308", "308, for good, with the same method"}}},
		{Name: to + "protocol", Label: "To protocol", Kind: "select", Optional: true, Choices: []choice{{"", "the request's"}, {"HTTP", "HTTP"}, {"HTTPS", "HTTPS"}, {"{protocol}", "{protocol}"}}},
		{Name: to + "host", Label: "To host", Optional: true, Hint: "A name or an address; empty is the request's. {protocol}, {host}, {port}, {path} and {query} stand for the request's, here, in path and in query."},
		{Name: to + "port", Label: "To port", Kind: "number", Optional: true, Min: 1, Max: 65535, Hint: "1 to 65535; empty is the request's, for another protocol, too."},
		{Name: redirectPath, Label: "To path", Optional: true, Hint: "It begins with / or {path}; empty is the request's."},
		{Name: redirectPath + drops, Label: "Without a path", Kind: "checkbox"},
		{Name: redirectQuery, Label: "To query", Optional: true, Hint: "Such as ?lang=en&{query}; empty is the request's."},
		{Name: redirectQuery + drops, Label: "Without a query", Kind: "checkbox"},
	}
}

func headFields() []*field {
	return []*field{
		{Name: "httpLargeHeaderSizeInKB", Label: "Header size", Kind: "select", Unit: "KB", Choices: same("8", "16", "32", "64"), Hint: "Of each of the four buffers for what comes before a request's body."},
		{Name: "areInvalidCharactersAllowed", Label: "Allow invalid characters in the names of headers", Kind: "checkbox"},
	}
}

func connectionFields() []*field {
	const hint = "1 to 2,147,483,647."
	bound := func(at string) []*field {
		return []*field{
			{Name: at + "ipAddresses", Label: "Addresses", Kind: kindList, Optional: true, Hint: "Blocks with commas between them: 10.0.0.0/8, 2001:db8::/32."},
			{Name: at + "maxConnections", Label: "Connections of each of these", Kind: "number", Optional: true, Min: 1, Max: 2147483647, Hint: hint},
		}
	}
	fields := []*field{{Name: "defaultMaxConnections", Label: "Connections of each address", Kind: "number", Optional: true, Min: 1, Max: 2147483647, Hint: "1 to 2,147,483,647; empty is no bound but for addresses that have one of their own."}}
	for i, title := range []string{"Other bound for some addresses", "Second such bound", "Third such bound"} {
		fields = append(fields, grouped(title, bound(fmt.Sprintf("ipMaxConnections[%d].", i)))...)
	}
	return fields
}

// inWords tells what a rule does.
func inWords(rule map[string]any) string {
	action, _ := rule["action"].(string)
	if k := ruleKindOf(action); k != nil {
		return k.words(rule)
	}
	return compact(rule)
}

// compact writes a value as JSON on one line.
func compact(value any) string {
	text, _ := json.Marshal(value) // what JSON has decoded always can be
	return string(text)
}

func wordsOfRemoved(does string) func(map[string]any) string {
	return func(rule map[string]any) string { return does + got(rule, "header") }
}

func wordsOfAdded(does string) func(map[string]any) string {
	return func(rule map[string]any) string { return does + got(rule, "header") + ": " + got(rule, "value") }
}

func wordsOfExtended(does string) func(map[string]any) string {
	return func(rule map[string]any) string {
		var by []string
		for _, part := range []string{"prefix", "suffix"} {
			if text := got(rule, part); text != "" {
				by = append(by, part+" "+strconv.Quote(text))
			}
		}
		return does + got(rule, "header") + " by " + strings.Join(by, " and ")
	}
}

func wordsOfAllow(rule map[string]any) string {
	var by []string
	for _, one := range listIn(rule["conditions"]) {
		by = append(by, labelIn(clientsBy(), got(one, "attributeName"))+" "+got(one, "attributeValue"))
	}
	text := "allow clients by " + strings.Join(by, " and ")
	if why := got(rule, "description"); why != "" {
		text += " (" + why + ")"
	}
	return text
}

func wordsOfMethods(rule map[string]any) string {
	text := "allow the methods " + got(rule, "allowedMethods")
	if status := got(rule, "statusCode"); status != "" {
		text += "; others get " + status
	}
	return text
}

func wordsOfRedirect(rule map[string]any) string {
	text := "redirect"
	for _, one := range listIn(rule["conditions"]) {
		text += " if the path " + labelIn(pathMatches(), got(one, "operator")) + " " + got(one, "attributeValue")
	}
	if status := got(rule, "responseCode"); status != "" {
		text += ", with " + status
	}
	to, _ := rule["redirectUri"].(map[string]any)
	for _, part := range []string{"protocol", "host", "port", "path", "query"} {
		switch value := got(to, part); {
		case value != "":
			text += ", to " + part + " " + value
		case to[part] != nil:
			text += ", without a " + part
		}
	}
	return text
}

func wordsOfHead(rule map[string]any) string {
	text := "header size " + got(rule, "httpLargeHeaderSizeInKB") + " KB"
	if rule["areInvalidCharactersAllowed"] == true {
		text += ", invalid characters allowed"
	}
	return text
}

func wordsOfConnections(rule map[string]any) string {
	var bounds []string
	if most := got(rule, "defaultMaxConnections"); most != "" {
		bounds = append(bounds, "at most "+most+" connections of each address")
	}
	for _, one := range listIn(rule["ipMaxConnections"]) {
		bounds = append(bounds, "at most "+got(one, "maxConnections")+" of each in "+got(one, "ipAddresses"))
	}
	return strings.Join(bounds, ", ")
}

// labelIn returns what people call a value; the value itself if it is none of the choices.
func labelIn(choices []choice, value string) string {
	for _, one := range choices {
		if one.Value == value {
			return one.Label
		}
	}
	return value
}
