package ocikeys_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"

	"lull/internal/control/fault"
	"lull/internal/control/ocikeys"
	"lull/internal/control/ocisig"
	"lull/internal/control/store"
)

const endpoint = "http://127.0.0.1:8440"

// start makes a start with that data directory.
func start(t *testing.T, k *ocikeys.Keys, dir string) ocikeys.First {
	t.Helper()
	first, err := k.FirstStart(t.Context(), dir, endpoint, "us-ashburn-1")
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, text string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, dir, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, "oci", from), filepath.Join(dir, "oci", to)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "oci", name)); err != nil {
		t.Fatal(err)
	}
}

// names returns the files that there are.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "oci"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantUsable wants Oracle's SDK to sign with the files as an administrator whom the keys know.
func wantUsable(t *testing.T, k *ocikeys.Keys, dir string) {
	t.Helper()
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(dir, "oci", "config"), "")
	if err != nil {
		t.Fatal(err)
	}
	id, err := provider.KeyID()
	if err != nil {
		t.Fatal(err)
	}
	private, err := provider.PrivateRSAKey()
	if err != nil {
		t.Fatal(err)
	}
	wantVerified(t, k, id, private, true)
	if key, _ := k.Lookup(id); key.Role != ocisig.Administrator {
		t.Errorf("got %+v, want an administrator", key)
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	s, dir := open(t), filepath.Join(t.TempDir(), "data")
	k := newKeys(t, s)
	first := start(t, k, dir)
	config, key := filepath.Join(dir, "oci", "config"), filepath.Join(dir, "oci", "key.pem")
	if !first.Created || first.KeyMissing || first.Aside != nil || !slices.Equal(first.Written, []string{key, config}) {
		t.Errorf("got %+v, want a new key and both files", first)
	}
	list := k.List()
	if len(list) != 1 || list[0].Fingerprint != first.Fingerprint || list[0].Role != ocisig.Administrator || !list[0].FirstStart {
		t.Fatalf("keys %+v, want one administrator", list)
	}
	text := read(t, config)
	if want := "[DEFAULT]\nuser=" + list[0].User + "\nfingerprint=" + first.Fingerprint + "\ntenancy=" + list[0].Tenancy + "\nregion=us-ashburn-1\nkey_file=" + key + "\n"; !strings.HasSuffix(text, want) {
		t.Errorf("config %q, want %q at its end", text, want)
	}
	if !strings.Contains(text, "--endpoint http://127.0.0.1:8440/20170115 ") {
		t.Errorf("config %q, want it to say where lull is", text)
	}
	wantUsable(t, k, dir)
	for path, mode := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Dir(config): 0o700 | fs.ModeDir, key: 0o600, config: 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"config", "key.pem"}) {
		t.Errorf("files %q, want two", got)
	}
	again := start(t, newKeys(t, s), dir)
	if again.Created || again.Fingerprint != first.Fingerprint || again.Written != nil || again.KeyMissing || len(k.List()) != 1 {
		t.Errorf("the second start: got %+v, want nothing done", again)
	}
}

