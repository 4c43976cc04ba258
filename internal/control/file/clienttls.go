package file

import (
	"fmt"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// backendTLS compiles how an https or ssl backend set is spoken to. It is nil for the others.
func (s *section) backendTLS(key plan.SetKey, speaks speech, known bool) *plan.ClientTLS {
	switch given := s.has("tls"); {
	case given && known && !speaks.tls:
		s.fault("tls", "is for https and ssl backend sets only: the protocol here is %s", speaks)
		return nil
	case given && s.lines["protocol"] == 0:
		s.fault("tls", "needs protocol https or ssl in the same set: without it backends are spoken to in plain")
		return nil
	case !given && !speaks.tls:
		return nil
	}
	t := s.sub("tls")
	out := &plan.ClientTLS{ServerName: t.host("server_name"), Policy: t.policy(), ALPN: alpnOf(speaks.protocol)}
	out.PublicKeys = t.publicKeys(key)
	pinned := t.lines["public_keys"] > 0
	out.Verify = !pinned
	if t.has("verify") {
		out.Verify = t.boolean("verify")
	}
	t.authorities(key, out, pinned)
	return out
}

// authorities reads whom the backends' certificates must be from. Authorities that are never asked are refused where
// nobody has said so in as many words: whoever names them means to have certificates verified.
func (s *section) authorities(key plan.SetKey, t *plan.ClientTLS, pinned bool) {
	ca := s.file("ca")
	switch {
	case ca == "":
	case t.Verify:
		t.Roots = s.roots("ca", ca)
	case pinned && s.lines["verify"] == 0:
		s.fault("ca", "is of no use: with public_keys a backend's certificate is not verified unless verify is true")
	default:
		s.r.unused = append(s.r.unused, fmt.Sprintf("%s: tls.ca is not used, as tls.verify is false", key))
	}
}

// probeTLS returns how a probe over TLS is made: as the connections of its set are, or unverified where those are plain.
// What is offered in ALPN goes by the probe.
func probeTLS(set *plan.ClientTLS, asks speech) *plan.ClientTLS {
	t := plan.ClientTLS{Policy: tlspolicy.Default}
	if set != nil {
		t = *set
	}
	t.ALPN = alpnOf(asks.protocol)
	return &t
}
