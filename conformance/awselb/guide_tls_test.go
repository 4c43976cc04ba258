package awselb

import (
	"fmt"
	"slices"
	"strings"
)

// certificateARN names the certificate of most sections.
const certificateARN = "arn:aws:iam::123456789012:server-certificate/my-server-cert"

const (
	describe      = `aws elb describe-load-balancers --load-balancer-name my-loadbalancer`
	createPolicy  = `aws elb create-load-balancer-policy --load-balancer-name my-loadbalancer --policy-name `
	ofListener    = `aws elb set-load-balancer-policies-of-listener --load-balancer-name my-loadbalancer --load-balancer-port 443 --policy-names `
	forBackend    = `aws elb set-load-balancer-policies-for-backend-server --load-balancer-name my-loadbalancer --instance-port `
	sslPolicy     = `my-SSLNegotiation-policy --policy-type-name SSLNegotiationPolicyType --policy-attributes `
	describeOwn   = `aws elb describe-load-balancer-policies --load-balancer-name my-loadbalancer --policy-name my-SSLNegotiation-policy`
	customOptions = `AttributeName=Protocol-TLSv1.2,AttributeValue=true AttributeName=Protocol-TLSv1.1,AttributeValue=true AttributeName=DHE-RSA-AES256-SHA256,AttributeValue=true AttributeName=Server-Defined-Cipher-Order,AttributeValue=true`
)

// described is the shape of a listener's description.
func described(protocol, front, instanceProtocol, back, policies string) string {
	certificate := ""
	if protocol == "HTTPS" || protocol == "SSL" {
		certificate = `, "SSLCertificateId": "{arn}"`
	}
	return fmt.Sprintf(`{"Listener": {"Protocol": %q, "LoadBalancerPort": %s, "InstanceProtocol": %q, "InstancePort": %s%s}, "PolicyNames": [%s]}`,
		protocol, front, instanceProtocol, back, certificate, policies)
}

// tlsDescription is the shape of my-loadbalancer with an HTTP listener and an HTTPS one that has these policies, and of all of its
// policies.
func tlsDescription(policies string, other ...string) string {
	return description("my-loadbalancer", `{
		"ListenerDescriptions": ["any order", `+described("HTTP", "80", "HTTP", "80", "")+`, `+described("HTTPS", "443", "HTTP", "80", policies)+`],
		"Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": ["any order", `+strings.Join(other, ", ")+`]}}`)
}

// defaultPolicy is on listeners that were made without a policy.
const defaultPolicy = `"ELBSecurityPolicy-2016-08"`

