package ociapi_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// material is a certificate with what a client can say of it.
type material struct {
	*testca.Issued
	ca []byte
}

// issued returns a certificate with an RSA key, which all predefined suites have ciphers for.
func issued(t *testing.T) *material {
	t.Helper()
	return issuedFor(t, testca.Request{Names: []string{"a.test"}, RSA: true, Intermediate: true})
}

func issuedFor(t *testing.T, r testca.Request) *material {
	t.Helper()
	a := testca.NewFor(t)
	return &material{a.IssueFor(t, r), a.PEM()}
}

// quoted returns a text as JSON.
func quoted(text []byte) string {
	b, _ := json.Marshal(string(text)) // a string cannot fail
	return string(b)
}

// json returns the document of a certificate with its key, and with more fields if there are some.
func (m *material) json(name, more string) string {
	return `{"certificateName":"` + name + `","publicCertificate":` + quoted(m.Chain) + `,"privateKey":` + quoted(m.Key) + more + `}`
}

// jsonCA is json with the authority.
func (m *material) jsonCA(name string) string { return m.json(name, `,"caCertificate":`+quoted(m.ca)) }

// TestCertificate_OP_18: what is read of a certificate is all but its secrets, at once and after a restart.
func TestCertificate_OP_18(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := issued(t)
	path := r.balancer("web", `"certificates":{"first":`+m.json("first", "")+`}`)
	r.done("POST", path+"/certificates", m.json("second", `,"passphrase":"sesame","caCertificate":`+quoted(m.ca)))
	r.done("POST", path+"/certificates", `{"certificateName":"authority","caCertificate":`+quoted(m.ca)+`}`)
	r.done("POST", path+"/certificates", `{"certificateName":"keyless","publicCertificate":`+quoted(m.Chain)+`}`)
	for range 2 {
		list := r.must("GET", path+"/certificates", "").Result.([]wire.Certificate)
		if len(list) != 4 || list[0].CertificateName != "authority" || list[1].CertificateName != "first" || list[3].CACertificate == nil ||
			*list[3].PublicCertificate != string(m.Chain) || list[0].PublicCertificate != nil {
			t.Fatalf("list: got %+v", list)
		}
		for _, target := range []string{path, path + "/certificates"} {
			text := encoded(t, r, target)
			if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "sesame") || strings.Contains(text, "assphrase") {
				t.Errorf("%s shows a secret", target)
			}
		}
		r.restart()
	}
	// Once the change is done the passphrase is nowhere, for the key is kept in the clear.
	entries, _ := r.store.List("")
	for _, e := range entries {
		if bytes.Contains(e.Value, []byte("sesame")) {
			t.Errorf("%s has the passphrase", e.Key)
		}
	}
	r.done("DELETE", path+"/certificates/first", "")
	if list := r.must("GET", path+"/certificates", "").Result.([]wire.Certificate); len(list) != 3 {
		t.Errorf("deleted: got %+v", list)
	}
}

// encoded returns what a client gets for a read.
func encoded(t *testing.T, r *rig, target string) string {
	t.Helper()
	route, err := wire.Find("GET", wire.BasePath+target)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := wire.Encode(route.Operation, "id", r.must("GET", target, "").Result)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer.Body)
}

