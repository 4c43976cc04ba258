package ocikeys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"lull/internal/control/fault"
	"lull/internal/control/ocikeys"
	"lull/internal/control/ocisig"
	"lull/internal/control/store"
)

// noon is when everything here happens.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC) }

// pairs are keys that tests use again and again, since each takes a tenth of a second to make. Whoever takes one gets the next.
type pairs struct {
	mu   sync.Mutex
	made []*rsa.PrivateKey
}

//nolint:gochecknoglobals // made once
var pool pairs

// take returns a function that gives a different key at each call, the same ones to every caller.
func (p *pairs) take() func() (*rsa.PrivateKey, error) {
	next := 0
	return func() (*rsa.PrivateKey, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if next == len(p.made) {
			key, err := rsa.GenerateKey(rand.Reader, ocisig.KeyBitsMin)
			if err != nil {
				return nil, err
			}
			p.made = append(p.made, key)
		}
		next++
		return p.made[next-1], nil
	}
}

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

func newKeys(t testing.TB, s *store.Store) *ocikeys.Keys {
	t.Helper()
	k, err := ocikeys.New(s, ocikeys.Options{Now: noon, Generate: pool.take()})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t testing.TB, k *ocikeys.Keys, role ocisig.Role) (ocikeys.Key, ocikeys.PrivateKey) {
	t.Helper()
	key, private, err := k.Create(t.Context(), ocikeys.Owner{Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return key, private
}

// wantFault wants a refusal of a kind with words in it.
func wantFault(t *testing.T, name string, err error, kind fault.Kind, words string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: got kind %d, %v, want %d and %q", name, fault.KindOf(err), err, kind, words)
	}
}

// parse reads a private key as a client does.
func parse(t testing.TB, text string) *rsa.PrivateKey {
	t.Helper()
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" || string(rest) != "OCI_API_KEY\n" {
		t.Fatal("not a private key with Oracle's label")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("got %T", key)
	}
	return private
}

func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// wantVerified signs a request with a private key under an id, and wants it verified with what Lookup has, or refused.
func wantVerified(t *testing.T, k *ocikeys.Keys, id string, private *rsa.PrivateKey, want bool) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:8440/20170115/loadBalancers", nil)
	if err != nil {
		t.Fatal(err)
	}
	date := noon().Format(http.TimeFormat)
	r.Header.Set("Date", date)
	sum := sha256.Sum256([]byte("date: " + date + "\n(request-target): get /20170115/loadBalancers\nhost: 127.0.0.1:8440"))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", `Signature version="1",keyId="`+id+`",algorithm="rsa-sha256",headers="date (request-target) host",signature="`+
		base64.StdEncoding.EncodeToString(signature)+`"`)
	got, err := ocisig.New(ocisig.Options{Keys: k}).Verify(r, nil, noon())
	if want != (err == nil) || err == nil && got.Key.ID() != id {
		t.Errorf("%s: got %+v, %v, want it verified: %t", id, got, err, want)
	}
}

