package file

import (
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//nolint:gochecknoglobals // compiled once
var (
	decimal   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`) // no 010 and no 0x10: YAML takes them for 8 and 16
	nameChars = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	allDigits = regexp.MustCompile(`^[0-9]+$`)
	pathChars = regexp.MustCompile(`^/[!"$-~]*$`) // a request target has no fragment, hence no #
)

// tokenMarks are the token characters that are neither letters nor digits (RFC 9110 §5.6.2).
const tokenMarks = "!#$%&'*+-.^_`|~"

// hostMax is the longest DNS name as text (RFC 1035 §2.3.4, less the length octets of first label and root).
const hostMax = 253

// scalar returns the node of a key that holds a single value, or nil: after recording a fault if it is required or
// holds something else.
func (s *section) scalar(key string) *yaml.Node {
	n, row := s.fields[key], s.row(key)
	if n == nil {
		if row.required {
			s.r.fault(joinPath(s.path, key), s.node, "", "is missing: %s", row.wanted())
		}
		return nil
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		s.r.fault(joinPath(s.path, key), n, "", "%s", wrongShape(n, row.wanted()))
		delete(s.fields, key)
		return nil
	}
	return n
}

// wanted says what a scalar setting takes, for messages: "an integer, allowed 1..100".
func (s *setting) wanted() string {
	what := map[kind]string{
		kindDuration: "a duration such as 60s, 1m30s or a bare number of seconds",
		kindSeconds:  "a duration such as 60s, 1m30s or a bare number of seconds",
		kindInteger:  "an integer",
		kindBoolean:  "a truth value",
		kindWord:     "a word",
		kindName:     "a name",
		kindText:     "text",
		kindAddress:  "an IP address",
		kindHost:     "an IP address or host name",
		kindEndpoint: "an address and port such as 127.0.0.1:9440",
		kindPath:     "a path",
		kindToken:    "a token",
		kindDomain:   "a domain such as app.example.com",
		kindFile:     "the path of a file",
		kindFiles:    "a list of files",
		kindTexts:    "a list of texts",
		kindSecurity: "the name of a TLS policy",
	}[s.kind]
	if allowed := s.allowed(); allowed != "" {
		what += ", allowed " + allowed
	}
	return what
}

// integer returns a whole number in the setting's range, or its default.
func (s *section) integer(key string) int { return int(s.number(key, s.row(key))) }

// duration returns a duration in the setting's range, or its default.
func (s *section) duration(key string) time.Duration {
	return time.Duration(s.number(key, s.row(key)))
}

// number reads an integer or a duration by the given row: the key's own, or one narrowed by another key. An absent or
// faulty value gives the default, 0 where the row has none.
func (s *section) number(key string, row *setting) int64 {
	def, _ := parseNumber(row.kind, row.def)
	n := s.scalar(key)
	if n == nil {
		return def
	}
	v, ok := parseNumber(row.kind, n.Value)
	if n.ShortTag() == "!!str" && (row.kind == kindInteger || decimal.MatchString(n.Value)) {
		ok = false // "60" in quotes is text
	}
	switch {
	case !ok:
		s.fault(key, "is not %s", row.wanted())
	case !row.admits(v):
		s.fault(key, "is out of range: allowed %s", row.allowed())
	default:
		return v
	}
	return def
}

// parseNumber reads an integer, or a duration in ns. What does not fit an int64 becomes the nearest one that does,
// which no range admits.
func parseNumber(k kind, v string) (n int64, ok bool) {
	if decimal.MatchString(v) {
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case k == kindInteger || err != nil:
			return n, true
		case n > math.MaxInt64/int64(time.Second):
			return math.MaxInt64, true
		case n < math.MinInt64/int64(time.Second):
			return math.MinInt64, true
		}
		return n * int64(time.Second), true
	}
	if k == kindInteger {
		return 0, false
	}
	d, err := time.ParseDuration(v)
	return int64(d), err == nil
}

// boolean returns a truth value, or its default.
func (s *section) boolean(key string) bool {
	def := s.row(key).def == "true"
	n := s.scalar(key)
	if n == nil {
		return def
	}
	if n.ShortTag() != "!!bool" {
		s.fault(key, "is not %s", s.row(key).wanted())
		return def
	}
	return strings.EqualFold(n.Value, "true")
}

// str returns a key's text; ok is false, and the text the default, when there is none.
func (s *section) str(key string) (v string, ok bool) {
	n := s.scalar(key)
	if n == nil {
		return s.row(key).def, false
	}
	if n.ShortTag() != "!!str" && s.row(key).kind != kindWord {
		s.fault(key, "is not text in YAML: put it in quotes")
		return s.row(key).def, false
	}
	return n.Value, true
}

// word returns one of the setting's words, or its default.
func (s *section) word(key string) string {
	row := s.row(key)
	v, ok := s.str(key)
	switch {
	case !ok || slices.Contains(row.words, v):
		return v
	case slices.Contains(row.later, v):
		s.fault(key, "is not supported yet: allowed %s", row.allowed())
	default:
		s.fault(key, "is not known: allowed %s", row.allowed())
	}
	return row.def
}

// name returns a name as written, even one that is refused, so that references to it can still be followed.
func (s *section) name(key string) string {
	v, ok := s.str(key)
	if ok && (len(v) > nameMax || !nameChars.MatchString(v)) {
		s.fault(key, "is not a name: allowed %s", s.row(key).allowed())
	}
	return v
}

// text returns text within the setting's length, or its default.
func (s *section) text(key string) string {
	row := s.row(key)
	v, ok := s.str(key)
	switch {
	case !ok:
	case int64(len(v)) < row.min || int64(len(v)) > row.max:
		s.fault(key, "is %d bytes long: allowed %s", len(v), row.allowed())
	case strings.ContainsFunc(v, isControl):
		s.fault(key, "has control characters in it")
	default:
		return v
	}
	return row.def
}

// texts returns the elements of a list of texts, each with the path and node to name in a fault about it. One that is no
// text, or too long, is recorded and left out.
func (s *section) texts(key string) []textItem {
	row := s.row(key)
	var out []textItem
	for _, it := range s.items(key) {
		n := it.node
		switch {
		case n.Kind != yaml.ScalarNode || isNull(n):
			s.r.fault(it.path, n, "", "%s", wrongShape(n, "a text"))
		case n.ShortTag() != "!!str":
			s.r.fault(it.path, n, written(n), "is not text in YAML: put it in quotes")
		case int64(len(n.Value)) < row.min || int64(len(n.Value)) > row.max:
			s.r.fault(it.path, n, written(n), "is %d bytes long: allowed %s", len(n.Value), row.allowed())
		case strings.ContainsFunc(n.Value, isControl):
			s.r.fault(it.path, n, written(n), "has control characters in it")
		default:
			out = append(out, textItem{it, n.Value})
		}
	}
	return out
}

// textItem is one element of a list of texts.
type textItem struct {
	item
	text string
}

// distinct returns the texts of a list in which none may be given twice.
func (s *section) distinct(key string) []string {
	var out []string
	for _, it := range s.texts(key) {
		if slices.Contains(out, it.text) {
			s.r.fault(it.path, it.node, written(it.node), "is given twice")
			continue
		}
		out = append(out, it.text)
	}
	return out
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// address returns an IP address to listen at, or its default.
func (s *section) address(key string) netip.Addr {
	def := netip.MustParseAddr(s.row(key).def)
	v, ok := s.str(key)
	if !ok {
		return def
	}
	addr, err := netip.ParseAddr(v)
	if err != nil {
		s.fault(key, "is not %s", s.row(key).wanted())
		return def
	}
	if problem := addressProblem(addr); problem != "" {
		s.fault(key, "%s", problem)
		return def
	}
	return addr
}

// addressProblem says why an address that parses cannot be used, or nothing.
func addressProblem(addr netip.Addr) string {
	switch {
	case addr.Zone() != "":
		return "has a zone: link-local addresses are not supported"
	case addr.Is4In6():
		return "is an IPv4 address in IPv6 form: write " + addr.Unmap().String()
	case addr.IsMulticast():
		return "is a multicast address: TCP cannot use it"
	}
	return ""
}

// host returns a backend's IP address in its canonical form, or its host name as written; "" if there is neither.
func (s *section) host(key string) string {
	v, ok := s.str(key)
	if !ok {
		return ""
	}
	addr, err := netip.ParseAddr(v)
	switch {
	case err != nil && !isHostName(v):
		s.fault(key, "is not %s", s.row(key).wanted())
	case err != nil:
		return v
	case addressProblem(addr) != "":
		s.fault(key, "%s", addressProblem(addr))
	case addr.IsUnspecified():
		s.fault(key, "is a wildcard: it can be listened at but not connected to")
	default:
		return addr.String()
	}
	return ""
}

// isHostName accepts what a resolver can be asked for: labels of letters, digits, hyphens and, because container
// networks use them, underscores. A last label of digits is refused: it is a mistyped IPv4 address.
func isHostName(v string) bool {
	v = strings.TrimSuffix(v, ".")
	if v == "" || len(v) > hostMax {
		return false
	}
	labels := strings.Split(v, ".")
	for _, l := range labels {
		if !hostLabel.MatchString(l) {
			return false
		}
	}
	return !allDigits.MatchString(labels[len(labels)-1])
}

// urlPath returns the path of a URL, maybe with a query, or its default. It may stand in a request line as it is.
func (s *section) urlPath(key string) string {
	row := s.row(key)
	v, ok := s.str(key)
	if ok && (int64(len(v)) > row.max || !pathChars.MatchString(v)) {
		s.fault(key, "is not %s", row.wanted())
		return row.def
	}
	return v
}

// token returns a token, or "": nothing in it can end a cookie's name or a line.
func (s *section) token(key string) string {
	row := s.row(key)
	v, ok := s.str(key)
	if !ok {
		return ""
	}
	if v == "" || int64(len(v)) > row.max || strings.ContainsFunc(v, func(c rune) bool { return !isTokenChar(c) }) {
		s.fault(key, "is not %s", row.wanted())
		return ""
	}
	return v
}

func isTokenChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(tokenMarks, c)
}

// domain returns the domain of a cookie, without the leading dot that some write (RFC 6265 §5.2.3), or "".
func (s *section) domain(key string) string {
	v, ok := s.str(key)
	if !ok {
		return ""
	}
	name := strings.TrimPrefix(v, ".")
	if !isHostName(name) || strings.HasSuffix(name, ".") {
		s.fault(key, "is not %s", s.row(key).wanted())
		return ""
	}
	return name
}

// endpoint returns "host:port", or its default.
func (s *section) endpoint(key string) string {
	row := s.row(key)
	v, ok := s.str(key)
	if !ok {
		return v
	}
	h, p, err := net.SplitHostPort(v)
	if err != nil {
		s.fault(key, "is not %s", row.wanted())
		return row.def
	}
	if port, isNumber := parseNumber(kindInteger, p); !isNumber || port < 1 || port > math.MaxUint16 {
		s.fault(key, "has a port out of range: allowed 1..65535")
		return row.def
	}
	if _, err := netip.ParseAddr(h); err != nil && !isHostName(h) {
		s.fault(key, "does not begin with an IP address or host name: write 0.0.0.0:%s for every interface", p)
		return row.def
	}
	return v
}
