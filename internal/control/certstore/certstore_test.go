package certstore_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/certstore"
	"lull/internal/control/fault"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

const (
	account = "123456789012"
	arnWeb  = "arn:aws:iam::" + account + ":server-certificate/web"
	arnACM  = "arn:aws:acm:us-east-1:" + account + ":certificate/12345678-1234-1234-1234-123456789012"
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

func newStore(t testing.TB, s *store.Store, o certstore.Options) *certstore.Store {
	t.Helper()
	o.Account, o.Now = account, time.Now
	c, err := certstore.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantFault wants a refusal of a kind with words in it.
func wantFault(t *testing.T, name string, err error, kind fault.Kind, words string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: got kind %d, %v, want %d and %q", name, fault.KindOf(err), err, kind, words)
	}
}

func imported(t testing.TB, c *certstore.Store, name string, i *testca.Issued) certstore.Info {
	t.Helper()
	info, err := c.Import(t.Context(), name, i.Chain, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// serves returns the serial number of the certificate that a client gets from a holder.
func serves(t *testing.T, h *certs.Holder) string {
	t.Helper()
	got, err := h.For(&tls.ClientHelloInfo{ServerName: "web.example"})
	if err != nil {
		return err.Error()
	}
	return got.Leaf.SerialNumber.String()
}

func serial(i *testca.Issued) string { return i.TLS.Leaf.SerialNumber.String() }

func TestImport(t *testing.T) {
	t.Parallel()
	s, ca := open(t), testca.NewFor(t)
	c := newStore(t, s, certstore.Options{})
	first := ca.IssueFor(t, testca.Request{Names: []string{"web.example", "*.web.example"}, Intermediate: true})
	info := imported(t, c, "web", first)
	if info.ARN != arnWeb || !slices.Equal(info.Names, []string{"web.example", "*.web.example"}) || info.KeyKind != certs.ECDSA ||
		!info.NotAfter.Equal(first.TLS.Leaf.NotAfter) || len(info.Warnings) != 0 || !strings.HasPrefix(info.Description, "CN=web.example, ECDSA P-256") {
		t.Errorf("got %+v", info)
	}
	holder, found := c.Holder(arnWeb)
	if !found || serves(t, holder) != serial(first) {
		t.Fatalf("found %t, want the certificate in force", found)
	}
	again := newStore(t, s, certstore.Options{}) // as after a restart
	if got := again.List(); len(got) != 1 || got[0].ARN != info.ARN || !got[0].Imported.Equal(info.Imported) || got[0].Description != info.Description {
		t.Errorf("listed %+v, want %+v", got, info)
	}
	cert, found := again.Certificate(arnWeb)
	if !found || cert.KeyKind() != certs.ECDSA || len(cert.TLS.Certificate) != 2 {
		t.Errorf("%v, %t, want the whole chain", cert, found)
	}
	if got, err := again.Get("web"); err != nil || got.ARN != arnWeb {
		t.Errorf("got %+v, %v", got, err)
	}
	second := ca.IssueFor(t, testca.Request{Names: []string{"web.example"}, RSA: true})
	both := append(bytes.Clone(second.Key), second.Chain...) // one text for both
	if _, err := c.Import(t.Context(), arnWeb, both, both); err != nil {
		t.Fatal(err)
	}
	same, _ := c.Holder(arnWeb)
	if same != holder || serves(t, holder) != serial(second) {
		t.Error("another holder, or not the renewed certificate in the same")
	}
	if got, _ := c.Certificate(arnWeb); got.KeyKind() != certs.RSA {
		t.Errorf("got %s, want an RSA key", got)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s, ca := open(t), testca.NewFor(t)
	used := true
	c := newStore(t, s, certstore.Options{InUse: func(arn string) (string, bool) { return "listener 443 of load balancer web", used && arn == arnACM }})
	first := ca.IssueFor(t, testca.Request{Names: []string{"web.example"}})
	imported(t, c, arnACM, first)
	holder, _ := c.Holder(arnACM)
	wantFault(t, "in use", c.Delete(t.Context(), arnACM), fault.InUse, "certificate "+arnACM+" is used by listener 443 of load balancer web: give it another one first")
	used = false
	if err := c.Delete(t.Context(), arnACM); err != nil {
		t.Fatal(err)
	}
	if _, found := c.Holder(arnACM); found || serves(t, holder) != "no certificate" || len(c.List()) != 0 {
		t.Error("the deleted certificate is still there")
	}
	if _, found := c.Certificate(arnACM); found {
		t.Error("the deleted certificate is still found")
	}
	if len(newStore(t, s, certstore.Options{}).List()) != 0 {
		t.Error("the deleted certificate is in the store")
	}
	wantFault(t, "twice", c.Delete(t.Context(), arnACM), fault.NotFound, "there is no certificate "+arnACM)
	_, err := c.Get(arnACM)
	wantFault(t, "get", err, fault.NotFound, "there is no certificate")
	imported(t, c, arnACM, first)
	if same, _ := c.Holder(arnACM); same != holder || serves(t, holder) != serial(first) {
		t.Error("imported again, it is not in the holder that listeners may still have")
	}
}

// TestDeleteWhileImporting: whoever deletes a certificate that is imported and taken into use meanwhile is refused.
func TestDeleteWhileImporting(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	next := ca.IssueFor(t, testca.Request{Names: []string{"next.example"}})
	var c *certstore.Store
	asked := 0
	c = newStore(t, open(t), certstore.Options{InUse: func(string) (string, bool) {
		if asked++; asked == 1 {
			imported(t, c, "web", next)
			return "", false
		}
		return "listener 443 of load balancer web", true
	}})
	imported(t, c, "web", ca.IssueFor(t, testca.Request{Names: []string{"web.example"}}))
	wantFault(t, "delete", c.Delete(t.Context(), "web"), fault.InUse, "is used by listener 443")
	if h, found := c.Holder(arnWeb); !found || serves(t, h) != serial(next) || asked != 2 {
		t.Errorf("found %t after %d questions, want the new certificate in force", found, asked)
	}
}

func TestARN(t *testing.T) {
	t.Parallel()
	c := newStore(t, open(t), certstore.Options{})
	const iam = "arn:aws:iam::123456789012:server-certificate/"
	for in, want := range map[string]string{
		"web": arnWeb, "a+b=c,d.e@f_g-h": iam + "a+b=c,d.e@f_g-h", strings.Repeat("n", 128): iam + strings.Repeat("n", 128),
		arnWeb: arnWeb, arnACM: arnACM, iam + "division/prod/web": iam + "division/prod/web",
		"arn:aws-cn:iam::000000000000:server-certificate/x":              "arn:aws-cn:iam::000000000000:server-certificate/x",
		"arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/ab-1": "arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/ab-1",
		"": "", strings.Repeat("n", 129): "", "a b": "", "a/b": "", "a:b": "", "ä": "", "a\n": "", "arn:": "",
		"arn:aws:iam::123:server-certificate/x": "", iam: "", iam + "a//b": "", iam + "a/": "", iam + "a b": "",
		"arn:aws:iam:us-east-1:123456789012:server-certificate/x": "", "arn:aws:s3:::bucket": "",
		"arn:aws:acm::123456789012:certificate/x": "", "arn:aws:acm:us-east-1:123456789012:certificate/a/b": "",
		"ARN:aws:iam::123456789012:server-certificate/x": "", iam + strings.Repeat("p/", 300) + "x": "",
	} {
		got, err := c.ARN(in)
		if want == "" {
			wantFault(t, in, err, fault.Invalid, "arn: ")
		} else if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "12345678901", "1234567890123", "12345678901x"} {
		_, err := certstore.New(open(t), certstore.Options{Account: bad, Now: time.Now})
		wantFault(t, bad, err, fault.Invalid, "must be 12 digits")
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	s, ca := open(t), testca.NewFor(t)
	c := newStore(t, s, certstore.Options{})
	a, b := ca.IssueFor(t, testca.Request{Names: []string{"a.example"}}), ca.IssueFor(t, testca.Request{Names: []string{"b.example"}})
	large := bytes.Repeat(a.Chain, (600<<10)/len(a.Chain))
	for _, one := range []struct {
		name, arn, want string
		chain, key      []byte
	}{
		{"name", "a b", `arn: "a b": must be`, a.Chain, a.Key},
		{"no-chain", "web", "chain: ", nil, a.Key},
		{"no-key", "web", "key: ", a.Chain, nil},
		{"other-key", "web", "chain and key: the private key does not belong to the certificate", a.Chain, b.Key},
		{"half", "web", "chain: ", a.Chain[:len(a.Chain)/2], a.Key},
		{"half-key", "web", "key: ", a.Chain, a.Key[:len(a.Key)-20]},
		{"huge", "web", "chain: ", bytes.Repeat([]byte("x"), certs.BytesMax+1), a.Key},
	} {
		_, err := c.Import(t.Context(), one.arn, one.chain, one.key)
		wantFault(t, one.name, err, fault.Invalid, one.want)
	}
	if _, err := c.Import(t.Context(), "web", append(bytes.Clone(large), large...), a.Key); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("a chain beyond the store's bound: got %v, want a refusal", err)
	}
	if len(c.List()) != 0 {
		t.Errorf("got %+v, want no certificate", c.List())
	}
	imported(t, c, "web", a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.Import(t.Context(), "web", b.Chain, b.Key)
	wantFault(t, "closed", err, fault.Unavailable, "import certificate "+arnWeb+": the store is closed")
	wantFault(t, "closed", c.Delete(t.Context(), "web"), fault.Unavailable, "delete certificate "+arnWeb)
	if h, _ := c.Holder(arnWeb); serves(t, h) != serial(a) {
		t.Error("what the store refused is in force")
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	c := newStore(t, open(t), certstore.Options{})
	old := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"a.example"}, NotBefore: time.Now().AddDate(0, -3, 0), NotAfter: time.Now().AddDate(0, 0, -1)})
	if info := imported(t, c, "web", old); len(info.Warnings) != 1 || !strings.Contains(info.Warnings[0], "expired on") {
		t.Errorf("got %q, want that it has expired", info.Warnings)
	}
	rsa := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"a.example"}, RSA: true})
	if info := imported(t, c, "web", rsa); len(info.Warnings) != 1 || !strings.Contains(info.Warnings[0], "its key is RSA, that of the certificate before was ECDSA") {
		t.Errorf("got %q, want that the key is of another kind", info.Warnings)
	}
	if info := imported(t, c, "web", rsa); len(info.Warnings) != 0 {
		t.Errorf("got %q, want none", info.Warnings)
	}
}