func TestCreateLookupRevoke(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	if id, found := k.Tenancy(); found {
		t.Errorf("got tenancy %q, want none before the first key", id)
	}
	admin, private := create(t, k, ocisig.Administrator)
	reader, readerPrivate := create(t, k, ocisig.ReadOnly)
	form := regexp.MustCompile(`^ocid1\.(tenancy|user)\.oc1\.\.aaaaaaaa[a-z2-7]{52}$`)
	own, _ := k.Tenancy()
	if !form.MatchString(admin.Tenancy) || !form.MatchString(admin.User) || admin.Tenancy != own || reader.Tenancy != own || admin.User == reader.User {
		t.Errorf("got %+v and %+v of tenancy %s", admin, reader, own)
	}
	der, err := x509.MarshalPKIXPublicKey(parse(t, private.Reveal()).Public())
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(fmt.Sprintf("% x", md5.Sum(der)), " ", ":"); admin.Fingerprint != want {
		t.Errorf("fingerprint %s, want %s", admin.Fingerprint, want)
	}
	for _, k := range []*ocikeys.Keys{k, newKeys(t, s)} {
		if got, found := k.Lookup(admin.ID()); !found || got.Role != ocisig.Administrator || got.ID() != admin.ID() || got.Disabled {
			t.Errorf("got %+v, %t", got, found)
		}
		if got, _ := k.Lookup(reader.ID()); got.Role != ocisig.ReadOnly {
			t.Errorf("got %v, want the role read-only", got)
		}
		wantVerified(t, k, admin.ID(), parse(t, private.Reveal()), true)
		wantVerified(t, k, reader.ID(), parse(t, private.Reveal()), false)
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
	wantVerified(t, k, reader.ID(), parse(t, readerPrivate.Reveal()), true)
	if err := k.Revoke(t.Context(), reader.Fingerprint); err != nil {
		t.Fatal(err)
	}
	wantVerified(t, k, reader.ID(), parse(t, readerPrivate.Reveal()), false)
	wantFault(t, "twice", k.Revoke(t.Context(), reader.Fingerprint), fault.NotFound, `there is no API key "`+reader.Fingerprint+`"`)
	wantFault(t, "last", k.Revoke(t.Context(), admin.Fingerprint), fault.Conflict, "API key "+admin.Fingerprint+" is the last administrator's: create another one first")
	next, _ := create(t, k, ocisig.Administrator)
	if err := k.Revoke(t.Context(), admin.Fingerprint); err != nil {
		t.Error(err)
	}
	wantFault(t, "last again", k.Revoke(t.Context(), next.Fingerprint), fault.Conflict, "last administrator")
}

// TestStoreHasNoPrivateKey looks for the private half in everything that is in the store.
func TestStoreHasNoPrivateKey(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	if _, err := k.FirstStart(t.Context(), t.TempDir(), endpoint, "us-ashburn-1"); err != nil {
		t.Fatal(err)
	}
	_, private := create(t, k, ocisig.Administrator)
	key := parse(t, private.Reveal())
	entries, _ := s.List("")
	if len(entries) != 3 {
		t.Errorf("got %d documents, want two keys and a tenancy", len(entries))
	}
	for _, e := range entries {
		var fields map[string]any
		if err := json.Unmarshal(e.Value, &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if !strings.Contains(" version id tenancy user public role description created first_start ", " "+name+" ") {
				t.Errorf("%s has a field %s", e.Key, name)
			}
		}
		public, err := base64.StdEncoding.DecodeString(fmt.Sprint(fields["public"]))
		if err == nil && (bytes.Contains(public, key.D.Bytes()) || bytes.Contains(public, key.Primes[0].Bytes())) {
			t.Errorf("%s has the private key", e.Key)
		}
	}
}

func TestLookupOfAnything(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	admin, _ := create(t, k, ocisig.Administrator)
	other, _ := create(t, k, ocisig.ReadOnly)
	for _, id := range []string{
		"", "/", "//", "\x00", strings.Repeat("x", 4096), "a/b/" + admin.Fingerprint, admin.Fingerprint, "//" + admin.Fingerprint, admin.ID() + "/",
		admin.ID() + "/x", " " + admin.ID(), strings.ToUpper(admin.ID()), admin.Tenancy + "/" + other.User + "/" + admin.Fingerprint,
		admin.Tenancy + "/" + admin.User + "/" + other.Fingerprint, admin.Tenancy + "/" + admin.User + "/", "../ocikeys/" + admin.Fingerprint, "ST$" + admin.ID(),
	} {
		if got, found := k.Lookup(id); found {
			t.Errorf("%q: got %v", id, got)
		}
	}
	for _, fingerprint := range []string{"", "/", "\x00", strings.Repeat("x", 4096), "../ocikeys", admin.ID()} {
		wantFault(t, "revoke", k.Revoke(t.Context(), fingerprint), fault.NotFound, "there is no API key")
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	pair, err := pool.take()()
	if err != nil {
		t.Fatal(err)
	}
	const tenancy, user = "ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq", "ocid1.user.region1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq"
	owner := ocikeys.Owner{Tenancy: tenancy, User: user, Role: ocisig.Administrator, Description: "from Oracle's cloud, für alle"}
	key, err := k.Import(t.Context(), owner, publicPEM(t, pair.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(key.ID(), tenancy+"/"+user+"/") || key.Description != owner.Description || key.FirstStart {
		t.Errorf("got %+v", key)
	}
	wantVerified(t, k, key.ID(), pair, true)
	if id, found := k.Tenancy(); found {
		t.Errorf("got tenancy %s, want none made for a key that brings its own", id)
	}
	older := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&pair.PublicKey)})
	_, err = k.Import(t.Context(), owner, older)
	wantFault(t, "again", err, fault.Conflict, "there is an API key with the fingerprint "+key.Fingerprint+" already")
	other := newKeys(t, open(t))
	same, err := other.Import(t.Context(), ocikeys.Owner{Role: ocisig.ReadOnly}, append([]byte("\n "), append(older, "\n\n"...)...))
	if err != nil || same.Fingerprint != key.Fingerprint || same.Tenancy == "" || same.Tenancy == tenancy {
		t.Errorf("got %+v, %v, want the same fingerprint for the older form, in lull's own tenancy", same, err)
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	pair, err := pool.take()()
	if err != nil {
		t.Fatal(err)
	}
	good := publicPEM(t, pair.Public())
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := new(big.Int).Lsh(big.NewInt(1), ocisig.KeyBitsMax)
	even := new(big.Int).Lsh(big.NewInt(1), ocisig.KeyBitsMin-1)
	odd := new(big.Int).SetBit(even, 0, 1)
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair)})
	for _, c := range []struct {
		name string
		text []byte
		want string
	}{
		{"empty", nil, "public_key: must be an RSA public key in PEM"},
		{"text", []byte("ssh-rsa AAAA"), "public_key: must be an RSA public key in PEM"},
		{"text-before", append([]byte("x\n"), good...), "public_key: must be"},
		{"text-behind", append(good, 'x'), "public_key: has more behind the first key"},
		{"two", append(good, good...), "public_key: has more behind the first key"},
		{"large", bytes.Repeat(good, 100), "public_key: has 45100 bytes, at most 8192 are allowed"},
		{"private", private, "public_key: is a private key, which is not kept"},
		{"certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{48, 0}}), "public_key: is not a public key"},
		{"damaged", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{48, 1}}), "public_key: is not a public key"},
		{"damaged-older", pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: []byte{48, 1}}), "public_key: is not an RSA public key"},
		{"curve", publicPEM(t, curve.Public()), "public_key: is a key of another algorithm: must be RSA"},
		{"short", publicPEM(t, short.Public()), "public_key: has 1024 bits: must have 2048 to 4096"},
		{"long", publicPEM(t, &rsa.PublicKey{N: long.SetBit(long, 0, 1), E: 65537}), "public_key: has 4097 bits"},
		{"even", publicPEM(t, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), ocisig.KeyBitsMin-1), E: 65537}), "public_key: is damaged"},
		{"exponent", publicPEM(t, &rsa.PublicKey{N: odd, E: 1}), "public_key: is damaged"},
		{"exponent-even", publicPEM(t, &rsa.PublicKey{N: odd, E: 4}), "public_key: is damaged"},
	} {
		_, err := k.Import(t.Context(), ocikeys.Owner{Role: ocisig.Administrator}, c.text)
		wantFault(t, c.name, err, fault.Invalid, c.want)
		if len(c.text) > 100 && err != nil && strings.Contains(err.Error(), string(c.text[30:60])) {
			t.Errorf("%s: the error repeats the key", c.name)
		}
	}
	if got := k.List(); len(got) != 0 {
		t.Errorf("got %+v, want no key", got)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	for _, c := range []struct {
		name  string
		owner ocikeys.Owner
		want  string
	}{
		{"no-role", ocikeys.Owner{}, `role: "": must be administrator or read-only`},
		{"role", ocikeys.Owner{Role: "Administrator"}, `role: "Administrator": must be`},
		{"long-role", ocikeys.Owner{Role: ocisig.Role(strings.Repeat("r", 5000))}, `role: "` + strings.Repeat("r", 64) + `…"`},
		{"user", ocikeys.Owner{Role: "read-only", User: "me"}, `user: "me": must be an OCID such as ocid1.user.oc1..aaaa`},
		{"user-type", ocikeys.Owner{Role: "read-only", User: "ocid1.tenancy.oc1..aaaa"}, "user: "},
		{"user-slash", ocikeys.Owner{Role: "read-only", User: "ocid1.user.oc1..aa/aa"}, "user: "},
		{"user-line", ocikeys.Owner{Role: "read-only", User: "ocid1.user.oc1..aaaa\n"}, "user: "},
		{"user-long", ocikeys.Owner{Role: "read-only", User: "ocid1.user.oc1.." + strings.Repeat("a", 240)}, "user: "},
		{"tenancy", ocikeys.Owner{Role: "read-only", Tenancy: "ocid1.user.oc1..aaaa"}, `tenancy: "ocid1.user.oc1..aaaa": must be`},
		{"long", ocikeys.Owner{Role: "read-only", Description: strings.Repeat("d", 257)}, "description: has 257 bytes, at most 256 are allowed"},
		{"lines", ocikeys.Owner{Role: "read-only", Description: "a\nb"}, `description: "a\nb": must be printable`},
		{"terminal", ocikeys.Owner{Role: "read-only", Description: "a\u009bm"}, "description: "},
		{"bytes", ocikeys.Owner{Role: "read-only", Description: "\xff"}, "description: "},
	} {
		_, _, err := k.Create(t.Context(), c.owner)
		wantFault(t, c.name, err, fault.Invalid, c.want)
		_, err = k.Import(t.Context(), c.owner, nil)
		wantFault(t, c.name, err, fault.Invalid, c.want)
	}
	user := "ocid1.user.oc1..aaaa"
	for range 2 { // a user may have several keys
		if key, _, err := k.Create(t.Context(), ocikeys.Owner{Role: "read-only", User: user, Description: strings.Repeat("d", 256)}); err != nil || key.User != user {
			t.Errorf("got %+v, %v", key, err)
		}
	}
	if got := k.List(); len(got) != 2 {
		t.Errorf("got %+v, want two keys", got)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	s := open(t)
	k := newKeys(t, s)
	key, _ := create(t, k, ocisig.Administrator)
	e, _ := s.Get("ocikeys/" + key.Fingerprint)
	for have := 1; have < ocikeys.Max; {
		var txn store.Txn
		for ; have < ocikeys.Max && len(txn.Puts) < store.TxnChangesMax; have++ {
			txn.Puts = append(txn.Puts, store.Put{Key: fmt.Sprintf("ocikeys/%016d", have), Value: e.Value})
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := k.Create(t.Context(), ocikeys.Owner{Role: ocisig.ReadOnly})
	wantFault(t, "one more", err, fault.Full, "there are 1000 API keys")
}

// TestRevokeAtOnce has everybody revoke everybody: one administrator always stays.
func TestRevokeAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	for range 10 {
		k := newKeys(t, s)
		for len(k.List()) < 4 {
			if _, _, err := k.Create(t.Context(), ocikeys.Owner{Role: ocisig.Administrator}); err != nil && fault.KindOf(err) != fault.Conflict {
				t.Fatal(err) // a conflict is the key that the last round has left
			}
		}
		var wait sync.WaitGroup
		for _, key := range k.List() {
			wait.Go(func() {
				if err := k.Revoke(t.Context(), key.Fingerprint); err != nil {
					wantFault(t, "the last", err, fault.Conflict, "last administrator")
				}
			})
		}
		wait.Wait()
		if left := k.List(); len(left) != 1 {
			t.Fatalf("%d keys are left, want 1", len(left))
		}
	}
}

// TestCreateAtOnce: the first keys are made together, and belong to one tenancy.
func TestCreateAtOnce(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, _, err := k.Create(t.Context(), ocikeys.Owner{Role: ocisig.ReadOnly}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	own, _ := k.Tenancy()
	for _, key := range k.List() {
		if key.Tenancy != own || own == "" {
			t.Errorf("got %+v, want tenancy %s", key, own)
		}
	}
	if got := k.List(); len(got) != 8 {
		t.Errorf("got %d keys, want 8", len(got))
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k := newKeys(t, s)
	admin, private := create(t, k, ocisig.Administrator)
	reader, _ := create(t, k, ocisig.ReadOnly)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err = k.Create(t.Context(), ocikeys.Owner{Role: ocisig.ReadOnly})
	wantFault(t, "create", err, fault.Unavailable, ": the store is closed")
	wantFault(t, "revoke", k.Revoke(t.Context(), reader.Fingerprint), fault.Unavailable, "revoke API key "+reader.Fingerprint+": the store is closed")
	wantVerified(t, k, admin.ID(), parse(t, private.Reveal()), true)
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	broken := errors.New("no entropy")
	for _, o := range []ocikeys.Options{
		{Now: noon, Generate: pool.take(), Random: iotest.ErrReader(broken)},
		{Now: noon, Generate: func() (*rsa.PrivateKey, error) { return nil, broken }},
	} {
		k, err := ocikeys.New(open(t), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Create(t.Context(), ocikeys.Owner{Role: ocisig.Administrator}); !errors.Is(err, broken) || len(k.List()) != 0 {
			t.Errorf("got %v, want no key", err)
		}
		if _, err := k.FirstStart(t.Context(), t.TempDir(), endpoint, "us-ashburn-1"); !errors.Is(err, broken) || len(k.List()) != 0 {
			t.Errorf("first start: got %v, want no key", err)
		}
	}
}

// TestGenerates makes a key without any option, as lull does.
func TestGenerates(t *testing.T) {
	t.Parallel()
	k, err := ocikeys.New(open(t), ocikeys.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	key, private := create(t, k, ocisig.ReadOnly)
	if got := parse(t, private.Reveal()); got.N.BitLen() != 2048 || got.E != 65537 {
		t.Errorf("got %d bits, exponent %d", got.N.BitLen(), got.E)
	}
	wantVerified(t, k, key.ID(), parse(t, private.Reveal()), true)
}

// TestPrintsNoSecret prints what the package returns in every way that a careless line of code may.
func TestPrintsNoSecret(t *testing.T) {
	t.Parallel()
	k := newKeys(t, open(t))
	key, private := create(t, k, ocisig.Administrator)
	var out bytes.Buffer
	pair := struct {
		Key     ocikeys.Key
		Private ocikeys.PrivateKey
		List    []ocikeys.PrivateKey
	}{key, private, []ocikeys.PrivateKey{private}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", private, &private, pair)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "private", private, "pair", pair, "keys", k.List())
	}
	if err := json.NewEncoder(&out).Encode([]any{private, &private, pair, k.List()}); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%s", "%x", "%X", "%d"} {
		if text := strings.Trim(fmt.Sprintf(form, []byte(private.Reveal())[:10]), "[]"); strings.Contains(out.String(), text) {
			t.Errorf("the private key is printed in form %s", form)
		}
	}
	if !strings.Contains(out.String(), "****") {
		t.Errorf("got %q, want asterisks", out.String())
	}
}

// TestUnreadable refuses a store with a document that this lull does not understand.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, value, want string }{
		{"ocikeys/a", `{"version":1,"public":5}`, `document "ocikeys/a" of the store is not an API key`},
		{"ocikeys/a", `{"version":1,"public":"AAAA"}`, "is not an API key: is not a public key"},
		{"ocikeys/a", `{"version":1`, "is not an API key"},
		{"ocikeys/a", `{"version":9}`, "has version 9, this lull knows 1"},
		{"ocitenancy", `{"version":9}`, "has version 9, this lull knows 1"},
		{"ocitenancy", `[]`, `document "ocitenancy" of the store is not a tenancy`},
		{"ocitenancy", `{"version":1,"id":"x"}`, "is not a tenancy: its OCID is \"x\""},
	} {
		s := open(t)
		if _, err := s.Commit(t.Context(), store.Txn{Puts: []store.Put{{Key: c.path, Value: []byte(c.value)}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := ocikeys.New(s, ocikeys.Options{Now: noon}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.value, err, c.want)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	k := newKeys(b, open(b))
	key, _ := create(b, k, ocisig.Administrator)
	id := key.ID()
	b.ReportAllocs()
	for b.Loop() {
		if _, found := k.Lookup(id); !found {
			b.Fatal("not found")
		}
	}
}
