package awselb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// formOK makes a request that is written as a form and must succeed, with a result that can be sent.
func (r *rig) formOK(body string) any {
	r.t.Helper()
	request, err := r.form(body)
	if err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	result := r.do(request)
	values, err := url.ParseQuery(body)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := query.EncodeResult(values.Get("Action"), "id", result); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return result
}

// formRefused makes a request that is written as a form and must fail with a code, and with a text in its message.
func (r *rig) formRefused(body string, code query.Code, text string) {
	r.t.Helper()
	request, err := r.form(body)
	var refusal *query.Error
	switch {
	case err == nil:
		refusal = r.refused(request, code)
	case !errors.As(err, &refusal) || refusal.Code != code:
		r.t.Fatalf("%s: got %v, want %s", body, err, code)
	}
	if !strings.Contains(refusal.Message, text) {
		r.t.Errorf("%s: got the message %q, want it to contain %q", body, refusal.Message, text)
	}
}

// attributesForm writes policy attributes, "Name=Value" each, as parameters.
func attributesForm(list ...string) string {
	var b strings.Builder
	for i, a := range list {
		name, value, _ := strings.Cut(a, "=")
		fmt.Fprintf(&b, "&PolicyAttributes.member.%d.AttributeName=%s&PolicyAttributes.member.%d.AttributeValue=%s",
			i+1, url.QueryEscape(name), i+1, url.QueryEscape(value))
	}
	return b.String()
}

// listForm writes a list of names as parameters.
func listForm(name string, list ...string) string {
	if len(list) == 0 {
		return "&" + name + "="
	}
	var b strings.Builder
	for i, v := range list {
		fmt.Fprintf(&b, "&%s.member.%d=%s", name, i+1, url.QueryEscape(v))
	}
	return b.String()
}

// createForm asks for a policy of the load balancer web.
func createForm(name, kind string, attributes ...string) string {
	return "Action=CreateLoadBalancerPolicy&LoadBalancerName=web&PolicyName=" + name + "&PolicyTypeName=" + kind + attributesForm(attributes...)
}

// enableForm asks for policies on a listener of the load balancer web.
func enableForm(port int, names ...string) string {
	return fmt.Sprintf("Action=SetLoadBalancerPoliciesOfListener&LoadBalancerName=web&LoadBalancerPort=%d%s", port, listForm("PolicyNames", names...))
}

// backendForm asks for policies on a back-end port of the load balancer web.
func backendForm(port int, names ...string) string {
	return fmt.Sprintf("Action=SetLoadBalancerPoliciesForBackendServer&LoadBalancerName=web&InstancePort=%d%s", port, listForm("PolicyNames", names...))
}

// deleteForm asks for the end of a policy of the load balancer web.
func deleteForm(name string) string {
	return "Action=DeleteLoadBalancerPolicy&LoadBalancerName=web&PolicyName=" + name
}

// newPublicKey returns a key as users give it, and as instances show it.
func newPublicKey(t *testing.T) (text string, der []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der), der
}

// haveAll makes the load balancer web with a listener of each pair of protocols:
//
//	80 HTTP to 80 HTTP, 81 HTTP to 443 HTTPS, 443 HTTPS to 80 HTTP, 444 HTTPS to 443 HTTPS,
//	25 TCP to 25 TCP, 26 TCP to 465 SSL, 465 SSL to 25 TCP, 466 SSL to 465 SSL
func haveAll(t *testing.T, settings ...func(o *Options)) *rig {
	t.Helper()
	r := newRig(t, settings...)
	r.have("web", func(d *document) {
		d.Listeners = nil
		for _, l := range []listener{
			{Protocol: "TCP", Port: 25, InstanceProtocol: "TCP", InstancePort: 25},
			{Protocol: "TCP", Port: 26, InstanceProtocol: "SSL", InstancePort: 465},
			{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80},
			{Protocol: "HTTP", Port: 81, InstanceProtocol: "HTTPS", InstancePort: 443},
			{Protocol: "HTTPS", Port: 443, InstanceProtocol: "HTTP", InstancePort: 80},
			{Protocol: "HTTPS", Port: 444, InstanceProtocol: "HTTPS", InstancePort: 443},
			{Protocol: "SSL", Port: 465, InstanceProtocol: "TCP", InstancePort: 25},
			{Protocol: "SSL", Port: 466, InstanceProtocol: "SSL", InstancePort: 465},
		} {
			if l.secure() {
				l.CertificateID, l.Policies = rigARN, []string{defaultSSLPolicy}
			}
			d.Listeners = append(d.Listeners, l)
		}
		d.usePredefined(defaultSSLPolicy)
	})
	return r
}

