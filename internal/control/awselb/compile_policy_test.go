package awselb

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"

	"lull/internal/dataplane/plan"
)

// publicKey returns a public key, in DER and as a policy has it.
func publicKey(t *testing.T, seed byte) (der []byte, text string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize))
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return der, base64.StdEncoding.EncodeToString(der)
}

// TestCompileProxyProtocol: the policy is the instance port's, and means something from TCP or SSL to TCP alone.
func TestCompileProxyProtocol(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.compiled(listening(
		listener{Protocol: "TCP", Port: 1, InstanceProtocol: "TCP", InstancePort: 9000},
		listener{Protocol: "SSL", Port: 2, InstanceProtocol: "TCP", InstancePort: 9000, CertificateID: rigARN},
		listener{Protocol: "HTTP", Port: 3, InstanceProtocol: "HTTP", InstancePort: 9000},
		listener{Protocol: "TCP", Port: 4, InstanceProtocol: "TCP", InstancePort: 9001},
		listener{Protocol: "SSL", Port: 5, InstanceProtocol: "SSL", InstancePort: 9002, CertificateID: rigARN},
	), func(d *document) {
		d.Policies = []policy{{Name: "proxy", Type: typeProxyProtocol, Attributes: []attribute{{attributeProxyProtocol, "True"}}}}
		d.BackendPolicies = map[int32][]string{9000: {"proxy"}, 9002: {"proxy"}}
	})
	for i, want := range []uint8{1, 1, 0, 0, 0} {
		if l := lb.Listeners[i]; l.ProxySend != want {
			t.Errorf("%s: sends version %d of the PROXY header, want %d", l.Key, l.ProxySend, want)
		}
	}
}

// TestCompilePublicKeys: with back-end authentication on a port its instances must have a key, and so must probes of that port find.
func TestCompilePublicKeys(t *testing.T) {
	t.Parallel()
	der1, text1 := publicKey(t, 1)
	der2, text2 := publicKey(t, 2)
	for target, probed := range map[string]bool{"HTTPS:8443/": true, "SSL:8443": true, "SSL:8444": false} {
		lb := newRig(t).compiled(listening(
			listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTPS", InstancePort: 8443},
			listener{Protocol: "TCP", Port: 81, InstanceProtocol: "SSL", InstancePort: 8444},
		), func(d *document) {
			d.HealthCheck.Target = target
			d.Policies = []policy{
				{Name: "auth", Type: typeBackendAuthentication, Attributes: []attribute{{attributePublicKeyPolicy, "one"}, {attributePublicKeyPolicy, "two"}}},
				{Name: "one", Type: typePublicKey, Attributes: []attribute{{attributePublicKey, text1}}},
				{Name: "two", Type: typePublicKey, Attributes: []attribute{{attributePublicKey, text2}}},
			}
			d.BackendPolicies = map[int32][]string{8443: {"auth"}}
		})
		keys := [][]byte{der1, der2}
		for i, want := range [][][]byte{keys, nil} {
			if got := lb.BackendSets[i].TLS; !got.Same(&plan.ClientTLS{PublicKeys: sorted(want), Policy: backPolicy, ALPN: got.ALPN}) {
				t.Errorf("%s: got keys %x, want %x", lb.BackendSets[i].Key, got.PublicKeys, want)
			}
		}
		if got := len(lb.BackendSets[1].HealthCheck.TLS.PublicKeys) == 2; got != probed {
			t.Errorf("probes of %s: key asked for %v, want %v", target, got, probed)
		}
	}
}

func sorted(keys [][]byte) [][]byte {
	return slices.SortedFunc(slices.Values(keys), slices.Compare[[]byte])
}

// TestCompileStickiness: a session is the listener's, on whichever node, and no other listener's.
func TestCompileStickiness(t *testing.T) {
	t.Parallel()
	lb := newRig(t).compiled(zones("ab"), listening(
		listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80, Policies: []string{"lb"}},
		listener{Protocol: "HTTP", Port: 81, InstanceProtocol: "HTTP", InstancePort: 80, Policies: []string{"app"}},
		listener{Protocol: "HTTP", Port: 82, InstanceProtocol: "HTTP", InstancePort: 80},
	), func(d *document) {
		d.Policies = []policy{
			{Name: "lb", Type: typeLBCookie, Attributes: []attribute{{attributeCookiePeriod, "60"}}},
			{Name: "app", Type: typeAppCookie, Attributes: []attribute{{attributeCookieName, "SID"}}},
		}
	})
	var got []string
	for _, set := range lb.BackendSets {
		if s := set.Stickiness; s == nil {
			got = append(got, "none")
		} else {
			got = append(got, fmt.Sprintf("%s %s %v %s", s.Scope, s.Cookie, s.Duration, s.Follow))
		}
	}
	want := []string{"http-80 AWSELB 1m0s ", "http-80 AWSELB 1m0s ", "http-81 AWSELB 0s SID", "http-81 AWSELB 0s SID", "none", "none"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
