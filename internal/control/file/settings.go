package file

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlspolicy"
)

// kind is the type of a setting's value.
type kind uint8

// The kinds.
const (
	kindMapping  kind = iota // keys below it, each with a row of its own
	kindList                 // items, each a mapping; their keys have rows below "key[]"
	kindDuration             // Go duration, or a bare integer of seconds; min and max in nanoseconds
	kindSeconds              // a duration that must be whole seconds
	kindInteger              // decimal; min and max as they are
	kindBoolean              // true or false
	kindWord                 // one of words
	kindName                 // 1..64 of nameChars
	kindText                 // max in bytes
	kindAddress              // IP literal
	kindHost                 // IP literal or DNS host name
	kindEndpoint             // host:port
	kindPath                 // of a URL; max in bytes
	kindToken                // RFC 9110 §5.6.2; max in bytes
	kindDomain               // DNS name, of a cookie
	kindFile                 // path, from the directory of lull.yaml; max in bytes
	kindFiles                // list of kindFile
	kindTexts                // list; max in bytes of each
	kindSecurity             // name of a TLS policy
)

// nameMax bounds a name: it is written in every log line and may become a metric label.
const nameMax = 64

// String returns the type as the reference shows it.
func (k kind) String() string {
	return [...]string{
		"mapping", "list", "duration", "whole seconds", "integer", "true or false", "word", "name", "text",
		"IP address", "IP address or host name", "host:port", "path", "token", "domain", "file", "list of files", "list of texts",
		"TLS policy",
	}[k]
}

// effect is when a changed value is felt after a reload.
type effect string

// The effects.
const (
	atOnce    effect = "now"             // connections that are open feel it
	nextConn  effect = "next connection" // what begins after the reload feels it
	onRestart effect = "restart"         // the process must be started again
)

// setting is one row of the table: one key of lull.yaml.
type setting struct {
	path      string // "load_balancers[].timeouts.idle": [] stands for any item
	kind      kind
	required  bool     // must be given wherever its mapping is
	def       string   // what holds without it, as one would write it
	defNote   string   // shown instead of def where one value cannot say it
	min, max  int64    // duration: ns; integer: itself; text, path, token: bytes
	allowNote string   // shown in the reference instead of the range
	zero      string   // what 0 means; not empty: 0 is allowed even when below min
	words     []string // word: what may be said
	later     []string // word: what may be said one day
	only      string   // the one timeout model that has it
	onlyHTTP  bool     // means nothing unless its mapping's protocol is http or https
	onlyTLS   bool     // means nothing unless its mapping's protocol is https or ssl
	aws, oci  string   // what the two clouds call it
	effect    effect   // empty where the row holds others
	doc       string   // what it does, in a sentence or two
}

// Where the rows hang; each ends in the separator.
const (
	inBalancer = "load_balancers[]."
	inTimeouts = inBalancer + "timeouts."
	inListener = inBalancer + "listeners[]."
	inTLS      = inListener + "tls."
	inPair     = inTLS + "certificates[]."
	inClients  = inTLS + "client_certificates."
	inProxy    = inListener + "proxy_protocol."
	inSet      = inBalancer + "backend_sets[]."
	inBackTLS  = inSet + "tls."
	inBackend  = inSet + "backends[]."
	inCheck    = inSet + "health_check."
	inSticky   = inSet + "stickiness."
)

// Bounds that are ours; the two clouds' own come from package timeout or are named in the row.
const (
	attemptMax = 600 * time.Second      // connect, handshake: longer than any TCP stack keeps trying by itself
	headMax    = 3600 * time.Second     // request_head
	ageMax     = 31536000 * time.Second // connection_age_max: a year
	drainMax   = 3600 * time.Second     // AWS: ConnectionDraining.Timeout goes up to this
	probeMin   = 100 * time.Millisecond // both clouds start at a second or more; tests and laptops want faster ones
	sessionMax = 400 * 24 * time.Hour   // stickiness.duration: browsers keep no cookie longer (RFC 6265bis §5.5)
	pathMax    = 1024                   // AWS: the path of a health check
	tokenMax   = 128                    // names of cookies and header fields: far above what anybody uses
	fileMax    = 4096                   // Linux: PATH_MAX
	alpnMax    = 255                    // RFC 7301 §3.1: one octet says how long a name is
	labelMax   = 63                     // RFC 1035 §2.3.4: a label of a DNS name
	ttlMax     = 24 * time.Hour         // api.dns.ttl: an address may change hands the day after
	accountMin = 12                     // AWS: digits of an account, and no more of them
	rangeMax   = 79                     // of api.addresses: two IPv6 addresses and a hyphen
)