// describedPolicy returns the attributes of a policy of the load balancer web as the API tells them, by name.
func (r *rig) describedPolicy(name string) map[string]string {
	r.t.Helper()
	result, ok := r.formOK("Action=DescribeLoadBalancerPolicies&LoadBalancerName=web" + listForm("PolicyNames", name)).(query.DescribeLoadBalancerPoliciesResult)
	if !ok || len(result.PolicyDescriptions) != 1 || result.PolicyDescriptions[0].PolicyName != name {
		r.t.Fatalf("%s: got %+v, want one policy", name, result)
	}
	list := map[string]string{}
	for _, a := range result.PolicyDescriptions[0].PolicyAttributeDescriptions {
		list[a.AttributeName] = a.AttributeValue
	}
	return list
}

func TestCookiePolicies(t *testing.T) {
	t.Parallel()
	const app, own = "Action=CreateAppCookieStickinessPolicy&LoadBalancerName=web", "Action=CreateLBCookieStickinessPolicy&LoadBalancerName=web"
	for name, c := range map[string]struct {
		body string
		want map[string]string
	}{
		"app":         {app + "&PolicyName=p&CookieName=my-app-cookie", map[string]string{"CookieName": "my-app-cookie"}},
		"marks":       {app + "&PolicyName=p&CookieName=!%23$%25%26'*%2B-.^_`|~", map[string]string{"CookieName": "!#$%&'*+-.^_`|~"}},
		"period":      {own + "&PolicyName=p&CookieExpirationPeriod=60", map[string]string{"CookieExpirationPeriod": "60"}},
		"no-period":   {own + "&PolicyName=p", map[string]string{"CookieExpirationPeriod": "0"}},
		"zero":        {own + "&PolicyName=p&CookieExpirationPeriod=0", map[string]string{"CookieExpirationPeriod": "0"}},
		"longest":     {own + "&PolicyName=p&CookieExpirationPeriod=9223372036854775807", map[string]string{"CookieExpirationPeriod": "9223372036854775807"}},
		"app-by-type": {createForm("p", typeAppCookie, "CookieName=x"), map[string]string{"CookieName": "x"}},
		"own-by-type": {createForm("p", typeLBCookie, "CookieExpirationPeriod=5"), map[string]string{"CookieExpirationPeriod": "5"}},
		"own-bare":    {createForm("p", typeLBCookie), map[string]string{"CookieExpirationPeriod": "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := haveAll(t)
			if got := r.formOK(c.body); got != (query.Empty{}) {
				t.Errorf("got %+v, want an empty result", got)
			}
			if got := r.describedPolicy("p"); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for i := range r.document("web").Listeners {
				if slices.Contains(r.document("web").Listeners[i].Policies, "p") {
					t.Error("a policy that is only defined is enabled")
				}
			}
			r.formOK(c.body) // the very same again
			r.checkStored()
		})
	}
}

