package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what is read before anything is known about the client.
const (
	authorizationBytesMax = 8 << 10
	signedHeadersMax      = 128 // SDKs sign up to a dozen
	keyIDBytesMax         = 128 // AWS documents this as the longest
	expiresMax            = 7 * 24 * time.Hour
)

// Layouts of dates.
const (
	timeLayout = "20060102T150405Z"
	dayLayout  = "20060102"
)

// Names of the query of a presigned request. They are case-sensitive.
const (
	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	querySignature     = "X-Amz-Signature"
	querySecurityToken = "X-Amz-Security-Token"
	queryContentHash   = "X-Amz-Content-Sha256"
)

// claim is what a client says about its signature. Nothing of it is to be believed before the signature is verified.
type claim struct {
	presigned bool

	keyID      string
	day        string
	region     string
	service    string
	terminator string

	signedHeaders []string // lower case, each once
	signature     string
	token         string // session token
	time          time.Time
	expires       time.Duration // of a presigned request; 0 if it does not say
}

// readClaim finds the signature, in the header or in the query. A request with both is refused: which one counts should not
// be a guess.
func readClaim(r *http.Request, query []parameter) (*claim, error) {
	values := r.Header.Values("Authorization")
	if isPresigned(query) {
		if len(values) > 0 {
			return nil, refuse(IncompleteSignature, "Only one of the 'Authorization' header and the 'X-Amz-Signature' query parameter may be given.")
		}
		return readPresigned(query)
	}
	switch {
	case len(values) == 0:
		return nil, missing()
	case len(values) > 1:
		return nil, refuse(IncompleteSignature, "Authorization header must be given once, not %d times.", len(values))
	}
	return readHeader(r, values[0])
}

// missing is the answer for requests that carry nothing like a signature.
func missing() *Error {
	return refuse(MissingAuthenticationToken, "Request is missing Authentication Token")
}

// readHeader reads a signature from the Authorization header and the date and token from theirs.
func readHeader(r *http.Request, authorization string) (*claim, error) {
	if len(authorization) > authorizationBytesMax {
		return nil, refuse(IncompleteSignature, "Authorization header is longer than %d bytes.", authorizationBytesMax)
	}
	name, rest, _ := strings.Cut(authorization, " ")
	if name != algorithm {
		// Basic and Bearer are no attempt at a signature. They are not repeated, they are somebody's password.
		if !strings.HasPrefix(name, "AWS") {
			return nil, missing()
		}
		return nil, unsupported(name)
	}
	parts, err := readParts(rest)
	if err != nil {
		return nil, err
	}
	c := &claim{signature: parts["Signature"]}
	date, err := headerDate(r)
	if err != nil {
		return nil, err
	}
	if text := incomplete(parts, date); text != "" {
		return nil, refuse(IncompleteSignature, "%s", text)
	}
	if c.time, err = parseTime(date); err != nil {
		return nil, err
	}
	if c.token, err = oneValue(r, querySecurityToken); err != nil {
		return nil, err
	}
	return c, c.read(parts["Credential"], parts["SignedHeaders"])
}

// unsupported refuses another algorithm by its name.
func unsupported(name string) *Error {
	return refuse(IncompleteSignature, "Unsupported AWS 'algorithm': %s; use '%s'.", quote(name), algorithm)
}

// readParts splits what follows the algorithm into its three parts.
func readParts(text string) (map[string]string, error) {
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		switch name {
		case "Credential", "SignedHeaders", "Signature":
		case "":
			continue
		default:
			return nil, refuse(IncompleteSignature, "Authorization header has a part other than 'Credential', 'SignedHeaders' and 'Signature'.")
		}
		if _, again := parts[name]; again {
			return nil, refuse(IncompleteSignature, "Authorization header has '%s' more than once.", name)
		}
		parts[name] = value
	}
	return parts, nil
}