// sslAttributes are all attributes of SSLNegotiationPolicyType but for Reference-Security-Policy.
var sslAttributes = strings.Fields(`Protocol-SSLv2 Protocol-TLSv1 Protocol-SSLv3 Protocol-TLSv1.1 Protocol-TLSv1.2 Server-Defined-Cipher-Order
ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA DHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-GCM-SHA384
ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES256-SHA
ECDHE-ECDSA-AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384 AES256-SHA256 AES256-SHA
DHE-DSS-AES128-SHA CAMELLIA128-SHA EDH-RSA-DES-CBC3-SHA DES-CBC3-SHA ECDHE-RSA-RC4-SHA RC4-SHA ECDHE-ECDSA-RC4-SHA
DHE-DSS-AES256-GCM-SHA384 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256 DHE-DSS-AES256-SHA256 DHE-RSA-AES256-SHA
DHE-DSS-AES256-SHA DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA CAMELLIA256-SHA EDH-DSS-DES-CBC3-SHA
DHE-DSS-AES128-GCM-SHA256 DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-SHA256 DHE-DSS-AES128-SHA256
DHE-RSA-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA ADH-AES128-GCM-SHA256 ADH-AES128-SHA ADH-AES128-SHA256
ADH-AES256-GCM-SHA384 ADH-AES256-SHA ADH-AES256-SHA256 ADH-CAMELLIA128-SHA ADH-CAMELLIA256-SHA ADH-DES-CBC3-SHA
ADH-DES-CBC-SHA ADH-RC4-MD5 ADH-SEED-SHA DES-CBC-SHA DHE-DSS-SEED-SHA DHE-RSA-SEED-SHA EDH-DSS-DES-CBC-SHA
EDH-RSA-DES-CBC-SHA IDEA-CBC-SHA RC4-MD5 SEED-SHA DES-CBC3-MD5 DES-CBC-MD5 RC2-CBC-MD5 PSK-AES256-CBC-SHA
PSK-3DES-EDE-CBC-SHA KRB5-DES-CBC3-SHA KRB5-DES-CBC3-MD5 PSK-AES128-CBC-SHA PSK-RC4-SHA KRB5-RC4-SHA KRB5-RC4-MD5
KRB5-DES-CBC-SHA KRB5-DES-CBC-MD5 EXP-EDH-RSA-DES-CBC-SHA EXP-EDH-DSS-DES-CBC-SHA EXP-ADH-DES-CBC-SHA
EXP-DES-CBC-SHA EXP-RC2-CBC-MD5 EXP-KRB5-RC2-CBC-SHA EXP-KRB5-DES-CBC-SHA EXP-KRB5-RC2-CBC-MD5
EXP-KRB5-DES-CBC-MD5 EXP-ADH-RC4-MD5 EXP-RC4-MD5 EXP-KRB5-RC4-SHA EXP-KRB5-RC4-MD5`)

// negotiation is the shape of an SSL negotiation policy: exactly all attributes, of which these are true; "A=B" says that an attribute
// beside them has a value.
func negotiation(name string, on ...string) string {
	var list []string
	add := func(attribute, value string) {
		list = append(list, fmt.Sprintf(`{"AttributeName": %q, "AttributeValue": %q}`, attribute, value))
	}
	for _, a := range on {
		if name, value, ok := strings.Cut(a, "="); ok {
			add(name, value)
		}
	}
	for _, a := range sslAttributes {
		add(a, fmt.Sprint(slices.Contains(on, a)))
	}
	return fmt.Sprintf(`{"PolicyName": %q, "PolicyTypeName": "SSLNegotiationPolicyType", "PolicyAttributeDescriptions": ["any order", %s]}`,
		name, strings.Join(list, ", "))
}

// tls12 is what ELBSecurityPolicy-TLS-1-2-2017-01 has on, and all2016 what the default policy has.
var (
	tls12 = strings.Fields(`Protocol-TLSv1.2 Server-Defined-Cipher-Order ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
		ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
		ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256`)
	all2016 = append(strings.Fields(`Protocol-TLSv1 Protocol-TLSv1.1 ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA
		ECDHE-ECDSA-AES256-SHA AES128-SHA AES256-SHA`), tls12...)
	custom = []string{"Protocol-TLSv1.2", "Protocol-TLSv1.1", "DHE-RSA-AES256-SHA256", "Server-Defined-Cipher-Order"}
)

func policies(shapes ...string) string {
	return `{"PolicyDescriptions": ["any order", ` + strings.Join(shapes, ", ") + `]}`
}

// withTLS has a load balancer with an HTTP and an HTTPS listener.
func withTLS(w *world) {
	w.certificate(certificateARN)
	w.words["arn"] = certificateARN
	w.inZones("my-loadbalancer", onHTTP(), w.onHTTPS("HTTP", "80"))
}

// onlyTLS has a load balancer with an HTTPS listener whose instances speak HTTPS too.
func onlyTLS(w *world) {
	w.certificate(certificateARN)
	w.words["arn"] = certificateARN
	w.inZones("my-loadbalancer", w.onHTTPS("HTTPS", "443"))
}

// onlyTLSDescription is the shape of what onlyTLS has made, with the policy of the guide on the listener.
var onlyTLSDescription = description("my-loadbalancer", `{
	"ListenerDescriptions": [`+described("HTTPS", "443", "HTTPS", "443", `"my-SSLNegotiation-policy"`)+`],
	"Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": ["any order", "my-SSLNegotiation-policy", "…"]}}`)

