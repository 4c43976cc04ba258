package awselb

import (
	"slices"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/tlspolicy"
)

// samples asks for policies without naming a load balancer.
func (r *rig) samples(names ...string) []query.PolicyDescription {
	r.t.Helper()
	body := "Action=DescribeLoadBalancerPolicies"
	if len(names) > 0 {
		body += listForm("PolicyNames", names...)
	}
	result, ok := r.formOK(body).(query.DescribeLoadBalancerPoliciesResult)
	if !ok {
		r.t.Fatal("not the result's type")
	}
	return result.PolicyDescriptions
}

// TestPredefinedOrder holds the predefined policies against the table that the user guide shows.
func TestPredefinedOrder(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range newRig(t).samples() {
		if p.PolicyTypeName == typeSSLNegotiation {
			names = append(names, p.PolicyName)
		}
	}
	want := strings.Fields(`ELBSecurityPolicy-2016-08 ELBSecurityPolicy-TLS-1-2-2017-01 ELBSecurityPolicy-TLS-1-1-2017-01
		ELBSecurityPolicy-2015-05 ELBSecurityPolicy-2015-03 ELBSecurityPolicy-2015-02 ELBSecurityPolicy-2014-10
		ELBSecurityPolicy-2014-01 ELBSecurityPolicy-2011-08 ELBSample-ELBDefaultCipherPolicy ELBSample-OpenSSLDefaultCipherPolicy`)
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

// TestPredefinedContents holds each policy against the user guide's table: what is on, in the documented order of all attributes.
func TestPredefinedContents(t *testing.T) {
	t.Parallel()
	const (
		gcm12  = "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 "
		sha128 = "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA "
		mid12  = "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 "
		sha256 = "ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA "
		rsa128 = "AES128-GCM-SHA256 AES128-SHA256 "
		rsa256 = "AES256-GCM-SHA384 AES256-SHA256 "
		all    = gcm12 + sha128 + mid12 + sha256 + rsa128 + "AES128-SHA " + rsa256 + "AES256-SHA "
		dhe    = gcm12 + sha128 + "DHE-RSA-AES128-SHA " + mid12 + sha256 + rsa128 + "AES128-SHA " + rsa256 + "AES256-SHA DHE-DSS-AES128-SHA "
		order  = "Server-Defined-Cipher-Order "
		tls1   = "Protocol-TLSv1 Protocol-TLSv1.1 Protocol-TLSv1.2 " + order
	)
	r := newRig(t)
	for name, on := range map[string]string{
		"2016-08":         tls1 + all,
		"TLS-1-1-2017-01": "Protocol-TLSv1.1 Protocol-TLSv1.2 " + order + all,
		"TLS-1-2-2017-01": "Protocol-TLSv1.2 " + order + gcm12 + mid12 + rsa128 + rsa256,
		"2015-05":         tls1 + all + "DES-CBC3-SHA",
		"2015-03":         tls1 + dhe + "DES-CBC3-SHA",
		"2015-02":         tls1 + dhe,
		"2014-10":         tls1 + dhe + "ECDHE-RSA-RC4-SHA RC4-SHA",
		"2014-01":         "Protocol-TLSv1 Protocol-SSLv3 Protocol-TLSv1.1 Protocol-TLSv1.2 " + order + dhe + "ECDHE-RSA-RC4-SHA RC4-SHA",
		"2011-08": `Protocol-TLSv1 Protocol-SSLv3 DHE-RSA-AES128-SHA AES128-SHA AES256-SHA DHE-DSS-AES128-SHA CAMELLIA128-SHA
			EDH-RSA-DES-CBC3-SHA DES-CBC3-SHA RC4-SHA DHE-RSA-AES256-SHA DHE-DSS-AES256-SHA DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA
			CAMELLIA256-SHA EDH-DSS-DES-CBC3-SHA DHE-RSA-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA`,
	} {
		list := r.samples("ELBSecurityPolicy-" + name)
		if len(list) != 1 || list[0].PolicyTypeName != typeSSLNegotiation {
			t.Fatalf("%s: got %+v, want one policy", name, list)
		}
		checkSSLDescription(t, name, list[0].PolicyAttributeDescriptions, strings.Fields(on))
	}
}

// checkSSLDescription wants all attributes but the reference, in their order, with those named true and the others false.
func checkSSLDescription(t *testing.T, name string, list []query.PolicyAttributeDescription, on []string) {
	t.Helper()
	var all, got []string
	for _, a := range list {
		all = append(all, a.AttributeName)
		switch a.AttributeValue {
		case "true":
			got = append(got, a.AttributeName)
		case "false":
		default:
			t.Errorf("%s: %s is %q, want true or false", name, a.AttributeName, a.AttributeValue)
		}
	}
	if want := slices.Concat(protocolNames, []string{attributeServerOrder}, cipherNames); !slices.Equal(all, want) {
		t.Errorf("%s: got the attributes %v, want %v", name, all, want)
	}
	if !slices.Equal(got, on) {
		t.Errorf("%s: got %v, want %v", name, got, on)
	}
}

// TestPredefinedSamples: what AWS has not told, lull has decided.
func TestPredefinedSamples(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.samples(defaultSSLPolicy, sampleDefault, sampleOpenSSL)
	if !slices.Equal(list[0].PolicyAttributeDescriptions, list[1].PolicyAttributeDescriptions) {
		t.Errorf("%s is not the default policy", sampleDefault)
	}
	checkSSLDescription(t, sampleOpenSSL, list[2].PolicyAttributeDescriptions, strings.Fields(`Protocol-TLSv1.2
		ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES128-SHA
		ECDHE-RSA-AES128-SHA DHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384
		ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384
		AES256-SHA256 AES256-SHA DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256 DHE-RSA-AES256-SHA DHE-RSA-AES128-GCM-SHA256
		DHE-RSA-AES128-SHA256`))
	for name, want := range map[string]query.PolicyAttributeDescription{
		"ELBSample-AppCookieStickinessPolicy": {AttributeName: "CookieName", AttributeValue: "ELBSampleCookie"},
		"ELBSample-LBCookieStickinessPolicy":  {AttributeName: "CookieExpirationPeriod", AttributeValue: "100"},
	} {
		if got := r.samples(name)[0].PolicyAttributeDescriptions; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// TestPredefinedNegotiable: each can be referred to, and something can be negotiated with it.
func TestPredefinedNegotiable(t *testing.T) {
	t.Parallel()
	for _, name := range predefinedNames {
		p, err := negotiationOf(name)
		if err != nil || p.Name != name || len(p.Ciphers()) == 0 {
			t.Errorf("%s: got %+v and error %v", name, p, err)
		}
		if found, ok := tlspolicy.Find(name); ok && !found.Same(p) {
			t.Errorf("%s: is not package tlspolicy's", name)
		}
	}
	for _, name := range []string{"", "default", "oci-default-ssl-cipher-suite-v1", "ELBSecurityPolicy-2099-01", "ELBSample-LBCookieStickinessPolicy"} {
		if _, err := negotiationOf(name); err == nil {
			t.Errorf("%q is taken, want a refusal: it is none of the Classic Load Balancer's", name)
		}
	}
}

// TestCipherNames: each has a place in a policy, and none stands twice.
func TestCipherNames(t *testing.T) {
	t.Parallel()
	if n := len(distinct(cipherNames)); n != 88 || n != len(cipherNames) {
		t.Errorf("got %d ciphers, %d of them distinct, want 88", len(cipherNames), n)
	}
	for _, name := range cipherNames {
		if _, err := tlspolicy.Custom("x", []string{"TLSv1.2"}, []string{name, "AES128-GCM-SHA256"}); err != nil {
			t.Error(err)
		}
	}
}

func TestUsePredefined(t *testing.T) {
	t.Parallel()
	d := newDocument("web")
	d.insertPolicy(policy{Name: "x"})
	for range 2 {
		d.usePredefined(defaultSSLPolicy)
		d.usePredefined("ELBSecurityPolicy-2015-05")
	}
	var names []string
	for _, p := range d.Policies {
		names = append(names, p.Name)
	}
	if want := []string{"ELBSecurityPolicy-2015-05", defaultSSLPolicy, "x"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	got := d.policy(defaultSSLPolicy).describe()
	if len(got) != 95 || got[0] != (query.PolicyAttributeDescription{AttributeName: attributeReference, AttributeValue: defaultSSLPolicy}) {
		t.Errorf("got %d attributes, the first %+v, want 95 and the reference", len(got), got[0])
	}
}
