package plan

import (
	"bytes"
	"slices"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/tlspolicy"
)

// ClientAuth is what a listener asks of its clients.
type ClientAuth uint8

// What may be asked.
const (
	ClientCertNone     ClientAuth = iota // no certificate
	ClientCertOptional                   // one, if the client has one; it must be valid then
	ClientCertRequired                   // a valid one
)

//nolint:gochecknoglobals // names of the constants above, in their order
var clientAuthNames = [...]string{"none", "optional", "required"}

// String returns the word used in lull.yaml.
func (a ClientAuth) String() string { return clientAuthNames[a] }

// ParseClientAuth returns the value of that name.
func ParseClientAuth(name string) (ClientAuth, bool) {
	for i, n := range clientAuthNames {
		if n == name {
			return ClientAuth(i), true
		}
	}
	return 0, false
}

// ServerTLS is how a listener secures its clients' connections. Certificates and roots may be replaced behind it.
type ServerTLS struct {
	Certificates  *certs.Holder
	Policy        *tlspolicy.Policy
	ClientAuth    ClientAuth
	ClientRoots   *certs.Roots // who may have issued clients' certificates; nil without ClientAuth
	SubjectHeader string       // HTTP: the request's field that tells backends the subject of the client's certificate; empty = none
	ALPN          []string     // what is offered in ALPN (RFC 7301); empty = nothing. HTTP has "http/1.1"
	NoResumption  bool         // every handshake is a full one
	VerifyDepth   int          // longest chain of a client's certificate: 1 is one that a root has issued itself; 0 = any
}

// ClientTLS is how connections to backends, and probes of them, are secured. Roots may be replaced behind it.
type ClientTLS struct {
	Verify     bool         // the chain must lead to Roots and the certificate be for the backend's name
	ServerName string       // asked for (SNI) and verified; empty = the backend's host as configured, SNI only if that is a name
	Roots      *certs.Roots // nil = the system's
	// PublicKeys, where there are any, are the keys (SubjectPublicKeyInfo in DER) one of which the backend must have: the
	// back-end authentication of the Classic Load Balancer, which looks at nothing else of the certificate.
	PublicKeys [][]byte
	Policy     *tlspolicy.Policy
	ALPN       []string // HTTP has "http/1.1"
	// VerifyDepth is the longest chain of a backend's certificate: 1 is one that a root has issued itself; 0 = any.
	VerifyDepth int
}

// NameFor returns the name that the certificate of a backend must have, and that it is told (SNI) unless that is an address.
func (t *ClientTLS) NameFor(host string) string {
	if t.ServerName != "" {
		return t.ServerName
	}
	return host
}

// Same reports whether connections that t secures are as good as those of o: a plan that is compiled anew has settings of its
// own that may say the same. Nil stands for plain connections.
func (t *ClientTLS) Same(o *ClientTLS) bool {
	if t == o || t == nil || o == nil {
		return t == o
	}
	return t.Verify == o.Verify && t.VerifyDepth == o.VerifyDepth && t.ServerName == o.ServerName && t.Roots.Same(o.Roots) && t.Policy.Same(o.Policy) &&
		slices.EqualFunc(t.PublicKeys, o.PublicKeys, bytes.Equal) && slices.Equal(t.ALPN, o.ALPN)
}
