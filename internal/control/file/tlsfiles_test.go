package file

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest/testca"
)

// farAway is when the test certificates expire, so that no test does.
var farAway = time.Date(2120, 1, 2, 3, 4, 5, 0, time.UTC)

// tlsDir returns a directory with what the test data's lull.yaml name: certificates, keys, authorities, and what is neither.
func tlsDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	ca, clients := testca.NewFor(t), testca.NewFor(t)
	own := ca.IssueFor(t, testca.Request{Names: []string{"app.example.com", "*.app.example.com"}, NotAfter: farAway})
	other := ca.IssueFor(t, testca.Request{Names: []string{"other.example.com"}, NotAfter: farAway, Intermediate: true})
	rsa := ca.IssueFor(t, testca.Request{Names: []string{"www.example.com"}, RSA: true, NotAfter: farAway})
	public, err := x509.MarshalPKIXPublicKey(other.TLS.Leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, dir, map[string][]byte{
		"cert.pem": own.Chain, "key.pem": own.Key, "other.pem": other.Chain, "other.key": other.Key, "rsa.pem": rsa.Chain, "rsa.key": rsa.Key,
		"ca.pem": ca.PEM(), "clients.pem": clients.PEM(), "broken.pem": []byte("this is no PEM\n"),
		"s3.credentials": []byte("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = " + s3Secret + "\n"),
		"reversed.pem":   append(ca.PEM(), own.Chain...),
		"backend.pub":    pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		// The words of a password-protected key; what is inside is never looked at.
		"encrypted.key": pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("sealed")}),
	})
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writePEM(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// parseIn parses a file as if it lay in a directory, and takes the directory out of what is said of it.
func parseIn(dir string, data []byte) (c *Config, faults string) {
	c, err := Parse(filepath.Join(dir, "lull.yaml"), data)
	if err == nil {
		return c, ""
	}
	return c, strings.ReplaceAll(err.Error(), dir+"/", "")
}
