package awselb

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/tlspolicy"
)

// guidePolicy is the user guide's example of a custom policy, which names a cipher that lull does not have alone.
func guidePolicy() []string {
	return []string{"Protocol-TLSv1.2=true", "Protocol-TLSv1.1=true", "DHE-RSA-AES256-SHA256=true", "Server-Defined-Cipher-Order=true"}
}

func TestSSLPolicies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attributes []string
		reference  string
		on         string // in the order in which they are described
		versions   string // that lull offers
		ciphers    string
	}{
		"reference": {
			[]string{"Reference-Security-Policy=ELBSecurityPolicy-TLS-1-2-2017-01"}, "ELBSecurityPolicy-TLS-1-2-2017-01",
			`Protocol-TLSv1.2 Server-Defined-Cipher-Order ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
				ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
				ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256`,
			"TLSv1.2",
			`ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
				ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384`,
		},
		"reference-and-same": {
			[]string{"Reference-Security-Policy=ELBSecurityPolicy-TLS-1-2-2017-01", "Protocol-TLSv1.2=True", "Protocol-SSLv3=false", "RC4-SHA=false", "AES128-SHA256=true"},
			"ELBSecurityPolicy-TLS-1-2-2017-01",
			`Protocol-TLSv1.2 Server-Defined-Cipher-Order ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
				ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
				ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256`,
			"TLSv1.2",
			`ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
				ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384`,
		},
		"custom": {
			[]string{"AES256-SHA=TRUE", "Protocol-TLSv1.2=TRUE", "ECDHE-RSA-AES128-GCM-SHA256=True", "AES128-SHA=false"}, "",
			"Protocol-TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 AES256-SHA", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256 AES256-SHA",
		},
		"some-left-out": {
			[]string{"Protocol-SSLv3=true", "Protocol-TLSv1=true", "AES128-SHA=true", "DHE-RSA-AES256-SHA=true", "CAMELLIA128-SHA=true"}, "",
			"Protocol-TLSv1 Protocol-SSLv3 AES128-SHA CAMELLIA128-SHA DHE-RSA-AES256-SHA", "TLSv1", "AES128-SHA",
		},
		"of-the-guide": {
			guidePolicy(), "", "Protocol-TLSv1.1 Protocol-TLSv1.2 Server-Defined-Cipher-Order DHE-RSA-AES256-SHA256", "TLSv1.1 TLSv1.2",
			"ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA",
		},
		"of-the-examples": {
			[]string{"Protocol-SSLv3=true", "Protocol-TLSv1.1=true", "DHE-RSA-AES256-SHA256=true", "Server-Defined-Cipher-Order=true"}, "",
			"Protocol-SSLv3 Protocol-TLSv1.1 Server-Defined-Cipher-Order DHE-RSA-AES256-SHA256", "TLSv1.1",
			"ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := haveAll(t)
			body := createForm("ssl", typeSSLNegotiation, c.attributes...)
			r.formOK(body)
			r.formOK(body)
			r.formOK(enableForm(443, "ssl"))
			r.reopen()
			r.checkSSL(c.reference, strings.Fields(c.on))
			d := r.document("web")
			p, err := d.sslPolicy(d.listener(443))
			if err != nil {
				t.Fatal(err)
			}
			got, want := p.Ciphers(), strings.Fields(c.ciphers)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || !slices.Equal(p.Versions(), strings.Fields(c.versions)) {
				t.Errorf("got %v with %v, want %s with %s", p.Versions(), got, c.versions, c.ciphers)
			}
		})
	}
}

// checkSSL holds the description of the policy ssl of the load balancer web against what it must have.
func (r *rig) checkSSL(reference string, on []string) {
	r.t.Helper()
	result, ok := r.formOK("Action=DescribeLoadBalancerPolicies&LoadBalancerName=web&PolicyNames.member.1=ssl").(query.DescribeLoadBalancerPoliciesResult)
	if !ok || len(result.PolicyDescriptions) != 1 {
		r.t.Fatalf("got %+v, want one policy", result)
	}
	list := result.PolicyDescriptions[0].PolicyAttributeDescriptions
	if reference != "" {
		if list[0] != (query.PolicyAttributeDescription{AttributeName: attributeReference, AttributeValue: reference}) {
			r.t.Errorf("got %+v first, want the reference", list[0])
		}
		list = list[1:]
	}
	checkSSLDescription(r.t, "ssl", list, on)
}

func TestSSLPolicyRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attributes []string
		code       query.Code
		text       string
	}{
		"nothing":           {nil, query.InvalidConfigurationRequest, "0 protocols and 0 ciphers"},
		"no-cipher":         {[]string{"Protocol-TLSv1.2=true"}, query.InvalidConfigurationRequest, "1 protocols and 0 ciphers"},
		"no-protocol":       {[]string{"AES128-SHA=true"}, query.InvalidConfigurationRequest, "0 protocols and 1 ciphers"},
		"all-false":         {[]string{"Protocol-TLSv1.2=false", "AES128-SHA=FALSE"}, query.InvalidConfigurationRequest, "0 protocols and 0 ciphers"},
		"dead-cipher":       {[]string{"Protocol-TLSv1.2=true", "CAMELLIA128-SHA=true", "EXP-RC4-MD5=true"}, query.InvalidConfigurationRequest, "EXP-RC4-MD5 (export strength"},
		"dead-version":      {[]string{"Protocol-SSLv3=true", "AES128-SHA=true"}, query.InvalidConfigurationRequest, "SSLv3 (a version that crypto/tls does not have"},
		"dead-both":         {[]string{"Protocol-SSLv2=true", "ADH-AES128-SHA=true"}, query.InvalidConfigurationRequest, "ADH-AES128-SHA (anonymous"},
		"dss":               {[]string{"Protocol-TLSv1.2=true", "DHE-DSS-AES128-SHA=true"}, query.InvalidConfigurationRequest, "DSS"},
		"version-too-old":   {[]string{"Protocol-TLSv1=true", "AES128-GCM-SHA256=true"}, query.InvalidConfigurationRequest, "nothing can be negotiated"},
		"gap":               {[]string{"Protocol-TLSv1=true", "Protocol-TLSv1.2=true", "AES128-SHA=true"}, query.InvalidConfigurationRequest, "there is a gap"},
		"gap-guide":         {[]string{"Protocol-TLSv1=true", "Protocol-TLSv1.2=true", "DHE-RSA-AES256-SHA=true"}, query.InvalidConfigurationRequest, "policy \"ssl\""},
		"boolean":           {[]string{"Protocol-TLSv1.2=1", "AES128-SHA=true"}, query.ValidationError, "true or false"},
		"boolean-none":      {[]string{"Protocol-TLSv1.2=", "AES128-SHA=true"}, query.ValidationError, "true or false"},
		"cipher":            {[]string{"Protocol-TLSv1.2=true", "NO-SUCH-CIPHER=true"}, query.ValidationError, "NO-SUCH-CIPHER"},
		"cipher-case":       {[]string{"Protocol-TLSv1.2=true", "aes128-sha=true"}, query.ValidationError, "aes128-sha"},
		"cipher-of-tls13":   {[]string{"Protocol-TLSv1.2=true", "TLS_AES_128_GCM_SHA256=true"}, query.ValidationError, "TLS_AES_128_GCM_SHA256"},
		"protocol":          {[]string{"Protocol-TLSv1.3=true", "AES128-SHA=true"}, query.ValidationError, "Protocol-TLSv1.3"},
		"twice":             {[]string{"Protocol-TLSv1.2=true", "AES128-SHA=true", "AES128-SHA=false"}, query.ValidationError, "AES128-SHA"},
		"reference":         {[]string{"Reference-Security-Policy=predefined-policy"}, query.InvalidConfigurationRequest, "'predefined-policy' is not a predefined policy"},
		"reference-lull":    {[]string{"Reference-Security-Policy=default"}, query.InvalidConfigurationRequest, "'default'"},
		"reference-cookie":  {[]string{"Reference-Security-Policy=ELBSample-LBCookieStickinessPolicy"}, query.InvalidConfigurationRequest, "is not a predefined policy"},
		"reference-empty":   {[]string{"Reference-Security-Policy="}, query.ValidationError, "at least 1"},
		"reference-twice":   {[]string{"Reference-Security-Policy=" + defaultSSLPolicy, "Reference-Security-Policy=ELBSecurityPolicy-2015-05"}, query.ValidationError, "ZERO_OR_ONE"},
		"reference-more":    {[]string{"Reference-Security-Policy=" + defaultSSLPolicy, "RC4-SHA=true"}, query.InvalidConfigurationRequest, "RC4-SHA is false in " + defaultSSLPolicy},
		"reference-less":    {[]string{"Reference-Security-Policy=" + defaultSSLPolicy, "AES128-SHA=false"}, query.InvalidConfigurationRequest, "AES128-SHA is true in"},
		"reference-version": {[]string{"Reference-Security-Policy=" + defaultSSLPolicy, "Protocol-TLSv1=false"}, query.InvalidConfigurationRequest, "Protocol-TLSv1 is true in"},
		"reference-order":   {[]string{"Reference-Security-Policy=" + defaultSSLPolicy, "Server-Defined-Cipher-Order=false"}, query.InvalidConfigurationRequest, "Server-Defined-Cipher-Order is true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			haveAll(t).formRefused(createForm("ssl", typeSSLNegotiation, c.attributes...), c.code, c.text)
		})
	}
}

