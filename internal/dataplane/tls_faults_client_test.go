package dataplane_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// subjectHeader is the field for the subject of clients' certificates in these tests.
const subjectHeader = "X-Client-Subject"

// hall is a fort whose listeners ask for certificates, before a backend that keeps what it gets.
type hall struct {
	*fort
	guests  *testca.Authority // of the clients that are let in
	backend *lulltest.Recorder
}

func newHall(t *testing.T, auth plan.ClientAuth) *hall {
	t.Helper()
	h := &hall{guests: testca.NewFor(t)}
	h.backend = lulltest.Record(t, func(c net.Conn, _ lulltest.Received) bool {
		_, err := io.WriteString(c, lulltest.Response("hello"))
		return err == nil
	})
	h.fort = newFort(t, 1, func(f *fort) {
		f.before(lulltest.HTTPKey, h.backend.Addr)
		f.each(func(l *plan.Listener) {
			if l.TLS.ClientAuth = auth; auth != plan.ClientCertNone {
				l.TLS.ClientRoots = certs.NewRoots(h.guests.Pool())
			}
			l.TLS.SubjectHeader = subjectHeader
		})
	})
	return h
}

// guestTrust is trust with a certificate of ca's for that subject, or without one.
func (h *hall) guestTrust(version uint16, ca *testca.Authority, subject *pkix.Name) *tls.Config {
	c := h.trust(version)
	if subject != nil {
		issued := ca.IssueFor(h.t, testca.Request{Client: true, Subject: *subject}).TLS
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &issued, nil } // whoever is asked for
	}
	return c
}

// TestTLSClientCertificate: who is let in, by what they show and what they are asked for.
func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	ann := &pkix.Name{CommonName: "ann", Organization: []string{"ops"}}
	for _, tt := range []struct {
		auth    plan.ClientAuth
		shows   string // "nothing", "own", "foreign"
		https   reason.Reason
		ssl     reason.Reason
		subject string
	}{
		{plan.ClientCertNone, "nothing", reason.None, reason.None, ""},
		{plan.ClientCertNone, "foreign", reason.None, reason.None, ""}, // it is not asked for
		{plan.ClientCertOptional, "nothing", reason.None, reason.None, ""},
		{plan.ClientCertOptional, "own", reason.None, reason.None, "CN=ann,O=ops"},
		{plan.ClientCertOptional, "foreign", reason.HandshakeFailed, reason.HandshakeFailed, ""},
		{plan.ClientCertRequired, "nothing", reason.NoClientCert, reason.HandshakeFailed, ""},
		{plan.ClientCertRequired, "own", reason.None, reason.None, "CN=ann,O=ops"},
		{plan.ClientCertRequired, "foreign", reason.HandshakeFailed, reason.HandshakeFailed, ""},
	} {
		t.Run(fmt.Sprintf("%v-%s", tt.auth, tt.shows), func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					h := newHall(t, tt.auth)
					var subject *pkix.Name
					ca := h.guests
					switch tt.shows {
					case "own":
						subject = ann
					case "foreign":
						subject, ca = ann, testca.NewFor(t)
					}
					raw := h.knock(key)
					g := h.client(raw, raw, h.guestTrust(version, ca, subject))
					want := tt.https
					if key == secretKey {
						want = tt.ssl
					}
					switch want { //nolint:exhaustive // those of the table
					case reason.None:
						g.works(key)
						_ = g.Close()
						if r := h.ended(raw, reason.ClientClosed); r.TLS.Front.Subject != tt.subject {
							t.Errorf("record: got subject %q, want %q", r.TLS.Front.Subject, tt.subject)
						}
						return
					case reason.NoClientCert:
						g.say(lulltest.Request("POST", "/", "form"))
						a := g.answer("POST")
						checkOwn(t, a, "POST", 400)
						if !strings.Contains(string(a.Data), "certificate") {
							t.Errorf("page: got %q, want it to name the certificate", a.Data)
						}
						if x := h.ExchangeOf(raw, 1); x.Reason != want || x.BackendStatus != 0 || x.Ends.Backend != "" {
							t.Errorf("exchange: got %v, backend %q; want %v and none", x.Reason, x.Ends.Backend, want)
						}
					default:
						_, _ = io.WriteString(g, lulltest.Request("GET", "/", "")) // in TLS 1.3 the client learns of it later
						if _, data := g.end(); len(data) > 0 {
							t.Errorf("client: got %q, want nothing", data)
						}
					}
					_ = raw.Close()
					if r := h.ended(raw, want); want == reason.HandshakeFailed && r.TLS.Fault == "" {
						t.Error("record: got no fault, want it in words")
					}
					if total, _ := totalsOf(h.Engine, key); (total.Untrusted == 1) != (want == reason.HandshakeFailed) {
						t.Errorf("counters: got %d untrusted clients in %d ended with %v", total.Untrusted, total.Closes[want], want)
					}
				})
			})
		})
	}
}