// TestEncryptedKey: a key that a passphrase opens serves a listener, after a restart too.
func TestEncryptedKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := issued(t)
	block, _ := pem.Decode(m.Key)
	//nolint:staticcheck // the form that clients have is what is tested
	locked, err := x509.EncryptPEMBlock(rand.Reader, block.Type, block.Bytes, []byte("sesame"), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(more string) string {
		return `{"certificateName":"c","publicCertificate":` + quoted(m.Chain) + `,"privateKey":` + quoted(pem.EncodeToMemory(locked)) + more + `}`
	}
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"certificates":{"c":`+certificate(`,"passphrase":"sesame"`)+`},
		"listeners":{"first":{"defaultBackendSetName":"bs","port":444,"protocol":"HTTP","sslConfiguration":{"certificateName":"c"}}}`)
	r.done("DELETE", path+"/listeners/first", "")
	r.done("DELETE", path+"/certificates/c", "")
	r.refuses(path, []refusal{
		{"without", wire.MissingParameter, "POST", "/certificates", certificate(""), []string{"passphrase is required", "privateKey is encrypted"}},
		{"wrong", wire.InvalidParameter, "POST", "/certificates", certificate(`,"passphrase":"hush"`), []string{"privateKey is not allowed"}},
	})
	r.done("POST", path+"/certificates", certificate(`,"passphrase":"sesame"`))
	r.done("POST", path+"/listeners", `{"name":"l","defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateName":"c"}}`)
	for range 2 {
		set := listenerOn(t, r.compiled(), 443).TLS.Certificates.Set()
		if got := set.All()[0].Leaf(); !bytes.Equal(got.Raw, m.TLS.Leaf.Raw) {
			t.Errorf("the listener shows %s", got.Subject)
		}
		r.restart()
	}
}

// TestCertificateRefusals_API_09_OP_25.
func TestCertificateRefusals_API_09_OP_25(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m, other := issued(t), issuedFor(t, testca.Request{Names: []string{"b.test"}})
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"sslConfiguration":{"certificateName":"back","verifyPeerCertificate":true}}},
		"certificates":{"front":`+m.json("front", "")+`,"back":`+m.jsonCA("back")+`},
		"listeners":{"web":{"defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateName":"front"}}}`)
	leaf, rest := pem.Decode(m.Chain)
	reversed := append(bytes.Clone(rest), pem.EncodeToMemory(leaf)...)
	const post, all = "POST", "/certificates"
	certificate := func(fields ...string) string {
		return `{"certificateName":"c",` + strings.Join(fields, ",") + `}`
	}
	public, key := `"publicCertificate":`+quoted(m.Chain), `"privateKey":`+quoted(m.Key)
	rows := []refusal{
		{"taken", wire.Conflict, post, all, m.json("front", ""), []string{"already has a certificate named 'front'"}},
		{"name", wire.InvalidParameter, post, all, m.json("a b", ""), []string{"certificateName 'a b'", "letters"}},
		{"nothing", wire.MissingParameter, post, all, `{"certificateName":"c"}`, []string{"publicCertificate is required", "caCertificate"}},
		{"nothing-but-empty-texts", wire.MissingParameter, post, all, `{"certificateName":"c","publicCertificate":"","caCertificate":"","privateKey":"","passphrase":""}`,
			[]string{"publicCertificate is required"}},
		{"key-alone", wire.MissingParameter, post, all, certificate(key, `"caCertificate":`+quoted(m.ca)), []string{"publicCertificate is required"}},
		{"passphrase-alone", wire.MissingParameter, post, all, certificate(public, `"passphrase":"x"`), []string{"privateKey is required"}},
		{"no-pem", wire.InvalidParameter, post, all, certificate(`"publicCertificate":"hello"`, key), []string{"publicCertificate is not allowed"}},
		{"keyless-no-pem", wire.InvalidParameter, post, all, certificate(`"publicCertificate":"hello"`), []string{"publicCertificate is not allowed"}},
		{"ca-no-pem", wire.InvalidParameter, post, all, certificate(public, key, `"caCertificate":"hello"`), []string{"caCertificate is not allowed"}},
		{"key-no-pem", wire.InvalidParameter, post, all, certificate(public, `"privateKey":"hush"`), []string{"privateKey is not allowed"}},
		{"other-key", wire.InvalidParameter, post, all, certificate(public, `"privateKey":`+quoted(other.Key)), []string{"privateKey is not allowed", "does not belong"}},
		{"key-among-certificates", wire.InvalidParameter, post, all, certificate(`"publicCertificate":`+quoted(append(bytes.Clone(m.Chain), m.Key...)), key),
			[]string{"publicCertificate is not allowed", "a private key in it"}},
		{"key-among-authorities", wire.InvalidParameter, post, all, certificate(public, key, `"caCertificate":`+quoted(append(bytes.Clone(m.ca), m.Key...))),
			[]string{"caCertificate is not allowed", "a private key in it"}},
		{"order", wire.InvalidParameter, post, all, certificate(`"publicCertificate":`+quoted(reversed), key), []string{"publicCertificate is not allowed", "order"}},
		{"short-rsa", wire.InvalidParameter, post, all, short(t), []string{"publicCertificate", "1024", "at least 2048"}},
		{"delete-missing", wire.NotAuthorizedOrNotFound, "DELETE", "/certificates/none", "", nil},
		{"used-by-listener", wire.InvalidParameter, "DELETE", "/certificates/front", "", []string{"Can't remove certificate 'front' since it is used in listener 'web'"}},
		{"used-by-set", wire.InvalidParameter, "DELETE", "/certificates/back", "", []string{"Can't remove certificate 'back' since it is used in backend set 'bs'"}},
	}
	r.refuses(path, rows)
	for _, row := range rows {
		_, err := r.do(row.method, path+row.target, row.body)
		if text := fmt.Sprint(err); strings.Contains(text, "hush") || strings.Contains(text, string(m.Key[40:80])) {
			t.Errorf("%s: the error has something of the key", row.name)
		}
	}
	_, err := r.do("POST", "/loadBalancers", `{"compartmentId":"`+compartment+`","displayName":"more","shapeName":"100Mbps","subnetIds":["ocid1.subnet.oc1.lull-1.a"],
		"certificates":{"c":`+certificate(public, `"privateKey":"hush"`)+`}}`)
	wantRefusal(t, err, wire.InvalidParameter, "certificates.c.privateKey is not allowed")
}

