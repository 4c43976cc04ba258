package admin

import (
	"slices"
	"strconv"
	"strings"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// A remedy is the advice for an end whose fault has a certain text in it. Most of these texts are those of crypto/tls and
// crypto/x509, so they are few, and short enough to outlast a new wording; what matches none has the advice of its reason.
type remedy struct {
	why    reason.Reason
	fault  []string // all of them
	advice string
}

// remedies are tried in their order. They may have the placeholders of advice, and
//
//	{offered}     what the fault says that the client offers
//	{allowed}     the versions that the listener's policy allows, and the policy
//	{ciphers}     the ciphers that it allows, and the policy
//	{plain}       the protocol of the backend set without TLS
//
//nolint:gochecknoglobals // a table
var remedies = []remedy{
	{reason.HandshakeFailed, []string{"client offered only unsupported versions"},
		"the client offers {offered}, and listener {listener} allows {allowed}: have the client speak what is allowed, or allow what it speaks (`tls.policy` and `tls.min_version` of the listener in lull.yaml)."},
	{reason.HandshakeFailed, []string{"no cipher suite supported by both"},
		"the client offers {offered}, and listener {listener} allows {ciphers}, as far as they go with the key of its certificate (ECDSA or RSA): " +
			"have the client offer one of these, or choose another `tls.policy` for the listener in lull.yaml."},
	{reason.HandshakeFailed, []string{"no key exchanges supported by both"},
		"have the client offer one of the elliptic curves that are in common use, such as X25519 or P-256."},
	{reason.HandshakeFailed, []string{"unsupported application protocols"},
		"have the client offer a protocol that listener {listener} speaks (ALPN): that of an https listener is http/1.1, that of an ssl listener what its `tls.alpn` says."},
	{reason.HandshakeFailed, []string{"remote error", "certificate"},
		"the client did not accept the certificate that listener {listener} showed it: see whether the certificate is for the name that the client asked for, " +
			"whether its file holds the intermediate certificates as well, and whether the client knows the authority that issued it."},
	{reason.HandshakeFailed, []string{"remote error", "protocol version"},
		"listener {listener} allows {allowed}: have the client speak what is allowed, or allow what it speaks (`tls.policy` and `tls.min_version` of the listener in lull.yaml)."},
	{reason.HandshakeFailed, []string{"remote error"},
		"it is the client that gave up: look at what it says of it."},
	{reason.HandshakeFailed, []string{"x509"},
		"it is about the client's certificate: have the client show one that is in force and that one of the authorities of listener {listener} has issued (`tls.client_certificates.ca` in lull.yaml)."},
	{reason.HandshakeFailed, []string{"in the middle of the handshake"}, leftAdvice},
	{reason.HandshakeFailed, []string{"didn't provide a certificate"}, advice[reason.NoClientCert]},
	{reason.HandshakeFailed, []string{"a TLS handshake"},
		"have the client speak TLS to listener {listener}, which is {protocol}; for plain connections there must be another listener."},

	{reason.BackendHandshakeFailed, []string{"does not look like a TLS handshake"},
		"backend {backend} speaks no TLS on that port: set `protocol: {plain}` for backend set {set} in lull.yaml, or give the port on which the backend speaks TLS."},
	{reason.BackendHandshakeFailed, []string{"remote error", "protocol version"},
		"backend {backend} speaks none of the versions that `tls.policy` and `tls.min_version` of backend set {set} allow in lull.yaml: allow those that it speaks, or have it speak a newer one."},
	{reason.BackendHandshakeFailed, []string{"remote error", "unrecognized name"},
		"backend {backend} has no certificate for the name that lull asked for: set `tls.server_name` of backend set {set} in lull.yaml to one that it has."},
	{reason.BackendHandshakeFailed, []string{"remote error", "certificate"},
		"backend {backend} wants a certificate of its client, and lull has none to show: switch that off at the backend."},
	{reason.BackendHandshakeFailed, []string{"remote error", "handshake failure"},
		"backend {backend} found nothing in common with lull: see whether it takes one of the ciphers that `tls.policy` of backend set {set} allows in lull.yaml, " +
			"and whether it wants another `tls.server_name` or a certificate of its client."},
	{reason.BackendHandshakeFailed, []string{"in the middle of the handshake"},
		"look at the log of backend {backend}: it ended the connection instead of answering. A port that speaks no TLS may do that; then set `protocol: {plain}` for backend set {set} in lull.yaml."},

	{reason.BackendUntrusted, []string{"unknown authority"},
		"put the certificate of the authority that issued the certificate of backend {backend} into the file that `tls.ca` of backend set {set} names in lull.yaml; " +
			"if an intermediate one is missing, have the backend send it."},
	{reason.BackendUntrusted, []string{"any IP SANs"},
		"set `tls.server_name` of backend set {set} in lull.yaml to a name that is in the certificate of backend {backend}: it holds no addresses."},
	{reason.BackendUntrusted, []string{"is valid for"},
		"set `tls.server_name` of backend set {set} in lull.yaml to one of the names that the certificate of backend {backend} is valid for, or give the backend a certificate for the name that is wanted."},
	{reason.BackendUntrusted, []string{"not valid for any names"},
		"give backend {backend} a certificate that holds the name that is wanted; one without names can only be accepted by its key (`tls.public_keys` of backend set {set} in lull.yaml)."},
	{reason.BackendUntrusted, []string{"expired or is not yet valid"},
		"renew the certificate of backend {backend}, or set the clock right."},
	{reason.BackendUntrusted, []string{"public key"},
		"add the public key of backend {backend} to `tls.public_keys` of backend set {set} in lull.yaml, if it is the right one: a backend that got a new key looks like this, and so does an impostor."},
}

// handshakeAdvice is for a listener that waits for a handshake, and before it perhaps for a PROXY header.
const handshakeAdvice = "raise {where} above {setting}, or find out why the client did not finish its handshake in time: one that connects ahead of need, " +
	"or that waits for the server to speak first without TLS, looks like this, and so do port scanners."

// leftAdvice is for a client that went away before its handshake was over.
const leftAdvice = "look at the client: one that does not accept the listener's certificate may leave without a word, and so do port scanners and health checks that only connect."

// leftInHandshake reports whether that is how a connection ended.
func leftInHandshake(c *record.Close) bool {
	return c.Ends.Secure() && !c.Pooled && c.TLS.Front.Version == 0 && c.Exchanges == 0 &&
		(c.Reason == reason.ClientClosed || c.Reason == reason.ClientReset)
}

// adviceOfTLS is the advice for an end by what went wrong in TLS; it is empty if there is none that fits better than that of
// the reason. policy is that of the listener, nil if it is not known.
func adviceOfTLS(r reason.Reason, e *record.Ends, fault string, policy *tlspolicy.Policy) string {
	for _, m := range remedies {
		if m.why != r || slices.ContainsFunc(m.fault, func(part string) bool { return !strings.Contains(fault, part) }) {
			continue
		}
		return strings.NewReplacer(
			"{offered}", offered(fault),
			"{allowed}", allowedVersions(policy),
			"{ciphers}", allowedCiphers(policy),
			"{plain}", plainOf(e),
			"{protocol}", e.Protocol,
			"{listener}", e.LoadBalancer+"/"+e.Listener,
			"{set}", e.BackendSet,
			"{backend}", e.Backend,
		).Replace(m.advice)
	}
	return ""
}

// Most names that a sentence lists.
const (
	offeredMost = 6
	allowedMost = 12
)

// offered names what the fault lists in hexadecimal, such as "[303 302]": versions or cipher suites. What has no name is left
// out: clients also send numbers that mean nothing (RFC 8701).
func offered(fault string) string {
	_, rest, _ := strings.Cut(fault, "[")
	numbers, _, _ := strings.Cut(rest, "]")
	var names []string
	for number := range strings.FieldsSeq(numbers) {
		id, err := strconv.ParseUint(number, 16, 16)
		if err != nil {
			continue
		}
		if name := knownAs(uint16(id)); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing that lull knows"
	}
	return "only " + list(names, offeredMost)
}

// knownAs names a version or a cipher suite: no number is both.
func knownAs(id uint16) string {
	if name := tlspolicy.VersionName(id); name != "" {
		return name
	}
	if name := tlspolicy.SuiteName(id); !strings.HasPrefix(name, "0x") {
		return name
	}
	return ""
}

func allowedVersions(p *tlspolicy.Policy) string {
	switch {
	case p == nil:
		return "others, which `lull check` lists"
	case p.Min == p.Max:
		return "only " + tlspolicy.VersionName(p.Min) + ofPolicy(p)
	}
	return tlspolicy.VersionName(p.Min) + " to " + tlspolicy.VersionName(p.Max) + ofPolicy(p)
}

func allowedCiphers(p *tlspolicy.Policy) string {
	if p == nil || len(p.Suites) == 0 {
		return "others, which `lull check` lists"
	}
	names := make([]string, len(p.Suites))
	for i, id := range p.Suites {
		names[i] = tlspolicy.SuiteName(id)
	}
	return "only " + list(names, allowedMost) + ofPolicy(p)
}

func ofPolicy(p *tlspolicy.Policy) string {
	if p.Name == "" {
		return ""
	}
	return " (policy " + p.Name + ")"
}

// plainOf returns what the protocol of a backend set is called without TLS.
func plainOf(e *record.Ends) string {
	if e.HTTP() {
		return "http"
	}
	return "tcp"
}