// incomplete lists everything that a signed header lacks, in the words of AWS but without repeating the header.
func incomplete(parts map[string]string, date string) string {
	var lacks []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			lacks = append(lacks, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if date == "" {
		lacks = append(lacks, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return strings.Join(lacks, " ")
}

// headerDate returns the date that counts: Date belongs to HTTP and may be set by something on the way.
func headerDate(r *http.Request) (string, error) {
	date, err := oneValue(r, "X-Amz-Date")
	if date != "" || err != nil {
		return date, err
	}
	return oneValue(r, "Date")
}

// oneValue returns the value of a header that may not be repeated; "" if it is absent or empty.
func oneValue(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return strings.Trim(values[0], " "), nil
	default:
		return "", refuse(IncompleteSignature, "'%s' header must be given once, not %d times.", name, len(values))
	}
}

// parseTime reads the compact form of ISO 8601, and what HTTP allows in Date.
func parseTime(text string) (time.Time, error) {
	// The length, because Parse takes fractions of a second that the layout does not have.
	if len(text) == len(timeLayout) {
		if t, err := time.Parse(timeLayout, text); err == nil {
			return t, nil
		}
	}
	if t, err := http.ParseTime(text); err == nil {
		return t.UTC(), nil
	}
	return time.Time{}, refuse(IncompleteSignature,
		"Date must be in ISO-8601 'basic format'. Got %s. See https://en.wikipedia.org/wiki/ISO_8601", quote(text))
}

// isPresigned reports whether the query tries to be signed.
func isPresigned(query []parameter) bool {
	return slices.ContainsFunc(query, func(p parameter) bool {
		return p.name == queryAlgorithm || p.name == queryCredential || p.name == querySignature
	})
}

// readPresigned reads a signature from the query.
func readPresigned(query []parameter) (*claim, error) {
	values := map[string]string{}
	for _, p := range query {
		switch p.name {
		case queryAlgorithm, queryCredential, queryDate, queryExpires, querySignedHeaders, querySignature, querySecurityToken, queryContentHash:
		default:
			continue
		}
		if _, again := values[p.name]; again {
			return nil, refuse(IncompleteSignature, "AWS query-string parameters must include '%s' once. Re-examine the query-string parameters.", p.name)
		}
		values[p.name] = p.value
	}
	if text := incompleteQuery(values); text != "" {
		return nil, refuse(IncompleteSignature, "%s", text)
	}
	if name := values[queryAlgorithm]; name != algorithm {
		return nil, unsupported(name)
	}
	c := &claim{presigned: true, signature: values[querySignature], token: values[querySecurityToken]}
	date := values[queryDate]
	var err error
	if c.time, err = parseTime(date); err != nil {
		return nil, err
	}
	if text, given := values[queryExpires]; given {
		if c.expires, err = parseExpires(text); err != nil {
			return nil, err
		}
	}
	return c, c.read(values[queryCredential], values[querySignedHeaders])
}

// incompleteQuery lists everything that a presigned query lacks. X-Amz-Expires is not among it: the API's common parameters
// do not have it, and without it the date counts as it does in a header.
func incompleteQuery(values map[string]string) string {
	var lacks []string
	for _, name := range []string{queryAlgorithm, queryCredential, querySignature, querySignedHeaders, queryDate} {
		if values[name] == "" {
			lacks = append(lacks, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	return strings.Join(append(lacks, "Re-examine the query-string parameters."), " ")
}

// parseExpires reads how many seconds a presigned request is good for.
func parseExpires(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || n > uint64(expiresMax/time.Second) {
		return 0, refuse(IncompleteSignature, "X-Amz-Expires must be a number of seconds from 1 to %d, not %s.", expiresMax/time.Second, quote(text))
	}
	return time.Duration(n) * time.Second, nil
}

// read takes the credential and the list of signed headers apart. The credential is not repeated in errors, because people
// paste secrets where the name belongs.
func (c *claim) read(credential, signedHeaders string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[0] == "" {
		return refuse(IncompleteSignature,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, and has %d.", len(parts))
	}
	c.keyID, c.day, c.region, c.service, c.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	if len(c.keyID) > keyIDBytesMax {
		return refuse(InvalidClientTokenID, "The security token included in the request is invalid.")
	}
	return c.readSignedHeaders(signedHeaders)
}

// readSignedHeaders takes the list as it is. Its order is not checked: it is the order of the canonical headers, so that a
// client that signed in another one than AWS asks for gets a signature that does not match.
func (c *claim) readSignedHeaders(list string) error {
	if strings.Count(list, ";") >= signedHeadersMax {
		return refuse(IncompleteSignature, "SignedHeaders lists more than %d headers.", signedHeadersMax)
	}
	seen := map[string]bool{}
	for name := range strings.SplitSeq(list, ";") {
		if !isHeaderName(name) || seen[name] {
			return refuse(IncompleteSignature, "SignedHeaders must be header names in lower case, separated by semicolons, each once: %s.", quote(list))
		}
		seen[name] = true
		c.signedHeaders = append(c.signedHeaders, name)
	}
	return nil
}

// isHeaderName reports whether name is a token (RFC 9110 §5.6.2) without capital letters.
func isHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' || !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// isAlphanumeric reports whether c is an ASCII letter or digit.
func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
