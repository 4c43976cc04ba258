package file

import (
	"crypto/tls"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// parseTLS compiles a file that must be sound, as if it lay in a directory.
func parseTLS(t *testing.T, dir, text string) *Config {
	t.Helper()
	c, faults := parseIn(dir, []byte(text))
	if faults != "" {
		t.Fatalf("%s\ngot faults, want none:\n%s", text, faults)
	}
	return c
}

// oneListener returns a file with an https listener that has these lines in its tls mapping, or such a list.
func oneListener(tls string) string {
	return "load_balancers: [{name: a, listeners: [{name: l, protocol: https, port: 1, backend_set: s, tls: " + tls +
		"}], backend_sets: [{name: s}]}]"
}

// leaves returns the first name of each certificate of a listener, in their order.
func leaves(l *plan.Listener) string {
	var names []string
	for _, c := range l.TLS.Certificates.Set().All() {
		names = append(names, c.TLS.Leaf.DNSNames[0])
	}
	return strings.Join(names, " ")
}

// TestListenerCertificates: the forms in which certificates may be named, and which of them comes first.
func TestListenerCertificates(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	cases := map[string]struct{ tls, want string }{
		"one":         {"{certificate: cert.pem, key: key.pem}", "app.example.com"},
		"absolute":    {"{certificate: " + dir + "/cert.pem, key: " + dir + "/dir/../key.pem}", "app.example.com"},
		"below":       {"{certificates: [{certificate: rsa.pem, key: rsa.key}]}", "www.example.com"},
		"first":       {"{certificates: [{certificate: rsa.pem, key: rsa.key}], certificate: cert.pem, key: key.pem}", "app.example.com www.example.com"},
		"list":        {"[{certificate: other.pem, key: other.key}, {certificate: cert.pem, key: key.pem}]", "other.example.com app.example.com"},
		"list-of-one": {"[{certificate: other.pem, key: other.key}]", "other.example.com"},
		"with-chain":  {"{certificate: other.pem, key: other.key}", "other.example.com"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := parseTLS(t, dir, oneListener(c.tls)).Plan.LoadBalancers[0].Listeners[0]
			if got := leaves(l); got != c.want {
				t.Errorf("got certificates %s, want %s", got, c.want)
			}
		})
	}
}

// TestCertificatesAreLoadedOnce: listeners with the same files have them from one source, unless their policies judge keys
// differently.
func TestCertificatesAreLoadedOnce(t *testing.T) {
	t.Parallel()
	c := parseTLS(t, tlsDir(t), `load_balancers:
  - name: a
    listeners:
      - {name: one, protocol: https, port: 1, backend_set: s, tls: &t {certificate: rsa.pem, key: rsa.key, client_certificates: {mode: optional, ca: ca.pem}}}
      - {name: two, protocol: https, port: 2, backend_set: s, tls: *t}
      - {name: list, protocol: https, port: 3, backend_set: s, tls: [{certificate: rsa.pem, key: rsa.key}]}
      - {name: old, protocol: https, port: 4, backend_set: s, tls: {certificate: rsa.pem, key: rsa.key, policy: oci-default-ssl-cipher-suite-v1}}
      - {name: more, protocol: https, port: 5, backend_set: s, tls: [{certificate: rsa.pem, key: rsa.key}, {certificate: cert.pem, key: key.pem}]}
    backend_sets: [{name: s, protocol: https, tls: {ca: ca.pem}}]
`)
	l := c.Plan.LoadBalancers[0].Listeners
	for i, shares := range []bool{true, true, true, false, false} {
		if got := l[i].TLS.Certificates == l[0].TLS.Certificates; got != shares {
			t.Errorf("listener %s: got the first one's certificates %v, want %v", l[i].Key, got, shares)
		}
	}
	if l[0].TLS.ClientRoots != l[0].BackendSet.TLS.Roots || len(c.Certificates) != 4 {
		t.Errorf("got %d sources, want 4: three of certificates, one of authorities", len(c.Certificates))
	}
}

