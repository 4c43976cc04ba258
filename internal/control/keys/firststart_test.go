package keys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/fault"
	"lull/internal/control/keys"
	"lull/internal/control/sigv4"
)

const endpoint = "http://127.0.0.1:8440"

// start makes a start with that data directory.
func start(t *testing.T, k *keys.Keys, dir string) keys.First {
	t.Helper()
	first, err := k.FirstStart(t.Context(), dir, endpoint, "us-east-1")
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

// wantCredentials wants the file to hold a key that is in force.
func wantCredentials(t *testing.T, k *keys.Keys, dir, id string) {
	t.Helper()
	key, found := k.Lookup(id)
	text := read(t, dir, "aws", "credentials")
	if want := "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + key.Secret + "\n"; !found || !strings.HasSuffix(text, want) {
		t.Errorf("key %q found: %t; the credentials do not hold it", id, found)
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	s, dir := open(t), filepath.Join(t.TempDir(), "data")
	k := newKeys(t, s)
	first := start(t, k, dir)
	credentials, config := filepath.Join(dir, "aws", "credentials"), filepath.Join(dir, "aws", "config")
	if !first.Created || !slices.Equal(first.Written, []string{credentials, config}) || first.Aside != nil {
		t.Errorf("got %+v, want a new key and both files", first)
	}
	wantCredentials(t, k, dir, first.ID)
	if got, want := read(t, config), "[default]\nregion = us-east-1\noutput = json\nendpoint_url = http://127.0.0.1:8440\n"; !strings.HasSuffix(got, want) {
		t.Errorf("config %q, want %q at its end", got, want)
	}
	list := k.List()
	if len(list) != 1 || list[0].ID != first.ID || list[0].Role != sigv4.Administrator || !list[0].FirstStart {
		t.Errorf("keys %+v, want one administrator", list)
	}
	for path, mode := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Dir(config): 0o700 | fs.ModeDir, credentials: 0o600, config: 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "aws", "*"))
	if err != nil || len(names) != 2 {
		t.Errorf("files %q, want two", names)
	}
	again := start(t, newKeys(t, s), dir)
	if again.Created || again.ID != first.ID || again.Written != nil || len(k.List()) != 1 {
		t.Errorf("the second start: got %+v, want nothing done", again)
	}
}

// TestOnlyReaders: keys that may only read are no reason to leave the API without an administrator.
func TestOnlyReaders(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	create(t, k, sigv4.ReadOnly, "")
	first := start(t, k, dir)
	if key, _ := k.Lookup(first.ID); !first.Created || key.Role != sigv4.Administrator {
		t.Errorf("got %+v, want an administrator", first)
	}
	wantCredentials(t, k, dir, first.ID)
}

// TestFilesLost: what is missing is written again for as long as the key is in force, as after a crash before they were written.
func TestFilesLost(t *testing.T) {
	t.Parallel()
	for _, lost := range [][]string{{"credentials"}, {"config"}, {"credentials", "config"}} {
		k, dir := newKeys(t, open(t)), t.TempDir()
		id := start(t, k, dir).ID
		kept := map[string]string{"credentials": read(t, dir, "aws", "credentials"), "config": read(t, dir, "aws", "config")}
		var want []string
		for _, name := range lost {
			want = append(want, filepath.Join(dir, "aws", name))
			if err := os.Remove(filepath.Join(dir, "aws", name)); err != nil {
				t.Fatal(err)
			}
		}
		got := start(t, k, dir)
		if got.Created || got.ID != id || !slices.Equal(got.Written, want) {
			t.Errorf("%q lost: got %+v", lost, got)
		}
		for name, text := range kept {
			if read(t, dir, "aws", name) != text {
				t.Errorf("%q lost: %s has other text now", lost, name)
			}
		}
	}
	k, dir := newKeys(t, open(t)), t.TempDir()
	id := start(t, k, dir).ID
	if err := os.RemoveAll(filepath.Join(dir, "aws")); err != nil {
		t.Fatal(err)
	}
	write(t, "half of a secr", dir, "aws", "credentials.new") // of a process that was killed
	start(t, k, dir)
	wantCredentials(t, k, dir, id)
	if _, err := os.Stat(filepath.Join(dir, "aws", "credentials.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
}

func TestFirstKeyRevoked(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	id := start(t, k, dir).ID
	create(t, k, sigv4.Administrator, "mine")
	if err := k.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "aws", "credentials")); err != nil {
		t.Fatal(err)
	}
	got, err := k.FirstStart(t.Context(), dir, "https://lull.example:8440", "eu-west-1")
	if err != nil || got.ID != "" || got.Created || len(k.List()) != 1 {
		t.Errorf("got %+v, %v, want no key made", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "aws", "credentials")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("credentials are there again: %v", err)
	}
	if text := read(t, dir, "aws", "config"); !strings.Contains(text, "endpoint_url = https://lull.example:8440\n") || !strings.Contains(text, "region = eu-west-1\n") {
		t.Errorf("config %q, want the new endpoint and region", text)
	}
}