func guideTLS() []section {
	const authentication = `{"PolicyAttributeDescriptions": [{"AttributeName": "PublicKeyPolicyName", "AttributeValue": "my-PublicKey-policy"}],
		"PolicyName": "my-authentication-policy", "PolicyTypeName": "BackendServerAuthenticationPolicyType"}`
	const publicKey = `{"PolicyAttributeDescriptions": [{"AttributeName": "PublicKey", "AttributeValue": "{key}"}],
		"PolicyName": "my-PublicKey-policy", "PolicyTypeName": "PublicKeyPolicyType"}`
	names := func(other string) string {
		return tlsDescription(`"my-SSLNegotiation-policy"`, `"my-SSLNegotiation-policy"`, other)
	}
	return []section{
		{name: "elb-create-https-ssl-load-balancer-create", setup: func(w *world) {
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
		}, rows: []row{
			{
				id:   "28",
				line: `aws elb create-load-balancer --load-balancer-name my-load-balancer --listeners "Protocol=http,LoadBalancerPort=80,InstanceProtocol=http,InstancePort=80" "Protocol=https,LoadBalancerPort=443,InstanceProtocol=http,InstancePort=80,SSLCertificateId={arn}" --availability-zones us-west-2a`,
				want: dns("my-load-balancer"),
				wire: []string{"Listeners.member.1.Protocol=http", "Listeners.member.2.Protocol=https", "AvailabilityZones.member.1=us-west-2a"},
			},
			{
				id: "29", line: `aws elb describe-load-balancers --load-balancer-name my-load-balancer`,
				want: strings.ReplaceAll(tlsDescription(defaultPolicy, defaultPolicy), "my-loadbalancer", "my-load-balancer"),
			},
		}},
		{name: "elb-create-https-ssl-load-balancer-predefined", setup: withTLS, rows: []row{
			{id: "30", line: describe, want: tlsDescription(defaultPolicy, defaultPolicy)},
			{
				id: "31", line: `aws elb describe-load-balancer-policies`,
				want: `{"PolicyDescriptions": ["any order", ` + negotiation("ELBSecurityPolicy-2016-08", all2016...) + `, ` + negotiation("ELBSecurityPolicy-TLS-1-2-2017-01", tls12...) + `, "…"]}`,
			},
			{id: "32", line: createPolicy + sslPolicy + `AttributeName=Reference-Security-Policy,AttributeValue=ELBSecurityPolicy-TLS-1-2-2017-01`},
			{id: "33", line: describeOwn, want: policies(negotiation("my-SSLNegotiation-policy", append(tls12, "Reference-Security-Policy=ELBSecurityPolicy-TLS-1-2-2017-01")...))},
			{id: "34", line: ofListener + `my-SSLNegotiation-policy`, wire: []string{"PolicyNames.member.1=my-SSLNegotiation-policy"}},
			{id: "35", line: describe, want: names(`"…"`)},
		}},
		{name: "elb-create-https-ssl-load-balancer-custom", setup: withTLS, rows: []row{
			{id: "36", line: createPolicy + sslPolicy + customOptions},
			{id: "37", line: describeOwn, want: policies(negotiation("my-SSLNegotiation-policy", custom...))},
			{
				id: "38", line: ofListener + `my-SSLNegotiation-policy`,
				after: func(w *world) { w.serves("my-loadbalancer", "my-server-cert") }, // by what stands in for its cipher
			},
			{id: "39", line: describe, want: names(`"…"`)},
		}},
		{name: "elb-create-https-ssl-load-balancer-authentication", setup: func(w *world) {
			w.words["key"] = publicKeyText(w.t)
			w.web(w.at(1), "80")
			w.tell("i-4f8cf126", "i-0bb7ca62")
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
			https := w.onHTTPS("HTTPS", "443")
			w.inZones("my-loadbalancer", onHTTP(), https)
		}, rows: []row{
			{id: "40", line: createPolicy + `my-PublicKey-policy --policy-type-name PublicKeyPolicyType --policy-attributes AttributeName=PublicKey,AttributeValue={key}`},
			{id: "41", line: createPolicy + `my-authentication-policy --policy-type-name BackendServerAuthenticationPolicyType --policy-attributes AttributeName=PublicKeyPolicyName,AttributeValue=my-PublicKey-policy`},
			{id: "42", line: forBackend + `443 --policy-names my-authentication-policy`},
			{
				id: "43", line: `aws elb describe-load-balancer-policies --load-balancer-name my-loadbalancer`,
				want: policies(publicKey, authentication, `{"PolicyName": "ELBSecurityPolicy-2016-08", "PolicyTypeName": "SSLNegotiationPolicyType", "…": "…"}`),
			},
			{id: "44", line: `aws elb describe-load-balancer-policies --load-balancer-name my-loadbalancer --policy-names my-authentication-policy`, want: policies(authentication)},
			{
				id:   "45",
				line: `aws elb configure-health-check --load-balancer-name my-loadbalancer --health-check Target=HTTP:80/ping,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3`,
				want: healthCheckEcho("HTTP:80/ping"),
			},
			{
				id: "46", line: `aws elb register-instances-with-load-balancer --load-balancer-name my-loadbalancer --instances i-4f8cf126 i-0bb7ca62`,
				want: `{"Instances": [{"InstanceId": "i-4f8cf126"}, {"InstanceId": "i-0bb7ca62"}]}`,
			},
			{
				id: "47", before: func(w *world) { w.inService("my-loadbalancer", "i-4f8cf126") },
				line: `aws elb describe-instance-health --load-balancer-name my-loadbalancer --instances i-4f8cf126 i-0bb7ca62`,
				want: `{"InstanceStates": ["any order", ` + inService + `, ` + notYet + `]}`,
			},
			{id: "48", line: `aws elb delete-load-balancer --load-balancer-name my-loadbalancer`},
			{id: "48a", line: `aws elb delete-load-balancer --load-balancer-name my-loadbalancer`},
		}},
		{name: "elb-add-or-delete-listeners", setup: func(w *world) {
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
			w.inZones("my-load-balancer")
		}, rows: []row{
			{id: "49", line: `aws elb create-load-balancer-listeners --load-balancer-name my-load-balancer --listeners Protocol=HTTPS,LoadBalancerPort=443,InstanceProtocol=HTTP,InstancePort=80,SSLCertificateId={arn}`},
			{
				id:   "50",
				line: `aws elb create-load-balancer-listeners --load-balancer-name my-load-balancer --listeners Protocol=HTTPS,LoadBalancerPort=443,InstanceProtocol=HTTPS,InstancePort=443,SSLCertificateId={arn}`,
				code: "DuplicateListener", message: `A listener already exists for my-load-balancer with LoadBalancerPort 443, but with a different InstancePort, Protocol, or SSLCertificateId`,
			},
			{
				id: "50a", before: func(w *world) { w.inZones("other") },
				line: `aws elb create-load-balancer-listeners --load-balancer-name other --listeners Protocol=HTTPS,LoadBalancerPort=443,InstanceProtocol=HTTPS,InstancePort=443,SSLCertificateId={arn}`,
			},
			{
				id: "51", line: `aws elb describe-load-balancers --load-balancer-name my-load-balancer`,
				want: strings.ReplaceAll(tlsDescription(defaultPolicy, defaultPolicy), "my-loadbalancer", "my-load-balancer"),
			},
		}},
		{name: "elb-update-ssl-cert", setup: func(w *world) {
			w.words["arn"] = certificateARN
			for _, arn := range []string{
				certificateARN, "arn:aws:iam::123456789012:server-certificate/my-new-certificate",
				"arn:aws:acm:region:123456789012:certificate/12345678-1234-1234-1234-123456789012",
			} {
				w.certificate(arn)
			}
			w.inZones("my-load-balancer", w.onHTTPS("HTTP", "80"))
		}, rows: []row{
			{id: "52", line: `aws elb set-load-balancer-listener-ssl-certificate --load-balancer-name my-load-balancer --load-balancer-port 443 --ssl-certificate-id arn:aws:acm:region:123456789012:certificate/12345678-1234-1234-1234-123456789012`},
			{
				id: "53", line: `aws elb set-load-balancer-listener-ssl-certificate --load-balancer-name my-load-balancer --load-balancer-port 443 --ssl-certificate-id arn:aws:iam::123456789012:server-certificate/my-new-certificate`,
				after: func(w *world) { w.serves("my-load-balancer", "my-new-certificate") },
			},
		}},
		{name: "ssl-config-update-predefined", setup: onlyTLS, rows: []row{
			{
				id:   "54",
				line: `aws elb describe-load-balancer-policies --query 'PolicyDescriptions[?PolicyTypeName==` + "`SSLNegotiationPolicyType`" + `].{PolicyName:PolicyName}' --output table`,
				text: predefinedTable,
			},
			{
				id:   "54a", // the spelling for Windows, in a shell of ours
				line: `aws elb describe-load-balancer-policies --query "PolicyDescriptions[?PolicyTypeName==\` + "`SSLNegotiationPolicyType\\`" + `].{PolicyName:PolicyName}" --output table`,
				text: predefinedTable,
			},
			{
				id: "55", line: `aws elb describe-load-balancer-policies --policy-names ELBSecurityPolicy-2016-08 --output table`,
				text: `-+\n\| +DescribeLoadBalancerPolicies +\|.*ELBSecurityPolicy-2016-08.*Protocol-TLSv1\.2 +\| +true .*ECDHE-RSA-AES128-GCM-SHA256 +\| +true .*RC4-SHA +\| +false .*`,
			},
			{id: "56", line: createPolicy + sslPolicy + `AttributeName=Reference-Security-Policy,AttributeValue=ELBSecurityPolicy-2016-08`},
			{id: "57", line: describeOwn, want: policies(negotiation("my-SSLNegotiation-policy", append(all2016, "Reference-Security-Policy=ELBSecurityPolicy-2016-08")...))},
			{id: "58", line: ofListener + `my-SSLNegotiation-policy`},
			{id: "59", line: describe, want: onlyTLSDescription},
		}},
		{name: "ssl-config-update-custom", setup: onlyTLS, rows: []row{
			{id: "60", line: createPolicy + sslPolicy + customOptions},
			{id: "61", line: describeOwn, want: policies(negotiation("my-SSLNegotiation-policy", custom...))},
			{id: "62", line: ofListener + `my-SSLNegotiation-policy`},
			{id: "63", line: describe, want: onlyTLSDescription},
		}},
	}
}

// predefinedTable is all predefined policies in their order, as a table.
const predefinedTable = `-+\n\| +DescribeLoadBalancerPolicies +\|\n\+-+\+\n\| +PolicyName +\|\n\+-+\+\n` +
	`\| +ELBSecurityPolicy-2016-08 +\|\n\| +ELBSecurityPolicy-TLS-1-2-2017-01 +\|\n\| +ELBSecurityPolicy-TLS-1-1-2017-01 +\|\n` +
	`\| +ELBSecurityPolicy-2015-05 +\|\n\| +ELBSecurityPolicy-2015-03 +\|\n\| +ELBSecurityPolicy-2015-02 +\|\n\| +ELBSecurityPolicy-2014-10 +\|\n` +
	`\| +ELBSecurityPolicy-2014-01 +\|\n\| +ELBSecurityPolicy-2011-08 +\|\n\| +ELBSample-ELBDefaultCipherPolicy +\|\n` +
	`\| +ELBSample-OpenSSLDefaultCipherPolicy +\|\n\+-+\+\n`
