package certfile_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/control/certfile"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("a", issue(t, "A", testca.Request{Names: []string{"a.example", "*.A.example"}}))
	b := issue(t, "B", testca.Request{Names: []string{"b.example"}, RSA: true, Intermediate: true})
	f.write("b.pem", slices.Concat(b.Key, b.Chain))
	now := time.Now()
	s, err := certfile.Load([]certfile.Pair{f.pair("a"), {Certificate: f.path("b.pem"), Key: f.path("b.pem")}}, now)
	if err != nil {
		t.Fatal(err)
	}
	wantServed(t, s.Holder, "", "A")
	wantServed(t, s.Holder, "x.a.example", "A")
	wantServed(t, s.Holder, "b.example", "B")
	if s.Roots != nil || len(s.Warnings()) != 0 {
		t.Errorf("got roots %v, warnings %q, want neither", s.Roots, s.Warnings())
	}
	day := now.AddDate(0, 0, 90).UTC().Format(time.DateOnly)
	want := []string{
		`2 files, roots false, names ["a.example" "*.a.example"], CN=A, ECDSA P-256, expires ` + day + `, problem ""`,
		`2 files, roots false, names ["b.example"], CN=B, RSA 2048, expires ` + day + `, problem ""`,
	}
	for i, st := range s.Status(now) {
		if got := statusText(st); got != want[i] || !st.Changed.Equal(now) || st.NotAfter.Sub(now).Round(time.Hour) != 90*24*time.Hour {
			t.Errorf("got %s until %v since %v, want %s", got, st.NotAfter, st.Changed, want[i])
		}
	}
}

