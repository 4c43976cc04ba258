package keys_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"lull/internal/control/fault"
	"lull/internal/control/keys"
	"lull/internal/control/sigv4"
	"lull/internal/control/store"
)

// noon is when everything here happens.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC) }

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newKeys(t testing.TB, s *store.Store) *keys.Keys {
	t.Helper()
	k, err := keys.New(s, keys.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t testing.TB, k *keys.Keys, role sigv4.Role, description string) (keys.Key, keys.Secret) {
	t.Helper()
	key, secret, err := k.Create(t.Context(), role, description)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret
}

// wantFault wants a refusal of a kind with words in it.
func wantFault(t *testing.T, name string, err error, kind fault.Kind, words string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: got kind %d, %v, want %d and %q", name, fault.KindOf(err), err, kind, words)
	}
}

func TestCreateLookupRevoke(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	admin, secret := create(t, k, sigv4.Administrator, "deployment, für alle")
	reader, readerSecret := create(t, k, sigv4.ReadOnly, "")
	if !regexp.MustCompile(`^LULL[A-Z2-7]{16}$`).MatchString(admin.ID) || !regexp.MustCompile(`^[a-z2-7]{40}$`).MatchString(secret.Reveal()) {
		t.Errorf("id %q or secret of %d characters: neither AWS's tools nor a shell may mind them", admin.ID, len(secret.Reveal()))
	}
	if admin.ID == reader.ID || secret == readerSecret {
		t.Error("two keys are the same")
	}
	for _, k := range []*keys.Keys{k, newKeys(t, s)} {
		got, found := k.Lookup(admin.ID)
		if want := (sigv4.Key{ID: admin.ID, Secret: secret.Reveal(), Role: sigv4.Administrator}); !found || got != want {
			t.Errorf("got %v, %t, want %v", got, found, want)
		}
		if got, _ := k.Lookup(reader.ID); got.Role != sigv4.ReadOnly {
			t.Errorf("got %v, want the role read-only", got)
		}
		list := k.List()
		if len(list) != 2 || list[0].Created != noon().Truncate(time.Second) {
			t.Fatalf("got %+v, want both", list)
		}
		for _, one := range list {
			if one != admin && one != reader {
				t.Errorf("%+v is neither", one)
			}
		}
	}
	if err := k.Revoke(t.Context(), reader.ID); err != nil {
		t.Fatal(err)
	}
	if _, found := k.Lookup(reader.ID); found {
		t.Error("a revoked key is in force")
	}
	wantFault(t, "twice", k.Revoke(t.Context(), reader.ID), fault.NotFound, `there is no access key "`+reader.ID+`"`)
	wantFault(t, "last", k.Revoke(t.Context(), admin.ID), fault.Conflict, "access key "+admin.ID+" is the last administrator's: create another one first")
	next, _ := create(t, k, sigv4.Administrator, "")
	if err := k.Revoke(t.Context(), admin.ID); err != nil {
		t.Error(err)
	}
	wantFault(t, "last again", k.Revoke(t.Context(), next.ID), fault.Conflict, "last administrator")
}

