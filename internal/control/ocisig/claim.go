package ocisig

import (
	"net/http"
	"slices"
	"strings"
)

// Limits of what is read before anything is known about the client.
const (
	authorizationBytesMax = 8 << 10
	signedHeadersMax      = 64  // SDKs sign six
	keyIDBytesMax         = 640 // two OCIDs of 255 bytes, a fingerprint of 47 and what divides them
)

const (
	scheme    = "Signature"
	algorithm = "rsa-sha256" // the only one that Oracle takes
	version   = "1"
)

// requestTarget stands for method and target in the list of signed headers.
const requestTarget = "(request-target)"

// claim is what a client says about its signature. Nothing of it is to be believed before the signature is verified.
type claim struct {
	keyID     string
	headers   []string // lower case, each once
	signature string   // in base64
}

// readClaim reads the Authorization header.
func readClaim(r *http.Request) (claim, error) {
	values := headerValues(r, "authorization")
	switch {
	case len(values) == 0:
		return claim{}, incorrect("there is no Authorization header")
	case len(values) > 1:
		return claim{}, incorrect("the Authorization header must be given once, not %d times", len(values))
	case len(values[0]) > authorizationBytesMax:
		return claim{}, refuse(RequestHeaderFieldsTooLarge, "The Authorization header is longer than %d bytes.", authorizationBytesMax)
	}
	name, rest, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	if !strings.EqualFold(name, scheme) {
		return claim{}, incorrect("the Authorization header must begin with '%s'", scheme) // and is somebody's password, not to be repeated
	}
	parameters, err := readParameters(rest)
	if err != nil {
		return claim{}, err
	}
	return newClaim(parameters)
}

// parameterNames are those that there are, as they are written.
//
//nolint:gochecknoglobals // a table
var parameterNames = []string{"version", "keyId", "algorithm", "headers", "signature"}

// readParameters reads name="value" between commas, in any order (RFC 9110 §11.2). A value has no escapes, since there is nothing in it
// that needs one. A parameter that is not known is refused: a client that says when its signature expires may rely on it.
func readParameters(text string) (map[string]string, error) {
	parameters := map[string]string{}
	for {
		name, rest, found := strings.Cut(strings.TrimLeft(text, " \t"), "=")
		at := slices.IndexFunc(parameterNames, func(known string) bool { return strings.EqualFold(known, name) })
		if !found || at < 0 {
			return nil, incorrect("the Authorization header must consist of %s, each with its value in quotes", strings.Join(parameterNames, ", "))
		}
		name = parameterNames[at]
		if _, again := parameters[name]; again {
			return nil, incorrect("the Authorization header has %s more than once", name)
		}
		value, rest, err := readQuoted(name, rest)
		if err != nil {
			return nil, err
		}
		parameters[name] = value
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return parameters, nil
		}
		if rest[0] != ',' {
			return nil, incorrect("the Authorization header must have a comma after the value of %s", name)
		}
		text = rest[1:]
	}
}

// readQuoted reads a value in quotes and returns what comes after it.
func readQuoted(name, text string) (value, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		var closed bool
		value, rest, closed = strings.Cut(text[1:], `"`)
		if closed && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' || c == '\\' }) {
			return value, rest, nil
		}
	}
	return "", "", incorrect("the Authorization header must have the value of %s in quotes, in printable ASCII without backslashes", name)
}

// newClaim checks what can be checked of the parameters alone. Without headers the draft takes the date for signed alone, which is
// never enough here.
func newClaim(parameters map[string]string) (claim, error) {
	for _, name := range []string{"keyId", "algorithm", "headers", "signature"} {
		if parameters[name] == "" {
			return claim{}, incorrect("the Authorization header lacks %s", name)
		}
	}
	if got, given := parameters["version"]; given && got != version {
		return claim{}, incorrect("the version of the signature must be '%s', not %s", version, quote(got))
	}
	if got := parameters["algorithm"]; got != algorithm {
		return claim{}, incorrect("the algorithm must be '%s', not %s", algorithm, quote(got))
	}
	c := claim{keyID: parameters["keyId"], signature: parameters["signature"]}
	if len(c.keyID) > keyIDBytesMax {
		return claim{}, incorrect("the key is not known here")
	}
	var err error
	c.headers, err = readHeaderList(parameters["headers"])
	return c, err
}

// readHeaderList reads the names of the signed headers. A name that is there twice is refused: it has no use, and each is a chance to
// look at the wrong one.
func readHeaderList(list string) ([]string, error) {
	if strings.Count(list, " ") >= signedHeadersMax {
		return nil, refuse(RequestHeaderFieldsTooLarge, "The signature lists more than %d headers.", signedHeadersMax)
	}
	var headers []string
	for name := range strings.SplitSeq(strings.ToLower(list), " ") {
		if name != requestTarget && !isHeaderName(name) || slices.Contains(headers, name) {
			return nil, incorrect("the signature must list the names of headers, each once and with one space between them, not %s", quote(list))
		}
		headers = append(headers, name)
	}
	return headers, nil
}

// isHeaderName reports whether name is a token (RFC 9110 §5.6.2).
func isHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}
