package awselb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"

	"lull/internal/lulltest"
)

// certificate gives lull a certificate by its ARN. Its subject is the end of the ARN.
func (w *world) certificate(arn string) {
	w.t.Helper()
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"lull.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	w.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	w.must(err)
	w.Write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	w.Write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	w.Do("certs", "import", arn, "--cert", name+".pem", "--key", name+".key")
}

// serves wants the HTTPS listener of a load balancer to show a certificate.
func (w *world) serves(name, subject string) {
	w.t.Helper()
	lulltest.Within(w.t, patience, func() string {
		got, err := shown(w.addressOf(name))
		if err != nil {
			return err.Error()
		}
		if got != subject {
			return "the certificate is that of " + got + ", want " + subject
		}
		return ""
	})
}

// shown returns whose certificate a listener shows.
func shown(address string) (string, error) {
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{InsecureSkipVerify: true}}
	c, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// publicKeyText returns a public key as the guide wants it: base64 in one line, without its PEM lines.
func publicKeyText(t testing.TB) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// addressOf returns where the HTTPS listener of a load balancer is, as its DNS name says.
func (w *world) addressOf(name string) string {
	w.t.Helper()
	return net.JoinHostPort(w.resolve(name).String(), strconv.Itoa(int(port("443"))))
}

// resolve asks lull's own DNS server for the first address of a load balancer.
func (w *world) resolve(name string) netip.Addr {
	w.t.Helper()
	out, err := w.elb.DescribeLoadBalancers(context.Background(), &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{name}})
	w.must(err)
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, w.dns)
	}}
	addresses, err := resolver.LookupNetIP(context.Background(), "ip4", *out.LoadBalancerDescriptions[0].DNSName+".")
	w.must(err)
	return addresses[0]
}