// TestListenerTLSDefaults: what an https and an ssl listener are told where nothing is said, and that others are told nothing.
func TestListenerTLSDefaults(t *testing.T) {
	t.Parallel()
	c := parseTLS(t, tlsDir(t), `load_balancers:
  - name: a
    listeners:
      - {name: h, protocol: https, port: 1, backend_set: web, tls: &t {certificate: cert.pem, key: key.pem}}
      - {name: s, protocol: ssl, port: 2, backend_set: db, tls: *t}
      - {name: plain, protocol: http, port: 3, backend_set: web}
    backend_sets: [{name: web}, {name: db}]
`)
	all := c.Plan.LoadBalancers[0].Listeners
	for i, want := range []struct {
		speaks string
		alpn   []string
	}{{"https", []string{"http/1.1"}}, {"ssl", nil}} {
		l := all[i]
		if l.Speaks() != want.speaks || l.TLS.Policy != tlspolicy.Default || l.TLS.ClientAuth != plan.ClientCertNone || l.TLS.ClientRoots != nil ||
			l.TLS.SubjectHeader != "" || l.TLS.NoResumption || !slices.Equal(l.TLS.ALPN, want.alpn) {
			t.Errorf("%s: got %+v of a listener that speaks %s", want.speaks, l.TLS, l.Speaks())
		}
		if l.BackendSet.TLS != nil {
			t.Errorf("%s: its set, of which nothing is said, speaks TLS: want the plain form", want.speaks)
		}
	}
	if all[2].TLS != nil || all[2].Speaks() != "http" {
		t.Errorf("http listener: got TLS %+v", all[2].TLS)
	}
	if all[0].HeadMax == 0 || all[1].HeadMax != 0 {
		t.Error("an https listener needs what http needs, and an ssl listener nothing of it")
	}
}

// TestListenerTLSEveryKey sets each key to something other than its default.
func TestListenerTLSEveryKey(t *testing.T) {
	t.Parallel()
	c := parseTLS(t, tlsDir(t), `load_balancers:
  - name: a
    listeners:
      - name: h
        protocol: https
        port: 1
        backend_set: web
        tls:
          certificate: cert.pem
          key: key.pem
          policy: ELBSecurityPolicy-TLS-1-2-2017-01
          min_version: "1.2"
          client_certificates: {mode: required, ca: clients.pem, subject_header: X-Client-Subject}
          resumption: false
      - name: s
        protocol: ssl
        port: 2
        backend_set: db
        proxy_protocol: {accept: true, send: 2}
        tls: {certificates: [{certificate: cert.pem, key: key.pem}], min_version: 1.3, alpn: [h2, "postgresql"],
          client_certificates: {mode: optional, ca: ca.pem}}
    backend_sets: [{name: web}, {name: db, protocol: ssl}]
`)
	h, s := c.Plan.LoadBalancers[0].Listeners[0].TLS, c.Plan.LoadBalancers[0].Listeners[1].TLS
	if h.Policy.Name != "ELBSecurityPolicy-TLS-1-2-2017-01" || h.Policy.Min != tls.VersionTLS12 || !h.NoResumption ||
		h.ClientAuth != plan.ClientCertRequired || h.ClientRoots == nil || h.SubjectHeader != "X-Client-Subject" {
		t.Errorf("https: got %+v", h)
	}
	if s.Policy.Name != "default" || s.Policy.Min != tls.VersionTLS13 || s.Policy.Max != tls.VersionTLS13 || !slices.Equal(s.ALPN, []string{"h2", "postgresql"}) ||
		s.ClientAuth != plan.ClientCertOptional || s.ClientRoots == nil || s.SubjectHeader != "" {
		t.Errorf("ssl: got %+v", s)
	}
	if l := c.Plan.LoadBalancers[0].Listeners[1]; !l.ProxyAccept || l.ProxySend != 2 {
		t.Errorf("ssl: got PROXY accept %v, send %d, want true, 2", l.ProxyAccept, l.ProxySend)
	}
}