func TestConfigIsKeptUpToDate(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	start(t, k, dir)
	const other = "https://127.0.0.1:9999"
	if got, err := k.FirstStart(t.Context(), dir, other, "us-east-1"); err != nil || len(got.Written) != 1 {
		t.Fatalf("got %+v, %v, want the config written", got, err)
	}
	text := read(t, dir, "aws", "config")
	if !strings.Contains(text, "endpoint_url = "+other+"\n") {
		t.Errorf("config %q, want the new endpoint", text)
	}
	_, own, _ := strings.Cut(text, "\n")
	own += "[profile mine]\n"
	write(t, own, dir, "aws", "config")
	write(t, "mine", dir, "aws", "credentials")
	if got := start(t, k, dir); got.Written != nil || read(t, dir, "aws", "config") != own || read(t, dir, "aws", "credentials") != "mine" {
		t.Errorf("got %+v, want files without the line left alone", got)
	}
}

// TestFilesOfAnotherStore: whose store was deleted gets new credentials, and keeps the old ones.
func TestFilesOfAnotherStore(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	write(t, "old", dir, "aws", "credentials")
	got := start(t, k, dir)
	aside := filepath.Join(dir, "aws", "credentials.before-20261121T120000Z")
	if !slices.Equal(got.Aside, []string{aside}) || read(t, aside) != "old" {
		t.Errorf("got %+v, want the old file at %s", got, aside)
	}
	wantCredentials(t, k, dir, got.ID)
}

// TestFirstStartFails: whatever fails, the next start makes up for it, with no second administrator.
func TestFirstStartFails(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	write(t, "", dir, "aws") // a file where the directory should be
	for range 2 {
		_, err := k.FirstStart(t.Context(), dir, endpoint, "us-east-1")
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "aws")) {
			t.Fatalf("got %v, want an error that names the directory", err)
		}
		for _, key := range k.List() {
			if secret, _ := k.Lookup(key.ID); strings.Contains(err.Error(), secret.Secret) {
				t.Fatal("the error holds a secret")
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "aws")); err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, k, dir, start(t, k, dir).ID)
	if got := k.List(); len(got) != 1 {
		t.Errorf("got %+v, want one key", got)
	}
}

func TestFirstStartRefuses(t *testing.T) {
	t.Parallel()
	k, dir := newKeys(t, open(t)), t.TempDir()
	for _, c := range []struct{ name, endpoint, region, want string }{
		{"no-endpoint", "", "us-east-1", `endpoint: "": must be a URL`},
		{"no-scheme", "127.0.0.1:8440", "us-east-1", "endpoint: "},
		{"scheme", "ftp://127.0.0.1", "us-east-1", "endpoint: "},
		{"no-host", "http:///x", "us-east-1", "endpoint: "},
		{"line", "http://a/\nx = y", "us-east-1", "endpoint: "},
		{"space", "http://a/ b", "us-east-1", "endpoint: "},
		{"no-region", endpoint, "", `region: "": must be 1 to 64`},
		{"region-line", endpoint, "a\nb", "region: "},
	} {
		_, err := k.FirstStart(t.Context(), dir, c.endpoint, c.region)
		wantFault(t, c.name, err, fault.Invalid, c.want)
	}
	if got := k.List(); len(got) != 0 {
		t.Errorf("got %+v, want no key", got)
	}
}
