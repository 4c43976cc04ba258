package lullapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"lull/internal/control/fault"
	"lull/internal/control/store"
)

const (
	// BodyBytesMax bounds the longest body, that of a certificate: what the store takes, and some for the line ends, which are two
	// characters in JSON, and for what stands around the PEM blocks. A server that reads bodies itself reads as much.
	BodyBytesMax = store.ValueBytesMax + 64<<10
	// smallBodyBytesMax bounds the others: a few names of some hundred bytes.
	smallBodyBytesMax = 16 << 10
)

// field is one that a body may have. All are texts.
type field struct {
	name     string
	into     *string
	required bool
}

// readFields reads the body of a request.
func readFields(w http.ResponseWriter, r *http.Request, bytesMax int64, fields ...field) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bytesMax))
	switch {
	case tooLong(err):
		return &fault.Error{Kind: fault.Invalid, Field: "body", Message: fmt.Sprintf("body: has too many bytes, at most %d are allowed", bytesMax), Err: err}
	case err != nil:
		return &fault.Error{Kind: fault.Invalid, Field: "body", Message: "body: has not arrived as a whole", Err: err}
	}
	return parseFields(body, fields...)
}

// tooLong reports whether a body was longer than it may be.
func tooLong(err error) bool {
	var long *http.MaxBytesError
	return errors.As(err, &long)
}

// parseFields reads a JSON object of texts: each field at most once, no others, all that are required. No error has a part of a value.
func parseFields(body []byte, fields ...field) error {
	if !utf8.Valid(body) {
		return fault.Field("body", "is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return fault.Field("body", "must be a JSON object with %s", list(fields))
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return syntax(dec)
		}
		text, _ := name.(string) // whatever is not a text is no name to the decoder either
		if err = parseField(dec, text, seen[text], fields); err != nil {
			return err
		}
		seen[text] = true
	}
	if _, err := dec.Token(); err != nil {
		return syntax(dec)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.Field("body", "goes on behind the JSON object, from byte %d", dec.InputOffset())
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			return fault.Field(f.name, "is missing; allowed are %s", list(fields))
		}
	}
	return nil
}

// parseField reads the value of a field.
func parseField(dec *json.Decoder, name string, again bool, fields []field) error {
	for _, f := range fields {
		if f.name != name {
			continue
		}
		if again {
			return fault.Field(name, "is there twice, once is allowed")
		}
		value, err := dec.Token()
		if err != nil {
			return syntax(dec)
		}
		text, ok := value.(string)
		if !ok {
			return fault.Field(name, "is %s, must be a text", kindOf(value))
		}
		*f.into = text
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Field: name, Message: fmt.Sprintf("field %q: is not known; allowed are %s", fault.Shortened(name), list(fields))}
}

func syntax(dec *json.Decoder) error {
	return fault.Field("body", "is not JSON, around byte %d", dec.InputOffset())
}

// kindOf names what stands in the place of a text.
func kindOf(token json.Token) string {
	switch token {
	case nil:
		return "null"
	case json.Delim('{'):
		return "an object"
	case json.Delim('['):
		return "a list"
	case true, false:
		return "a truth value"
	}
	return "a number"
}

// list names fields for people.
func list(fields []field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// parameter returns a parameter of the query, or "" if it is not there. No other is allowed but those of a signature.
func parameter(r *http.Request, name string) (string, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", fault.Field("query", "cannot be decoded")
	}
	for key := range query {
		switch {
		case key == name && name != "", strings.HasPrefix(key, "X-Amz-"):
		case name == "":
			return "", fault.Field("query", "parameter %q is not known; none is allowed", fault.Shortened(key))
		default:
			return "", fault.Field("query", "parameter %q is not known; allowed is %s", fault.Shortened(key), name)
		}
	}
	switch values := query[name]; {
	case len(values) > 1:
		return "", fault.Field(name, "is there %d times, once is allowed", len(values))
	case len(values) == 1 && values[0] == "":
		return "", fault.Field(name, "is empty")
	case len(values) == 1:
		return values[0], nil
	}
	return "", nil
}

// noParameters refuses a query.
func noParameters(r *http.Request) error {
	_, err := parameter(r, "")
	return err
}
