package query

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The bounds of a form. The largest honest request registers 10,000 instances, which takes about half a MiB.
const (
	bodyBytesMax  = 1 << 20
	parametersMax = 1 << 15 // three for each of listMax, and some
	nameBytesMax  = 256     // the longest name that an operation has takes 68
	valueBytesMax = 1 << 14 // a public key of 16,384 bits takes 2,800 in base64
)

// The names that say what a form is, and those of a presigned request's signature, which others have read by now.
const (
	actionName      = "Action"
	versionName     = "Version"
	signaturePrefix = "X-Amz-"
)

// parameter is one name and value of a form, unescaped.
type parameter struct{ name, value string }

// Form is the parameters of a request in the order they came in, each name once. The zero value is empty.
type Form struct {
	action, version string
	parameters      []parameter
}

// Action returns what the form asks for; it need not exist.
func (f *Form) Action() string { return f.action }

// ReadBody reads a request's body, and refuses one that is longer than any honest one. It reads no more than one byte
// too many; whoever called closes the connection rather than taking the rest.
func ReadBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, bodyBytesMax+1))
	if err != nil {
		return nil, &Error{Code: InvalidQueryParameter, Message: "the body of the request ended early", Err: err}
	}
	if len(body) > bodyBytesMax {
		return nil, refuse(RequestEntityTooLarge, "", "the body of the request is too long: at most %d bytes are allowed", bodyBytesMax)
	}
	return body, nil
}

// ParseForm reads the parameters of a request from its query and, when it is a POST, from its body as well. A presigned
// POST has its signature in the query and the rest in the body, so that both together are the form. A name that is given
// twice is refused: nobody could say which of the values was meant. All errors are of type *Error.
func ParseForm(method, rawQuery, contentType string, body []byte) (*Form, error) {
	if err := checkCarrier(method, contentType, body); err != nil {
		return nil, err
	}
	form := &Form{}
	seen := map[string]bool{}
	for _, text := range []string{rawQuery, string(body)} {
		if err := form.add(text, seen); err != nil {
			return nil, err
		}
	}
	return form, nil
}

// checkCarrier refuses a body where none belongs, and one that is something else than a form.
func checkCarrier(method, contentType string, body []byte) error {
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		return refuse(InvalidQueryParameter, "", "the method %s is not supported: use GET or POST", shown(method))
	case len(body) > bodyBytesMax:
		return refuse(RequestEntityTooLarge, "", "the body of the request is too long: at most %d bytes are allowed", bodyBytesMax)
	case len(body) == 0:
		return nil
	case method == http.MethodGet:
		return refuse(InvalidQueryParameter, "", "a GET request has no body: put the parameters into the query, or use POST")
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/x-www-form-urlencoded" {
		return refuse(InvalidQueryParameter, "", "the Content-Type '%s' is not supported: use application/x-www-form-urlencoded", shown(contentType))
	}
	return nil
}

// add takes the parameters of one text; seen holds the names so far.
func (f *Form) add(text string, seen map[string]bool) error {
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		p, err := parsePair(pair)
		if err != nil {
			return err
		}
		if seen[p.name] {
			return refuse(InvalidQueryParameter, p.name, "%s is given more than once", shown(p.name))
		}
		seen[p.name] = true
		if len(seen) > parametersMax {
			return refuse(InvalidQueryParameter, "", "the request has too many parameters: at most %d are allowed", parametersMax)
		}
		f.keep(p)
	}
	return nil
}

// keep puts a parameter where it belongs.
func (f *Form) keep(p parameter) {
	switch {
	case p.name == actionName:
		f.action = p.value
	case p.name == versionName:
		f.version = p.value
	case !strings.HasPrefix(p.name, signaturePrefix):
		f.parameters = append(f.parameters, p)
	}
}

// parsePair reads one name=value, where a missing equals sign is an empty value.
func parsePair(pair string) (parameter, error) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, nameErr := url.QueryUnescape(rawName)
	value, valueErr := url.QueryUnescape(rawValue)
	switch {
	case nameErr != nil || name == "":
		return parameter{}, &Error{Code: MalformedQueryString, Message: "the name of a parameter is empty or wrongly escaped", Err: nameErr}
	case len(name) > nameBytesMax:
		return parameter{}, refuse(InvalidQueryParameter, "", "the name of a parameter is too long: at most %d bytes are allowed", nameBytesMax)
	case !presentable(name):
		return parameter{}, refuse(InvalidQueryParameter, "", "the name of a parameter holds bytes that are not text")
	case valueErr != nil:
		return parameter{}, &Error{Code: MalformedQueryString, Field: name, Message: shown(name) + " is wrongly escaped", Err: valueErr}
	case len(value) > valueBytesMax:
		return parameter{}, refuse(ValidationError, name, "%s is too long: at most %d bytes are allowed", shown(name), valueBytesMax)
	case !presentable(value):
		return parameter{}, refuse(ValidationError, name, "%s holds bytes that are not text", shown(name))
	}
	return parameter{name, value}, nil
}

// presentable reports whether a text is made of characters that an answer could give back. Others are not taken in.
func presentable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !xmlChar(r) })
}
