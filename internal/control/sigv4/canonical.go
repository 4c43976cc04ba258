package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// unsignedPayload stands for the hash of a body that is not signed.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// parameter is one name and value of a query, decoded.
type parameter struct {
	name, value string
}

// parseQuery decodes a query as the handlers of forms do, so that what is signed is what is meant: a plus sign is a space, a
// name without a value has the empty one. Unlike them it leaves out nothing that it cannot decode.
func parseQuery(raw string) ([]parameter, error) {
	var query []parameter
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, refuse(MalformedQueryString, "The query string contains a syntax error.")
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, refuse(MalformedQueryString, "The query string contains a syntax error.")
		}
		query = append(query, parameter{name, value})
	}
	return query, nil
}

// checkSignedHeaders wants those headers signed on which the meaning of a request depends here, and every signed header
// there. Of the others the client decides: proxies change them.
func checkSignedHeaders(r *http.Request, c *claim) error {
	if !slices.Contains(c.signedHeaders, "host") {
		return refuse(SignatureDoesNotMatch, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.signedHeaders, name) {
			return refuse(SignatureDoesNotMatch, "%s must be a 'SignedHeader' in the AWS Authorization.", quote(name))
		}
	}
	return nil
}

// payloadHashes returns what may stand for the body in the canonical request. A client may name the hash itself; then it has
// to be right. Not to sign the body is for presigned URLs, which are made before there is one; ours may then have none at
// all, because the body of a form can name another action than the one that was presigned.
func payloadHashes(r *http.Request, query []parameter, body []byte, presigned bool) ([]string, error) {
	named, err := oneValue(r, "X-Amz-Content-Sha256")
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(query, func(p parameter) bool { return p.name == queryContentHash }); presigned && named == "" && i >= 0 {
		named = query[i].value
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	switch {
	case named == unsignedPayload && !presigned:
		return nil, refuse(SignatureDoesNotMatch, "'X-Amz-Content-Sha256' must be the SHA-256 of the body: this service does not accept '%s' here.", unsignedPayload)
	case named == unsignedPayload && len(body) > 0:
		return nil, refuse(SignatureDoesNotMatch, "A request presigned with '%s' must have no body.", unsignedPayload)
	case named == unsignedPayload:
		return []string{unsignedPayload}, nil
	case named != "" && named != hash:
		return nil, refuse(SignatureDoesNotMatch, "'X-Amz-Content-Sha256' is not the SHA-256 of the body, in small hexadecimal digits: that is '%s'.", hash)
	case presigned && named == "" && len(body) == 0:
		return []string{hash, unsignedPayload}, nil
	}
	return []string{hash}, nil
}

// canonical holds the parts of a canonical request, with their alternatives.
type canonical struct {
	method  string
	paths   []string
	query   string
	hosts   []string
	headers []string // lines without their ends; that of the host is put in by all
	host    int      // its place in headers
	signed  string
}

// newCanonical takes the request apart.
func newCanonical(r *http.Request, query []parameter, c *claim) (*canonical, error) {
	a := &canonical{
		method: r.Method,
		paths:  paths(rawPath(r)),
		query:  canonicalQuery(query, c.presigned),
		hosts:  hosts(r.Host),
		signed: strings.Join(c.signedHeaders, ";"),
	}
	if a.method == "" { // what NewRequest's users may leave out
		a.method = http.MethodGet
	}
	for i, name := range c.signedHeaders {
		if name == "host" {
			a.host = i
			a.headers = append(a.headers, "")
			continue
		}
		values := headerValues(r, name)
		if len(values) == 0 {
			return nil, refuse(SignatureDoesNotMatch, "The request has no header %s, which 'SignedHeaders' lists.", quote(name))
		}
		a.headers = append(a.headers, name+":"+foldValues(values))
	}
	return a, nil
}

// all yields the candidates, the most likely one first.
func (a *canonical) all(payloads []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, payload := range payloads {
			for _, path := range a.paths {
				for _, host := range a.hosts {
					a.headers[a.host] = "host:" + host
					// The empty line ends the headers.
					lines := []string{a.method, path, a.query, strings.Join(a.headers, "\n"), "", a.signed, payload}
					if !yield(strings.Join(lines, "\n")) {
						return
					}
				}
			}
		}
	}
}

// rawPath returns the path as it was sent. URL.Path is decoded, and a slash that was encoded cannot be told from one that
// was not.
func rawPath(r *http.Request) string {
	path := r.URL.EscapedPath()
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ = strings.Cut(r.RequestURI, "?")
	}
	if path == "" {
		return "/"
	}
	return path
}

// paths returns the encoded path, cleaned and as sent if these differ. It was encoded for the request line already: for all
// services but S3 it is encoded once more.
func paths(raw string) []string {
	sent, clean := escape(raw, true), escape(cleanPath(raw), true)
	if sent == clean {
		return []string{clean}
	}
	return []string{clean, sent}
}

// cleanPath removes dot segments (RFC 3986 §5.2.4) and, other than path.Clean, keeps a slash at the end.
func cleanPath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}
	return clean
}

// canonicalQuery encodes the query again and sorts it by encoded name, then value. The signature of a presigned request
// cannot sign itself.
func canonicalQuery(query []parameter, presigned bool) string {
	encoded := make([]parameter, 0, len(query))
	for _, p := range query {
		if presigned && p.name == querySignature {
			continue
		}
		encoded = append(encoded, parameter{escape(p.name, false), escape(p.value, false)})
	}
	slices.SortFunc(encoded, func(a, b parameter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range encoded {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// escape encodes everything but the unreserved characters of RFC 3986 §2.3, with capital digits. In a path slashes stay.
func escape(text string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(text))
	for i := range len(text) {
		c := text[i]
		if isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || path && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&0xf])
	}
	return b.String()
}

// hosts returns the host as sent, and without a default port if it has one: some clients send that and do not sign it. Which
// of the two ports is the default cannot be told behind a proxy, and nothing depends on the host's port here.
func hosts(sent string) []string {
	for _, port := range []string{":80", ":443"} {
		name, found := strings.CutSuffix(sent, port)
		// The end of an IPv6 address without brackets is no port.
		if found && name != "" && (!strings.Contains(name, ":") || strings.HasSuffix(name, "]")) {
			return []string{sent, name}
		}
	}
	return []string{sent}
}

// headerValues returns a header by its lower-case name, and those that net/http keeps elsewhere.
func headerValues(r *http.Request, name string) []string {
	if values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
		return values
	}
	switch {
	case name == "content-length" && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding":
		return r.TransferEncoding
	}
	return nil
}

// foldValues joins the values of a repeated header, each without outer spaces and with single inner ones.
func foldValues(values []string) string {
	folded := make([]string, len(values))
	for i, value := range values {
		folded[i] = foldSpaces(value)
	}
	return strings.Join(folded, ",")
}

// foldSpaces trims a value and makes each run of spaces one. Tabs inside stay as they are, as with the SDKs.
func foldSpaces(value string) string {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") {
		return value
	}
	var b strings.Builder
	b.Grow(len(value))
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' { // the first is no space, so there is one before
			b.WriteByte(value[i])
		}
	}
	return b.String()
}
