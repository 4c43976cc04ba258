package wire

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"
)

// The headers that a client may send. They are written as Go's server has them.
const (
	headerRequestID  = "Opc-Request-Id"
	headerRetryToken = "Opc-Retry-Token"
	headerIfMatch    = "If-Match"
)

// The bounds of query and headers.
const (
	queryBytesMax = 1 << 15 // page is by far the longest, and may be escaped to the last byte
	retryTokenMax = 64      // twice what SDKs send
	ifMatchMax    = 255     // eight times the etags that lull has
)

// Request is what a client asks for, read and checked as far as that goes without knowing what there is.
type Request struct {
	Route
	Query      any    // a pointer to the operation's query type, nil when it has none
	Body       any    // a pointer to the operation's details type, nil when it has none
	IfMatch    string // empty when there is none, or the operation does not heed it
	RetryToken string // likewise
}

// PageQuery is the query of a list that comes in pages.
type PageQuery struct {
	Limit int    `wire:"limit" range:"1-1000" default:"1000"`
	Page  string `wire:"page" range:"0-8192" default:""`
}

// CompartmentQuery is the query of a list that a compartment has.
type CompartmentQuery struct {
	PageQuery
	CompartmentID string `wire:"compartmentId,required"`
}

// ListLoadBalancersQuery is the query of ListLoadBalancers. SortOrder is set in a decoded one.
type ListLoadBalancersQuery struct {
	CompartmentQuery
	Detail         string  `wire:"detail" enum:"full simple" default:"full"`
	SortBy         string  `wire:"sortBy" enum:"TIMECREATED DISPLAYNAME" default:"TIMECREATED"`
	SortOrder      *string `wire:"sortOrder" enum:"ASC DESC"`
	DisplayName    *string `wire:"displayName" range:"1-1024"`
	LifecycleState *string `wire:"lifecycleState" enum:"CREATING FAILED ACTIVE DELETING DELETED"`
}

// check gives the order its default, which is the newest first, or by name.
func (q *ListLoadBalancersQuery) check(string) error {
	if q.SortOrder == nil {
		order := "DESC"
		if q.SortBy == "DISPLAYNAME" {
			order = "ASC"
		}
		q.SortOrder = &order
	}
	return nil
}

// ReadBody reads a request's body, and refuses one that is longer than most bytes. It reads no more than one byte too
// many; whoever called closes the connection rather than taking the rest.
func ReadBody(r io.Reader, most int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, &Error{Code: CannotParseRequest, Message: "the body of the request ended early", Err: err}
	}
	if len(body) > most {
		return nil, refuse(PayloadTooLarge, "", "the body of the request is too long: at most %d bytes are allowed", most)
	}
	return body, nil
}

// Decode reads the rest of a request whose operation has been found. The body of an operation that reads none is not
// looked at. All errors are of type *Error.
func Decode(route Route, rawQuery string, header http.Header, body []byte) (*Request, error) {
	op := route.Operation
	r := &Request{Route: route}
	var err error
	if op.RetryToken {
		if r.RetryToken, err = headerOf(header, headerRetryToken, retryTokenMax); err != nil {
			return nil, err
		}
	}
	if op.IfMatch {
		if r.IfMatch, err = headerOf(header, headerIfMatch, ifMatchMax); err != nil {
			return nil, err
		}
	}
	if op.query != nil {
		if r.Query, err = decodeQuery(op.query, rawQuery); err != nil {
			return nil, err
		}
	}
	if op.body != nil {
		if r.Body, err = op.readBody(header.Get("Content-Type"), body); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readBody reads the document in a body.
func (o *Operation) readBody(contentType string, body []byte) (any, error) {
	if err := checkMedia(contentType); err != nil {
		return nil, err
	}
	if len(body) > o.bodyBytesMax {
		return nil, refuse(PayloadTooLarge, "", "the body of the request is too long: at most %d bytes are allowed", o.bodyBytesMax)
	}
	return decodeBody(o.body, body)
}

// headerOf returns the one value of a header.
func headerOf(header http.Header, name string, most int) (string, error) {
	values := header.Values(name)
	field := strings.ToLower(name)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalid(field, "the header %s is given more than once", field)
	case len(values[0]) < 1 || len(values[0]) > most:
		return "", invalid(field, "%s size must be between 1 and %d", field, most)
	case !visible(values[0]):
		return "", invalid(field, "the header %s must be visible ASCII characters", field)
	}
	return values[0], nil
}

// visible reports whether a text is made of visible ASCII characters.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkMedia refuses a body that says of itself that it is something else than JSON.
func checkMedia(contentType string) error {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return invalid("content-type", "content-type '%s' is not allowed: use application/json", shown(contentType))
	}
	return nil
}

// decodeQuery turns a query into a new value of a struct's type and returns the pointer to it. Parameters that the type
// does not have are tolerated, like the fields of a body.
func decodeQuery(s *schema, raw string) (any, error) {
	if len(raw) > queryBytesMax {
		return nil, invalid("", "the query is too long: at most %d bytes are allowed", queryBytesMax)
	}
	v := reflect.New(s.typ)
	given := make([]bool, len(s.members))
	for pair := range strings.SplitSeq(raw, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(rawName)
		i, known := s.byName[name]
		if nameErr != nil || !known {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		switch {
		case err != nil || !utf8.ValidString(value):
			return nil, invalid(name, "%s is wrongly escaped or no text", name)
		case given[i]:
			return nil, invalid(name, "%s is given more than once", name)
		}
		given[i] = true
		if err := s.members[i].setText(v.Elem().FieldByIndex(s.members[i].index), value, name); err != nil {
			return nil, err
		}
	}
	if err := finish(v.Elem(), s, given, ""); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}
