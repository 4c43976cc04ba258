package instances_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"lull/internal/control/fault"
	"lull/internal/control/instances"
	"lull/internal/control/store"
)

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

func registry(t testing.TB, s *store.Store, o instances.Options) *instances.Registry {
	t.Helper()
	r, err := instances.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// set makes a change and returns its error alone.
func set(t testing.TB, r *instances.Registry, i instances.Instance) error {
	_, err := r.Set(t.Context(), i)
	return err
}

// wantFault wants a refusal of a kind with words in it.
func wantFault(t *testing.T, name string, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: was done, want a refusal", name)
		return
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("%s: got kind %d, want %d: %v", name, got, kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: got %q, want it to contain %q", name, err, w)
		}
	}
}

func TestSetLookupRemove(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := registry(t, s, instances.Options{})
	var changes atomic.Int32
	r.OnChange(func() { changes.Add(1); r.List() })
	a := instances.Instance{ID: "i-0abc123", Host: "10.0.0.5", Zone: "us-east-1a"}
	b := instances.Instance{ID: "i-0def456", Host: "2001:DB8:0::1"}
	for _, one := range []instances.Instance{b, a, a} { // the second time nothing changes
		if err := set(t, r, one); err != nil {
			t.Fatal(err)
		}
	}
	b.Host = "2001:db8::1"
	if got := changes.Load(); got != 2 {
		t.Errorf("%d changes told, want 2", got)
	}
	if got, found := r.Lookup(a.ID); !found || got != a {
		t.Errorf("got %+v, %t, want %+v", got, found, a)
	}
	again := registry(t, s, instances.Options{})
	if got := again.List(); !slices.Equal(got, []instances.Listed{{Instance: a}, {Instance: b}}) {
		t.Errorf("listed %+v", got)
	}
	a.Host, a.Zone = "app1.internal", ""
	if err := set(t, r, a); err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Lookup(a.ID); got != a {
		t.Errorf("after a change: got %+v, want %+v", got, a)
	}
	if err := r.Remove(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if got, found := r.Lookup(a.ID); found {
		t.Errorf("after the removal: got %+v", got)
	}
	wantFault(t, "removed twice", r.Remove(t.Context(), a.ID), fault.NotFound, `there is no instance "i-0abc123"`)
	wantFault(t, "long id", r.Remove(t.Context(), strings.Repeat("x", 2000)), fault.NotFound, "there is no instance")
	if got := changes.Load(); got != 4 {
		t.Errorf("%d changes told, want 4", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, c := range []struct {
		name  string
		in    instances.Instance
		wants string // "" when it is fine
	}{
		{"plain", instances.Instance{ID: "i-0abc123", Host: "10.0.0.5"}, ""},
		{"one-byte", instances.Instance{ID: "x", Host: "a"}, ""},
		{"longest", instances.Instance{ID: strings.Repeat("x", 255), Host: "10.0.0.5", Zone: strings.Repeat("z", 255)}, ""},
		{"odd-id", instances.Instance{ID: `!"#$%&'()*+,-.:;<=>?@[\]^_{|}~`, Host: "10.0.0.5"}, ""},
		{"name", instances.Instance{ID: "i", Host: "app_1.internal."}, ""},
		{"long-name", instances.Instance{ID: "i", Host: long + "." + long + "." + long + "." + long[:61]}, ""},
		{"zone", instances.Instance{ID: "i", Host: "a", Zone: "us-east-1a"}, ""},
		{"no-id", instances.Instance{Host: "a"}, "id: has 0 bytes, 1 to 255 are allowed"},
		{"id-too-long", instances.Instance{ID: strings.Repeat("x", 256), Host: "a"}, "id: has 256 bytes, 1 to 255"},
		{"id-space", instances.Instance{ID: "i 1", Host: "a"}, `id: "i 1": must be printable ASCII`},
		{"id-slash", instances.Instance{ID: "i/1", Host: "a"}, `id: "i/1"`},
		{"id-control", instances.Instance{ID: "i\n1", Host: "a"}, `id: "i\n1"`},
		{"id-delete", instances.Instance{ID: "i\x7f", Host: "a"}, `id: "i\x7f"`},
		{"id-letters", instances.Instance{ID: "ï", Host: "a"}, `id: "ï"`},
		{"id-dot", instances.Instance{ID: ".", Host: "a"}, `id: "."`},
		{"id-dots", instances.Instance{ID: "..", Host: "a"}, `id: ".."`},
		{"id-address", instances.Instance{ID: "10.0.0.5", Host: "a"}, `id: "10.0.0.5": is an address, which stands for itself`},
		{"id-address6", instances.Instance{ID: "2001:db8::1", Host: "a"}, "is an address"},
		{"id-bracketed", instances.Instance{ID: "[2001:db8::1]", Host: "a"}, "is an address"},
		{"no-host", instances.Instance{ID: "i"}, `host: "": must be an IP address`},
		{"brackets", instances.Instance{ID: "i", Host: "[::1]"}, `host: "[::1]": must be an IP address`},
		{"port", instances.Instance{ID: "i", Host: "10.0.0.5:80"}, "no port"},
		{"mistyped", instances.Instance{ID: "i", Host: "10.0.0.256"}, `host: "10.0.0.256"`},
		{"hyphen", instances.Instance{ID: "i", Host: "-a.b"}, `host: "-a.b"`},
		{"two-dots", instances.Instance{ID: "i", Host: "a..b"}, `host: "a..b"`},
		{"control", instances.Instance{ID: "i", Host: "a\x1b[0m"}, `host: "a\x1b[0m"`},
		{"label", instances.Instance{ID: "i", Host: long + "a"}, "host:"},
		{"name-too-long", instances.Instance{ID: "i", Host: long + "." + long + "." + long + "." + long[:62]}, "host:"},
		{"address-zone", instances.Instance{ID: "i", Host: "fe80::1%eth0"}, "has a zone"},
		{"mapped", instances.Instance{ID: "i", Host: "::ffff:10.0.0.5"}, "write 10.0.0.5"},
		{"multicast", instances.Instance{ID: "i", Host: "224.0.0.1"}, "multicast"},
		{"wildcard", instances.Instance{ID: "i", Host: "::"}, "stands for every address"},
		{"zone-space", instances.Instance{ID: "i", Host: "a", Zone: "us east"}, `zone: "us east": must be 1 to 255 letters`},
		{"zone-too-long", instances.Instance{ID: "i", Host: "a", Zone: strings.Repeat("z", 256)}, "zone:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := instances.Check(c.in)
			if c.wants == "" {
				if err != nil {
					t.Errorf("%+v: %v, want none", c.in, err)
				}
				return
			}
			wantFault(t, c.name, err, fault.Invalid, c.wants)
			s := open(t)
			r := registry(t, s, instances.Options{})
			wantFault(t, c.name, set(t, r, c.in), fault.Invalid, c.wants)
			if got := r.List(); len(got) != 0 {
				t.Errorf("%+v is there", got)
			}
		})
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	r := registry(t, open(t), instances.Options{})
	stored := instances.Instance{ID: "i-1", Host: "10.0.0.1"}
	if err := set(t, r, stored); err != nil {
		t.Fatal(err)
	}
	changes := 0
	r.OnChange(func() { changes++ })
	list := []instances.Instance{{ID: "i-1", Host: "10.9.9.9"}, {ID: "i-0", Host: "app.internal", Zone: "a"}}
	for range 2 { // the second time nothing changes
		if err := r.SetFixed("lull.yaml", list); err != nil {
			t.Fatal(err)
		}
	}
	if changes != 1 {
		t.Errorf("%d changes told, want 1", changes)
	}
	want := []instances.Listed{{Instance: list[1], File: "lull.yaml"}, {Instance: list[0], File: "lull.yaml"}}
	if got := r.List(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, _ := r.Lookup("i-1"); got.Host != "10.9.9.9" {
		t.Errorf("got %+v, want the file's", got)
	}
	const refusal = "instance i-1 is defined in lull.yaml and can only be changed there"
	wantFault(t, "set", set(t, r, stored), fault.Fixed, refusal)
	wantFault(t, "remove", r.Remove(t.Context(), "i-1"), fault.Fixed, refusal)
	for _, bad := range [][]instances.Instance{
		{{ID: "a", Host: "b"}, {ID: "a b", Host: "c"}}, {{ID: "a", Host: "b"}, {ID: "a", Host: "c"}},
	} {
		wantFault(t, "bad file", r.SetFixed("lull.yaml", bad), fault.Invalid, "lull.yaml: instance 2: ")
	}
	if got := r.List(); !slices.Equal(got, want) {
		t.Errorf("after a refusal: got %+v, want %+v", got, want)
	}
	if err := r.SetFixed("lull.yaml", nil); err != nil || changes != 2 {
		t.Errorf("%v and %d changes, want none and 2", err, changes)
	}
	if got, _ := r.Lookup("i-1"); got != stored {
		t.Errorf("got %+v, want the store's again", got)
	}
}

func TestInUse(t *testing.T) {
	t.Parallel()
	used := true
	r := registry(t, open(t), instances.Options{InUse: func(id string) (string, bool) { return "load balancer web-of-" + id, used }})
	if err := set(t, r, instances.Instance{ID: "i-1", Host: "10.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	wantFault(t, "in use", r.Remove(t.Context(), "i-1"), fault.InUse, "instance i-1 is used by load balancer web-of-i-1: deregister it there first")
	if err := set(t, r, instances.Instance{ID: "i-1", Host: "10.0.0.2"}); err != nil {
		t.Errorf("change one in use: %v", err)
	}
	used = false
	if err := r.Remove(t.Context(), "i-1"); err != nil {
		t.Error(err)
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	r := registry(t, open(t), instances.Options{Zones: []string{"us-east-1a", "us-east-1b"}})
	for _, zone := range []string{"", "us-east-1b"} {
		if err := set(t, r, instances.Instance{ID: "i-1", Host: "a", Zone: zone}); err != nil {
			t.Errorf("%q: %v", zone, err)
		}
	}
	err := set(t, r, instances.Instance{ID: "i-1", Host: "a", Zone: "us-east-1c"})
	wantFault(t, "other", err, fault.Invalid, `zone: "us-east-1c": must be one of us-east-1a, us-east-1b, or empty for none`)
	if got, _ := r.Lookup("i-1"); got.Zone != "us-east-1b" {
		t.Errorf("got %+v, want it as it was", got)
	}
}

// TestAtOnce has many change the same instances: the store refuses some, which are tried again, and nothing is lost.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	r := registry(t, open(t), instances.Options{})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 5 {
				own := instances.Instance{ID: fmt.Sprintf("i-%d", i), Host: fmt.Sprintf("10.0.%d.%d", i, j+1)}
				shared := instances.Instance{ID: "i-shared", Host: own.Host}
				for _, one := range []instances.Instance{own, shared} {
					// Whoever loses ten times in a row is told to look again.
					if err := set(t, r, one); err != nil && fault.KindOf(err) != fault.Conflict {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	if got := r.List(); len(got) != 9 {
		t.Errorf("%d instances, want 9: %+v", len(got), got)
	}
	for i := range 8 {
		if got, _ := r.Lookup(fmt.Sprintf("i-%d", i)); got.Host != fmt.Sprintf("10.0.%d.5", i) {
			t.Errorf("got %+v, want the last that was set", got)
		}
	}
	done := make(chan error, 4)
	for range cap(done) {
		go func() { done <- r.Remove(t.Context(), "i-shared") }()
	}
	removed := 0
	for range cap(done) {
		if err := <-done; err == nil {
			removed++
		} else {
			wantFault(t, "the others", err, fault.NotFound)
		}
	}
	if removed != 1 {
		t.Errorf("%d removed it, want 1", removed)
	}
}

func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := registry(t, s, instances.Options{})
	r.OnChange(func() { t.Error("a change was told, want none") })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantFault(t, "closed", set(t, r, instances.Instance{ID: "i", Host: "a"}), fault.Unavailable, "set instance i: the store is closed")
}

func TestFull(t *testing.T) {
	t.Parallel()
	s := open(t)
	for have := 0; have < instances.Max; {
		var txn store.Txn
		for ; have < instances.Max && len(txn.Puts) < store.TxnChangesMax; have++ {
			txn.Puts = append(txn.Puts, store.Put{Key: fmt.Sprintf("instances/i-%d", have), Value: []byte(`{"version":1,"host":"a"}`)})
		}
		if _, err := s.Commit(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	r := registry(t, s, instances.Options{})
	wantFault(t, "one more", set(t, r, instances.Instance{ID: "i-more", Host: "b"}), fault.Full, "there are 20000 instances")
	if err := set(t, r, instances.Instance{ID: "i-7", Host: "b"}); err != nil {
		t.Errorf("change one of them: %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{`: `document "instances/i" of the store: `, `{"version":2,"host":"a"}`: "has version 2, this lull knows 1",
	} {
		s := open(t)
		if _, err := s.Commit(t.Context(), store.Txn{Puts: []store.Put{{Key: "instances/i", Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := instances.New(s, instances.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

// FuzzCheck: what is accepted is one word of printable ASCII that stays as it is when it is accepted again.
func FuzzCheck(f *testing.F) {
	f.Add("i-0abc123", "10.0.0.5", "us-east-1a")
	f.Add("..", "[::1]", "a b")
	f.Add("i", "0::0:1", "")
	r := registry(f, open(f), instances.Options{})
	f.Fuzz(func(t *testing.T, id, host, zone string) {
		in := instances.Instance{ID: id, Host: host, Zone: zone}
		if r.SetFixed("f", []instances.Instance{in}) != nil {
			return
		}
		got, found := r.Lookup(id)
		if !found || got.ID != id || got.Zone != zone || instances.Check(got) != nil {
			t.Fatalf("%+v became %+v", in, got)
		}
		for _, text := range []string{got.ID, got.Host, got.Zone} {
			if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
				t.Fatalf("%q accepted", text)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	r := registry(b, open(b), instances.Options{})
	if err := set(b, r, instances.Instance{ID: "i-0abc123", Host: "10.0.0.5", Zone: "us-east-1a"}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Lookup("i-0abc123")
	}
}
