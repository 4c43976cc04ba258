package wire

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// byName returns an operation.
func byName(t testing.TB, name string) *Operation {
	t.Helper()
	for _, o := range operations {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("there is no operation %s", name)
	return nil
}

// TestAPI16 has the queries of lists.
func TestAPI16(t *testing.T) {
	t.Parallel()
	defaults := ListLoadBalancersQuery{CompartmentQuery{PageQuery{1000, ""}, "c"}, "full", "TIMECREATED", new("DESC"), nil, nil}
	byDisplayName := defaults
	byDisplayName.SortBy, byDisplayName.SortOrder = "DISPLAYNAME", new("ASC")
	all := ListLoadBalancersQuery{CompartmentQuery{PageQuery{1, "p+/="}, "c"}, "simple", "DISPLAYNAME", new("DESC"), new("a b"), new("ACTIVE")}
	for _, c := range []struct {
		query string
		want  *ListLoadBalancersQuery
		code  Code
		field string
	}{
		{"compartmentId=c", &defaults, "", ""},
		{"compartmentId=c&new=1&new=%zz&&%zz=1", &defaults, "", ""},
		{"compartmentId=c&sortBy=DISPLAYNAME", &byDisplayName, "", ""},
		{"compartmentId=c&limit=1&page=p%2B%2F%3D&detail=simple&sortBy=displayname&sortOrder=DESC&displayName=a+b&lifecycleState=ACTIVE", &all, "", ""},
		{"", nil, MissingParameter, "compartmentId"},
		{"compartmentId=", nil, InvalidParameter, "compartmentId"},
		{"compartmentId=c&compartmentId=d", nil, InvalidParameter, "compartmentId"},
		{"compartmentId=%zz", nil, InvalidParameter, "compartmentId"},
		{"compartmentId=%ff", nil, InvalidParameter, "compartmentId"},
		{"compartmentId=%00", nil, InvalidParameter, "compartmentId"},
		{"compartmentId=c&limit=0", nil, InvalidParameter, "limit"},
		{"compartmentId=c&limit=1001", nil, InvalidParameter, "limit"},
		{"compartmentId=c&limit=x", nil, InvalidParameter, "limit"},
		{"compartmentId=c&limit=", nil, InvalidParameter, "limit"},
		{"compartmentId=c&limit=%2B1", nil, InvalidParameter, "limit"},
		{"compartmentId=c&sortBy=SIZE", nil, InvalidParameter, "sortBy"},
		{"compartmentId=c&sortOrder=UP", nil, InvalidParameter, "sortOrder"},
		{"compartmentId=c&detail=some", nil, InvalidParameter, "detail"},
		{"compartmentId=c&lifecycleState=UPDATING", nil, InvalidParameter, "lifecycleState"},
		{"compartmentId=c&page=" + strings.Repeat("p", pageBytesMax+1), nil, InvalidParameter, "page"},
		{strings.Repeat("x", queryBytesMax+1), nil, InvalidParameter, ""},
	} {
		r, err := Decode(Route{Operation: byName(t, "ListLoadBalancers")}, c.query, http.Header{}, nil)
		if refusal := refusalOf(err); refusal.Code != c.code || refusal.Field != c.field {
			t.Errorf("%.80s: got %v, want %s of %q", c.query, err, c.code, c.field)
		} else if c.want != nil && !reflect.DeepEqual(r.Query, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.query, r.Query, c.want)
		}
	}
}

