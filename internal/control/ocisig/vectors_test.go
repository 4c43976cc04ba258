package ocisig

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The key of the examples in draft-cavage-http-signatures-08, appendix C, which Oracle's page and SDKs use too. It has 1024 bits.
const publishedKey = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----
`

// Of Oracle's examples. The fingerprint is not that of the key, which matters to nobody who looks keys up by their names.
const (
	publishedTenancy     = "ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq"
	publishedUser        = "ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq"
	publishedFingerprint = "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"
	publishedDate        = "Thu, 05 Jan 2014 21:31:40 GMT" // a Sunday, really
)

func publishedTime() time.Time { return time.Date(2014, 1, 5, 21, 31, 40, 0, time.UTC) }

func publicKey(t testing.TB, text string) *rsa.PublicKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("got %T", key)
	}
	return public
}

// keyring is Keys for tests.
type keyring map[string]Key

func (k keyring) Lookup(id string) (Key, bool) {
	key, found := k[id]
	return key, found
}

func ring(keys ...Key) keyring {
	k := keyring{}
	for _, key := range keys {
		k[key.ID()] = key
	}
	return k
}

// published are the requests that Oracle prints with their signatures: on the page "Request Signatures" and, with the same key and
// values, in common/http_signer_test.go of oci-go-sdk v65.
//
//nolint:gochecknoglobals // a table
var published = []struct {
	name, method, target, body    string
	headers, signature, signingIs string
}{
	{
		name: "get", method: "GET",
		target: "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa" +
			"&displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q",
		headers: "date (request-target) host",
		signature: "GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll" +
			"8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M=",
		signingIs: "date: " + publishedDate + "\n(request-target): get /20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&" +
			"compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa&displayName=TeamXInstances&" +
			"volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q\nhost: iaas.us-phoenix-1.oraclecloud.com",
	},
	{
		name: "post", method: "POST", target: "/20160918/volumeAttachments",
		body: `{
    "compartmentId": "ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
}`,
		headers:   "date (request-target) host content-length content-type x-content-sha256",
		signature: "Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSXv0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso=",
		signingIs: "date: " + publishedDate + "\n(request-target): post /20160918/volumeAttachments\nhost: iaas.us-phoenix-1.oraclecloud.com\n" +
			"content-length: 316\ncontent-type: application/json\nx-content-sha256: V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=",
	},
}

// TestPublished verifies Oracle's examples, and refuses them with a key of that size once it is not allowed for the test.
func TestPublished(t *testing.T) {
	t.Parallel()
	key := Key{Tenancy: publishedTenancy, User: publishedUser, Fingerprint: publishedFingerprint, Public: publicKey(t, publishedKey), Role: ReadOnly}
	v := New(Options{Keys: ring(key)})
	for _, c := range published {
		r := newRequest(t, c.method, "https://iaas.us-phoenix-1.oraclecloud.com"+c.target, c.body)
		r.Header.Set("Date", publishedDate)
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Content-Length", "316")
			r.Header.Set("X-Content-Sha256", "V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=")
		}
		r.Header.Set("Authorization", `Signature version="1",headers="`+c.headers+`",keyId="`+key.ID()+`",algorithm="rsa-sha256",signature="`+c.signature+`"`)
		got, err := signingString(r, strings.Fields(c.headers))
		if err != nil || got != c.signingIs {
			t.Errorf("%s: signing string %q, %v, want %q", c.name, got, err, c.signingIs)
		}
		_, err = v.Verify(r, []byte(c.body), publishedTime())
		wantRefused(t, c.name, err, NotAuthenticated, "the key is not known here")
		short := New(Options{Keys: ring(key)})
		short.keyBitsMin = 1024
		verified, err := short.Verify(r, []byte(c.body), publishedTime())
		if err != nil || verified.Key.Role != ReadOnly || strings.Join(verified.SignedHeaders, " ") != c.headers || !verified.Time.Equal(publishedTime()) {
			t.Errorf("%s: got %+v, %v", c.name, verified, err)
		}
	}
}

// TestDraft verifies the examples of the draft's appendix C (with its algorithm rsa-sha256). They sign less than Oracle demands, so that it is the
// signing string and the signature that they are good for.
func TestDraft(t *testing.T) {
	t.Parallel()
	key := publicKey(t, publishedKey)
	for _, c := range []struct{ name, headers, signature string }{
		{"default", "date", "SjWJWbWN7i0wzBvtPl8rbASWz5xQW6mcJmn+ibttBqtifLN7Sazz6m79cNfwwb8DMJ5cou1s7uEGKKCs+FLEEaDV5lp7q25WqS+lavg7T8hc0GppauB6hbgEKTwblDHYGEtbGmtdHgVCk9SuS13F0hZ8FD0k/5OxEPXe5WozsbM="},
		{"basic", "(request-target) host date", "qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0="},
		{"all-headers", "(request-target) host date content-type digest content-length", "vSdrb+dS3EceC9bcwHSo4MlyKS59iFIrhgYkz8+oVLEEzmYZZvRs8rgOp+63LEM3v+MFHB32NfpB2bEKBIvB1q52LaEUHFv120V01IL+TAD48XaERZFukWgHoBTLMhYS2Gb51gWxpeIq8knRmPnYePbF5MOkR0Zkly4zKH7s1dE="},
	} {
		r := newRequest(t, http.MethodPost, "https://example.com/foo?param=value&pet=dog", `{"hello": "world"}`)
		r.Header.Set("Date", "Sun, 05 Jan 2014 21:31:40 GMT")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=")
		r.Header.Set("Content-Length", "18")
		text, err := signingString(r, strings.Fields(c.headers))
		if err == nil {
			err = checkSignature(key, text, c.signature)
		}
		if err != nil {
			t.Errorf("%s: %v of %q", c.name, err, text)
		}
	}
}
