package wire

import (
	"net/netip"
	"strings"
)

// What a condition looks at.
const (
	AttributeSourceIP = "SOURCE_IP_ADDRESS"
	AttributeVCN      = "SOURCE_VCN_ID"
	AttributeVCNIP    = "SOURCE_VCN_IP_ADDRESS"
	AttributePath     = "PATH"
)

// RuleCondition is when a rule applies. Operator is there exactly when AttributeName is PATH.
type RuleCondition struct {
	AttributeName  string  `wire:"attributeName,required" enum:"SOURCE_IP_ADDRESS SOURCE_VCN_ID SOURCE_VCN_IP_ADDRESS PATH"`
	AttributeValue string  `wire:"attributeValue,required" range:"1-2048" match:"visible"`
	Operator       *string `wire:"operator" enum:"EXACT_MATCH FORCE_LONGEST_PREFIX_MATCH PREFIX_MATCH SUFFIX_MATCH"`
}

func (c *RuleCondition) check(field string) error {
	value := join(field, "attributeValue")
	if c.AttributeName != AttributePath {
		c.Operator = nil
	}
	switch c.AttributeName {
	case AttributeSourceIP:
		return checkPrefix(value, &c.AttributeValue)
	case AttributeVCNIP:
		if p, err := netip.ParsePrefix(c.AttributeValue); err != nil || !p.Addr().Is4() {
			return invalid(value, "%s '%s' is not allowed: use an IPv4 CIDR block, such as 10.0.0.0/16", value, shown(c.AttributeValue))
		}
	case AttributePath:
		if c.Operator == nil {
			field = join(field, "operator")
			return refuse(MissingParameter, field, "%s is required when attributeName is %s", field, AttributePath)
		}
		if strings.ContainsAny(c.AttributeValue, "?#") {
			return invalid(value, "%s '%s' is not allowed: a path has no query and no fragment", value, shown(c.AttributeValue))
		}
	}
	return nil
}

// checkPrefix refuses what is no CIDR block of IPv4 or IPv6. Bits behind the prefix are tolerated, as a mask ignores them.
func checkPrefix(field string, text *string) error {
	if text == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(*text); err != nil {
		return invalid(field, "%s '%s' is not allowed: use a CIDR block, such as 10.0.0.0/16 or 2001:db8::/32", field, shown(*text))
	}
	return nil
}