// TestAPI14 has the headers that a request is decoded with.
func TestAPI14(t *testing.T) {
	t.Parallel()
	const media = "application/json"
	for _, c := range []struct {
		name, operation string
		header          http.Header
		retry, ifMatch  string
		code            Code
		field           string
	}{
		{"both", "UpdateHostname", http.Header{"Content-Type": {media}, "Opc-Retry-Token": {"t"}, "If-Match": {"e"}}, "t", "e", "", ""},
		{"none", "UpdateHostname", http.Header{"Content-Type": {media}}, "", "", "", ""},
		{"delete-has-no-token", "DeleteHostname", http.Header{"Opc-Retry-Token": {"t"}, "If-Match": {"e"}}, "", "e", "", ""},
		{"list-has-no-match", "ListWorkRequests", http.Header{"If-Match": {"", ""}}, "", "", "", ""},
		{"token-empty", "UpdateHostname", http.Header{"Opc-Retry-Token": {""}}, "", "", InvalidParameter, "opc-retry-token"},
		{"token-long", "UpdateHostname", http.Header{"Opc-Retry-Token": {strings.Repeat("t", 65)}}, "", "", InvalidParameter, "opc-retry-token"},
		{"token-space", "UpdateHostname", http.Header{"Opc-Retry-Token": {"a b"}}, "", "", InvalidParameter, "opc-retry-token"},
		{"token-twice", "UpdateHostname", http.Header{"Opc-Retry-Token": {"a", "a"}}, "", "", InvalidParameter, "opc-retry-token"},
		{"match-twice", "GetHostname", http.Header{"If-Match": {"a", "b"}}, "", "", InvalidParameter, "if-match"},
		{"media-other", "UpdateHostname", http.Header{"Content-Type": {"text/plain"}}, "", "", InvalidParameter, "content-type"},
		{"media-none", "UpdateHostname", http.Header{}, "", "", InvalidParameter, "content-type"},
	} {
		r, err := Decode(Route{Operation: byName(t, c.operation)}, "", c.header, []byte(`{"hostname":"a"}`))
		if refusal := refusalOf(err); refusal.Code != c.code || refusal.Field != c.field {
			t.Errorf("%s: got %v, want %s of %q", c.name, err, c.code, c.field)
		} else if err == nil && (r.RetryToken != c.retry || r.IfMatch != c.ifMatch) {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, r.RetryToken, r.IfMatch, c.retry, c.ifMatch)
		}
	}
}

// TestPayloadTooLarge holds bodies to their bound, which is wider where certificates come with them.
func TestPayloadTooLarge(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"UpdateListener": 1 << 20, "CreateCertificate": 3 << 20, "CreateLoadBalancer": 3 << 20, "GetListener": 0} {
		for _, o := range operations {
			if o.Name != name {
				continue
			}
			if o.BodyBytesMax() != most {
				t.Errorf("%s reads %d bytes, want %d", name, o.BodyBytesMax(), most)
			}
			_, err := Decode(Route{Operation: o}, "", http.Header{"Content-Type": {"application/json"}}, make([]byte, most+1))
			if refusalOf(err).StatusCode() != 413 {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	for n, want := range map[int]Code{9: "", 10: "", 11: PayloadTooLarge} {
		body, err := ReadBody(strings.NewReader(strings.Repeat("x", n)), 10)
		if refusalOf(err).Code != want || want == "" && len(body) != n {
			t.Errorf("%d bytes of 10: got %d, %v", n, len(body), err)
		}
	}
	_, err := ReadBody(io.MultiReader(strings.NewReader("x"), brokenReader{}), 10)
	if refusalOf(err).Code != CannotParseRequest || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that ends early: got %v", err)
	}
}

// brokenReader is a connection that has gone.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzQuery(f *testing.F) {
	f.Add("compartmentId=c&limit=1&page=p%2B%2F%3D&detail=simple&sortBy=displayname&sortOrder=DESC&displayName=a+b")
	f.Add("%zz=1&compartmentId=%ff")
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := Decode(Route{Operation: byName(t, "ListLoadBalancers")}, raw, http.Header{}, nil)
		if err != nil {
			if refusal := refusalOf(err); refusal.StatusCode() != 400 {
				t.Errorf("refused with %v", err)
			}
			return
		}
		q, ok := r.Query.(*ListLoadBalancersQuery)
		if !ok || q.Limit < 1 || q.Limit > 1000 || q.SortOrder == nil || q.CompartmentID == "" || len(q.Page) > 4*pageBytesMax {
			t.Errorf("%q: got %+v", raw, r.Query)
		}
	})
}