// TestSDKWithFiles has Oracle's client read the files and call a server that verifies with the keys: SIG-12 as far as a signature goes.
func TestSDKWithFiles(t *testing.T) {
	t.Parallel()
	k, err := ocikeys.New(open(t), ocikeys.Options{Now: time.Now, Generate: pool.take()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	start(t, k, dir)
	verifier := ocisig.New(ocisig.Options{Keys: k})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = verifier.Verify(r, body, time.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(dir, "oci", "config"), "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := common.NewClientWithConfig(provider)
	if err != nil {
		t.Fatal(err)
	}
	client.Host, client.BasePath = server.URL, "20170115"
	call := func() error {
		r := common.MakeDefaultHTTPRequest(http.MethodGet, "/loadBalancers")
		answer, err := client.Call(context.Background(), &r)
		if answer != nil && answer.Body != nil {
			_ = answer.Body.Close()
		}
		return err
	}
	if err := call(); err != nil {
		t.Error(err)
	}
	create(t, k, ocisig.Administrator)
	if err := k.Revoke(t.Context(), start(t, k, dir).Fingerprint); err != nil {
		t.Fatal(err)
	}
	if err := call(); err == nil {
		t.Error("the revoked key is in force")
	}
}

// TestOnlyReaders: keys that may only read are no reason to leave the API without an administrator.
func TestOnlyReaders(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	create(t, k, ocisig.ReadOnly)
	if first := start(t, k, dir); !first.Created {
		t.Errorf("got %+v, want an administrator", first)
	}
	wantUsable(t, k, dir)
}

// TestAdministratorImported: whoever has put a key in force himself needs no other.
func TestAdministratorImported(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	create(t, k, ocisig.Administrator)
	if first := start(t, k, dir); first.Created || first.Fingerprint != "" || len(k.List()) != 1 || names(t, dir) != nil {
		t.Errorf("got %+v and files %q, want nothing done", first, names(t, dir))
	}
}

// TestCrash starts with what a start leaves that ends between any two of the things that it does. Nobody is locked out, and there is one
// administrator.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		crash func(t *testing.T, s *store.Store, k *ocikeys.Keys, dir string)
		want  []string // files that the next start writes
		aside int
	}{
		{"nothing-done", func(*testing.T, *store.Store, *ocikeys.Keys, string) {}, []string{"key.pem", "config"}, 0},
		{"key-half-written", func(t *testing.T, _ *store.Store, _ *ocikeys.Keys, dir string) {
			write(t, "-----BEGIN PRIVATE KEY-----\nMII", dir, "oci", "key.pem.next.new")
		}, []string{"key.pem", "config"}, 0},
		{"before-the-commit", func(t *testing.T, s *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "key.pem", "key.pem.next")
			remove(t, dir, "config")
			forget(t, s)
		}, []string{"key.pem", "config"}, 0},
		{"before-the-commit-of-another-store", func(t *testing.T, s *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "key.pem", "key.pem.next")
			write(t, "old", dir, "oci", "key.pem")
			write(t, "old", dir, "oci", "config")
			forget(t, s)
		}, []string{"key.pem", "config"}, 2},
		{"after-the-commit", func(t *testing.T, _ *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "key.pem", "key.pem.next")
			remove(t, dir, "config")
		}, []string{"key.pem", "config"}, 0},
		{"after-the-commit-over-old-files", func(t *testing.T, _ *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "key.pem", "key.pem.next")
			write(t, "old", dir, "oci", "key.pem")
			write(t, "old", dir, "oci", "config")
		}, []string{"key.pem", "config"}, 2},
		{"between-the-old-files", func(t *testing.T, _ *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "key.pem", "key.pem.next")
			rename(t, dir, "config", "config.before-20261121T115959Z")
			write(t, "old", dir, "oci", "key.pem")
		}, []string{"key.pem", "config"}, 1},
		{"before-the-config", func(t *testing.T, _ *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			remove(t, dir, "config")
		}, []string{"config"}, 0},
		{"config-half-written", func(t *testing.T, _ *store.Store, k *ocikeys.Keys, dir string) {
			start(t, k, dir)
			rename(t, dir, "config", "config.new")
		}, []string{"config"}, 0},
	} {
		s, dir := open(t), t.TempDir()
		c.crash(t, s, newKeys(t, s), dir)
		k := newKeys(t, s)
		got := start(t, k, dir)
		var want []string
		for _, name := range c.want {
			want = append(want, filepath.Join(dir, "oci", name))
		}
		if !slices.Equal(got.Written, want) || len(got.Aside) != c.aside || got.KeyMissing {
			t.Errorf("%s: got %+v, want %q written and %d aside", c.name, got, want, c.aside)
		}
		wantUsable(t, k, dir)
		if list := k.List(); len(list) != 1 {
			t.Errorf("%s: got %+v, want one key", c.name, list)
		}
		for _, name := range names(t, dir) {
			if strings.HasSuffix(name, ".next") || strings.HasPrefix(name, "key") && strings.HasSuffix(name, ".new") {
				t.Errorf("%s: %s is left", c.name, name)
			}
		}
	}
}

