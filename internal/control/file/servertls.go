package file

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"lull/internal/dataplane/plan"
)

// takenFields are the header fields that no client's subject can be told in: those that frame a message or mean something
// to the connection (RFC 9110 §7.6.1, RFC 9112 §6), and those in which lull tells backends something else.
//
//nolint:gochecknoglobals // a constant in all but syntax
var takenFields = []string{
	"connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
	"transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
}

// listenerTLS compiles what an https or ssl listener says of TLS. It is nil for the others.
func (s *section) listenerTLS(speaks speech, known bool) *plan.ServerTLS {
	switch given := s.has("tls"); {
	case known && !speaks.tls:
		if given {
			s.fault("tls", "is for https and ssl listeners only: the protocol here is %s", speaks)
		}
		return nil
	case !given:
		if known {
			s.r.fault(joinPath(s.path, "tls"), s.node, "", "is missing: %s listener needs a certificate and its key", speaks.a())
		}
		return nil
	}
	below, pairs, ok := s.certificates()
	if !ok {
		return nil
	}
	t := &plan.ServerTLS{Policy: below.policy(), NoResumption: !below.boolean("resumption"), ALPN: below.offered(speaks, known)}
	below.clients(t, speaks, known)
	t.Certificates = s.r.loadCertificates(pairs, t.Policy)
	return t
}

// certificates returns the mapping below `tls` and each mapping, it included, that names a certificate and a key. A list of
// pairs stands for a mapping with nothing but `certificates`.
func (s *section) certificates() (below *section, pairs []*section, ok bool) {
	const key = "tls"
	n, path, schema := s.fields[key], joinPath(s.path, key), joinPath(s.schema, key)
	listed := n
	if n.Kind == yaml.SequenceNode {
		below = &section{r: s.r, path: path, schema: schema, node: n}
		pairs = s.sectionsOf(key, schema+".certificates[]")
	} else {
		if below, ok = s.r.section(path, schema, n); !ok {
			return nil, nil, false
		}
		listed = below.fields["certificates"]
		pairs = below.sections("certificates")
		if below.pairGiven() {
			pairs = slices.Insert(pairs, 0, below)
		}
	}
	if len(pairs) == 0 && (listed == nil || len(listed.Content) == 0) {
		s.fault(key, "has no certificate: give it certificate and key, or certificates with a list of such pairs")
	}
	return below, pairs, true
}

// pairGiven reports whether a mapping that need not name a certificate and its key does, and refuses one without the other.
func (s *section) pairGiven() bool {
	certificate, key := s.lines["certificate"] > 0, s.lines["key"] > 0
	switch {
	case certificate && !key:
		s.r.fault(joinPath(s.path, "key"), s.node, "", "is missing: a certificate needs its private key")
	case key && !certificate:
		s.r.fault(joinPath(s.path, "certificate"), s.node, "", "is missing: a private key needs the certificate that it is for")
	}
	return certificate || key
}

// offered reads what is offered in ALPN.
func (s *section) offered(speaks speech, known bool) []string {
	if speaks.protocol == plan.TCP {
		return s.distinct("alpn")
	}
	if known && s.has("alpn") {
		s.fault("alpn", "is for ssl listeners only: an https listener offers %s and nothing else", strings.Join(alpnHTTP, ", "))
	}
	return alpnOf(speaks.protocol)
}

// clients reads what is asked of clients. Whoever names authorities or a field for the subject without saying that
// clients need a certificate would believe that they do, so that is refused.
func (s *section) clients(t *plan.ServerTLS, speaks speech, known bool) {
	if !s.has("client_certificates") {
		return
	}
	c, ok := s.r.section(joinPath(s.path, "client_certificates"), joinPath(s.schema, "client_certificates"), s.fields["client_certificates"])
	if !ok {
		return
	}
	t.ClientAuth, _ = plan.ParseClientAuth(c.word("mode"))
	ca := c.file("ca")
	t.SubjectHeader = c.subjectHeader(speaks, known)
	switch faulty := c.lines["mode"] > 0 && !c.has("mode"); {
	case faulty:
	case t.ClientAuth == plan.ClientCertNone:
		c.refuseWithoutMode("ca")
		c.refuseWithoutMode("subject_header")
	case c.lines["ca"] == 0:
		c.r.fault(joinPath(c.path, "ca"), c.node, "", "is missing: mode %s needs the authorities whose clients are let in", t.ClientAuth)
	case ca != "":
		t.ClientRoots = c.roots("ca", ca)
	}
}

// refuseWithoutMode refuses a key that says something about certificates that nobody is asked for.
func (s *section) refuseWithoutMode(key string) {
	if s.has(key) {
		s.fault(key, "is of no use while mode is %s: set mode to %s or %s", plan.ClientCertNone, plan.ClientCertOptional, plan.ClientCertRequired)
	}
}

// subjectHeader reads the field in which backends are told the client's subject.
func (s *section) subjectHeader(speaks speech, known bool) string {
	const key = "subject_header"
	v := s.token(key)
	switch {
	case v == "":
	case known && speaks.protocol != plan.HTTP:
		s.fault(key, "is for https listeners only: the protocol here is %s, which has no header", speaks)
	case slices.Contains(takenFields, strings.ToLower(v)):
		s.fault(key, "has a meaning of its own in HTTP or to lull: choose another name, such as X-Client-Subject")
	}
	return v
}