func TestPolicyRefusals(t *testing.T) {
	t.Parallel()
	const app, own = "Action=CreateAppCookieStickinessPolicy&", "Action=CreateLBCookieStickinessPolicy&"
	key, der := newPublicKey(t)
	_, other := newPublicKey(t)
	armoured := string(slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: other})))
	for name, c := range map[string]struct {
		body string
		code query.Code
		text string
	}{
		"no-balancer-app":   {app + "LoadBalancerName=none&PolicyName=p&CookieName=c", query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'none'"},
		"no-balancer-own":   {own + "LoadBalancerName=none&PolicyName=p", query.LoadBalancerNotFound, "'none'"},
		"no-balancer":       {strings.Replace(createForm("p", typeLBCookie), "=web", "=none", 1), query.LoadBalancerNotFound, "'none'"},
		"no-balancer-del":   {strings.Replace(deleteForm("p"), "=web", "=none", 1), query.LoadBalancerNotFound, "'none'"},
		"no-balancer-desc":  {"Action=DescribeLoadBalancerPolicies&LoadBalancerName=none", query.LoadBalancerNotFound, "'none'"},
		"reserved":          {app + "LoadBalancerName=web&PolicyName=ELBSecurityPolicy-x&CookieName=c", query.InvalidConfigurationRequest, "ELBSecurityPolicy-x"},
		"reserved-own":      {own + "LoadBalancerName=web&PolicyName=ELBSample-x", query.InvalidConfigurationRequest, "ELBSample-x"},
		"reserved-any":      {createForm("ELBSample-LBCookieStickinessPolicy", typeLBCookie), query.InvalidConfigurationRequest, "ELBSample-"},
		"name":              {own + "LoadBalancerName=web&PolicyName=a_b", query.ValidationError, "a_b"},
		"taken":             {own + "LoadBalancerName=web&PolicyName=cookie&CookieExpirationPeriod=61", query.DuplicatePolicyName, "cookie"},
		"taken-type":        {app + "LoadBalancerName=web&PolicyName=cookie&CookieName=c", query.DuplicatePolicyName, "cookie"},
		"cookie-space":      {app + "LoadBalancerName=web&PolicyName=p&CookieName=a%20b", query.ValidationError, "'a b'"},
		"cookie-semicolon":  {app + "LoadBalancerName=web&PolicyName=p&CookieName=a;", query.ValidationError, "'a;'"},
		"cookie-equals":     {app + "LoadBalancerName=web&PolicyName=p&CookieName=a=b", query.ValidationError, "'a=b'"},
		"cookie-unicode":    {app + "LoadBalancerName=web&PolicyName=p&CookieName=%C3%A9", query.ValidationError, "'é'"},
		"cookie-any":        {app + "LoadBalancerName=web&PolicyName=p&CookieName=*", query.ValidationError, "'*'"},
		"cookie-own":        {app + "LoadBalancerName=web&PolicyName=p&CookieName=AWSELB", query.ValidationError, "own"},
		"cookie-own-cors":   {app + "LoadBalancerName=web&PolicyName=p&CookieName=awselbcors", query.ValidationError, "own"},
		"cookie-long":       {createForm("p", typeAppCookie, "CookieName="+strings.Repeat("c", 257)), query.ValidationError, "1 to 256"},
		"cookie-none":       {createForm("p", typeAppCookie), query.ValidationError, "CookieName (ONE)"},
		"cookie-empty":      {createForm("p", typeAppCookie, "CookieName="), query.ValidationError, "at least 1"},
		"cookie-twice":      {createForm("p", typeAppCookie, "CookieName=a", "CookieName=b"), query.ValidationError, "takes one"},
		"period-negative":   {own + "LoadBalancerName=web&PolicyName=p&CookieExpirationPeriod=-1", query.ValidationError, "at least 0"},
		"period-words":      {createForm("p", typeLBCookie, "CookieExpirationPeriod=1h"), query.ValidationError, "whole number"},
		"period-minus":      {createForm("p", typeLBCookie, "CookieExpirationPeriod=-1"), query.ValidationError, "whole number"},
		"period-huge":       {createForm("p", typeLBCookie, "CookieExpirationPeriod=9223372036854775808"), query.ValidationError, "whole number"},
		"period-twice":      {createForm("p", typeLBCookie, "CookieExpirationPeriod=1", "CookieExpirationPeriod=2"), query.ValidationError, "ZERO_OR_ONE"},
		"type":              {createForm("p", "NoSuchType", "CookieName=x"), query.PolicyTypeNotFound, "NoSuchType"},
		"type-case":         {createForm("p", "lbcookiestickinesspolicytype"), query.PolicyTypeNotFound, "lbcookie"},
		"attribute":         {createForm("p", typeAppCookie, "CookieName=x", "Cookie=y"), query.ValidationError, "'Cookie'"},
		"attribute-other":   {createForm("p", typeSSLNegotiation, "CookieName=x"), query.ValidationError, "'CookieName'"},
		"attribute-nothing": {createForm("p", typeAppCookie, "=x"), query.MissingParameter, "PolicyAttributes.member.1.AttributeName"},
		"attributes-many":   {createForm("p", typeBackendAuthentication, slices.Repeat([]string{"PublicKeyPolicyName=key"}, 101)...), query.ValidationError, "at most 100"},
		"proxy-none":        {createForm("p", typeProxyProtocol), query.ValidationError, "ProxyProtocol (ONE)"},
		"proxy-value":       {createForm("p", typeProxyProtocol, "ProxyProtocol=yes"), query.ValidationError, "true or false"},
		"proxy-both":        {createForm("p", typeProxyProtocol, "ProxyProtocol=true", "ProxyProtocol=false"), query.ValidationError, "takes one"},
		"key-none":          {createForm("p", typePublicKey), query.ValidationError, "PublicKey (ONE)"},
		"key-text":          {createForm("p", typePublicKey, "PublicKey=not a key"), query.ValidationError, "base64"},
		"key-cut":           {createForm("p", typePublicKey, "PublicKey="+key[:40]), query.ValidationError, "one key is wanted"},
		"key-twice":         {createForm("p", typePublicKey, "PublicKey="+key, "PublicKey="+key+"="), query.ValidationError, "takes one"},
		"key-two":           {createForm("p", typePublicKey, "PublicKey="+armoured), query.ValidationError, "more than one key"},
		"auth-none":         {createForm("p", typeBackendAuthentication), query.ValidationError, "ONE_OR_MORE"},
		"auth-empty":        {createForm("p", typeBackendAuthentication, "PublicKeyPolicyName="), query.ValidationError, "name of a policy"},
		"auth-unknown":      {createForm("p", typeBackendAuthentication, "PublicKeyPolicyName=none"), query.InvalidConfigurationRequest, "none"},
		"auth-kind":         {createForm("p", typeBackendAuthentication, "PublicKeyPolicyName=cookie"), query.InvalidConfigurationRequest, "cookie"},
		"auth-one-unknown":  {createForm("p", typeBackendAuthentication, "PublicKeyPolicyName=key", "PublicKeyPolicyName=none"), query.InvalidConfigurationRequest, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := haveAll(t)
			r.formOK(own + "LoadBalancerName=web&PolicyName=cookie&CookieExpirationPeriod=60")
			r.formOK(createForm("key", typePublicKey, "PublicKey="+key))
			r.formRefused(c.body, c.code, c.text)
		})
	}
}