// forget empties a store.
func forget(t *testing.T, s *store.Store) {
	t.Helper()
	entries, _ := s.List("")
	var txn store.Txn
	for _, e := range entries {
		txn.Deletes = append(txn.Deletes, e.Key)
	}
	if _, err := s.Commit(t.Context(), txn); err != nil {
		t.Fatal(err)
	}
}

// TestStoreTakesNothing: a start that cannot commit leaves what was there alone, and the next one that can uses the key that it has written.
func TestStoreTakesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k := newKeys(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, "old", dir, "oci", "key.pem")
	for range 2 {
		if _, err := k.FirstStart(t.Context(), dir, endpoint, "us-ashburn-1"); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("got %v, want the store to refuse", err)
		}
	}
	if read(t, dir, "oci", "key.pem") != "old" || !slices.Equal(names(t, dir), []string{"key.pem", "key.pem.next"}) {
		t.Errorf("got %q, want the old key in its place", names(t, dir))
	}
	pending := read(t, dir, "oci", "key.pem.next")
	next := newKeys(t, open(t))
	start(t, next, dir)
	wantUsable(t, next, dir)
	if read(t, dir, "oci", "key.pem") != pending {
		t.Error("another key was made, although a store may have taken the first")
	}
}

// TestKeyTakenAway: a private key that is gone is not made anew, and what is in its place stays.
func TestKeyTakenAway(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	first := start(t, k, dir)
	remove(t, dir, "key.pem")
	if got := start(t, k, dir); !got.KeyMissing || got.Created || got.Written != nil || got.Fingerprint != first.Fingerprint || len(k.List()) != 1 {
		t.Errorf("got %+v, want the key said to be missing", got)
	}
	write(t, "mine", dir, "oci", "key.pem")
	if got := start(t, k, dir); !got.KeyMissing || read(t, dir, "oci", "key.pem") != "mine" {
		t.Errorf("got %+v, want what is there left alone", got)
	}
}

// TestStaleNext: a key that no store has taken is removed, and does not take the place of the one in force.
func TestStaleNext(t *testing.T) {
	t.Parallel()
	other, dir := newKeys(t, open(t)), t.TempDir()
	create(t, other, ocisig.ReadOnly) // so that the next one has another key
	elsewhere := t.TempDir()
	start(t, other, elsewhere)
	k := newKeys(t, open(t))
	start(t, k, dir)
	write(t, read(t, elsewhere, "oci", "key.pem"), dir, "oci", "key.pem.next")
	if got := start(t, k, dir); got.Written != nil || got.KeyMissing || !slices.Equal(names(t, dir), []string{"config", "key.pem"}) {
		t.Errorf("got %+v and %q", got, names(t, dir))
	}
	wantUsable(t, k, dir)
}

func TestFirstKeyRevoked(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	fingerprint := start(t, k, dir).Fingerprint
	create(t, k, ocisig.Administrator)
	if err := k.Revoke(t.Context(), fingerprint); err != nil {
		t.Fatal(err)
	}
	remove(t, dir, "config")
	write(t, "x", dir, "oci", "key.pem.next")
	got := start(t, k, dir)
	if got.Fingerprint != "" || got.Created || got.Written != nil || len(k.List()) != 1 || !slices.Equal(names(t, dir), []string{"key.pem"}) {
		t.Errorf("got %+v and files %q, want no key made", got, names(t, dir))
	}
}

