package awselb

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

func TestStickiness(t *testing.T) {
	t.Parallel()
	r := haveEveryPolicy(t)
	r.formOK(createForm("session", typeLBCookie))
	r.formOK(createForm("zero", typeLBCookie, "CookieExpirationPeriod=0"))
	r.formOK(createForm("longest", typeLBCookie, "CookieExpirationPeriod=9223372036854775807"))
	for name, want := range map[string]*plan.Stickiness{
		"":        nil,
		"app":     {Cookie: "AWSELB", Follow: "session"},
		"own":     {Cookie: "AWSELB", Duration: time.Minute},
		"session": {Cookie: "AWSELB"},
		"zero":    {Cookie: "AWSELB"},
		"longest": {Cookie: "AWSELB", Duration: (math.MaxInt64/time.Second - 1) * time.Second},
	} {
		names := []string{defaultSSLPolicy}
		if name != "" {
			names = append(names, name)
		}
		r.formOK(enableForm(443, names...))
		d := r.document("web")
		if got := d.stickiness(d.listener(443)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", name, got, want)
		}
		if got := d.stickiness(d.listener(25)); got != nil {
			t.Errorf("a TCP listener has %+v", got)
		}
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	var keys [][]byte
	for _, name := range []string{"a", "b", "c"} {
		text, der := newPublicKey(t)
		keys = append(keys, der)
		r.formOK(createForm(name, typePublicKey, "PublicKey="+text))
		r.formOK(createForm("again-"+name, typePublicKey, "PublicKey="+text[:20]+"\n"+text[20:]))
	}
	r.formOK(createForm("one", typeBackendAuthentication, "PublicKeyPolicyName=a"))
	r.formOK(createForm("two", typeBackendAuthentication, "PublicKeyPolicyName=c", "PublicKeyPolicyName=a", "PublicKeyPolicyName=again-a"))
	for _, c := range []struct {
		policies []string
		want     [][]byte
	}{
		{[]string{"one"}, [][]byte{keys[0]}},
		{[]string{"two"}, [][]byte{keys[0], keys[2]}},
		{[]string{"one", "two"}, [][]byte{keys[0], keys[2]}},
		{nil, nil},
	} {
		r.formOK(backendForm(443, c.policies...))
		got := r.document("web").publicKeys(443)
		slices.SortFunc(c.want, bytes.Compare)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: got %d keys, want %d: %x", c.policies, len(got), len(c.want), got)
		}
		if got := r.document("web").publicKeys(465); got != nil {
			t.Errorf("another port has keys: %x", got)
		}
	}
}

func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	r := haveAll(t)
	r.formOK(createForm("on", typeProxyProtocol, "ProxyProtocol=True"))
	r.formOK(createForm("off", typeProxyProtocol, "ProxyProtocol=false"))
	for _, c := range []struct {
		policies []string
		want     bool
	}{{[]string{"on"}, true}, {[]string{"off"}, false}, {[]string{"off", "on"}, true}, {nil, false}} {
		r.formOK(backendForm(25, c.policies...))
		if got := r.document("web").proxyProtocol(25); got != c.want {
			t.Errorf("%v: got %v, want %v", c.policies, got, c.want)
		}
		if r.document("web").proxyProtocol(80) {
			t.Error("another port has it")
		}
	}
}

// TestUseOfMissing: what a document names and does not have, as no operation leaves it, is nothing.
func TestUseOfMissing(t *testing.T) {
	t.Parallel()
	d := newDocument("web")
	d.Listeners = []listener{{Protocol: "HTTPS", Port: 443, InstanceProtocol: "HTTPS", InstancePort: 443, Policies: []string{"none"}}}
	d.BackendPolicies[443] = []string{"none", "auth"}
	d.Policies = []policy{{Name: "auth", Type: typeBackendAuthentication, Attributes: []attribute{{attributePublicKeyPolicy, "none"}}}}
	l := d.listener(443)
	if p, err := d.sslPolicy(l); err != nil || p.Name != defaultSSLPolicy {
		t.Errorf("got %v and %v, want the default policy", p, err)
	}
	if d.stickiness(l) != nil || d.publicKeys(443) != nil || d.proxyProtocol(443) {
		t.Error("got something of policies that there are not")
	}
}