// idleWidest is what either timeout model accepts as idle timeout; reading narrows it to the model in force.
//
//nolint:gochecknoglobals // a constant in all but syntax
var idleWidest = timeout.IdleRange(timeout.Directional)

//nolint:gochecknoglobals // the table is what this package is about; nothing writes to it
var settings = []setting{
	{path: "admin", kind: kindMapping, doc: "The control socket of this process."},
	{path: "admin.socket", kind: kindText, def: "./lull.sock", min: 1, max: 107, effect: onRestart,
		doc: "Path of the Unix socket that `lull conns`, `lull events`, `lull explain` and `lull version` talk to, made with mode 0600. 107 bytes is what the kernel takes."},
	{path: "api", kind: kindMapping, defNote: "absent: not served", doc: "The cloud APIs: see [the APIs](../operate/api.md). `api: {}` serves them with every default."},
	{path: "api.address", kind: kindEndpoint, def: "127.0.0.1:8440", effect: onRestart,
		doc: "Where the APIs are served. One that other machines can reach takes `tls`, or `insecure`."},
	{path: "api.data", kind: kindText, def: "./lull-data", min: 1, max: fileMax, effect: onRestart,
		doc: "Directory of what is changed through the APIs and of the access keys that the first start makes: see [the state](../operate/state.md). It is made with mode 0700."},
	{path: "api.region", kind: kindText, def: "us-east-1", min: 1, max: labelMax, allowNote: labelAllowed, effect: onRestart,
		doc: "The region that load balancers are in by their names and ARNs, and the only one that requests may be signed for."},
	{path: "api.account", kind: kindText, def: "000000000000", min: accountMin, max: accountMin, allowNote: accountAllowed, effect: onRestart,
		doc: "The AWS account that ARNs and security groups name."},
	{path: "api.zones", kind: kindTexts, min: 1, max: labelMax, allowNote: labelAllowed, defNote: "the region with `a`, `b` and `c` behind it", effect: onRestart,
		aws: "AvailabilityZones", doc: "The Availability Zones that there are. A load balancer has an address in each of its own."},
	{path: "api.addresses", kind: kindTexts, min: 1, max: rangeMax, allowNote: "addresses `10.1.0.7`, prefixes `10.1.0.0/24`, ranges `10.1.0.16-10.1.0.31`; IPv6 too",
		defNote: "`" + addressesDefault + "`", effect: onRestart,
		doc: "The addresses that load balancers get, one for each zone. They must be this machine's when a listener is made. All of a prefix is used, its first and last address too."},
	{path: "api.insecure", kind: kindBoolean, def: "false", effect: onRestart,
		doc: "Serves plain HTTP where other machines can reach it. Keys never travel, but everything else can be read on the way, and a request repeated for five minutes."},
	{path: "api.tls", kind: kindMapping, defNote: "absent: plain HTTP", doc: "The certificate that the APIs are served with over HTTPS, TLS 1.2 and 1.3. To add or remove it takes a restart."},
	{path: "api.tls.certificate", kind: kindFile, required: true, min: 1, max: fileMax, effect: nextConn,
		doc: "PEM file with the certificate and then those that lead from it to a root. It is replaced when the file changes."},
	{path: "api.tls.key", kind: kindFile, required: true, min: 1, max: fileMax, effect: nextConn, doc: "PEM file with its private key, not encrypted."},
	{path: "api.dns", kind: kindMapping, defNote: "absent: off", doc: "A DNS server for the names of load balancers, and for nothing else."},
	{path: "api.dns.address", kind: kindEndpoint, required: true, effect: onRestart, doc: "Where it answers, UDP and TCP."},
	{path: "api.dns.ttl", kind: kindSeconds, def: "60s", min: int64(time.Second), max: int64(ttlMax), effect: onRestart, doc: "How long its answers may be kept. 60s is what the Classic Load Balancer says."},
	{path: "api.access_logs", kind: kindMapping, aws: "AccessLog", doc: "Where the access logs go that load balancers of the Classic ELB API have switched on."},
	{path: "api.access_logs.directory", kind: kindText, min: 1, max: fileMax, defNote: "`access-logs` below `api.data`", effect: onRestart,
		doc: "Directory that stands for S3: a bucket is a directory in it."},
	{path: "api.access_logs.s3", kind: kindMapping, defNote: "absent: they go to `directory`", doc: "A service with S3's API that they are sent to."},
	{path: "api.access_logs.s3.endpoint", kind: kindText, required: true, min: 1, max: 2048, allowNote: "URL of scheme http or https, without a path", effect: onRestart, doc: "Its URL."},
	{path: "api.access_logs.s3.region", kind: kindText, min: 1, max: labelMax, allowNote: labelAllowed, defNote: "`api.region`", effect: onRestart,
		doc: "The region that requests to it are signed for."},
	{path: "api.access_logs.s3.credentials", kind: kindFile, required: true, min: 1, max: fileMax, effect: onRestart,
		doc: "File with the access key, as AWS's tools have it: a section `[default]` with `aws_access_key_id` and `aws_secret_access_key`."},
	{path: "metrics", kind: kindMapping, defNote: "absent: not served", doc: "Prometheus metrics."},
	{path: "metrics.address", kind: kindEndpoint, def: "127.0.0.1:9440", effect: onRestart,
		doc: "Where `/metrics`, `/healthz` and `/readyz` are served."},
	{path: "access_log", kind: kindMapping, defNote: "absent: none is written", doc: "The access log."},
	{path: "access_log.path", kind: kindText, def: "/dev/stdout", min: 1, max: 4096, effect: nextConn,
		doc: "File that is appended to."},
	{path: "access_log.format", kind: kindWord, def: "text", words: []string{"text", "json", "aws", "oci"}, effect: nextConn,
		doc: "`text`: one readable line for each TCP connection; `json`: the same as one object a line; `aws`: the Classic ELB format; `oci`: the access and error logs of OCI load balancers."},
	{path: "loops", kind: kindInteger, def: "0", max: 256, zero: "one per core", effect: onRestart,
		doc: "Event loops, each with a thread of its own."},
	{path: "limits", kind: kindMapping, doc: "Limits of the whole process."},
	{path: "limits.connections", kind: kindInteger, def: "0", max: 1000000, zero: "what the descriptor limit allows", effect: nextConn,
		doc: "Front-end connections open at once; more wait in the accept backlog (PR-04)."},
	{path: "limits.head_bytes", kind: kindInteger, def: strconv.Itoa(plan.HeadMaxDefault), min: 4096, max: 1048576, effect: nextConn,
		doc: "The largest head of an HTTP request or response, for the load balancers of this file and of the Classic ELB API; a listener of the OCI API " +
			"has a rule `HTTP_HEADER` for its own: see [rule sets](../operate/oci-rules.md#rules). TCP listeners have no use for it."},
	{path: "instances", kind: kindList, doc: "Where instances are, for the Classic ELB API. Those of this file cannot be changed by `lull instances`."},
	{path: "instances[].id", kind: kindText, required: true, min: 1, max: 255, allowNote: idAllowed, aws: "InstanceId", effect: atOnce, doc: "Its id."},
	{path: "instances[].host", kind: kindHost, required: true, effect: atOnce, doc: "Its IP address, or a host name that is looked up again and again."},
	{path: "instances[].zone", kind: kindText, min: 1, max: labelMax, allowNote: "one of `api.zones`", defNote: "none: it is in every zone", aws: "AvailabilityZone", effect: atOnce,
		doc: "Its Availability Zone."},

	{path: "load_balancers", kind: kindList, doc: "The load balancers of this file."},
	{path: inBalancer + "name", kind: kindName, required: true, aws: "LoadBalancerName", oci: "displayName", effect: nextConn,
		doc: "Its name in logs, metrics and commands. A renamed load balancer is a new one: connections of the old one drain."},
	{path: inBalancer + "address", kind: kindAddress, def: "0.0.0.0", effect: nextConn,
		doc: "Where its listeners bind, IPv4 or IPv6."},
	{path: inBalancer + "timeouts", kind: kindMapping, doc: "The timeouts of its listeners, with the rules that they follow."},
	{path: inTimeouts + "model", kind: kindWord, def: "shared", words: []string{"shared", "directional"}, effect: atOnce,
		doc: "`shared`: one idle timer for a pair of connections, as AWS Classic has it. `directional`: OCI's rules, by which each direction of an HTTP exchange has its own. TCP listeners run the same timer in both; defaults and ranges differ."},
	{path: inTimeouts + "idle", kind: kindSeconds, min: int64(idleWidest.Min), max: int64(idleWidest.Max), allowNote: idleAllowed(),
		defNote: "`60s`; directional: `60s` for http, `300s` for tcp listeners", effect: atOnce,
		aws: "ConnectionSettings.IdleTimeout", oci: "connectionConfiguration.idleTimeout",
		doc: "A connection on which no byte moves for this long is closed (SH-01, DI-13); HTTP: so is an exchange, with a 408 or 504 where one can still be sent (SH-03, SH-04, DI-03). In the shared model it is the keep-alive of both sides as well (SH-02, SH-07)."},
	{path: inTimeouts + "front_keepalive", kind: kindSeconds, def: FormatDuration(timeout.FrontKeepaliveDefault),
		min: int64(idleWidest.Min), max: int64(idleWidest.Max), only: "directional", effect: atOnce,
		doc: "HTTP: how long a client connection may wait for a request (DI-09)."},
	{path: inTimeouts + "front_requests_max", kind: kindInteger, def: strconv.Itoa(timeout.FrontRequestsMaxDefault),
		min: 1, max: 1000000, only: "directional", effect: atOnce,
		doc: "HTTP: requests that one client connection may carry (DI-10)."},
	{path: inTimeouts + "back_keepalive", kind: kindSeconds, def: FormatDuration(timeout.BackKeepaliveDefault),
		min: int64(idleWidest.Min), max: int64(idleWidest.Max), only: "directional", effect: atOnce,
		doc: "HTTP: how long an unused back-end connection is kept (DI-11); shared uses `idle`."},
	{path: inTimeouts + "active_transfer_rearms", kind: kindBoolean, def: "false", only: "directional", effect: atOnce,
		doc: "HTTP: bytes in either direction re-arm both timers of an upload or download (DI-16)."},
	{path: inTimeouts + "connect", kind: kindDuration, def: FormatDuration(timeout.ConnectDefault),
		min: int64(time.Millisecond), max: int64(attemptMax), effect: atOnce,
		doc: "One attempt to reach a backend; never longer than `idle` in effect, after which the next backend is tried (TO-11)."},
	{path: inTimeouts + "handshake", kind: kindDuration, def: FormatDuration(timeout.HandshakeDefault),
		min: int64(time.Millisecond), max: int64(attemptMax), effect: atOnce,
		doc: "The client's PROXY header where one is accepted, and its TLS handshake (TO-05)."},
	{path: inTimeouts + "request_head", kind: kindDuration, def: FormatDuration(timeout.RequestHeadDefault),
		min: int64(time.Second), max: int64(headMax), zero: "off", effect: atOnce,
		doc: "HTTP: the whole request head, from its first byte (PR-01)."},
	{path: inTimeouts + "stale_retry", kind: kindBoolean, def: strconv.FormatBool(timeout.StaleRetryDefault), effect: atOnce,
		doc: "HTTP: a request that went to a pooled connection which turns out dead is sent once more, over a fresh one, where no backend can have acted on it or acting twice does no harm (SH-09). Neither cloud says that it does this."},
	{path: inTimeouts + "connection_age_max", kind: kindDuration, def: "0s",
		min: int64(time.Second), max: int64(ageMax), zero: "off", effect: atOnce,
		doc: "A connection older than this is closed at its next idle moment; for TCP that is a second without a byte (PR-02)."},
	{path: inTimeouts + "drain", kind: kindDuration, def: FormatDuration(timeout.DrainDefault), max: int64(drainMax), effect: atOnce,
		aws: "ConnectionDraining.Timeout",
		doc: "What open connections are left when their backend or listener is removed, their backend is set offline, or the process is asked to stop. 0 cuts them at once."},

	{path: inBalancer + "listeners", kind: kindList, aws: "Listeners", oci: "listeners", doc: "Where its clients connect."},
	{path: inListener + "name", kind: kindName, required: true, oci: "listener name", effect: nextConn,
		doc: "Its name, unique in the load balancer. A renamed listener is a new one."},
	{path: inListener + "protocol", kind: kindWord, required: true, words: protocols(),
		later: []string{"http2", "grpc"},
		aws:   "Protocol", oci: "protocol", effect: nextConn,
		doc: "What it speaks with its clients: `ssl` is tcp behind TLS, `https` is http behind TLS. Its backend set must be of the same layer."},
	{path: inListener + "port", kind: kindInteger, required: true, min: 1, max: 65535, aws: "LoadBalancerPort", oci: "port", effect: nextConn,
		doc: "Where it listens, at the load balancer's address. Two listeners cannot share an address and port, nor can one at a wildcard address share its port with any other of its family."},
	{path: inListener + "backend_set", kind: kindName, required: true, oci: "defaultBackendSetName", effect: nextConn,
		doc: "The backend set, of this load balancer, that its connections go to."},
	{path: inListener + "idle", kind: kindSeconds, defNote: "the load balancer's `timeouts.idle`",
		min: int64(idleWidest.Min), max: int64(idleWidest.Max), allowNote: idleAllowed(), oci: "connectionConfiguration.idleTimeout", effect: atOnce,
		doc: "Replaces `timeouts.idle` for this listener; the same range."},
	{path: inListener + "desync_mitigation_mode", kind: kindWord, def: "defensive", words: []string{"defensive", "monitor", "strictest"},
		onlyHTTP: true, aws: "elb.http.desyncmitigationmode", effect: nextConn,
		doc: "What becomes of requests that two parsers might read differently: see [HTTP parsing](http-parsing.md#desync-protection)."},
	{path: inListener + "tls", kind: kindMapping, onlyTLS: true, oci: "sslConfiguration", defNote: "none: https and ssl must have it",
		doc: "The certificates of an https or ssl listener, and what TLS it speaks. A list of pairs of `certificate` and `key` says the same as a mapping with `certificates` alone."},
	{path: inTLS + "certificate", kind: kindFile, min: 1, max: fileMax, defNote: "the first of `certificates`", aws: "SSLCertificateId",
		oci: "certificateName", effect: nextConn,
		doc: "PEM file with the certificate and then those that lead from it to a root. Clients that ask for a name which no certificate is for get the first."},
	{path: inTLS + "key", kind: kindFile, min: 1, max: fileMax, defNote: "the first of `certificates`", effect: nextConn,
		doc: "PEM file with the private key of `certificate`, not encrypted. Nobody else should be able to read it."},
	{path: inTLS + "certificates", kind: kindList,
		doc: "More certificates, one of which is chosen by the name that a client asks for (SNI). Neither the Classic Load Balancer nor an OCI listener has more than one."},
	{path: inPair + "certificate", kind: kindFile, required: true, min: 1, max: fileMax, effect: nextConn, doc: "As above."},
	{path: inPair + "key", kind: kindFile, required: true, min: 1, max: fileMax, effect: nextConn, doc: "As above."},
	{path: inTLS + "policy", kind: kindSecurity, def: tlspolicy.Default.Name, allowNote: policyAllowed, aws: "Reference-Security-Policy", oci: "cipherSuiteName", effect: nextConn,
		doc: "Which versions and cipher suites are spoken: a predefined policy of either cloud by its name, or `default`, which is TLS 1.2 and 1.3 with forward secrecy."},
	{path: inTLS + "min_version", kind: kindWord, words: versions(), defNote: "the policy's own", oci: "protocols", effect: nextConn,
		doc: "The oldest version of TLS, where the policy would allow an older one."},
	{path: inTLS + "client_certificates", kind: kindMapping, oci: "verifyPeerCertificate", defNote: "absent: clients are not asked for one",
		doc: "Certificates of clients."},
	{path: inClients + "mode", kind: kindWord, def: plan.ClientCertNone.String(), words: clientModes(), effect: nextConn,
		doc: "`optional`: a client may do without one. `required`: without one it is answered 400, or on ssl listeners fails the handshake. One that is not valid fails it in either mode."},
	{path: inClients + "ca", kind: kindFile, min: 1, max: fileMax, defNote: "none; must be given unless the mode is `none`",
		oci: "trustedCertificateAuthorityIds", effect: nextConn,
		doc: "PEM file with the certificates of the authorities whose clients are let in."},
	{path: inClients + "subject_header", kind: kindToken, min: 1, max: tokenMax, allowNote: tokenAllowed(), defNote: "absent: they are not told",
		effect: nextConn,
		doc:    "Protocol https only. The header field in which backends are told the subject of the client's certificate. What a client itself sends in it is dropped."},
	{path: inTLS + "alpn", kind: kindTexts, min: 1, max: alpnMax, defNote: "none; https always offers `http/1.1`", effect: nextConn,
		doc: "Protocol ssl only. The application protocols that clients are offered (ALPN, RFC 7301), most wanted first."},
	{path: inTLS + "resumption", kind: kindBoolean, def: "true", oci: "hasSessionResumption", effect: nextConn,
		doc: "Whether a client that comes back may resume its session by a ticket, without another full handshake."},
	{path: inListener + "proxy_protocol", kind: kindMapping, doc: "The PROXY protocol."},
	{path: inProxy + "accept", kind: kindBoolean, def: "false", effect: nextConn,
		doc: "Clients begin with a PROXY header, version 1 or 2, before the TLS handshake where there is one; a connection without one is refused."},
	{path: inProxy + "send", kind: kindInteger, def: "0", max: 2, zero: "off", aws: "ProxyProtocol policy",
		oci: "connectionConfiguration.backendTcpProxyProtocolVersion", effect: nextConn,
		doc: "The version of the PROXY header that backends are sent, before the TLS handshake where there is one. TCP and SSL listeners only, as in both clouds: HTTP backends learn of the client by X-Forwarded-For, and their connections are not one client's. AWS has none from ssl to ssl."},
	{path: inListener + "rst", kind: kindBoolean, def: "false", effect: atOnce,
		doc: "Idle connections are closed with an RST instead of a FIN (TO-08)."},

	{path: inBalancer + "backend_sets", kind: kindList, oci: "backendSets", doc: "The groups of backends that its listeners use."},
	{path: inSet + "name", kind: kindName, required: true, oci: "backend set name", effect: nextConn,
		doc: "Its name, unique in the load balancer."},
	{path: inSet + "policy", kind: kindWord, defNote: "`round_robin`; shared model: `least_outstanding` for http", words: policies(),
		oci: "policy", effect: nextConn,
		doc: "How a backend is chosen: for each request, or for each connection on TCP. There, `least_outstanding` counts connections, as `least_connections` does. The defaults are the two clouds' own."},
	{path: inSet + "protocol", kind: kindWord, defNote: "the plain form of the listener's", words: protocols(),
		aws: "InstanceProtocol", effect: nextConn,
		doc: "What backends are spoken to in. Its listeners must be of the same layer: `http` and `https`, or `tcp` and `ssl`."},
	{path: inSet + "tls", kind: kindMapping, onlyTLS: true, oci: "sslConfiguration", defNote: "absent: verified against the system's authorities",
		doc: "How an https or ssl set secures the connections to its backends, and whom it trusts."},
	{path: inBackTLS + "verify", kind: kindBoolean, defNote: "`true`; with `public_keys`: `false`", oci: "verifyPeerCertificate", effect: nextConn,
		doc: "Whether a backend must have a valid certificate for its name. The Classic Load Balancer never asks that; OCI does when told to."},
	{path: inBackTLS + "server_name", kind: kindHost, defNote: "the backend's `address`", effect: nextConn,
		doc: "The name that is asked for (SNI) and that the certificate must be for. No address is ever asked for, as SNI has no room for one. AWS asks for no name at all."},
	{path: inBackTLS + "ca", kind: kindFile, min: 1, max: fileMax, defNote: "the system's", oci: "trustedCertificateAuthorityIds", effect: nextConn,
		doc: "PEM file with the certificates of the authorities that are trusted, and no other."},
	{path: inBackTLS + "public_keys", kind: kindFiles, min: 1, max: fileMax, defNote: "absent: any key will do", aws: "PublicKey of BackendServerAuthenticationPolicyType",
		effect: nextConn,
		doc:    "PEM files with public keys, or certificates, of which a backend must have one: the back-end authentication of the Classic Load Balancer, which looks at nothing else. With `verify: true` the certificate must be valid, too."},
	{path: inBackTLS + "policy", kind: kindSecurity, def: tlspolicy.Default.Name, allowNote: policyAllowed, oci: "cipherSuiteName", effect: nextConn,
		doc: "As for listeners."},
	{path: inBackTLS + "min_version", kind: kindWord, words: versions(), defNote: "the policy's own", oci: "protocols", effect: nextConn,
		doc: "As for listeners."},
	{path: inSet + "backends", kind: kindList, aws: "Instances", oci: "backends",
		doc: "Its backends; no two with the same address and port."},
	{path: inBackend + "address", kind: kindHost, required: true, oci: "ipAddress", effect: nextConn,
		doc: "IP address, or a host name that is looked up again and again."},
	{path: inBackend + "port", kind: kindInteger, required: true, min: 1, max: 65535, aws: "InstancePort", oci: "port", effect: nextConn,
		doc: "Its port."},
	{path: inBackend + "weight", kind: kindInteger, def: "1", min: 1, max: 100, oci: "weight", effect: nextConn,
		doc: "Its share: 3 takes three times what 1 takes."},
	{path: inBackend + "connections_max", kind: kindInteger, def: "0", max: 1000000, zero: "no limit", oci: "maxConnections", effect: nextConn,
		doc: "Connections to it at once, from the whole process."},
	{path: inBackend + "backup", kind: kindBoolean, def: "false", oci: "backup", effect: nextConn,
		doc: "Used only while no other backend of the set can be."},
	{path: inBackend + "drain", kind: kindBoolean, def: "false", oci: "drain", effect: nextConn,
		doc: "Takes no new connections; those open go on to their own end."},
	{path: inBackend + "offline", kind: kindBoolean, def: "false", oci: "offline", effect: atOnce,
		doc: "No traffic: takes no new connections, and those open are left `timeouts.drain`."},
	{path: inSet + "health_check", kind: kindMapping, aws: "HealthCheck", oci: "healthChecker",
		defNote: "absent: backends count as healthy", doc: "How its backends are probed."},
	{path: inCheck + "protocol", kind: kindWord, def: plan.CheckTCP.String(), words: protocols(),
		aws: "HealthCheck.Target", oci: "healthChecker.protocol", effect: atOnce,
		doc: "`tcp`: a connection is made and closed. `http`: a GET must be answered. `ssl` and `https`: the same over TLS, by the set's `tls` if it is itself https or ssl, and else without verification, as the Classic Load Balancer does it. Any may be used with any backend set: see [health checks](health-checks.md)."},
	{path: inCheck + "path", kind: kindPath, def: "/", min: 1, max: pathMax, onlyHTTP: true, aws: "HealthCheck.Target", oci: "healthChecker.urlPath",
		effect: atOnce, doc: "What is asked for, with a query perhaps."},
	{path: inCheck + "status", kind: kindInteger, def: "200", min: 200, max: 599, onlyHTTP: true, oci: "healthChecker.returnCode", effect: atOnce,
		doc: "The only status that passes. Redirects are not followed; AWS takes 200 and nothing else."},
	{path: inCheck + "body", kind: kindText, min: 1, max: bodyMax, allowNote: bodyAllowed(), onlyHTTP: true, defNote: "absent: anything", oci: "healthChecker.responseBodyRegex", effect: atOnce,
		doc: "What the body must match somewhere in its first 64 KiB; write it in single quotes."},
	{path: inCheck + "port", kind: kindInteger, def: "0", max: 65535, zero: "the backend's own", aws: "HealthCheck.Target",
		oci: "healthChecker.port", effect: atOnce, doc: "The port probed."},
	{path: inCheck + "interval", kind: kindDuration, def: "10s", min: int64(probeMin), max: int64(1800 * time.Second),
		aws: "HealthCheck.Interval", oci: "healthChecker.intervalInMillis", effect: atOnce, doc: "From one probe to the next."},
	{path: inCheck + "timeout", kind: kindDuration, defNote: "`5s`, or the interval where that is shorter", min: int64(probeMin),
		max: int64(600 * time.Second), aws: "HealthCheck.Timeout", oci: "healthChecker.timeoutInMillis", effect: atOnce,
		doc: "How long a probe may take; at most the interval."},
	{path: inCheck + "healthy", kind: kindInteger, def: "3", min: 1, max: 10, aws: "HealthCheck.HealthyThreshold",
		oci: "healthChecker.retries", effect: atOnce, doc: "Probes that must pass in a row to bring a backend back."},
	{path: inCheck + "unhealthy", kind: kindInteger, def: "3", min: 1, max: 10, aws: "HealthCheck.UnhealthyThreshold",
		oci: "healthChecker.retries", effect: atOnce, doc: "Probes that must fail in a row to take a backend out."},

	{path: inSet + "stickiness", kind: kindMapping, onlyHTTP: true, defNote: "absent: none", aws: "LBCookieStickinessPolicy, AppCookieStickinessPolicy",
		oci: "lbCookieSessionPersistenceConfiguration, sessionPersistenceConfiguration", doc: "Keeping a client with a backend by a cookie of lull's own."},
	{path: inSticky + "cookie", kind: kindToken, min: 1, max: tokenMax, allowNote: tokenAllowed(), defNote: "`" + cookieShared + "`; directional: `" + cookieDirectional + "`",
		oci: "cookieName", effect: nextConn, doc: "The name of lull's cookie. Its value tells nobody where the backend is."},
	{path: inSticky + "duration", kind: kindSeconds, def: "0s", min: int64(time.Second), max: int64(sessionMax), zero: "as long as the browser runs",
		aws: "CookieExpirationPeriod", oci: "maxAgeInSeconds", effect: nextConn,
		doc: "Max-Age of lull's cookie. Not with `follow`."},
	{path: inSticky + "follow", kind: kindToken, min: 1, max: tokenMax, allowNote: tokenAllowed(), defNote: "absent: a session begins with the first request",
		aws: "CookieName", oci: "cookieName of the application's", effect: nextConn,
		doc: "The application's cookie that begins and ends a session; `*` stands for any."},
	{path: inSticky + "fallback", kind: kindBoolean, def: "true", oci: "disableFallback", effect: nextConn,
		doc: "Whether a client whose backend is gone is given another. If not, it is answered 502 until it drops the cookie."},
	{path: inSticky + "domain", kind: kindDomain, defNote: "absent: the host asked for, only", oci: "domain", effect: nextConn,
		doc: "Domain of lull's cookie."},
	{path: inSticky + "path", kind: kindPath, def: "/", min: 1, max: pathMax, oci: "path", effect: nextConn, doc: "Path of lull's cookie."},
	{path: inSticky + "secure", kind: kindBoolean, def: "false", oci: "isSecure", effect: nextConn,
		doc: "Clients are to send lull's cookie over https only. Refused where a listener without TLS uses the set, since they never would."},
	{path: inSticky + "http_only", kind: kindBoolean, def: "false", oci: "isHttpOnly", effect: nextConn,
		doc: "Lull's cookie is hidden from scripts."},
}