// TestPublicKeyIsNotRepeated: who pastes a private key does not find it in the answer, which goes into logs.
func TestPublicKeyIsNotRepeated(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(der)
	for _, value := range []string{text, "-----BEGIN PRIVATE KEY-----\n" + text + "\n-----END PRIVATE KEY-----\n"} {
		_, err := r.doForm(createForm("p", typePublicKey, "PublicKey="+value))
		if err == nil || strings.Contains(err.Error(), text[:20]) {
			t.Errorf("got %v, want a refusal without the key", err)
		}
	}
}

func TestTooManyPolicies(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	for i := range policiesMax - 1 { // one is the default SSL policy
		r.formOK(fmt.Sprintf("Action=CreateLBCookieStickinessPolicy&LoadBalancerName=web&PolicyName=p%d", i))
	}
	r.formRefused(createForm("one-more", typeLBCookie), query.TooManyPolicies, "at most 100")
	r.formOK(createForm("p5", typeLBCookie)) // is there
	r.formOK(deleteForm("p7"))
	r.formOK(createForm("one-more", typeLBCookie))
	r.checkStored()
}

func TestDeletePolicy(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	key, _ := newPublicKey(t)
	r.formOK(createForm("cookie", typeLBCookie))
	r.formOK(createForm("proxy", typeProxyProtocol, "ProxyProtocol=true"))
	r.formOK(createForm("key", typePublicKey, "PublicKey="+key))
	r.formOK(createForm("auth", typeBackendAuthentication, "PublicKeyPolicyName=key"))
	r.formOK(enableForm(80, "cookie"))
	r.formOK(backendForm(25, "proxy"))
	r.formOK(backendForm(443, "auth"))
	r.reopen()
	for _, name := range []string{"cookie", "proxy", "key", "auth", defaultSSLPolicy} {
		r.formRefused(deleteForm(name), query.InvalidConfigurationRequest,
			"You cannot delete policy ["+name+"] since it is enabled or referred by other enabled policy.")
	}
	r.formOK(deleteForm("absent"))
	r.formOK(enableForm(80))
	r.formOK(backendForm(25))
	r.formOK(backendForm(443))
	r.formOK(deleteForm("key")) // referred to by one that is not enabled
	r.formRefused(backendForm(443, "auth"), query.InvalidConfigurationRequest, "key")
	for _, name := range []string{"cookie", "proxy", "auth", "cookie"} {
		r.formOK(deleteForm(name))
		if r.document("web").policy(name) != nil {
			t.Errorf("%s is still there", name)
		}
	}
	r.checkStored()
}

