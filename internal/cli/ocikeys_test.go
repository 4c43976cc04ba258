package cli

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lull/internal/control/lullapi"
)

// TestOCIKeys makes keys on paper and in a file, and revokes one. What they are is random, so nothing is compared as a whole.
func TestOCIKeys(t *testing.T) {
	t.Parallel()
	d := keeping(t)
	if got := d.says(t, "oci-keys", "list"); got != "0 API keys\n" {
		t.Errorf("before the first: got %q", got)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	text := d.says(t, "oci-keys", "create", "--out", file, "--description", "deployment")
	made := d.ociKeys.List()[0]
	for _, want := range []string{
		"user=" + made.User + "\n", "fingerprint=" + made.Fingerprint + "\n", "tenancy=" + made.Tenancy + "\n", "key_file=" + file + "\n",
		"role administrator, deployment\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
	private, err := os.ReadFile(file)
	if block, _ := pem.Decode(private); err != nil || block == nil || strings.Contains(text, "PRIVATE") {
		t.Errorf("the file: got %d bytes, %v, and the output %q", len(private), err, text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: got mode %v, %v", info.Mode(), err)
	}
	var reader lullapi.CreatedOCIKey
	if err := json.Unmarshal([]byte(d.says(t, "oci-keys", "create", "--role", "read-only", "--json")), &reader); err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode([]byte(reader.PrivateKey)); block == nil || reader.Role != "read-only" {
		t.Errorf("as JSON: got %+v", reader.OCIKey)
	}
	list := d.says(t, "oci-keys", "list") + d.says(t, "oci-keys", "list", "--json")
	if strings.Contains(list, "PRIVATE") || !strings.Contains(list, reader.Fingerprint) || !strings.Contains(list, "2 API keys\n") {
		t.Errorf("the list: got %q", list)
	}
	if got, want := d.says(t, "oci-keys", "revoke", reader.Fingerprint), "API key "+reader.Fingerprint+" is revoked\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
