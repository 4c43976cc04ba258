package query

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A rule is what one value must satisfy by itself. The zero value allows everything.
type rule struct {
	ranged   bool
	min, max int64
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
	"loadBalancerName": {
		regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`),
		"at most 32 letters, digits and hyphens, not beginning or ending with a hyphen",
	},
	"policyName": {regexp.MustCompile(`^[A-Za-z0-9-]+$`), "letters, digits and hyphens"},
	"attribute":  {regexp.MustCompile(`^[a-zA-Z0-9.]+$`), "letters, digits and dots"},
	"tag": {
		regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`),
		"letters, digits, spaces and + - = . _ : / @",
	},
}

// ruleOf reads the tags of a field; key is the one that holds the range.
func ruleOf(tag reflect.StructTag, key string) rule {
	var r rule
	if text, ok := tag.Lookup(key); ok {
		r = rangeOf(text)
	}
	if name, ok := tag.Lookup("match"); ok && key == "range" {
		r.match = patterns[name]
		if r.match == nil {
			panic("query: no pattern is named " + name)
		}
	}
	return r
}

// rangeOf reads "least-greatest" or "least-". It panics on anything else.
func rangeOf(text string) rule {
	low, high, _ := strings.Cut(text, "-")
	r := rule{ranged: true, max: math.MaxInt64}
	var err error
	if r.min, err = strconv.ParseInt(low, 10, 64); err != nil {
		panic("query: bad range " + text)
	}
	if high != "" {
		if r.max, err = strconv.ParseInt(high, 10, 64); err != nil {
			panic("query: bad range " + text)
		}
	}
	return r
}

// allows reports whether a number is in range.
func (r rule) allows(n int64) bool { return !r.ranged || n >= r.min && n <= r.max }

// span returns the range for people, "1 to 4000" or "at least 1".
func (r rule) span() string {
	switch r.max {
	case r.min:
		return fmt.Sprintf("exactly %d", r.min)
	case math.MaxInt64:
		return fmt.Sprintf("at least %d", r.min)
	default:
		return fmt.Sprintf("%d to %d", r.min, r.max)
	}
}

// number holds an integer against the rule.
func (r rule) number(field string, n int64) error {
	if r.allows(n) {
		return nil
	}
	return refuse(ValidationError, field, "%s %d is out of range: allowed is %s", field, n, r.span())
}

// text holds a string against the rule.
func (r rule) text(field, value string) error {
	if n := utf8.RuneCountInString(value); !r.allows(int64(n)) {
		return refuse(ValidationError, field, "%s has %d characters: allowed is %s", field, n, r.span())
	}
	if r.match != nil && !r.match.expr.MatchString(value) {
		return refuse(ValidationError, field, "%s '%s' is not allowed: use %s", field, shown(value), r.match.wants)
	}
	return nil
}

// count holds the number of a list's members against the rule.
func (r rule) count(field string, n int) error {
	switch {
	case r.allows(int64(n)):
		return nil
	case n == 0:
		return refuse(ValidationError, field, "%s cannot be empty", field)
	default:
		return refuse(ValidationError, field, "%s has %d members: allowed is %s", field, n, r.span())
	}
}
