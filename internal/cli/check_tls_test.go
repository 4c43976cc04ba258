package cli

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest/testca"
)

// TestCheckTLS runs check over files among certificates that are made for the test and expire long after it.
func TestCheckTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeCertificates(t, dir)
	for name, want := range map[string]int{"tls": exitFine, "tls-faulty": exitWrong} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("testdata/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name+".yaml")
			writeFiles(t, dir, map[string][]byte{name + ".yaml": text})
			code, stdout, stderr := run("check", path)
			if code != want {
				t.Errorf("exit code: got %d, want %d", code, want)
			}
			out := "--- standard output\n" + stdout + "--- standard error\n" + stderr
			golden(t, "check-"+name, strings.ReplaceAll(out, dir, "testdata"))
		})
	}
}

// writeCertificates writes what testdata/tls*.yaml name.
func writeCertificates(t *testing.T, dir string) {
	t.Helper()
	farAway := time.Date(2120, 1, 2, 3, 4, 5, 0, time.UTC)
	ca := testca.NewFor(t)
	own := ca.IssueFor(t, testca.Request{Names: []string{"app.example.com", "*.app.example.com"}, NotAfter: farAway})
	rsa := ca.IssueFor(t, testca.Request{Names: []string{"www.example.com"}, RSA: true, NotAfter: farAway})
	public, err := x509.MarshalPKIXPublicKey(rsa.TLS.Leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string][]byte{
		// A certificate serves as its own authority here: testca's would expire in ten years, and the golden file says when.
		"cert.pem": own.Chain, "key.pem": own.Key, "rsa.pem": rsa.Chain, "rsa.key": rsa.Key, "ca.pem": own.Chain, "clients.pem": rsa.Chain,
		"backend.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	})
}

func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]string{
		0: ", within 24 hours", 23 * time.Hour: ", within 24 hours", 24 * time.Hour: ", in 1 day", 12*24*time.Hour + time.Hour: ", in 12 days",
		365 * 24 * time.Hour: ", in 365 days", 366 * 24 * time.Hour: "", -time.Second: ", which was within the last 24 hours",
		-25 * time.Hour: ", which was 1 day ago", -400 * 24 * time.Hour: ", which was 400 days ago",
	} {
		if got := inDays(now.Add(after), now); got != want {
			t.Errorf("%v from now: got %q, want %q", after, got, want)
		}
	}
}
