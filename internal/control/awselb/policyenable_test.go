package awselb

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"testing"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/certs"
)

// haveEveryPolicy is haveAll with a policy of each type: app, own, ssl, proxy, key and auth.
func haveEveryPolicy(t *testing.T) *rig {
	t.Helper()
	r := haveAll(t)
	key, _ := newPublicKey(t)
	r.formOK(createForm("app", typeAppCookie, "CookieName=session"))
	r.formOK(createForm("own", typeLBCookie, "CookieExpirationPeriod=60"))
	r.formOK(createForm("ssl", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2015-05"))
	r.formOK(createForm("proxy", typeProxyProtocol, "ProxyProtocol=true"))
	r.formOK(createForm("key", typePublicKey, "PublicKey="+key))
	r.formOK(createForm("auth", typeBackendAuthentication, "PublicKeyPolicyName=key"))
	return r
}

// TestPolicyPerListener tries each type on each kind of listener.
func TestPolicyPerListener(t *testing.T) {
	t.Parallel()
	r := haveEveryPolicy(t)
	allowed := map[string][]int{
		"app": {80, 81, 443, 444}, "own": {80, 81, 443, 444}, "ssl": {443, 444, 465, 466}, defaultSSLPolicy: {443, 444, 465, 466},
		"proxy": nil, "key": nil, "auth": nil,
	}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		for _, port := range []int{25, 26, 80, 81, 443, 444, 465, 466} {
			if !slices.Contains(allowed[name], port) {
				r.formRefused(enableForm(port, name), query.InvalidConfigurationRequest, name+" cannot be enabled")
				continue
			}
			r.formOK(enableForm(port, name))
			if got := r.document("web").listener(int32(port)).Policies; !slices.Equal(got, []string{name}) {
				t.Errorf("port %d: got %v, want %s in place of all others", port, got, name)
			}
		}
	}
	r.checkStored()
}

func TestListenerPolicies(t *testing.T) {
	t.Parallel()
	r := haveEveryPolicy(t)
	r.formOK(createForm("own2", typeLBCookie))
	r.formOK(createForm("ssl2", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2015-03"))
	for _, names := range [][]string{{"own", "ssl"}, {"ssl", "app"}, {}, {defaultSSLPolicy, "own2"}, {"ssl2"}} {
		r.formOK(enableForm(443, names...))
		r.formOK(enableForm(443, append(names, names...)...)) // twice is once
		if got := r.document("web").listener(443).Policies; !slices.Equal(got, names) {
			t.Errorf("got %v, want %v", got, names)
		}
	}
	if got := r.document("web").listener(444).Policies; !slices.Equal(got, []string{defaultSSLPolicy}) {
		t.Errorf("another listener has %v, want what it had", got)
	}
	for _, c := range []struct {
		body string
		code query.Code
		text string
	}{
		{enableForm(443, "own", "app"), query.InvalidConfigurationRequest, "app cannot be enabled: together with own"},
		{enableForm(443, "own", "own2"), query.InvalidConfigurationRequest, "own2 cannot be enabled"},
		{enableForm(443, "ssl", "own", "ssl2"), query.InvalidConfigurationRequest, "ssl2 cannot be enabled: together with ssl"},
		{enableForm(443, "ssl", "none"), query.PolicyNotFound, "There is no policy with name none for load balancer web"},
		{enableForm(443, "ELBSecurityPolicy-2015-05"), query.PolicyNotFound, "ELBSecurityPolicy-2015-05"}, // is not among the load balancer's
		{enableForm(8080, "own"), query.ListenerNotFound, "8080"},
		{enableForm(8080), query.ListenerNotFound, "8080"},
		{enableForm(0, "own"), query.ValidationError, "1 to 65535"},
		{"Action=SetLoadBalancerPoliciesOfListener&LoadBalancerName=none&LoadBalancerPort=80&PolicyNames=", query.LoadBalancerNotFound, "'none'"},
		{"Action=SetLoadBalancerPoliciesOfListener&LoadBalancerName=web&LoadBalancerPort=80", query.MissingParameter, "PolicyNames"},
	} {
		r.formRefused(c.body, c.code, c.text)
	}
}

// TestPolicyPerBackendPort tries each type on each kind of back-end port: 25 TCP, 80 HTTP, 443 HTTPS, 465 SSL.
func TestPolicyPerBackendPort(t *testing.T) {
	t.Parallel()
	r := haveEveryPolicy(t)
	allowed := map[string][]int{"proxy": {25, 80}, "auth": {443, 465}, "app": nil, "own": nil, "ssl": nil, "key": nil, defaultSSLPolicy: nil}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		for _, port := range []int{25, 80, 443, 465} {
			if !slices.Contains(allowed[name], port) {
				r.formRefused(backendForm(port, name), query.InvalidConfigurationRequest, name+" cannot be enabled")
				continue
			}
			r.formOK(backendForm(port, name))
			if got := r.document("web").BackendPolicies[int32(port)]; !slices.Equal(got, []string{name}) {
				t.Errorf("port %d: got %v, want %s", port, got, name)
			}
		}
	}
	r.checkStored()
}

func TestBackendPolicies(t *testing.T) {
	t.Parallel()
	r := haveEveryPolicy(t)
	r.formOK(createForm("proxy2", typeProxyProtocol, "ProxyProtocol=false"))
	for _, names := range [][]string{{"proxy"}, {"proxy2", "proxy"}, {"proxy2"}, {}, {"proxy"}} {
		r.formOK(backendForm(25, append(names, names...)...))
		got, found := r.document("web").BackendPolicies[25]
		if !slices.Equal(got, names) || found != (len(names) > 0) {
			t.Errorf("got %v, want %v, and no port without policies", r.document("web").BackendPolicies, names)
		}
	}
	for _, c := range []struct {
		body string
		code query.Code
		text string
	}{
		{backendForm(9999, "proxy"), query.InvalidConfigurationRequest, "InstancePort 9999"},
		{backendForm(81, "proxy"), query.InvalidConfigurationRequest, "InstancePort 81"}, // a load balancer's port
		{backendForm(25, "none"), query.PolicyNotFound, "There is no policy with name none for load balancer web"},
		{backendForm(9999, "none"), query.PolicyNotFound, "none"},
		{backendForm(25, "proxy", "auth"), query.InvalidConfigurationRequest, "auth cannot be enabled"},
		{backendForm(0, "proxy"), query.ValidationError, "1 to 65535"},
		{"Action=SetLoadBalancerPoliciesForBackendServer&LoadBalancerName=none&InstancePort=80&PolicyNames=", query.LoadBalancerNotFound, "'none'"},
	} {
		r.formRefused(c.body, c.code, c.text)
	}
	r.formOK(backendForm(9999)) // there is nothing to take away
}

// certify gives rigARN a certificate with that key.
func (r *rig) certify(key crypto.Signer) {
	r.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: r.clock.Now().AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := certs.Parse(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if err != nil {
		r.t.Fatal(err)
	}
	h, _ := r.certificates.Holder(rigARN)
	h.Replace(certs.NewSet([]*certs.Certificate{c}))
}

// TestPolicyGoesWithCertificate: a policy for other certificates than the listener's would shut everybody out.
func TestPolicyGoesWithCertificate(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("rsa", typeSSLNegotiation, "Protocol-TLSv1.2=true", "ECDHE-RSA-AES128-GCM-SHA256=true"))
	r.formOK(createForm("ecdsa", typeSSLNegotiation, "Protocol-TLSv1.2=true", "ECDHE-ECDSA-AES128-GCM-SHA256=true"))
	r.formOK(createForm("old", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2011-08"))
	r.formOK(createForm("cookie", typeLBCookie))
	r.formOK(enableForm(443, "rsa")) // nobody knows the certificate yet
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key        crypto.Signer
		allowed    []string
		refused    []string
		keyInWords string
	}{
		{curve, []string{"ecdsa", defaultSSLPolicy, "cookie"}, []string{"rsa", "old"}, "ECDSA"},
		{number, []string{"rsa", "old", defaultSSLPolicy, "cookie"}, []string{"ecdsa"}, "RSA"},
	} {
		r.certify(c.key)
		for _, name := range c.allowed {
			r.formOK(enableForm(443, name))
		}
		for _, name := range c.refused {
			r.formRefused(enableForm(443, name), query.InvalidConfigurationRequest, name+" cannot be enabled: none of its ciphers goes with the certificate of port 443, which has an "+c.keyInWords)
		}
	}
}
