package certstore

import (
	"path/filepath"
	"testing"
	"time"

	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// TestLateImport: of two imports at once, the one that was committed first may come to its holder last.
func TestLateImport(t *testing.T) {
	t.Parallel()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := New(s, Options{Account: "123456789012", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ca := testca.NewFor(t)
	parse := func(name string) *certs.Certificate {
		i := ca.IssueFor(t, testca.Request{Names: []string{name}})
		cert, err := certs.Parse(i.Chain, i.Key)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	early, late := parse("early.example"), parse("late.example")
	const arn = "arn:aws:iam::123456789012:server-certificate/web"
	c.take(arn, &held{cert: late, revision: 8})
	holder, _ := c.Holder(arn)
	c.take(arn, &held{cert: early, revision: 7})
	if got, _ := c.Certificate(arn); got != late || holder.Set().All()[0] != late {
		t.Errorf("got %v, want %v", got, late)
	}
	c.take(arn, &held{revision: 10})
	c.take(arn, &held{cert: early, revision: 9})
	if _, found := c.Holder(arn); found {
		t.Error("an import from before the deletion is in force")
	}
	c.take(arn, &held{cert: early, revision: 11})
	if same, _ := c.Holder(arn); same != holder || holder.Set().All()[0] != early {
		t.Error("a later import is not in force, or in another holder")
	}
}