// TestTLSSubjectHeader: nobody but lull tells the backend who the client is.
func TestTLSSubjectHeader(t *testing.T) {
	t.Parallel()
	request := func(lines ...string) string {
		return "GET / HTTP/1.1\r\nHost: test\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	for _, tt := range []struct{ name, request string }{
		{"plain", request("X-Client-Subject: CN=admin")},
		{"small-letters", request("x-client-subject: CN=admin")},
		{"underscores", request("X_Client_Subject: CN=admin", "X-Client_Subject: CN=admin", "x_client-subject: CN=admin")},
		{"twice", request("X-Client-Subject: CN=admin", "A: b", "X-Client-Subject: CN=admin")},
		{"nominated", request("Connection: X-Client-Subject", "X-Client-Subject: CN=admin")},
		{"empty", request("X-Client-Subject:")},
		{"with-body", lulltest.Request("POST", "/", "X-Client-Subject: CN=mine")},
		{"http-1.0", "GET / HTTP/1.0\r\nX-Client-Subject: CN=admin\r\n\r\n"},
		{"trailer", "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Client-Subject\r\n\r\n" +
			"5\r\nhello\r\n0\r\nX-Client-Subject: CN=admin\r\nX_Client_Subject: CN=admin\r\n\r\n"},
	} {
		for _, shows := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, shows), func(t *testing.T) {
				t.Parallel()
				h := newHall(t, plan.ClientCertOptional)
				var subject *pkix.Name
				if shows {
					subject = &pkix.Name{CommonName: "ann"}
				}
				g := h.enter(lulltest.HTTPKey, h.guestTrust(tls.VersionTLS13, h.guests, subject))
				for range 2 { // the second is read from a connection that is known
					if tt.name == "http-1.0" {
						g = h.enter(lulltest.HTTPKey, h.guestTrust(tls.VersionTLS13, h.guests, subject))
					}
					g.say(tt.request)
					if a := g.answer("GET"); a.StatusCode != 200 {
						t.Fatalf("client: got %s", a.Status)
					}
				}
				_ = g.Close()
				h.judge(t, shows)
			})
		}
	}
}

// judge checks what the backend has got of two requests.
func (h *hall) judge(t *testing.T, shows bool) {
	t.Helper()
	var all string
	for _, tape := range h.backend.Take(1) {
		all += tape.Bytes
	}
	lines := strings.Count(strings.ToLower(strings.ReplaceAll(all, "_", "-")), "x-client-subject:")
	told := strings.Count(all, subjectHeader+": CN=ann\r\n")
	mine := strings.Count(all, "CN=mine") // of a body
	if want := map[bool]int{true: 2}[shows]; told != want || lines-mine != want || strings.Contains(all, "CN=admin") {
		t.Errorf("backend: got %q, want the subject %d times and no other", all, want)
	}
}

// TestTLSHostileSubject: a subject is one field line, whatever a certificate says.
func TestTLSHostileSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, common, want string }{
		{"crlf", "ann\r\nX-Evil: 1", `CN=ann\0D\0AX-Evil: 1`},
		{"quotes", `"ann", \ 'bob'; <c>`, `CN=\"ann\"\, \\ 'bob'\; \<c\>`},
		{"utf-8", "Zoë ☃", `CN=Zo\C3\AB \E2\98\83`},
		{"nul", "ann\x00bob", `CN=ann\00bob`},
		{"spaces", " ann ", `CN=\ ann\ `},
		{"long", strings.Repeat("x", 100_000), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothVersions(t, func(t *testing.T, version uint16) {
				h := newHall(t, plan.ClientCertRequired)
				raw := h.knock(lulltest.HTTPKey)
				g := h.client(raw, raw, h.guestTrust(version, h.guests, &pkix.Name{CommonName: tt.common}))
				if tt.name == "long" && g.Handshake() != nil { // a certificate may be too large for crypto/tls
					h.ended(raw, reason.HandshakeFailed)
					return
				}
				g.say(lulltest.Request("GET", "/", ""))
				a := g.answer("GET")
				if a.StatusCode != 200 {
					t.Fatalf("client: got %s", a.Status)
				}
				_ = g.Close()
				got := h.backend.Take(1)[0].Bytes
				_, rest, found := strings.Cut(got, "\r\n"+subjectHeader+": ")
				line, rest, _ := strings.Cut(rest, "\r\n")
				if !found || tt.want != "" && line != tt.want || strings.Contains(rest, "X-Evil") || strings.ContainsAny(line, "\r\n\x00") {
					t.Errorf("backend: got subject %.200q, want %q in one line", line, tt.want)
				}
				if r := h.ended(raw, reason.ClientClosed); !strings.HasPrefix(line, r.TLS.Front.Subject) {
					t.Errorf("record: got subject %.200q, want that of the backend", r.TLS.Front.Subject)
				}
			})
		})
	}
}