// TestBackendTLS: how backends are verified, by what is said of it.
func TestBackendTLS(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	cases := []struct {
		name, set  string
		verify, ca bool
		keys       int
		server     string
		alpn       []string
	}{
		{"https", "protocol: https", true, false, 0, "", []string{"http/1.1"}},
		{"ssl", "protocol: ssl", true, false, 0, "", nil},
		{"empty", "protocol: https, tls: {}", true, false, 0, "", []string{"http/1.1"}},
		{"unverified", "protocol: ssl, tls: {verify: false}", false, false, 0, "", nil},
		{"ca", "protocol: ssl, tls: {ca: ca.pem, server_name: app.internal}", true, true, 0, "app.internal", nil},
		{"address", "protocol: ssl, tls: {server_name: '::1'}", true, false, 0, "::1", nil},
		{"pinned", "protocol: ssl, tls: {public_keys: [backend.pub]}", false, false, 1, "", nil},
		{"pinned-by-certificate", "protocol: ssl, tls: {public_keys: [backend.pub, cert.pem]}", false, false, 2, "", nil},
		{"pinned-verified", "protocol: ssl, tls: {public_keys: [backend.pub], verify: true, ca: ca.pem}", true, true, 1, "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := parseTLS(t, dir, "load_balancers: [{name: a, backend_sets: [{name: s, "+c.set+"}]}]").Plan.LoadBalancers[0].BackendSets[0]
			got := set.TLS
			if got.Verify != c.verify || (got.Roots != nil) != c.ca || len(got.PublicKeys) != c.keys || got.ServerName != c.server ||
				!slices.Equal(got.ALPN, c.alpn) || got.Policy != tlspolicy.Default {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestMixOfLayers: plain and TLS go together in any way within a layer.
func TestMixOfLayers(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	for _, layer := range [][2]string{{"http", "https"}, {"tcp", "ssl"}} {
		for _, front := range layer {
			for _, back := range layer {
				for _, said := range []string{"protocol: " + back + ", ", ""} {
					own := ""
					if front == layer[1] {
						own = ", tls: [{certificate: cert.pem, key: key.pem}]"
					}
					l := parseTLS(t, dir, "load_balancers: [{name: a, listeners: [{name: l, protocol: "+front+", port: 1, backend_set: s"+own+
						"}], backend_sets: [{"+said+"name: s}]}]").Plan.LoadBalancers[0].Listeners[0]
					want := back
					if said == "" {
						want = layer[0]
					}
					if got := l.Protocol.Over(l.BackendSet.TLS != nil); l.Speaks() != front || got != want {
						t.Errorf("%s to %q: got a listener that speaks %s and a set that speaks %s", front, said, l.Speaks(), got)
					}
				}
			}
		}
	}
}

// TestSecureStickiness: a cookie for https only may be made where no client comes over plain http.
func TestSecureStickiness(t *testing.T) {
	t.Parallel()
	c := parseTLS(t, tlsDir(t), `load_balancers:
  - name: a
    listeners:
      - {name: one, protocol: https, port: 1, backend_set: s, tls: &t {certificate: cert.pem, key: key.pem}}
      - {name: two, protocol: https, port: 2, backend_set: s, tls: *t}
    backend_sets: [{name: s, stickiness: {secure: true}}]
`)
	if st := c.Plan.LoadBalancers[0].BackendSets[0].Stickiness; !st.Secure {
		t.Errorf("got %+v, want it secure", st)
	}
}

// TestProbesOverTLS: probes are secured as the connections of their set are, and unverified where those are plain. What they
// offer in ALPN goes by what they speak.
func TestProbesOverTLS(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	cases := []struct {
		name, set string
		check     plan.CheckProtocol
		tls       bool
		verify    bool
		alpn      []string
	}{
		{"tcp-of-https", "protocol: https, health_check: {protocol: tcp}", plan.CheckTCP, false, false, nil},
		{"http-of-https", "protocol: https, health_check: {protocol: http}", plan.CheckHTTP, false, false, nil},
		{"https-of-https", "protocol: https, tls: {ca: ca.pem}, health_check: {protocol: https}", plan.CheckHTTP, true, true, []string{"http/1.1"}},
		{"ssl-of-https", "protocol: https, tls: {ca: ca.pem}, health_check: {protocol: ssl}", plan.CheckTCP, true, true, nil},
		{"https-of-ssl", "protocol: ssl, tls: {verify: false}, health_check: {protocol: https}", plan.CheckHTTP, true, false, []string{"http/1.1"}},
		{"ssl-of-ssl", "protocol: ssl, health_check: {protocol: ssl}", plan.CheckTCP, true, true, nil},
		{"https-of-http", "protocol: http, health_check: {protocol: https, path: /up, status: 204}", plan.CheckHTTP, true, false, []string{"http/1.1"}},
		{"ssl-of-nothing", "health_check: {protocol: ssl}", plan.CheckTCP, true, false, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := parseTLS(t, dir, "load_balancers: [{name: a, backend_sets: [{name: s, "+c.set+"}]}]").Plan.LoadBalancers[0].BackendSets[0]
			hc := set.HealthCheck
			if hc.Protocol != c.check || (hc.TLS != nil) != c.tls || (hc.Path != "") != (c.check == plan.CheckHTTP) {
				t.Fatalf("got %+v", hc)
			}
			if c.tls && (hc.TLS.Verify != c.verify || !slices.Equal(hc.TLS.ALPN, c.alpn) || hc.TLS.Policy == nil) {
				t.Errorf("got TLS %+v", hc.TLS)
			}
			if c.tls && set.TLS != nil && hc.TLS.Roots != set.TLS.Roots {
				t.Error("the probes' authorities are not the set's: they would not be replaced with them")
			}
		})
	}
}

// TestPathsStartFromTheFile: certificates lie beside lull.yaml, wherever the process was started.
func TestPathsStartFromTheFile(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	data := oneListener("{certificate: cert.pem, key: ../" + filepath.Base(dir) + "/key.pem}")
	writePEM(t, dir, map[string][]byte{"lull.yaml": []byte(data)})
	c, err := Load(filepath.Join(dir, "lull.yaml"))
	if err != nil || leaves(c.Plan.LoadBalancers[0].Listeners[0]) != "app.example.com" {
		t.Errorf("got %v, want the certificate of the directory", err)
	}
	if _, err := Parse("lull.yaml", []byte(data)); err == nil {
		t.Error("without a directory the files are in the working directory: got no fault")
	}
}
