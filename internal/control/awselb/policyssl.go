package awselb

import (
	"fmt"
	"slices"
	"strings"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/tlspolicy"
)

// The attributes of SSL negotiation policies, beside cipherNames.
const (
	attributeReference   = "Reference-Security-Policy"
	attributeServerOrder = "Server-Defined-Cipher-Order"
	protocolPrefix       = "Protocol-"
	valueTrue            = "true"
	valueFalse           = "false"
)

// definition returns what an SSL negotiation policy allows, whether lull can do it or not.
func (p *policy) definition() (tlspolicy.Definition, error) {
	if reference := p.value(attributeReference); reference != "" {
		d, found := predefinedDefinition(reference)
		if !found {
			return d, conflict("%s '%s' is not a predefined policy: use one of %s", attributeReference, shown(reference), strings.Join(predefinedNames, ", "))
		}
		return d, nil
	}
	d := tlspolicy.Definition{Name: p.Name, ServerOrder: p.isTrue(attributeServerOrder)}
	for _, name := range protocolNames {
		if p.isTrue(name) {
			d.Versions = append(d.Versions, strings.TrimPrefix(name, protocolPrefix))
		}
	}
	for _, name := range cipherNames {
		if p.isTrue(name) {
			d.Ciphers = append(d.Ciphers, name)
		}
	}
	return d, nil
}

// negotiation returns an SSL negotiation policy as the data plane takes it.
func (p *policy) negotiation() (*tlspolicy.Policy, error) {
	if reference := p.value(attributeReference); reference != "" {
		return negotiationOf(reference)
	}
	d, err := p.definition()
	if err != nil {
		return nil, err
	}
	compiled, err := tlspolicy.Custom(d.Name, d.Versions, d.Ciphers)
	if err == nil {
		return compiled, nil
	}
	if more := counterparts(d.Ciphers); len(more) > 0 {
		if stands, failed := tlspolicy.Custom(d.Name, d.Versions, slices.Concat(d.Ciphers, more)); failed == nil {
			return stands, nil
		}
	}
	return nil, err
}

// counterparts returns what stands in for ciphers with finite-field Diffie-Hellman: the same AES, with Diffie-Hellman on elliptic curves.
// It is for policies that lull could do nothing with otherwise, since crypto/tls does not have those ciphers: the user guide's own example
// of a custom policy is one of them, and who follows the guide is to have a listener that works and still gives forward secrecy. A policy
// with any cipher that lull can do is taken by its word.
func counterparts(ciphers []string) []string {
	var list []string
	for _, strength := range []string{"AES128", "AES256"} {
		if slices.ContainsFunc(ciphers, func(c string) bool { return strings.HasPrefix(c, "DHE-RSA-"+strength+"-") }) {
			list = append(list, slices.DeleteFunc(tlspolicy.Supported(), func(c string) bool {
				return !strings.HasPrefix(c, "ECDHE-") || !strings.Contains(c, "-"+strength+"-")
			})...)
		}
	}
	return list
}

// describeSSL lists all attributes of an SSL negotiation policy, those that are off too.
func (p *policy) describeSSL() []query.PolicyAttributeDescription {
	on := map[string]bool{}
	list := make([]query.PolicyAttributeDescription, 0, len(protocolNames)+len(cipherNames)+2)
	if reference := p.value(attributeReference); reference != "" {
		list = append(list, query.PolicyAttributeDescription{AttributeName: attributeReference, AttributeValue: reference})
	}
	d, err := p.definition()
	if err == nil { // it was when the policy was created
		on[attributeServerOrder] = d.ServerOrder
		for _, v := range d.Versions {
			on[protocolPrefix+v] = true
		}
		for _, c := range d.Ciphers {
			on[c] = true
		}
	}
	for _, name := range slices.Concat(protocolNames, []string{attributeServerOrder}, cipherNames) {
		list = append(list, query.PolicyAttributeDescription{AttributeName: name, AttributeValue: booleanText(on[name])})
	}
	return list
}

// booleanText spells a Boolean as descriptions do.
func booleanText(on bool) string {
	if on {
		return valueTrue
	}
	return valueFalse
}

// checkSSL refuses an SSL negotiation policy of which nothing comes.
func (p *policy) checkSSL() error {
	d, err := p.definition()
	if err != nil {
		return err
	}
	if reference := p.value(attributeReference); reference != "" {
		return p.checkAgainst(d)
	}
	if len(d.Versions) == 0 || len(d.Ciphers) == 0 {
		return conflict("the policy %s has %d protocols and %d ciphers: give at least one of each the value true, or a %s",
			p.Name, len(d.Versions), len(d.Ciphers), attributeReference)
	}
	if _, err := p.negotiation(); err != nil {
		return &query.Error{Code: query.InvalidConfigurationRequest, Field: "PolicyAttributes", Message: err.Error() + whyLeftOut(d), Err: err}
	}
	return nil
}

// checkAgainst refuses what a policy says otherwise than the predefined one that it refers to: nobody could say which is meant. What says
// the same is a description that is given back.
func (p *policy) checkAgainst(d tlspolicy.Definition) error {
	for _, a := range p.Attributes {
		var on bool
		switch {
		case a.Name == attributeReference:
			continue
		case a.Name == attributeServerOrder:
			on = d.ServerOrder
		case strings.HasPrefix(a.Name, protocolPrefix):
			on = slices.Contains(d.Versions, strings.TrimPrefix(a.Name, protocolPrefix))
		default:
			on = slices.Contains(d.Ciphers, a.Name)
		}
		if on != strings.EqualFold(a.Value, valueTrue) {
			return conflict("%s is %s in %s: leave it out, or leave %s out and name all protocols and ciphers", a.Name, booleanText(on), d.Name, attributeReference)
		}
	}
	return nil
}

// whyShownMax is for how many names a message says why lull does not have them.
const whyShownMax = 5

// whyLeftOut says why lull does not have what a policy names.
func whyLeftOut(d tlspolicy.Definition) string {
	var list []string
	for _, name := range slices.Concat(d.Versions, d.Ciphers) {
		_, have := tlspolicy.SuiteID(name)
		if have || strings.HasPrefix(name, "TLS") || len(list) == whyShownMax {
			continue
		}
		list = append(list, fmt.Sprintf("%s (%s)", name, tlspolicy.WhyLeftOut(name)))
	}
	if len(list) == 0 {
		return ""
	}
	return "; lull does not have " + strings.Join(list, ", ")
}
