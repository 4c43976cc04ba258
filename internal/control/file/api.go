package file

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/tlspolicy"
)

// API is how the cloud APIs are served, and what they give out.
type API struct {
	Address     string         // "host:port"
	Data        string         // directory of the state, relative to the working directory
	Region      string         // the only one that requests may be signed for
	Account     string         // 12 digits
	Zones       []string       // the region's, at least one
	Addresses   []AddressRange // the load balancers' addresses, at least one; no two overlap
	Insecure    bool           // plain HTTP may be served where other machines can reach it
	Certificate *certs.Holder  // nil: plain HTTP
	DNS         *DNS           // nil: their names are not resolved
	AccessLogs  AccessLogs
}

// AddressRange is all addresses from the first to the last, both of one family.
type AddressRange struct{ First, Last netip.Addr }

// String returns the range as lull.yaml may have it.
func (r AddressRange) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// DNS is where the names of load balancers are resolved.
type DNS struct {
	Address string // "host:port", UDP and TCP
	TTL     time.Duration
}

// AccessLogs is where the load balancers' access logs go.
type AccessLogs struct {
	Directory string // relative to the working directory
	S3        *S3    // nil: to the directory
}

// S3 is a service with S3's API that takes access logs. Printed, it shows no secret.
type S3 struct {
	Endpoint    string // URL without a path
	Region      string // that requests are signed for
	AccessKeyID string
	SecretKey   string
}

// String returns what is no secret.
func (s S3) String() string { return s.Endpoint + " in " + s.Region + " with key " + s.AccessKeyID }

// GoString does the same for %#v.
func (s S3) GoString() string { return s.String() }

// Instance is where an instance is.
type Instance struct {
	ID   string
	Host string // IP address or host name
	Zone string // "": none
}

// The defaults that do not stand in the table as they are.
const (
	addressesDefault = "127.0.0.16-127.255.255.254"
	accessLogsBelow  = "access-logs" // of api.data
)