// TestSSLPolicyAgain: a policy that allows something else under the same name is another one.
func TestSSLPolicyAgain(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("ssl", typeSSLNegotiation, "Protocol-TLSv1.2=true", "AES128-SHA=true"))
	r.formOK(createForm("ssl", typeSSLNegotiation, "AES128-SHA=TRUE", "RC4-SHA=false", "Protocol-TLSv1.2=true"))
	r.formRefused(createForm("ssl", typeSSLNegotiation, "Protocol-TLSv1.2=true", "AES256-SHA=true"), query.DuplicatePolicyName, "ssl")
	r.formRefused(createForm("ssl", typeSSLNegotiation, "Reference-Security-Policy="+defaultSSLPolicy), query.DuplicatePolicyName, "ssl")
}

// TestSSLPolicyDescribedAgain: a description may be given back as a new policy, as programs do that copy load balancers.
func TestSSLPolicyDescribedAgain(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("ssl", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2011-08"))
	r.formOK(createForm("custom", typeSSLNegotiation, guidePolicy()...))
	for _, name := range []string{"ssl", "custom", defaultSSLPolicy} {
		var list []string
		for attribute, value := range r.describedPolicy(name) {
			list = append(list, attribute+"="+value)
		}
		r.formOK(createForm("copy-"+strings.ToLower(name[:3]), typeSSLNegotiation, list...))
	}
	d := r.document("web")
	if !slices.Equal(d.policy("custom").describe(), d.policy("copy-cus").describe()) {
		t.Error("the copy of a custom policy is described otherwise")
	}
}

// TestLeftOutIsLogged: the API has no place to tell it.
func TestLeftOutIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := haveAll(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	r.formOK(createForm("ssl", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2011-08"))
	r.formOK(createForm("full", typeSSLNegotiation, "Protocol-TLSv1.2=true", "AES128-SHA=true"))
	if log.Len() > 0 {
		t.Errorf("got %q, want nothing: what predefined policies lack is documented", &log)
	}
	r.formOK(createForm("guide", typeSSLNegotiation, guidePolicy()...))
	for _, text := range []string{"policy=guide", "left_out=DHE-RSA-AES256-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "load_balancer=web"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("got %q, want it to contain %q", &log, text)
		}
	}
}

func TestCounterparts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ciphers, want string }{
		{"DHE-RSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"},
		{"DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"DHE-DSS-AES128-SHA DHE-RSA-CAMELLIA128-SHA EDH-RSA-DES-CBC3-SHA ADH-AES128-SHA DHE-RSA-SEED-SHA", ""},
	} {
		got := counterparts(strings.Fields(c.ciphers))
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
			t.Errorf("%s: got %v, want %q", c.ciphers, got, c.want)
		}
	}
	for _, c := range counterparts([]string{"DHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA"}) {
		if _, ok := tlspolicy.SuiteID(c); !ok || !slices.Contains(cipherNames, c) || strings.Contains(c, "RC4") || strings.Contains(c, "DES") {
			t.Errorf("%s stands in, want ciphers with AES that have an attribute", c)
		}
	}
}

// TestSSLNeverOff: a listener with TLS has a policy whatever is enabled, and one without TLS never.
func TestSSLNeverOff(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("strict", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-TLS-1-2-2017-01"))
	r.formOK(createForm("cookie", typeLBCookie))
	oldest := func(port int32) uint16 {
		t.Helper()
		d := r.document("web")
		p, err := d.sslPolicy(d.listener(port))
		if err != nil {
			t.Fatal(err)
		}
		if p == nil {
			return 0
		}
		return p.Min
	}
	for _, c := range []struct {
		names []string
		want  uint16
	}{
		{[]string{"strict"}, tls.VersionTLS12},
		{[]string{"cookie"}, tls.VersionTLS10},
		{[]string{"cookie", "strict"}, tls.VersionTLS12},
		{nil, tls.VersionTLS10},
		{[]string{defaultSSLPolicy}, tls.VersionTLS10},
	} {
		r.formOK(enableForm(443, c.names...))
		if got := oldest(443); got != c.want {
			t.Errorf("%v: got oldest version %#x, want %#x", c.names, got, c.want)
		}
		if got := r.document("web").listener(443).Policies; !slices.Equal(got, c.names) {
			t.Errorf("got %v, want %v as it was set", got, c.names)
		}
	}
	if got := oldest(80) | oldest(25); got != 0 {
		t.Errorf("got version %#x without TLS, want none", got)
	}
}