func TestLoadFaults(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	good, other := issue(t, "good", testca.Request{}), issue(t, "other", testca.Request{})
	f.put("good", good)
	f.write("other.key", other.Key)
	f.write("long", make([]byte, certs.BytesMax+1))
	f.mkdir("dir")
	if err := syscall.Mkfifo(f.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name             string
		certificate, key string
		part             certs.Part
		says             string // DIR stands for the directory
	}{
		{"no-certificate", "none", "good.key", certs.PartChain, "DIR/none: no such file or directory"},
		{"no-key", "good.pem", "none", certs.PartKey, "DIR/none: no such file or directory"},
		{"directory", "dir", "good.key", certs.PartChain, "DIR/dir: no regular file (drwx------)"},
		{"pipe", "good.pem", "pipe", certs.PartKey, "DIR/pipe: no regular file (prw-------)"},
		{"long", "long", "good.key", certs.PartChain, "DIR/long: 1048577 bytes, at most 1048576 are read"},
		{"exchanged", "good.key", "good.pem", certs.PartChain, "DIR/good.key: a private key, but no certificate in it"},
		{"key-only", "good.pem", "good.pem", certs.PartKey, "DIR/good.pem: a certificate, but no private key in it"},
		{"mismatch", "good.pem", "other.key", certs.PartPair, "DIR/good.pem and DIR/other.key: the private key does not belong"},
	}
	var all []certfile.Pair
	for _, c := range cases {
		all = append(all, certfile.Pair{Certificate: f.path(c.certificate), Key: f.path(c.key)})
	}
	s, err := certfile.Load(slices.Insert(all, 1, f.pair("good")), time.Now())
	var faults certfile.Faults
	if s != nil || !errors.As(err, &faults) || len(faults) != len(cases) {
		t.Fatalf("got %v, error %v, want a fault for each pair but one", s, err)
	}
	for i, c := range cases {
		at := i
		if i > 0 {
			at++ // the good one
		}
		says := strings.ReplaceAll(c.says, "DIR", f.dir)
		if got := faults[i]; got.Pair != at || got.Part != c.part || !strings.HasPrefix(got.Error(), says) {
			t.Errorf("%s: got pair %d, %v, %q, want %d, %v, %q", c.name, got.Pair, got.Part, got, at, c.part, says)
		}
		if got := faults[i]; strings.Contains(got.Text(), f.dir) || !strings.HasSuffix(got.Error(), ": "+got.Text()) {
			t.Errorf("%s: got text %q, want that of %q without the file", c.name, got.Text(), got)
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %q, want it to say %q", c.name, err, says)
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the cause to be kept", err)
	}
	if _, err := certfile.Load(nil, time.Now()); err == nil {
		t.Error("no pair: got no error, want one")
	}
}

// TestAccept refuses a kind of key, when a pair is loaded and when it changes.
func TestAccept(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.put("web", issue(t, "rsa", testca.Request{RSA: true}))
	p := f.pair("web")
	p.Accept = func(c *certs.Certificate) error {
		if c.KeyKind() != certs.RSA {
			return errors.New("no suite for it")
		}
		return nil
	}
	s, err := certfile.Load([]certfile.Pair{p}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, s)
	f.put("web", issue(t, "ecdsa", testca.Request{}))
	w.look()
	w.look("web.pem: no suite for it")
	wantServed(t, s.Holder, "", "rsa")
	var faults certfile.Faults
	if _, err = certfile.Load([]certfile.Pair{p}, time.Now()); !errors.As(err, &faults) || faults[0].Text() != "no suite for it" {
		t.Errorf("got error %v, want the refusal", err)
	}
}

func TestLoadWarnings(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cases := []struct {
		name string
		mode os.FileMode
		days int
		want string // parts, with a bar between them; KEY and CERTIFICATE stand for the files
	}{
		{"good", 0o600, 31, ""},
		{"read-only", 0o400, 31, ""},
		{"group", 0o640, 31, "KEY is readable by group or others (mode 0640): chmod 600"},
		{"others", 0o604, 31, "KEY is readable by group or others (mode 0604): chmod 600"},
		{"usual", 0o644, 31, "KEY is readable by group or others (mode 0644): chmod 600"},
		{"writable", 0o620, 31, "KEY is writable by group or others (mode 0620): chmod 600"},
		{"soon", 0o600, 29, "CERTIFICATE: certificate CN=web expires on "},
		{"expired-and-readable", 0o644, -1, "KEY is readable|CERTIFICATE: certificate CN=web expired on "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFiles(t)
			f.put("web", issue(t, "web", testca.Request{NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, c.days)}))
			f.chmod("web.pem", 0o644) // a certificate is no secret
			f.chmod("web.key", c.mode)
			want := strings.NewReplacer("KEY", f.path("web.key"), "CERTIFICATE", f.path("web.pem")).Replace(c.want)
			got := f.load("web").Warnings()
			if !slices.EqualFunc(got, strings.FieldsFunc(want, func(r rune) bool { return r == '|' }), strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestLoadRoots(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	a := testca.NewFor(t)
	f.write("roots.pem", a.PEM())
	f.chmod("roots.pem", 0o644) // no secret
	s, err := certfile.LoadRoots(f.path("roots.pem"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s.Holder != nil || !s.Roots.Pool().Equal(a.Pool()) || len(s.Warnings()) != 0 {
		t.Errorf("got holder %v, warnings %q, want the authority alone", s.Holder, s.Warnings())
	}
	if s, err = certfile.LoadRoots(f.path("roots.pem"), time.Now().AddDate(20, 0, 0)); err != nil ||
		!slices.EqualFunc(s.Warnings(), []string{f.path("roots.pem") + ": the authority expired on "}, strings.HasPrefix) {
		t.Errorf("got error %v, warnings %q, want one about the end", err, s.Warnings())
	}
	f.write("key.pem", issue(t, "x", testca.Request{}).Key)
	for name, says := range map[string]string{"none": "no such file", "key.pem": f.path("key.pem") + ": a private key in it"} {
		if _, err := certfile.LoadRoots(f.path(name), time.Now()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, says)
		}
	}
}

func TestLoadPublicKeys(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	i := issue(t, "x", testca.Request{})
	f.put("x", i)
	got, err := certfile.LoadPublicKeys(f.path("x.pem"))
	if err != nil || len(got) != 1 || string(got[0]) != string(i.TLS.Leaf.RawSubjectPublicKeyInfo) {
		t.Errorf("got %x, error %v, want the certificate's key", got, err)
	}
	for name, says := range map[string]string{"none": "no such file", "x.key": f.path("x.key") + ": block 1: a private key"} {
		if _, err := certfile.LoadPublicKeys(f.path(name)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, says)
		}
	}
}
