package wire

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a value may be at most where its field says nothing else.
const (
	stringMax = 255 // the documented length of an OCID, and of the names that have no documented one
	listMax   = 512 // backends of a load balancer, the longest list that is documented
	mapMax    = 100 // six times what a load balancer may have of any named child
)

// A rule is what one value must satisfy by itself. The zero value allows everything.
type rule struct {
	ranged   bool
	zero     bool // 0 is allowed as well
	min, max int64
	enum     []string
	match    *pattern
}

// pattern is a regular expression with the words that tell people what it wants.
type pattern struct {
	expr  *regexp.Regexp
	wants string
}

// patterns are the values of the tag `match`.
//
//nolint:gochecknoglobals // a table
var patterns = map[string]*pattern{
	"name":   {regexp.MustCompile(`^[A-Za-z0-9_-]*$`), "letters, digits, hyphens and underscores"},
	"token":  {regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]*$"), "letters, digits and !#$%&'*+-.^_`|~"},
	"cookie": {regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]*$"), "letters, digits and !#$%&'*+-.^_`|~"},
	"path":   {regexp.MustCompile(`^(/[!-~]*)?$`), "visible ASCII characters, beginning with a slash"},
	"domain": {regexp.MustCompile(`^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`), "a domain name"},
	"visible": {
		regexp.MustCompile(`^[!-~]*$`), "visible ASCII characters",
	},
}

// ruleOf reads the tags of a field that begin with a prefix.
func ruleOf(tag reflect.StructTag, prefix string) rule {
	var r rule
	if text, ok := tag.Lookup(prefix + "range"); ok {
		r = rangeOf(text)
	}
	if text, ok := tag.Lookup(prefix + "enum"); ok {
		r.enum = strings.Fields(text)
	}
	if name, ok := tag.Lookup(prefix + "match"); ok {
		r.match = patterns[name]
		if r.match == nil {
			panic("wire: no pattern is named " + name)
		}
	}
	return r
}

// rangeOf reads "least-greatest" or "least-", either with "0," before it. It panics on anything else.
func rangeOf(text string) rule {
	r := rule{ranged: true, max: math.MaxInt64}
	text, r.zero = strings.CutPrefix(text, "0,")
	low, high, _ := strings.Cut(text, "-")
	var err error
	if r.min, err = strconv.ParseInt(low, 10, 64); err != nil {
		panic("wire: bad range " + text)
	}
	if high != "" {
		if r.max, err = strconv.ParseInt(high, 10, 64); err != nil {
			panic("wire: bad range " + text)
		}
	}
	return r
}

// bound gives a rule without a range that of its kind. An enumeration has its own words for an empty string.
func (r *rule) bound(k kind) {
	if r.ranged || r.enum != nil {
		return
	}
	switch k {
	case kindString, kindScalar:
		r.ranged, r.min, r.max = true, 1, stringMax
	case kindList:
		r.ranged, r.max = true, listMax
	case kindMap:
		r.ranged, r.max = true, mapMax
	case kindInt, kindBool, kindTime, kindStruct:
	}
}

// allows reports whether a number is in range.
func (r rule) allows(n int64) bool {
	return !r.ranged || n >= r.min && n <= r.max || r.zero && n == 0
}

// span returns what is allowed for people, "1 to 7200" or "0 or 256 to 65535".
func (r rule) span() string {
	var span string
	switch {
	case r.enum != nil:
		return strings.Join(r.enum, ", ")
	case r.max == r.min:
		span = fmt.Sprintf("exactly %d", r.min)
	case r.max == math.MaxInt64:
		span = fmt.Sprintf("at least %d", r.min)
	default:
		span = fmt.Sprintf("%d to %d", r.min, r.max)
	}
	if r.zero {
		return "0 or " + span
	}
	return span
}

// number holds an integer against the rule.
func (r rule) number(field string, n int64) error {
	if r.enum != nil && !slices.Contains(r.enum, strconv.FormatInt(n, 10)) || !r.allows(n) {
		return invalid(field, "%s %d is not allowed: allowed is %s", field, n, r.span())
	}
	return nil
}

// text holds a string against the rule and returns it in the spelling that the rule has for it.
func (r rule) text(field, value string) (string, error) {
	if r.enum != nil {
		i := slices.IndexFunc(r.enum, func(s string) bool { return strings.EqualFold(s, value) })
		if i < 0 {
			return "", invalid(field, "%s '%s' is not allowed: allowed is %s", field, shown(value), r.span())
		}
		return r.enum[i], nil
	}
	if !r.allows(int64(utf8.RuneCountInString(value))) {
		return "", r.size(field)
	}
	if r.match != nil && !r.match.expr.MatchString(value) {
		return "", invalid(field, "%s '%s' is not allowed: use %s", field, shown(value), r.match.wants)
	}
	return value, nil
}

// count holds the number of a list's or map's members against the rule.
func (r rule) count(field string, n int) error {
	if r.allows(int64(n)) {
		return nil
	}
	return r.size(field)
}

// size refuses a length, in Oracle's words: clients look for them.
func (r rule) size(field string) error {
	if r.max == math.MaxInt64 {
		return invalid(field, "%s size must be at least %d", field, r.min)
	}
	return invalid(field, "%s size must be between %d and %d", field, r.min, r.max)
}