// short returns a certificate with an RSA key that is too short.
func short(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(1.9e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return `{"certificateName":"c","publicCertificate":` + quoted(chain) + `,"privateKey":` + quoted(private) + `}`
}

// TestListenerCertificate: what a listener shows needs a key for which its suite has a cipher, and who verifies needs authorities.
func TestListenerCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m, ec := issued(t), issuedFor(t, testca.Request{Names: []string{"a.test"}})
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"certificates":{"rsa":`+m.json("rsa", "")+`,"ec":`+ec.json("ec", "")+`,
		"ca":{"certificateName":"ca","caCertificate":`+quoted(m.ca)+`},"keyless":{"certificateName":"keyless","publicCertificate":`+quoted(m.Chain)+`}}`)
	listener := func(ssl string) string {
		return `{"name":"l","defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{` + ssl + `}}`
	}
	back := func(ssl string) string { return `{` + plainSet + `,"backends":[],"sslConfiguration":{` + ssl + `}}` }
	r.refuses(path, []refusal{
		{"none", wire.MissingParameter, "POST", "/listeners", listener(``), []string{"sslConfiguration", "certificateName or certificateIds"}},
		{"authority", wire.InvalidParameter, "POST", "/listeners", listener(`"certificateName":"ca"`), []string{"certificateName 'ca'", "no privateKey"}},
		{"keyless", wire.InvalidParameter, "POST", "/listeners", listener(`"certificateName":"keyless"`), []string{"certificateName 'keyless'", "no privateKey"}},
		{"ecdsa-with-rsa-suite", wire.InvalidParameter, "POST", "/listeners", listener(`"certificateName":"ec"`),
			[]string{"cipherSuiteName 'oci-default-ssl-cipher-suite-v1'", "ECDSA"}},
		{"nothing-to-verify-against", wire.InvalidParameter, "POST", "/listeners", listener(`"certificateName":"rsa","verifyPeerCertificate":true`),
			[]string{"listeners.l.sslConfiguration.verifyPeerCertificate true", "caCertificate", "trustedCertificateAuthorityIds"}},
		{"set-with-nothing-to-verify-against", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"certificateName":"rsa","verifyPeerCertificate":true`),
			[]string{"backendSets.bs.sslConfiguration.verifyPeerCertificate true", "caCertificate"}},
		{"set-names-none", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"certificateName":"none"`), []string{"has no certificate named 'none'"}},
	})
	r.done("POST", path+"/listeners", listener(`"certificateName":"ec","cipherSuiteName":"oci-modern-ssl-cipher-suite-v1"`))
	r.done("PUT", path+"/backendSets/bs", back(`"certificateName":"ca","verifyPeerCertificate":true`))
	r.done("PUT", path+"/backendSets/bs", back(`"verifyPeerCertificate":true`)) // what the system trusts
}

// TestCertificateLimit: lull's own bounds, where Oracle tells none.
func TestCertificateLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	authority := `"caCertificate":` + quoted(testca.NewFor(t).PEM())
	var certificates, suites []string
	for i := range 100 {
		certificates = append(certificates, fmt.Sprintf(`"c%d":{"certificateName":"c%d",%s}`, i, i, authority))
		suites = append(suites, fmt.Sprintf(`"s%d":{"name":"s%d","ciphers":["AES128-SHA"]}`, i, i))
	}
	path := r.balancer("web", `"certificates":{`+strings.Join(certificates, ",")+`},"sslCipherSuites":{`+strings.Join(suites, ",")+`}`)
	r.refuses(path, []refusal{
		{"certificate", wire.LimitExceeded, "POST", "/certificates", `{"certificateName":"c",` + authority + `}`, []string{"101 certificates", "at most 100"}},
		{"suite", wire.LimitExceeded, "POST", "/sslCipherSuites", `{"name":"s","ciphers":["AES128-SHA"]}`, []string{"101 sslCipherSuites", "at most 100"}},
	})
}

