package awselb

import (
	"fmt"
	"slices"
	"strings"

	"lull/internal/dataplane/tlspolicy"
)

// defaultSSLPolicy is what a listener with TLS has unless it is told otherwise.
const defaultSSLPolicy = "ELBSecurityPolicy-2016-08"

// predefinedNames are the predefined SSL negotiation policies, in the order in which the user guide shows them.
//
//nolint:gochecknoglobals // a table
var predefinedNames = []string{
	"ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS-1-2-2017-01", "ELBSecurityPolicy-TLS-1-1-2017-01",
	"ELBSecurityPolicy-2015-05", "ELBSecurityPolicy-2015-03", "ELBSecurityPolicy-2015-02",
	"ELBSecurityPolicy-2014-10", "ELBSecurityPolicy-2014-01", "ELBSecurityPolicy-2011-08",
	sampleDefault, sampleOpenSSL,
}

// The samples for SSL negotiation. AWS names them and does not say what is in them.
const (
	sampleDefault = "ELBSample-ELBDefaultCipherPolicy"     // ours: what defaultSSLPolicy has
	sampleOpenSSL = "ELBSample-OpenSSLDefaultCipherPolicy" // ours: what OpenSSL 3 takes by default
)

// predefinedDefinition returns what a predefined SSL negotiation policy allows.
func predefinedDefinition(name string) (d tlspolicy.Definition, found bool) {
	if !slices.Contains(predefinedNames, name) {
		return tlspolicy.Definition{}, false
	}
	switch name {
	case sampleDefault:
		d, found = tlspolicy.DefinitionOf(defaultSSLPolicy)
		d.Name = name
		return d, found
	case sampleOpenSSL:
		return tlspolicy.Definition{Name: name, Origin: tlspolicy.AWS, Versions: []string{"TLSv1.2"}, Ciphers: openSSLCiphers()}, true
	}
	return tlspolicy.DefinitionOf(name)
}

// openSSLCiphers are those of OpenSSL 3's list DEFAULT that have an attribute: with AES and for RSA and ECDSA certificates.
func openSSLCiphers() []string {
	return slices.DeleteFunc(slices.Clone(cipherNames), func(name string) bool {
		return !strings.Contains(name, "AES") || strings.Contains(name, "DSS") || strings.HasPrefix(name, "ADH-") || strings.HasPrefix(name, "PSK-")
	})
}

// negotiationOf returns a predefined policy as the data plane takes it.
func negotiationOf(name string) (*tlspolicy.Policy, error) {
	if p, found := tlspolicy.Find(name); found && slices.Contains(predefinedNames, name) {
		return p, nil
	}
	d, found := predefinedDefinition(name)
	if !found {
		return nil, fmt.Errorf("there is no predefined policy %q: use one of %s", name, strings.Join(predefinedNames, ", "))
	}
	return tlspolicy.Custom(d.Name, d.Versions, d.Ciphers)
}

// usePredefined puts a predefined SSL negotiation policy among those of the load balancer, unless it is there. What is among them can be
// enabled by its name. REQUIRES: there is a predefined policy of that name.
func (d *document) usePredefined(name string) {
	if d.policy(name) == nil {
		d.insertPolicy(policy{Name: name, Type: typeSSLNegotiation, Attributes: []attribute{{attributeReference, name}}})
	}
}

// insertPolicy adds a policy in its place by name.
func (d *document) insertPolicy(p policy) {
	i, _ := slices.BinarySearchFunc(d.Policies, p.Name, func(p policy, name string) int { return strings.Compare(p.Name, name) })
	d.Policies = slices.Insert(d.Policies, i, p)
}

// samplePolicies are those that DescribeLoadBalancerPolicies gives when no load balancer is named.
func samplePolicies() []policy {
	list := make([]policy, 0, len(predefinedNames)+2)
	for _, name := range predefinedNames {
		list = append(list, policy{Name: name, Type: typeSSLNegotiation, Attributes: definitionAttributes(name)})
	}
	return append(list,
		policy{Name: "ELBSample-AppCookieStickinessPolicy", Type: typeAppCookie, Attributes: []attribute{{attributeCookieName, "ELBSampleCookie"}}},
		policy{Name: "ELBSample-LBCookieStickinessPolicy", Type: typeLBCookie, Attributes: []attribute{{attributeCookiePeriod, "100"}}})
}

// definitionAttributes spells a predefined policy out.
func definitionAttributes(name string) []attribute {
	d, _ := predefinedDefinition(name)
	var list []attribute
	for _, v := range d.Versions {
		list = append(list, attribute{protocolPrefix + v, valueTrue})
	}
	if d.ServerOrder {
		list = append(list, attribute{attributeServerOrder, valueTrue})
	}
	for _, c := range d.Ciphers {
		list = append(list, attribute{c, valueTrue})
	}
	return list
}

// protocolNames are the attributes for protocol versions, in the order in which they are described.
//
//nolint:gochecknoglobals // a table
var protocolNames = []string{"Protocol-SSLv2", "Protocol-TLSv1", "Protocol-SSLv3", "Protocol-TLSv1.1", "Protocol-TLSv1.2"}

// cipherNames are the attributes for ciphers, in the order in which they are described. It is also the order of preference.
//
//nolint:gochecknoglobals // a table
var cipherNames = tlspolicy.AWSCiphers()