func TestConfigIsKeptUpToDate(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	start(t, k, dir)
	if got, err := k.FirstStart(t.Context(), dir, "https://lull.example/", "eu-frankfurt-1"); err != nil || len(got.Written) != 1 {
		t.Fatalf("got %+v, %v, want the config written", got, err)
	}
	text := read(t, dir, "oci", "config")
	if !strings.Contains(text, "--endpoint https://lull.example/20170115 ") || !strings.Contains(text, "\nregion=eu-frankfurt-1\n") {
		t.Errorf("config %q, want the new endpoint and region", text)
	}
	_, own, _ := strings.Cut(text, "\n")
	own += "[MINE]\n"
	write(t, own, dir, "oci", "config")
	if got := start(t, k, dir); got.Written != nil || read(t, dir, "oci", "config") != own {
		t.Errorf("got %+v, want a file without the line left alone", got)
	}
	// A directory that was moved has its key elsewhere.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	remove(t, moved, "config")
	start(t, k, moved)
	wantUsable(t, k, moved)
}

// TestFilesOfAnotherStore: whose store was deleted gets a new key, and keeps the old one.
func TestFilesOfAnotherStore(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	write(t, "old", dir, "oci", "key.pem")
	got := start(t, k, dir)
	aside := filepath.Join(dir, "oci", "key.pem.before-20261121T120000Z")
	if !slices.Equal(got.Aside, []string{aside}) || read(t, aside) != "old" {
		t.Errorf("got %+v, want the old file at %s", got, aside)
	}
	wantUsable(t, k, dir)
}

// TestFirstStartFails: whatever fails, the next start makes up for it, with no second administrator.
func TestFirstStartFails(t *testing.T) {
	t.Parallel()
	for _, block := range []string{"oci", "oci/key.pem.next.new/x", "oci/key.pem.next/x", "oci/config.new/x", "oci/config/x"} {
		k, dir := newKeys(t, open(t)), t.TempDir()
		write(t, "", dir, block) // a file where a directory should be, or the other way round
		blocked := filepath.Join(dir, strings.TrimSuffix(block, "/x"))
		var failed bool
		for range 2 {
			_, err := k.FirstStart(t.Context(), dir, endpoint, "us-ashburn-1")
			failed = failed || err != nil && strings.Contains(err.Error(), filepath.Join(dir, "oci"))
			if err != nil && strings.Contains(err.Error(), "PRIVATE") {
				t.Fatal("the error holds a key")
			}
		}
		if !failed && block != "oci/config/x" { // which is moved aside
			t.Errorf("%s: no error that names the directory", block)
		}
		if err := os.RemoveAll(blocked); err != nil {
			t.Fatal(err)
		}
		start(t, k, dir)
		wantUsable(t, k, dir)
		if got := k.List(); len(got) != 1 {
			t.Errorf("%s: got %+v, want one key", block, got)
		}
	}
}

func TestFirstStartRefuses(t *testing.T) {
	t.Parallel()
	k, err := ocikeys.New(open(t), ocikeys.Options{Now: noon, Generate: func() (*rsa.PrivateKey, error) {
		t.Error("a key was made")
		return nil, errors.New("no")
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct{ name, dir, endpoint, region, want string }{
		{"no-endpoint", dir, "", "us-east-1", `endpoint: "": must be a URL`},
		{"no-scheme", dir, "127.0.0.1:8440", "us-east-1", "endpoint: "},
		{"scheme", dir, "ftp://127.0.0.1", "us-east-1", "endpoint: "},
		{"no-host", dir, "http:///x", "us-east-1", "endpoint: "},
		{"line", dir, "http://a/\nx = y", "us-east-1", "endpoint: "},
		{"space", dir, "http://a/ b", "us-east-1", "endpoint: "},
		{"no-region", dir, endpoint, "", `region: "": must be 1 to 64`},
		{"region-line", dir, endpoint, "a\nb", "region: "},
		{"directory-line", dir + "\nuser=x", endpoint, "us-east-1", "directory: "},
	} {
		_, err := k.FirstStart(t.Context(), c.dir, c.endpoint, c.region)
		wantFault(t, c.name, err, fault.Invalid, c.want)
	}
	if got := k.List(); len(got) != 0 || names(t, dir) != nil {
		t.Errorf("got %+v and files %q, want none", got, names(t, dir))
	}
}