//nolint:gochecknoglobals // compiled once
var (
	labelChars   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`) // a DNS label (RFC 1035 §2.3.1)
	accountChars = regexp.MustCompile(`^[0-9]{12}$`)
	idChars      = regexp.MustCompile(`^[!-.0-~]{1,255}$`)
)

// Default returns what runs without a file: nothing yet, and the APIs to change that.
func Default() *Config {
	c, err := Parse("", []byte("api: {}"))
	if err != nil {
		panic(err) // of the table's own defaults
	}
	return c
}

// api compiles the section.
func (s *section) api(ports *sockets) *API {
	a := &API{
		Address: s.served(ports, "api.address"), Data: s.text("data"), Region: s.regionName("region"), Account: s.account(),
		Insecure: s.boolean("insecure"),
	}
	a.Zones = s.zones(a.Region)
	a.Addresses = s.addresses()
	if s.has("tls") {
		a.Certificate = s.r.loadCertificates([]*section{s.sub("tls")}, tlspolicy.Default)
	}
	s.refuseExposed(a)
	if s.has("dns") {
		below := s.sub("dns")
		a.DNS = &DNS{Address: below.served(ports, "api.dns.address"), TTL: below.duration("ttl")}
	}
	a.AccessLogs = s.sub("access_logs").accessLogs(a)
	return a
}

// refuseExposed refuses plain HTTP where other machines can reach it, unless that is said to be meant. An `insecure` or `tls` at
// fault counts as said.
func (s *section) refuseExposed(a *API) {
	const key = "address"
	undecided := s.lines["tls"] > 0 || s.lines["insecure"] > 0 && !s.has("insecure")
	if !s.has(key) || undecided || a.Insecure || isLoopback(a.Address) {
		return
	}
	s.fault(key, "would let other machines in, and without TLS they could read along: give api.tls a certificate, or use a loopback "+
		"address such as 127.0.0.1:8440, or set api.insecure to true where something else keeps it private")
}

// isLoopback reports whether only this machine can reach "host:port". A wildcard is all addresses, and what a name other than
// localhost stands for may change.
func isLoopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// regionName returns the name of a region, which becomes part of DNS names; or its default.
func (s *section) regionName(key string) string {
	v, ok := s.str(key)
	if ok && !labelChars.MatchString(v) {
		s.fault(key, "is not the name of a region: allowed %s", labelAllowed)
		return s.row(key).def
	}
	return v
}

func (s *section) account() string {
	v, ok := s.str("account")
	if ok && !accountChars.MatchString(v) {
		s.fault("account", "is not an account: allowed %s", accountAllowed)
		return s.row("account").def
	}
	return v
}

// zones returns the zones of a region: three, unless the file says otherwise.
func (s *section) zones(region string) []string {
	const key = "zones"
	if !s.has(key) {
		return []string{region + "a", region + "b", region + "c"}
	}
	var out []string
	for _, it := range s.texts(key) {
		switch {
		case !labelChars.MatchString(it.text):
			s.r.fault(it.path, it.node, written(it.node), "is not the name of a zone: allowed %s", labelAllowed)
		case slices.Contains(out, it.text):
			s.r.fault(it.path, it.node, written(it.node), "is given twice")
		default:
			out = append(out, it.text)
		}
	}
	s.refuseEmpty(key, "name a zone")
	return out
}

// refuseEmpty refuses a list with nothing in it, where that would mean that nothing works.
func (s *section) refuseEmpty(key, instead string) {
	if n := s.fields[key]; n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		s.fault(key, "is empty: %s, or leave the key out", instead)
	}
}

// addresses returns the ranges that load balancers get their addresses from.
func (s *section) addresses() []AddressRange {
	const key = "addresses"
	if !s.has(key) {
		whole, _ := parseRange(addressesDefault)
		return []AddressRange{whole}
	}
	var out []AddressRange
	var lines []int
	for _, it := range s.texts(key) {
		one, problem := parseRange(it.text)
		if problem != "" {
			s.r.fault(it.path, it.node, written(it.node), "%s", problem)
			continue
		}
		if i := slices.IndexFunc(out, one.overlaps); i >= 0 {
			s.r.fault(it.path, it.node, written(it.node), "overlaps with %s in line %d", out[i], lines[i])
			continue
		}
		out, lines = append(out, one), append(lines, it.node.Line)
	}
	s.refuseEmpty(key, "name an address")
	return out
}

func (r AddressRange) overlaps(other AddressRange) bool {
	return r.First.Compare(other.Last) <= 0 && other.First.Compare(r.Last) <= 0
}

// parseRange reads one address, a prefix, or the first and last address with a hyphen between them. It says what is wrong, or
// nothing.
func parseRange(text string) (r AddressRange, problem string) {
	const wanted = "is not an IP address, a prefix such as 10.1.0.0/24, or a range such as 10.1.0.16-10.1.0.31"
	if prefix, err := netip.ParsePrefix(text); err == nil {
		if prefix != prefix.Masked() {
			return r, "has bits set beyond its prefix: write " + prefix.Masked().String() + ", or the address alone"
		}
		r = AddressRange{prefix.Addr(), lastOf(prefix)}
	} else {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		var errFirst, errLast error
		r.First, errFirst = netip.ParseAddr(first)
		r.Last, errLast = netip.ParseAddr(last)
		if errFirst != nil || errLast != nil {
			return r, wanted
		}
	}
	for _, end := range []netip.Addr{r.First, r.Last} {
		if problem = addressProblem(end); problem != "" {
			return r, problem
		}
		if end.IsUnspecified() {
			return r, "has the wildcard in it, which is no address that clients could connect to"
		}
	}
	switch {
	case r.First.BitLen() != r.Last.BitLen():
		return r, "begins in one address family and ends in the other"
	case r.Last.Less(r.First):
		return r, "ends before it begins: write " + r.Last.String() + "-" + r.First.String()
	}
	return r, ""
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes) // as long as it was
	return last
}

// accessLogs reads where access logs go.
func (s *section) accessLogs(a *API) AccessLogs {
	out := AccessLogs{Directory: filepath.Join(a.Data, accessLogsBelow)}
	if s.has("directory") {
		out.Directory = s.text("directory")
	}
	if s.has("s3") {
		below := s.sub("s3")
		key := below.accessKey("credentials")
		out.S3 = &S3{Endpoint: below.origin("endpoint"), Region: a.Region, AccessKeyID: key.id, SecretKey: key.secret}
		if below.has("region") {
			out.S3.Region = below.regionName("region")
		}
	}
	return out
}

// origin returns a URL of nothing but scheme, host and port.
func (s *section) origin(key string) string {
	v := s.text(key)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case strings.Contains(v, "@"): // what stands before it may be a password, which is not to be repeated
		s.r.fault(joinPath(s.path, key), s.at(key), "", "has a user in it: the access key belongs in the file that credentials names")
		return ""
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || v != u.Scheme+"://"+u.Host:
		s.fault(key, "is not a URL such as https://s3.us-east-1.amazonaws.com or http://127.0.0.1:9000, without a path")
		return ""
	}
	return v
}

// instances reads where instances are.
func (s *section) instances(zones []string) []Instance {
	ids := make(taken)
	var out []Instance
	for _, below := range s.sections("instances") {
		one := Instance{ID: below.instanceID(), Host: below.host("host"), Zone: below.zone(zones)}
		if line, twice := ids.claim(below, "id", one.ID); twice {
			below.fault("id", "is already the id of the one in line %d", line)
		}
		out = append(out, one)
	}
	return out
}

func (s *section) instanceID() string {
	v, ok := s.str("id")
	if ok && (!idChars.MatchString(v) || v == "." || v == "..") { // they are part of paths
		s.fault("id", "is not an instance id: allowed %s", idAllowed)
	}
	return v
}

// zone returns one of the zones that there are.
func (s *section) zone(zones []string) string {
	v, ok := s.str("zone")
	if ok && zones != nil && !slices.Contains(zones, v) {
		s.fault("zone", "is not one of the zones: allowed %s", strings.Join(zones, ", "))
	}
	return v
}