func TestLookupOfAnything(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	for _, id := range []string{"", "/", "\x00", strings.Repeat("x", 4096), "../keys", "keys/"} {
		if got, found := k.Lookup(id); found {
			t.Errorf("%q: got %v", id, got)
		}
		wantFault(t, "revoke", k.Revoke(t.Context(), id), fault.NotFound, "there is no access key")
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	for _, c := range []struct {
		name, role, description, want string
	}{
		{"no-role", "", "", `role: "": must be administrator or read-only`},
		{"role", "Administrator", "", `role: "Administrator": must be`},
		{"long-role", strings.Repeat("r", 5000), "", `role: "` + strings.Repeat("r", 64) + `…"`},
		{"long", "read-only", strings.Repeat("d", 257), "description: has 257 bytes, at most 256 are allowed"},
		{"lines", "read-only", "a\nb", `description: "a\nb": must be printable`},
		{"terminal", "read-only", "a\u009bm", "description: "},
		{"bytes", "read-only", "\xff", "description: "},
	} {
		_, _, err := k.Create(t.Context(), sigv4.Role(c.role), c.description)
		wantFault(t, c.name, err, fault.Invalid, c.want)
	}
	create(t, k, "read-only", strings.Repeat("d", 256))
	if got := k.List(); len(got) != 1 {
		t.Errorf("got %+v, want one key", got)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	s := open(t)
	for have := 0; have < keys.Max; {
		var txn store.Txn
		for ; have < keys.Max && len(txn.Puts) < store.TxnChangesMax; have++ {
			txn.Puts = append(txn.Puts, store.Put{Key: fmt.Sprintf("keys/LULL%016d", have), Value: []byte(`{"version":1,"role":"read-only"}`)})
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := newKeys(t, s).Create(t.Context(), sigv4.ReadOnly, "")
	wantFault(t, "one more", err, fault.Full, "there are 1000 access keys")
}

// TestRevokeAtOnce has everybody revoke everybody: one administrator always stays.
func TestRevokeAtOnce(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	for range 20 {
		var ids []string
		for range 3 {
			key, _ := create(t, k, sigv4.Administrator, "")
			ids = append(ids, key.ID)
		}
		var wait sync.WaitGroup
		for _, key := range k.List() {
			wait.Go(func() {
				if err := k.Revoke(t.Context(), key.ID); err != nil {
					wantFault(t, "the last", err, fault.Conflict, "last administrator")
				}
			})
		}
		wait.Wait()
		if left := k.List(); len(left) != 1 {
			t.Fatalf("of %q and one more, %d are left, want 1", ids, len(left))
		}
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	admin, _ := create(t, k, sigv4.Administrator, "")
	reader, _ := create(t, k, sigv4.ReadOnly, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err := k.Create(t.Context(), sigv4.ReadOnly, "")
	wantFault(t, "create", err, fault.Unavailable, "create an access key: the store is closed")
	if err := k.Revoke(t.Context(), reader.ID); err == nil {
		t.Error("revoked in a closed store")
	}
	if _, found := k.Lookup(admin.ID); !found {
		t.Error("keys are not in force any more")
	}
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	broken := errors.New("no entropy")
	k, err := keys.New(open(t), keys.Options{Now: noon, Random: iotest.ErrReader(broken)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Create(t.Context(), sigv4.Administrator, ""); !errors.Is(err, broken) || len(k.List()) != 0 {
		t.Errorf("got %v, want no key", err)
	}
}

// TestSameRandomness: a random source that repeats itself makes no second key of the same name.
func TestSameRandomness(t *testing.T) {
	t.Parallel()
	k, err := keys.New(open(t), keys.Options{Now: noon, Random: bytes.NewReader(make([]byte, 70))})
	if err != nil {
		t.Fatal(err)
	}
	create(t, k, sigv4.ReadOnly, "")
	_, _, err = k.Create(t.Context(), sigv4.Administrator, "")
	wantFault(t, "again", err, fault.Conflict, "create an access key")
	if got := k.List(); len(got) != 1 || got[0].Role != sigv4.ReadOnly {
		t.Errorf("got %+v, want the first", got)
	}
}

// TestPrintsNoSecret prints what the package returns in every way that a careless line of code may.
func TestPrintsNoSecret(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	key, secret := create(t, k, sigv4.Administrator, "d")
	var out bytes.Buffer
	pair := struct {
		Key    keys.Key
		Secret keys.Secret
		List   []keys.Secret
	}{key, secret, []keys.Secret{secret}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", secret, &secret, pair)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "secret", secret, "pair", pair, "keys", k.List())
	}
	if err := json.NewEncoder(&out).Encode([]any{secret, &secret, pair, k.List()}); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%s", "%x", "%X", "%d"} {
		if text := strings.Trim(fmt.Sprintf(form, []byte(secret.Reveal())[:8]), "[]"); strings.Contains(out.String(), text) {
			t.Errorf("the secret is printed in form %s", form)
		}
	}
	if !strings.Contains(out.String(), "****") {
		t.Errorf("got %q, want asterisks", out.String())
	}
}

// TestUnreadable: an error about a damaged document must not repeat it.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"version":1,"secret":5171}`:       `document "keys/LULLA" of the store is not an access key`,
		`{"version":1,"secret":"q5171`:      "is not an access key",
		`{"version":9,"secret":"s5171etc"}`: "has version 9, this lull knows 1",
	} {
		s := open(t)
		if _, err := s.Commit(t.Context(), store.Txn{Puts: []store.Put{{Key: "keys/LULLA", Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
		_, err := keys.New(s, keys.Options{Now: noon})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "5171") {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	k := newKeys(b, open(b))
	key, _ := create(b, k, sigv4.Administrator, "somebody")
	b.ReportAllocs()
	for b.Loop() {
		k.Lookup(key.ID)
	}
}