func TestDescribePolicies(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("z", typeProxyProtocol, "ProxyProtocol=TRUE"))
	r.formOK(createForm("a", typeLBCookie, "CookieExpirationPeriod=60"))
	r.have("bare", nil)
	names := func(body string) []string {
		t.Helper()
		result, ok := r.formOK("Action=DescribeLoadBalancerPolicies" + body).(query.DescribeLoadBalancerPoliciesResult)
		if !ok {
			t.Fatal("not the result's type")
		}
		list := []string{}
		for _, d := range result.PolicyDescriptions {
			list = append(list, d.PolicyName)
		}
		return list
	}
	for _, c := range []struct {
		body string
		want []string
	}{
		{"&LoadBalancerName=web", []string{defaultSSLPolicy, "a", "z"}},
		{"&LoadBalancerName=bare", []string{}},
		{"&LoadBalancerName=web" + listForm("PolicyNames", "z", "a", "z"), []string{"z", "a"}},
		{"&LoadBalancerName=web&PolicyNames=", []string{defaultSSLPolicy, "a", "z"}},
		{listForm("PolicyNames", "ELBSecurityPolicy-2015-05", "ELBSample-LBCookieStickinessPolicy"), []string{"ELBSecurityPolicy-2015-05", "ELBSample-LBCookieStickinessPolicy"}},
	} {
		if got := names(c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.body, got, c.want)
		}
	}
	if got := r.describedPolicy("z"); got["ProxyProtocol"] != "true" {
		t.Errorf("got %v, want true in lower case", got)
	}
	const action = "Action=DescribeLoadBalancerPolicies"
	r.formRefused(action+"&LoadBalancerName=web"+listForm("PolicyNames", "a", "none"), query.PolicyNotFound, "There is no policy with name none for load balancer web")
	r.formRefused(action+"&LoadBalancerName=web"+listForm("PolicyNames", "ELBSecurityPolicy-2015-05"), query.PolicyNotFound, "ELBSecurityPolicy-2015-05")
	r.formRefused(action+listForm("PolicyNames", "a"), query.PolicyNotFound, "name a")
	r.formRefused(action+"&LoadBalancerName=", query.LoadBalancerNotFound, "''")
}
