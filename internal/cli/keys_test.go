package cli

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin"
	"lull/internal/control/admin/admintest"
	"lull/internal/control/certstore"
	"lull/internal/control/instances"
	"lull/internal/control/keys"
	"lull/internal/control/lullapi"
	"lull/internal/control/ocikeys"
	"lull/internal/control/sigv4"
	"lull/internal/control/store"
	"lull/internal/lulltest/testca"
)

// documents are what a lull with an api keeps.
type documents struct {
	socket       string
	keys         *keys.Keys
	ociKeys      *ocikeys.Keys
	instances    *instances.Registry
	certificates *certstore.Store
}

// keeping serves documents on a control socket until the test ends. Keys are the same each time, and it is noon.
func keeping(t *testing.T) *documents {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull") // a long test name would not fit into a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s, err := store.Open(filepath.Join(dir, "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &documents{socket: filepath.Join(dir, "s")}
	noon := func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
	if d.keys, err = keys.New(s, keys.Options{Now: noon, Random: rand.NewChaCha8([32]byte{7})}); err != nil {
		t.Fatal(err)
	}
	if d.ociKeys, err = ocikeys.New(s, ocikeys.Options{Now: noon, Random: rand.NewChaCha8([32]byte{7})}); err != nil {
		t.Fatal(err)
	}
	inUse := func(name string) (string, bool) {
		return "load balancer my-loadbalancer", strings.HasSuffix(name, "used")
	}
	if d.instances, err = instances.New(s, instances.Options{InUse: inUse}); err != nil {
		t.Fatal(err)
	}
	if d.certificates, err = certstore.New(s, certstore.Options{Account: "123456789012", Now: noon, InUse: inUse}); err != nil {
		t.Fatal(err)
	}
	api := lullapi.New(lullapi.Options{Keys: d.keys, OCIKeys: d.ociKeys, Instances: d.instances, Certificates: d.certificates})
	server, err := admin.Serve(d.socket, &admintest.Engine{}, admin.Version{}, slog.New(slog.DiscardHandler),
		admin.Mount{Names: lullapi.Names(), Handler: api.Handler()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// says runs a command line that has to succeed and returns what it prints.
func (d *documents) says(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(append(args, "--socket", d.socket)...)
	if code != exitFine || stderr != "" {
		t.Fatalf("lull %q: got %d, %q, want 0 and nothing on standard error", args, code, stderr)
	}
	return stdout
}

func TestKeys(t *testing.T) {
	t.Parallel()
	d := keeping(t)
	golden(t, "keys-none", d.says(t, "keys", "list"))
	golden(t, "keys-none-json", d.says(t, "keys", "list", "--json"))
	made := d.says(t, "keys", "create", "--description", "deployment of the web")
	golden(t, "keys-create", made)
	golden(t, "keys-create-json", d.says(t, "keys", "create", "--role", "read-only", "--json"))
	golden(t, "keys-list", d.says(t, "keys", "list"))
	golden(t, "keys-list-json", d.says(t, "keys", "list", "--json"))
	for _, key := range d.keys.List() {
		if secret, _ := d.keys.Lookup(key.ID); strings.Contains(d.says(t, "keys", "list", "--json")+d.says(t, "keys", "list"), secret.Secret) {
			t.Error("the list has a secret")
		}
		if key.Role == sigv4.ReadOnly {
			if got, want := d.says(t, "keys", "revoke", key.ID), "access key "+key.ID+" is revoked\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	if left := d.keys.List(); len(left) != 1 || left[0].Role != sigv4.Administrator {
		t.Errorf("left %+v, want the administrator", left)
	}
}

func TestInstances(t *testing.T) {
	t.Parallel()
	d := keeping(t)
	if err := d.instances.SetFixed("lull.yaml", []instances.Instance{{ID: "i-file", Host: "10.0.0.9", Zone: "us-east-1b"}}); err != nil {
		t.Fatal(err)
	}
	odd := "%2E%2E?a#b" // which stays one segment of a path
	d.says(t, "instances", "set", odd, "10.0.0.7")
	if got, _ := d.instances.Lookup(odd); got.Host != "10.0.0.7" {
		t.Errorf("got %+v", got)
	}
	golden(t, "instances-remove", d.says(t, "instances", "remove", odd))
	golden(t, "instances-set", d.says(t, "instances", "set", "i-0abc123", "2001:DB8::5", "--zone", "us-east-1a"))
	golden(t, "instances-set-json", d.says(t, "instances", "set", "i-0def456", "app1.internal", "--json"))
	golden(t, "instances-list", d.says(t, "instances", "list"))
	golden(t, "instances-list-json", d.says(t, "instances", "list", "--json"))
	golden(t, "instances-remove-json", d.says(t, "instances", "remove", "i-0abc123", "--json"))
	if left := d.instances.List(); len(left) != 2 {
		t.Errorf("left %+v, want two", left)
	}
}

func TestCerts(t *testing.T) {
	t.Parallel()
	d, ca, dir := keeping(t), testca.NewFor(t), t.TempDir()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	file := func(name string, r testca.Request) (chain, key string) {
		r.NotBefore = from
		issued := ca.IssueFor(t, r)
		chain, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		for path, text := range map[string][]byte{chain: issued.Chain, key: issued.Key} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return chain, key
	}
	chain, key := file("web", testca.Request{Names: []string{"www.example.com", "*.example.com"}, RSA: true, NotAfter: from.AddDate(4, 0, 0)})
	golden(t, "certs-import", d.says(t, "certs", "import", "web", "--cert", chain, "--key", key))
	chain, key = file("old", testca.Request{CommonName: "old\x1b[31m", NotAfter: from.AddDate(0, 6, 0)})
	golden(t, "certs-import-old", d.says(t, "certs", "import", "old", "--cert", chain, "--key", key))
	const arn = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	golden(t, "certs-import-json", d.says(t, "certs", "import", arn, "--cert", chain, "--key", key, "--json")[:200])
	golden(t, "certs-list", d.says(t, "certs", "list"))
	var list []lullapi.Certificate
	text := d.says(t, "certs", "list", "--json")
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 || list[0].ARN != arn || strings.Contains(text, "PRIVATE") {
		t.Errorf("got %s, %v", text, err)
	}
	golden(t, "certs-delete", d.says(t, "certs", "delete", "web"))
	golden(t, "certs-delete-json", d.says(t, "certs", "delete", arn, "--json"))
	if left := d.certificates.List(); len(left) != 1 {
		t.Errorf("left %+v, want one", left)
	}
}

func TestDocumentsGoWrong(t *testing.T) {
	t.Parallel()
	d, ca := keeping(t), testca.NewFor(t)
	without := answering(t, &admintest.Engine{})
	nowhere := filepath.Join(t.TempDir(), "s")
	if _, err := d.instances.Set(context.Background(), instances.Instance{ID: "i-used", Host: "a"}); err != nil {
		t.Fatal(err)
	}
	issued := ca.IssueFor(t, testca.Request{Names: []string{"a.example"}})
	if _, err := d.certificates.Import(context.Background(), "used", issued.Chain, issued.Key); err != nil {
		t.Fatal(err)
	}
	last, _, err := d.keys.Create(context.Background(), sigv4.Administrator, "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, issued.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	const noAPI = "it runs without an api; add api to its lull.yaml and start it again\n"
	for _, c := range []struct {
		name, args, socket string
		code               int
		want               string
	}{
		{"nobody", "keys list", nowhere, exitFailed, "lull keys list: no lull answers on "},
		{"no-api-keys", "keys create", without, exitFailed, "lull keys create: this lull keeps no keys: " + noAPI},
		{"no-api-instances", "instances remove i-1", without, exitFailed, "lull instances remove: this lull keeps no instances: " + noAPI},
		{"no-api-certs", "certs list", without, exitFailed, "lull certs list: this lull keeps no certificates: " + noAPI},
		{"role", "keys create --role root", d.socket, exitWrong, `lull keys create: role: "root": must be administrator or read-only; see lull keys create --help`},
		{"last", "keys revoke " + last.ID, d.socket, exitFailed, "lull keys revoke: access key " + last.ID + " is the last administrator's"},
		{"unknown-key", "keys revoke LULLX", d.socket, exitFailed, `lull keys revoke: there is no access key "LULLX"`},
		{"no-oci-keys", "oci-keys list", without, exitFailed, "lull oci-keys list: this lull keeps no oci-keys: " + noAPI},
		{"oci-role", "oci-keys create --role root", d.socket, exitWrong, `lull oci-keys create: role: "root": must be administrator or read-only; see lull oci-keys create --help`},
		{"oci-user", "oci-keys create --user me", d.socket, exitWrong, `lull oci-keys create: user: "me": must be an OCID`},
		{"oci-out", "oci-keys create --out " + key, d.socket, exitWrong, "lull oci-keys create: --out " + key + ": file exists"},
		{"oci-unknown", "oci-keys revoke aa:bb", d.socket, exitFailed, "lull oci-keys revoke: "},
		{"oci-no-key", "oci-keys revoke", d.socket, exitWrong, "lull oci-keys revoke: the fingerprint of the API key is missing"},
		{"oci-no-file", "oci-keys import", d.socket, exitWrong, "lull oci-keys import: the PEM file with the public key is missing"},
		{"no-key", "keys revoke", d.socket, exitWrong, "lull keys revoke: the id of the access key is missing"},
		{"unknown-command", "keys delete", "", exitWrong, `lull keys: there is no command "delete"; see lull keys --help`},
		{"mistyped-command", "keys revok", "", exitWrong, `lull keys: there is no command "revok": did you mean revoke?`},
		{"id", "instances set a/b a", d.socket, exitWrong, `lull instances set: id: "a/b": must be printable ASCII`},
		{"host", "instances set i-1 10.0.0.256", d.socket, exitWrong, `lull instances set: host: "10.0.0.256": must be an IP address`},
		{"zone", "instances set i-1 a --zone a/b", d.socket, exitWrong, `lull instances set: zone: "a/b": must be`},
		{"no-host", "instances set i-1", d.socket, exitWrong, "lull instances set: the id of the instance or its address is missing"},
		{"used", "instances remove i-used", d.socket, exitFailed, "lull instances remove: instance i-used is used by load balancer my-loadbalancer"},
		{"unknown", "instances remove i-1", d.socket, exitFailed, `lull instances remove: there is no instance "i-1"`},
		{"dots", "instances remove ..", d.socket, exitFailed, `lull instances remove: there is no instance ".."`},
		{"used-cert", "certs delete used", d.socket, exitFailed, "lull certs delete: certificate arn:aws:iam::123456789012:server-certificate/used is used by load balancer my-loadbalancer"},
		{"arn", "certs delete arn:x", d.socket, exitWrong, `lull certs delete: arn: "arn:x": must be`},
		{"no-cert-flag", "certs import web --key " + key, d.socket, exitWrong, "lull certs import: --cert is missing: name a PEM file"},
		{"no-key-flag", "certs import web --cert " + key, d.socket, exitWrong, "lull certs import: --key is missing: name a PEM file"},
		{"no-file", "certs import web --cert /none.pem --key " + key, d.socket, exitWrong, "lull certs import: --cert /none.pem: cannot be read: no such file or directory"},
		{"directory", "certs import web --key / --cert " + key, d.socket, exitWrong, "lull certs import: --key /: cannot be read: is a directory"},
		{"endless", "certs import web --key /dev/zero --cert " + key, d.socket, exitWrong, "lull certs import: --key /dev/zero: cannot be read: has more than 1048576 bytes"},
		{"no-chain", "certs import web --cert " + key + " --key " + key, d.socket, exitWrong, "lull certs import: chain: "},
	} {
		args := strings.Fields(c.args)
		if c.socket != "" {
			args = append(args, "--socket", c.socket)
		}
		code, stdout, stderr := run(args...)
		if code != c.code || stdout != "" || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("%s: got %d, %q, %q, want %d and %q", c.name, code, stdout, stderr, c.code, c.want)
		}
		if line := strings.Split(string(issued.Key), "\n")[1]; strings.Contains(stderr, line[:16]) {
			t.Errorf("%s: %q may have a part of a key", c.name, stderr)
		}
	}
}