//nolint:gochecknoglobals // an index of the table above
var (
	byPath   = indexByPath()
	children = indexChildren()
)

func indexByPath() map[string]*setting {
	m := make(map[string]*setting, len(settings))
	for i := range settings {
		m[settings[i].path] = &settings[i]
	}
	return m
}

// indexChildren maps the path of a mapping ("" for the document) to the keys it knows, in the table's order.
func indexChildren() map[string][]string {
	m := make(map[string][]string)
	for i := range settings {
		parent, key := splitPath(settings[i].path)
		m[parent] = append(m[parent], key)
	}
	return m
}

// splitPath cuts the last key off a path.
func splitPath(path string) (parent, key string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// joinPath is the reverse of splitPath.
func joinPath(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

func policies() []string {
	return []string{
		plan.RoundRobin.String(), plan.LeastOutstanding.String(), plan.LeastConnections.String(), plan.SourceIPHash.String(),
	}
}

func protocols() []string { return []string{"tcp", "http", "ssl", "https"} }

func versions() []string { return []string{"1.2", "1.3"} }

func clientModes() []string {
	return []string{plan.ClientCertNone.String(), plan.ClientCertOptional.String(), plan.ClientCertRequired.String()}
}

// What texts with a form of their own may be, as messages and the reference show it.
const (
	labelAllowed   = "1..63 of a-z 0-9 -, with no hyphen at either end"
	accountAllowed = "12 digits, in quotes"
	idAllowed      = "1..255 of ! to ~ without /, such as i-0abc123"
)

// policyAllowed is the reference's text for TLS policies, of which there are too many for a table.
const policyAllowed = "see [TLS policies](tls-policies.md)"

// idleAllowed is the reference's text for ranges that the timeout model decides.
func idleAllowed() string {
	r := timeout.IdleRange(timeout.Shared)
	return FormatDuration(r.Min) + ".." + FormatDuration(r.Max) + "; directional: " +
		FormatDuration(idleWidest.Min) + ".." + FormatDuration(idleWidest.Max) + " (whole seconds)"
}

// tokenAllowed is the reference's text for tokens, whose characters would upset a table.
func tokenAllowed() string { return fmt.Sprintf("1..%d token characters (RFC 9110 §5.6.2)", tokenMax) }

// bodyMax bounds an expression for bodies: those of people have some dozens.
const bodyMax = 1024

// bodyAllowed is the reference's text for such an expression.
func bodyAllowed() string {
	return fmt.Sprintf("1..%d bytes: a [regular expression](https://github.com/google/re2/wiki/Syntax), lookahead besides", bodyMax)
}

// allowed says what a setting may be, as messages and the reference show it; empty where the type says it all.
func (s *setting) allowed() string {
	switch s.kind {
	case kindDuration, kindSeconds, kindInteger:
		return s.allowedNumbers()
	case kindBoolean:
		return "true, false"
	case kindWord:
		return strings.Join(s.words, ", ")
	case kindName:
		return fmt.Sprintf("1..%d of A-Z a-z 0-9 _ . -", nameMax)
	case kindText, kindFile, kindFiles, kindTexts:
		return fmt.Sprintf("%d..%d bytes", s.min, s.max)
	case kindPath:
		return fmt.Sprintf("/ and up to %d more of ! to ~ without #", s.max-1)
	case kindToken:
		return fmt.Sprintf("%d..%d of A-Z a-z 0-9 and %s", s.min, s.max, tokenMarks)
	case kindMapping, kindList, kindAddress, kindHost, kindEndpoint, kindDomain, kindSecurity:
		return ""
	}
	return ""
}

func (s *setting) allowedNumbers() string {
	show := func(n int64) string { return strconv.FormatInt(n, 10) }
	if s.kind != kindInteger {
		show = func(n int64) string { return FormatDuration(time.Duration(n)) }
	}
	out := show(s.min) + ".." + show(s.max)
	if s.kind == kindSeconds {
		out += " (whole seconds)"
	}
	switch {
	case s.zero != "" && s.min > 0:
		out = show(0) + " (" + s.zero + ") or " + out
	case s.zero != "":
		out += " (0: " + s.zero + ")"
	}
	return out
}

// admits reports whether a number is within the setting's range.
func (s *setting) admits(n int64) bool {
	if n == 0 && s.zero != "" {
		return true
	}
	if s.kind == kindSeconds && n%int64(time.Second) != 0 {
		return false
	}
	return n >= s.min && n <= s.max
}

// FormatDuration writes a duration as lull.yaml and its reference do: in seconds where they are whole, else in
// milliseconds, else as Go does.
func FormatDuration(d time.Duration) string {
	switch {
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d%time.Millisecond == 0:
		return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
	default:
		return d.String()
	}
}