// TestControllerManager: Oracle's cloud controller manager for Kubernetes sends empty texts for what its secret does not have, and a depth
// of 0 where it verifies nothing; afterwards it compares what it reads with what it has sent.
func TestControllerManager(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"certificates":{"secret":`+issued(t).json("secret", `,"caCertificate":"","passphrase":""`)+`},
		"backendSets":{"TCP-443":{"policy":"ROUND_ROBIN","backends":[{"ipAddress":"10.0.0.1","port":30443,"weight":1,"backup":false,"drain":false,"offline":false}],
			"healthChecker":{"protocol":"HTTP","port":10256,"urlPath":"/healthz","retries":3,"intervalInMillis":10000,"timeoutInMillis":3000,"returnCode":200}}},
		"listeners":{"TCP-443":{"defaultBackendSetName":"TCP-443","port":443,"protocol":"TCP","connectionConfiguration":{"idleTimeout":300},
			"sslConfiguration":{"certificateName":"secret","verifyDepth":0,"verifyPeerCertificate":false}}}`)
	if ssl := r.listener(path, "TCP-443").SSLConfiguration; ssl.VerifyDepth != 0 || ssl.VerifyPeerCertificate {
		t.Errorf("got %+v", ssl)
	}
	c := r.must("GET", path+"/certificates", "").Result.([]wire.Certificate)[0]
	if c.CACertificate != nil || c.PublicCertificate == nil {
		t.Errorf("got %+v", c)
	}
}

// shelf is certificates of lull's store.
type shelf map[string]*certs.Holder

func (s shelf) Holder(id string) (*certs.Holder, bool) {
	h := s[id]
	return h, h != nil
}

// TestCertificateIDs: ids name certificates of lull's own store; one that goes from there stands in the way of nothing else.
func TestCertificateIDs(t *testing.T) {
	t.Parallel()
	const front, authority = "arn:aws:iam::123456789012:server-certificate/front", "arn:aws:iam::123456789012:server-certificate/ca"
	r := newRig(t)
	m := issued(t)
	c, err := certs.Parse(m.Chain, m.Key)
	if err != nil {
		t.Fatal(err)
	}
	stored := func() *certs.Holder { return certs.NewHolder(certs.NewSet([]*certs.Certificate{c})) }
	use := func(certificates ociapi.Certificates) {
		r.Close()
		r.o.Certificates = certificates
		r.start()
	}
	use(shelf{front: stored(), authority: stored()})
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"hostnames":{"h":{"name":"h","hostname":"h.test"}}`)
	listener := func(ssl string) string {
		return `{"name":"l","defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{` + ssl + `}}`
	}
	r.refuses(path, []refusal{
		{"certificate", wire.RelatedResourceNotAuthorizedOrNotFound, "POST", "/listeners", listener(`"certificateIds":["ocid1.certificate.oc1..x"]`),
			[]string{"listeners.l.sslConfiguration.certificateIds 'ocid1.certificate.oc1..x'", "ARN"}},
		{"authority", wire.RelatedResourceNotAuthorizedOrNotFound, "POST", "/listeners",
			listener(`"certificateIds":["` + front + `"],"verifyPeerCertificate":true,"trustedCertificateAuthorityIds":["x"]`),
			[]string{"trustedCertificateAuthorityIds 'x'"}},
	})
	r.done("POST", path+"/listeners", listener(`"certificateIds":["`+front+`"],"verifyPeerCertificate":true,"trustedCertificateAuthorityIds":["`+authority+`"]`))
	r.refuses(path, []refusal{{"shared-port-other-authority", wire.InvalidParameter, "POST", "/listeners",
		`{"name":"x","defaultBackendSetName":"bs","port":443,"protocol":"HTTP","hostnameNames":["h"],"sslConfiguration":{"certificateIds":["` + front + `"],
		"verifyPeerCertificate":true,"trustedCertificateAuthorityIds":["` + front + `"]}}`, []string{"listeners.x.sslConfiguration.trustedCertificateAuthorityIds", "'l'"}}})
	use(shelf{})
	r.done("POST", path+"/backendSets/bs/backends", `{"ipAddress":"10.0.0.1","port":80}`)
	r.refuses(path, []refusal{{"another", wire.RelatedResourceNotAuthorizedOrNotFound, "PUT", "/listeners/l",
		`{"defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateIds":["` + front + `x"]}}`, []string{"certificateIds"}}})
}
