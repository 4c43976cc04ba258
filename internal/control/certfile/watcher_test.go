package certfile_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/control/certfile"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// TestReplaced shows each way in which files are replaced in practice; the next look puts the new pair in force.
func TestReplaced(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		prepare func(f files, i *testca.Issued)
		replace func(f files, i *testca.Issued)
	}{
		{"in-place", func(f files, i *testca.Issued) { f.put("web", i) }, func(f files, i *testca.Issued) { f.put("web", i) }},
		{"rename", func(f files, i *testca.Issued) { f.put("web", i) }, func(f files, i *testca.Issued) {
			f.rename("web.pem", i.Chain)
			f.rename("web.key", i.Key)
		}},
		// certbot: live/name.pem -> archive/name1.pem, then archive/name2.pem.
		{"link", func(f files, i *testca.Issued) {
			f.put("web1", i)
			f.link("web.pem", "web1.pem")
			f.link("web.key", "web1.key")
		}, func(f files, i *testca.Issued) {
			f.put("web2", i)
			f.link("web.pem", "web2.pem")
			f.link("web.key", "web2.key")
		}},
		// Kubernetes: web.pem -> data/web.pem, data -> generation1, then generation2.
		{"linked-directory", func(f files, i *testca.Issued) {
			f.mkdir("generation1")
			f.put("generation1/web", i)
			f.link("data", "generation1")
			f.link("web.pem", "data/web.pem")
			f.link("web.key", "data/web.key")
		}, func(f files, i *testca.Issued) {
			f.mkdir("generation2")
			f.put("generation2/web", i)
			f.link("data", "generation2")
			f.remove("generation1/web.pem")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			c.prepare(f, issue(t, "old", testca.Request{}))
			reads := 0
			pair := f.pair("web")
			pair.Accept = func(*certs.Certificate) error { reads++; return nil }
			s, err := certfile.Load([]certfile.Pair{pair}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			w := watch(t, s)
			w.look()
			wantServed(t, s.Holder, "a.example", "old")
			c.replace(f, issue(t, "new", testca.Request{Names: []string{"b.example"}}))
			w.look(`level=INFO msg="certificate file replaced" file=` + f.path("web.pem") + ` holds="CN=new, ECDSA P-256, expires `)
			wantServed(t, s.Holder, "b.example", "new")
			st := w.Status(w.now)
			if len(st) != 1 || !st[0].Changed.Equal(w.now) || st[0].Problem != "" || st[0].Names[0] != "b.example" {
				t.Errorf("got %+v, want the new one since %v", st, w.now)
			}
			w.look()
			if reads != 2 {
				t.Errorf("got the files read %d times, want twice: a look alone reads nothing", reads)
			}
		})
	}
}

// TestKeyLater has a look fall between a certificate and its key: nobody hears of that.
func TestKeyLater(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"web.pem", "web.key"}, {"web.key", "web.pem"}} {
		t.Run(order[0]+"-first", func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.put("web", issue(t, "old", testca.Request{}))
			s := f.load("web")
			w := watch(t, s)
			i := issue(t, "new", testca.Request{})
			data := map[string][]byte{"web.pem": i.Chain, "web.key": i.Key}
			f.rename(order[0], data[order[0]])
			w.look()
			wantServed(t, s.Holder, "a.example", "old")
			if got := w.Status(w.now)[0].Problem; !strings.Contains(got, "the private key does not belong to the certificate") {
				t.Errorf("got problem %q, want the mismatch", got)
			}
			f.rename(order[1], data[order[1]])
			w.look("certificate file replaced")
			wantServed(t, s.Holder, "a.example", "new")
		})
	}
}

// TestUnfit puts something in the place of a pair that cannot be used. What was in force stays; it is logged once, when the
// files have come to rest; and what is fit at last is taken.
func TestUnfit(t *testing.T) {
	t.Parallel()
	bad := issue(t, "bad", testca.Request{Intermediate: true})
	cases := []struct {
		name  string
		spoil func(f files)
		says  string
	}{
		{"truncated", func(f files) { f.write("web.pem", bad.Chain[:len(bad.Chain)-99]) }, "web.pem: 1 of 2 PEM blocks are damaged"},
		{"truncated-key", func(f files) { f.write("web.key", bad.Key[:99]) }, "web.key: 1 of 1 PEM blocks are damaged"},
		{"empty", func(f files) { f.write("web.pem", nil) }, "web.pem: empty"},
		{"mismatch", func(f files) { f.write("web.key", bad.Key) }, "web.pem and "},
		{"missing", func(f files) { f.remove("web.key") }, "web.key: no such file or directory"},
		{"directory", func(f files) { f.remove("web.key"); f.mkdir("web.key") }, "web.key: no regular file"},
		{"encrypted", func(f files) {
			f.write("web.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
		}, "web.key: encrypted: it must be decrypted first"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.put("web", issue(t, "old", testca.Request{}))
			s := f.load("web")
			w := watch(t, s)
			c.spoil(f)
			w.look()
			w.look(c.says)
			w.look()
			w.look()
			wantServed(t, s.Holder, "a.example", "old")
			if got := w.Status(w.now)[0]; !strings.Contains(got.Problem, c.says) || !strings.Contains(got.Description, "CN=old") {
				t.Errorf("got %s, want the old one and problem %q", statusText(got), c.says)
			}
			if err := os.RemoveAll(f.path("web.key")); err != nil { // a directory, in one case
				t.Fatal(err)
			}
			f.put("web", issue(t, "new", testca.Request{}))
			w.look("certificate file replaced")
			wantServed(t, s.Holder, "a.example", "new")
			if got := w.Status(w.now)[0]; got.Problem != "" {
				t.Errorf("got %s, want no problem", statusText(got))
			}
		})
	}
}

