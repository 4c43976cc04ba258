package tlspolicy_test

import (
	"crypto/x509"
	"testing"

	"lull/internal/dataplane/tlspolicy"
)

func TestSuiteKey(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]x509.PublicKeyAlgorithm{
		"ECDHE-ECDSA-AES128-GCM-SHA256": x509.ECDSA, "ECDHE-RSA-AES128-GCM-SHA256": x509.RSA, "AES128-SHA": x509.RSA,
		"TLS_AES_128_GCM_SHA256": x509.UnknownPublicKeyAlgorithm, "nonsense": x509.UnknownPublicKeyAlgorithm,
	} {
		if got := tlspolicy.SuiteKey(name); got != want {
			t.Errorf("SuiteKey(%q) = %v, want %v", name, got, want)
		}
	}
}