// TestAtOnce has many import and delete under one ARN: what is in force afterwards is what is in the store.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	s, ca := open(t), testca.NewFor(t)
	c := newStore(t, s, certstore.Options{})
	var wait sync.WaitGroup
	for i := range 4 {
		one := ca.IssueFor(t, testca.Request{Names: []string{fmt.Sprintf("%d.example", i)}})
		wait.Go(func() {
			for range 5 {
				if _, err := c.Import(t.Context(), "web", one.Chain, one.Key); err != nil {
					t.Error(err)
				}
				if i == 0 {
					if err := c.Delete(t.Context(), "web"); err != nil && fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Conflict {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	got, want := c.List(), newStore(t, s, certstore.Options{}).List()
	if len(got) != len(want) || len(got) > 0 && got[0].Description != want[0].Description {
		t.Errorf("in force is %+v, in the store %+v", got, want)
	}
	if cert, found := c.Certificate(arnWeb); found && cert.String() != want[0].Description {
		t.Errorf("the holder has %s, the store %s", cert, want[0].Description)
	}
}

// TestTellsNoKey prints all that the package returns, errors included.
func TestTellsNoKey(t *testing.T) {
	t.Parallel()
	s, ca := open(t), testca.NewFor(t)
	c := newStore(t, s, certstore.Options{})
	one, other := ca.IssueFor(t, testca.Request{Names: []string{"a.example"}}), ca.IssueFor(t, testca.Request{Names: []string{"b.example"}})
	var out bytes.Buffer
	info := imported(t, c, "web", one)
	cert, _ := c.Certificate(arnWeb)
	fmt.Fprintf(&out, "%v %+v %#v %v %+v %s\n", info, info, info, c.List(), cert, cert)
	if err := json.NewEncoder(&out).Encode([]any{info, c.List(), cert}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "info", info, "certificate", cert)
	damaged := bytes.Replace(one.Key, []byte("\n"), []byte("\n!"), 2)
	for _, key := range [][]byte{damaged, one.Key[:80], one.Key[30:], other.Key, append([]byte("x"), one.Key...)} {
		if _, err := c.Import(t.Context(), "web2", one.Chain, key); err != nil {
			fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
		}
		if _, err := c.Import(t.Context(), "web2", key, key); err != nil {
			fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
		}
	}
	for _, key := range [][]byte{one.Key, other.Key} {
		block, _ := pem.Decode(key)
		body := strings.Split(string(key), "\n")[1]
		for at := 0; at+12 <= len(body); at += 4 {
			if strings.Contains(out.String(), body[at:at+12]) {
				t.Errorf("a part of a key is told: %d characters from %d", 12, at)
			}
		}
		if strings.Contains(out.String(), fmt.Sprintf("%x", block.Bytes[40:48])) {
			t.Error("a part of a key is told in hexadecimal")
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"version":1,"key":5171}`: `document "certificates/` + arnWeb + `" of the store is not a certificate`,
		`{"version":2}`:            "has version 2, this lull knows 1",
		`{"version":1}`:            "of the store: ",
	} {
		s := open(t)
		if _, err := s.Commit(t.Context(), store.Txn{Puts: []store.Put{{Key: "certificates/" + arnWeb, Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
		_, err := certstore.New(s, certstore.Options{Account: account, Now: time.Now})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "5171") {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

// FuzzARN: what is accepted is accepted again as it is, and can be a key of the store.
func FuzzARN(f *testing.F) {
	f.Add("web")
	f.Add(arnWeb)
	f.Add(arnACM)
	c := newStore(f, open(f), certstore.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		arn, err := c.ARN(text)
		if err != nil {
			return
		}
		again, err := c.ARN(arn)
		if err != nil || again != arn || strings.ContainsAny(arn, " \n?#%&\"'") {
			t.Errorf("%q became %q and then %q, %v", text, arn, again, err)
		}
		if got, err := c.Get(arn); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: got %+v, %v", arn, got, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	s, ca := open(b), testca.NewFor(b)
	c := newStore(b, s, certstore.Options{})
	for i := range 20 {
		imported(b, c, fmt.Sprintf("web-%d", i), ca.IssueFor(b, testca.Request{Names: []string{"a.example"}, RSA: true}))
	}
	for b.Loop() {
		newStore(b, s, certstore.Options{})
	}
}

// TestOnChange: who asks for it is told of imports and deletions, when they are in force already.
func TestOnChange(t *testing.T) {
	t.Parallel()
	c := newStore(t, open(t), certstore.Options{})
	var told []string
	c.OnChange(func(arn string) {
		_, found := c.Holder(arn)
		told = append(told, fmt.Sprintf("%s %t", arn, found))
	})
	pair := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"a.test"}})
	for range 2 {
		if _, err := c.Import(t.Context(), "web", pair.Chain, pair.Key); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Import(t.Context(), "web", pair.Chain, nil); err == nil {
		t.Error("a certificate without its key is taken")
	}
	if want := []string{arnWeb + " true", arnWeb + " true", arnWeb + " false"}; !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}