// TestUnfitAnew changes files that are unfit into others that are: that is another change, and logged as one.
func TestUnfitAnew(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	i := issue(t, "old", testca.Request{})
	f.put("web", i)
	w := watch(t, f.load("web"))
	f.write("web.pem", []byte("x"))
	w.look()
	w.look("no -----BEGIN line")
	f.write("web.pem", nil)
	w.look()
	w.look("empty")
	w.look()
	f.write("web.pem", i.Chain)
	w.look("certificate file is in order again")
	w.look()
}

// TestBack takes files away and gives the very same back: what could not be read is read again though nothing tells it from
// what it was.
func TestBack(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.mkdir("generation")
	f.put("generation/web", issue(t, "old", testca.Request{}))
	f.link("data", "generation")
	s := f.load("data/web")
	w := watch(t, s)
	f.link("data", "nowhere")
	w.look()
	w.look("data/web.pem: no such file or directory")
	w.look()
	f.link("data", "generation")
	w.look("certificate file is in order again")
	wantServed(t, s.Holder, "", "old")
	if got := w.Status(w.now)[0].Problem; got != "" {
		t.Errorf("got problem %q, want none", got)
	}
}

// TestRestless changes a file before every look: somebody hears of it all the same.
func TestRestless(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("web", issue(t, "old", testca.Request{}))
	w := watch(t, f.load("web"))
	for range 2 {
		for range certfile.RestlessMax - 1 {
			f.write("web.pem", nil)
			w.look()
		}
		f.write("web.pem", nil)
		w.look("level=WARN")
	}
}

// TestOtherPairs shows that a broken pair does not hold up another one of its listener.
func TestOtherPairs(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("a", issue(t, "a-old", testca.Request{Names: []string{"a.example"}}))
	f.put("b", issue(t, "b-old", testca.Request{Names: []string{"b.example"}}))
	s := f.load("a", "b")
	w := watch(t, s)
	f.write("a.pem", nil)
	f.put("b", issue(t, "b-new", testca.Request{Names: []string{"b.example"}}))
	w.look("certificate file replaced")
	wantServed(t, s.Holder, "a.example", "a-old")
	wantServed(t, s.Holder, "", "a-old")
	wantServed(t, s.Holder, "b.example", "b-new")
	w.look("a.pem: empty")
}

func TestSameContent(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	i := issue(t, "old", testca.Request{})
	f.put("web", i)
	s := f.load("web")
	w := watch(t, s)
	set := s.Holder.Set()
	f.put("web", i)
	w.look()
	f.chmod("web.key", 0o640)
	w.look("level=WARN msg=\"" + f.path("web.key") + " is readable by group or others (mode 0640): chmod 600\"")
	w.look()
	if s.Holder.Set() != set {
		t.Error("the set was replaced by the same")
	}
	if got := w.Status(w.now)[0].Warnings; len(got) != 1 {
		t.Errorf("got warnings %q, want the one about the key", got)
	}
	f.chmod("web.key", 0o600)
	w.look()
	if got := w.Status(w.now)[0].Warnings; len(got) != 0 {
		t.Errorf("got warnings %q, want none", got)
	}
}

// TestCalendar lets time pass: a certificate that nobody renews is warned about when its last month begins, and when it is
// over.
func TestCalendar(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	i := issue(t, "web", testca.Request{})
	f.put("web", i)
	w := watch(t, f.load("web"))
	end := i.TLS.Leaf.NotAfter
	for _, c := range []struct {
		at   time.Time
		want []string
	}{
		{end.Add(-certs.ExpirySoon - time.Hour), nil},
		{end.Add(-certs.ExpirySoon + time.Hour), []string{"level=WARN msg=\"" + f.path("web.pem") + ": certificate CN=web expires on "}},
		{end.Add(-certs.ExpirySoon + 10*time.Hour), nil},
		{end.Add(-time.Hour), nil},
		{end.Add(time.Hour), []string{"certificate CN=web expired on "}},
		{end.Add(10 * time.Hour), nil},
	} {
		w.now = c.at
		w.look(c.want...)
	}
	if got := w.Status(w.now)[0].Warnings; len(got) != 1 {
		t.Errorf("got warnings %q, want that it has expired", got)
	}
}

