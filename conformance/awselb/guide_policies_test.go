package awselb

// sticky is the shape of my-loadbalancer with an HTTPS listener that has these policies and a plain one, and with these policies of its
// own besides the default one for TLS.
func sticky(plain, policies, app, own string) string {
	return description("my-loadbalancer", `{
		"ListenerDescriptions": ["any order", `+plain+`, `+described("HTTPS", "443", "HTTP", "80", policies)+`],
		"Policies": {"AppCookieStickinessPolicies": [`+app+`], "LBCookieStickinessPolicies": [`+own+`], "OtherPolicies": ["ELBSecurityPolicy-2016-08"]}}`)
}

func guidePolicies() []section {
	const (
		lbPolicy  = `{"PolicyName": "my-duration-cookie-policy", "CookieExpirationPeriod": 60}`
		appPolicy = `{"PolicyName": "my-app-cookie-policy", "CookieName": "my-app-cookie"}`
		types     = `aws elb describe-load-balancer-policy-types`
	)
	proxied := func(back string) string {
		return description("my-loadbalancer", `{"ListenerDescriptions": [`+described("TCP", "80", "TCP", "80", "")+`], "BackendServerDescriptions": [`+back+`],
			"Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": ["any order", "my-ProxyProtocol-policy", "my-existing-policy"]}}`)
	}
	return []section{
		{name: "elb-sticky-sessions-duration", setup: withTLS, rows: []row{
			{
				id: "64", line: `aws elb create-lb-cookie-stickiness-policy --load-balancer-name my-loadbalancer --policy-name my-duration-cookie-policy --cookie-expiration-period 60`,
				wire: []string{"CookieExpirationPeriod=60"},
			},
			{id: "65", line: ofListener + `my-duration-cookie-policy`},
			{
				id: "66", line: describe, want: sticky(described("HTTP", "80", "HTTP", "80", ""), `"my-duration-cookie-policy"`, "", lbPolicy),
				after: func(w *world) { w.serves("my-loadbalancer", "my-server-cert") }, // TLS goes on by the default policy
			},
			{id: "66a", line: ofListener + `my-duration-cookie-policy ELBSecurityPolicy-2016-08`},
			{
				id: "66b", line: describe,
				want: sticky(described("HTTP", "80", "HTTP", "80", ""), `"my-duration-cookie-policy", "ELBSecurityPolicy-2016-08"`, "", lbPolicy),
			},
		}},
		{name: "elb-sticky-sessions-application", setup: func(w *world) {
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
			w.inZones("my-loadbalancer", onTCP(), w.onHTTPS("HTTP", "80"))
		}, rows: []row{
			{id: "67", line: `aws elb create-app-cookie-stickiness-policy --load-balancer-name my-loadbalancer --policy-name my-app-cookie-policy --cookie-name my-app-cookie`},
			{id: "68", line: ofListener + `my-app-cookie-policy`},
			{id: "69", line: describe, want: sticky(described("TCP", "80", "TCP", "80", ""), `"my-app-cookie-policy"`, appPolicy, "")},
		}},
		{name: "enable-proxy-protocol", setup: func(w *world) {
			w.inZones("my-loadbalancer", onTCP())
			w.proxyPolicy("my-existing-policy", "false")
		}, rows: []row{
			{
				id: "70", line: types,
				want: `{"PolicyTypeDescriptions": ["any order", {"PolicyTypeName": "ProxyProtocolPolicyType", "Description": "` + aboutProxyProtocol + `",
					"PolicyAttributeTypeDescriptions": [{"Cardinality": "ONE", "AttributeName": "ProxyProtocol", "AttributeType": "Boolean"}]}, "…"]}`,
			},
			{id: "71", line: createPolicy + `my-ProxyProtocol-policy --policy-type-name ProxyProtocolPolicyType --policy-attributes AttributeName=ProxyProtocol,AttributeValue=true`},
			{id: "72", line: forBackend + `80 --policy-names my-ProxyProtocol-policy my-existing-policy`},
			{id: "73", line: describe, want: proxied(`{"InstancePort": 80, "PolicyNames": ["any order", "my-ProxyProtocol-policy", "my-existing-policy"]}`)},
			{id: "74", line: forBackend + `80 --policy-names my-existing-policy`},
			{id: "74a", line: describe, want: proxied(`{"InstancePort": 80, "PolicyNames": ["my-existing-policy"]}`)},
			{id: "75", line: forBackend + `80 --policy-names "[]"`, wire: []string{"PolicyNames="}},
			{id: "76", line: describe, want: proxied("")},
		}},
	}
}

const aboutProxyProtocol = "Policy that controls whether to include the IP address and port of the originating request for TCP messages. This policy operates on TCP/SSL listeners only"
