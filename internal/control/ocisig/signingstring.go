package ocisig

import (
	"net/http"
	"net/textproto"
	"strings"
)

// signingStringBytesMax is above what any client signs, and keeps small what is hashed for a client that is not known yet.
const signingStringBytesMax = 64 << 10

// signingString returns what a client signs: a line for each header in its order, without an end of line at the end.
func signingString(r *http.Request, headers []string) (string, error) {
	var b strings.Builder
	for i, name := range headers {
		value, err := signedValue(r, name)
		if err != nil {
			return "", err
		}
		if b.Len()+len(name)+len(value)+len(": \n") > signingStringBytesMax {
			return "", refuse(RequestHeaderFieldsTooLarge, "The headers that are signed are longer than %d bytes.", signingStringBytesMax)
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(name)
		b.WriteString(": ")
		b.WriteString(value)
	}
	return b.String(), nil
}

// signedValue returns what is signed under a name. A line end in it would let one header pass for several; net/http lets none through.
func signedValue(r *http.Request, name string) (value string, err error) {
	switch name {
	case requestTarget:
		value, err = target(r)
	case "host": // net/http takes it out of the headers, and refuses two
		if value = r.Host; value == "" && r.RequestURI == "" && r.URL != nil {
			value = r.URL.Host // of a request built with NewRequest
		}
		if value == "" {
			err = incorrect("the request has no header host")
		}
	default:
		value, err = oneValue(r, name)
	}
	if err == nil && strings.ContainsAny(value, "\r\n\x00") {
		err = incorrect("the value of %s has characters that no header may have", quote(name))
	}
	return value, err
}

// target returns the method in small letters and path and query as they were sent: decoded, a slash that was encoded could not be told
// from one that was not. Only the form that begins with a slash is taken (RFC 9112 §3.2.1); in the others the host is there twice.
func target(r *http.Request) (string, error) {
	sent := r.RequestURI
	if sent == "" && r.URL != nil {
		sent = r.URL.RequestURI()
	}
	if !strings.HasPrefix(sent, "/") {
		return "", incorrect("the request target must begin with a slash")
	}
	return strings.ToLower(methodOf(r)) + " " + sent, nil
}

// methodOf returns the method, which NewRequest's users may leave out.
func methodOf(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// headerValues returns the values of a header by its lower-case name.
func headerValues(r *http.Request, name string) []string {
	return r.Header[textproto.CanonicalMIMEHeaderKey(name)]
}

// oneValue returns the value of a header that has to be there, once.
func oneValue(r *http.Request, name string) (string, error) {
	switch values := headerValues(r, name); len(values) {
	case 0:
		return "", incorrect("the request has no header %s, which is signed", quote(name))
	case 1:
		return strings.Trim(values[0], " \t"), nil
	default:
		return "", incorrect("the header %s must be given once, not %d times", quote(name), len(values))
	}
}