func TestRootsReplaced(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	first, second := testca.NewFor(t), testca.NewFor(t)
	f.write("roots.pem", first.PEM())
	s, err := certfile.LoadRoots(f.path("roots.pem"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, s)
	if !s.Roots.Pool().Equal(first.Pool()) {
		t.Error("got other authorities than the file's")
	}
	f.write("roots.pem", []byte("x"))
	w.look()
	w.look("roots.pem: no -----BEGIN line")
	f.write("roots.pem", second.PEM())
	w.look(`msg="certificate file replaced" file=` + f.path("roots.pem") + ` holds="1 authority"`)
	if !s.Roots.Pool().Equal(second.Pool()) {
		t.Error("got other authorities than the new file's")
	}
	f.write("roots.pem", second.PEM())
	w.look()
	if got, want := statusText(w.Status(w.now)[0]), `1 files, roots true, names [], 1 authority, problem ""`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestReload reads what looks as it did, too, and logs at once, and again, what is wrong.
func TestReload(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("web", issue(t, "old", testca.Request{}))
	reads := 0
	pair := f.pair("web")
	pair.Accept = func(*certs.Certificate) error { reads++; return nil }
	s, err := certfile.Load([]certfile.Pair{pair}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, s)
	w.Reload(w.now)
	w.wantLog()
	if reads != 2 {
		t.Errorf("got the files read %d times, want twice", reads)
	}
	f.write("web.pem", nil)
	for range 2 {
		w.Reload(w.now)
		w.wantLog("web.pem: empty")
	}
	w.look()
	f.put("web", issue(t, "new", testca.Request{}))
	w.Reload(w.now)
	w.wantLog("certificate file replaced")
	wantServed(t, s.Holder, "", "new")
}

// TestApply forgets the sources of the plan before.
func TestApply(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("a", issue(t, "a-old", testca.Request{}))
	f.put("b", issue(t, "b-old", testca.Request{}))
	a, b := f.load("a"), f.load("b")
	w := watch(t, a)
	w.Apply([]*certfile.Source{b})
	f.put("a", issue(t, "a-new", testca.Request{}))
	f.put("b", issue(t, "b-new", testca.Request{}))
	w.look("b.pem")
	wantServed(t, a.Holder, "", "a-old")
	wantServed(t, b.Holder, "", "b-new")
	if got := w.Status(w.now); len(got) != 1 || got[0].Files[0] != f.path("b.pem") {
		t.Errorf("got %+v, want the second source alone", got)
	}
	w.Close()
	w.Apply([]*certfile.Source{a})
	w.look()
	w.Close()
}

// TestLooksByItself runs the watcher's own goroutine.
func TestLooksByItself(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("web", issue(t, "old", testca.Request{}))
	s := f.load("web")
	next := issue(t, "new", testca.Request{})
	synctest.Test(t, func(t *testing.T) {
		w := certfile.NewWatcher(slog.New(slog.DiscardHandler))
		w.Apply(nil)
		w.Apply([]*certfile.Source{s})
		w.Apply([]*certfile.Source{s})
		time.Sleep(999 * time.Millisecond) // of the bubble's clock
		f.put("web", next)
		synctest.Wait()
		wantServed(t, s.Holder, "", "old")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		wantServed(t, s.Holder, "", "new")
		w.Close()
	})
}

// TestAllAtOnce does everything from everywhere; the race detector judges.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	issued := []*testca.Issued{issue(t, "even", testca.Request{}), issue(t, "odd", testca.Request{})}
	f.put("web", issued[0])
	s := f.load("web")
	w := watch(t, s)
	const rounds = 50
	var wg sync.WaitGroup
	for _, work := range []func(i int){
		func(i int) { f.rename("web.pem", issued[i%2].Chain); f.rename("web.key", issued[i%2].Key) },
		func(int) { w.Look(w.now) },
		func(int) { w.Reload(w.now) },
		func(int) { w.Apply([]*certfile.Source{s}) },
		func(int) { w.Status(w.now) },
		func(int) {
			c, err := s.Holder.For(&tls.ClientHelloInfo{ServerName: "a.example"})
			if err != nil || c.Leaf == nil {
				t.Errorf("got %v, error %v, want a certificate", c, err)
			}
		},
	} {
		wg.Go(func() {
			for i := range rounds {
				work(i)
			}
		})
	}
	wg.Wait()
	w.Look(w.now)
	wantServed(t, s.Holder, "", "odd")
}

func BenchmarkLook(b *testing.B) {
	f := newFiles(b)
	f.put("web", issue(b, "web", testca.Request{}))
	w := watch(b, f.load("web"))
	b.ReportAllocs()
	for b.Loop() {
		w.Look(w.now)
	}
}
