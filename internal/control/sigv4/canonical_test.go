package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, raw, want string }{
		{"empty", "", ""},
		{"sorted", "b=2&a=1", "a=1&b=2"},
		{"sorted-by-name-first", "a0=1&a=2", "a=2&a0=1"},
		{"sorted-encoded", "Param-3=3&Param=2&%E1%88%B4=1", "%E1%88%B4=1&Param=2&Param-3=3"},
		{"repeated", "a=2&a=1&a=", "a=&a=1&a=2"},
		{"no-value", "Action", "Action="},
		{"empty-name", "=x", "=x"},
		{"empty-pairs", "&a=1&&b=2&", "a=1&b=2"},
		{"plus", "a=b+c", "a=b%20c"},
		{"encoded-plus", "a=b%2Bc", "a=b%2Bc"},
		{"slash", "a=/x%2fy", "a=%2Fx%2Fy"},
		{"equals", "a=b=c", "a=b%3Dc"},
		{"semicolon", "a;b=c", "a%3Bb=c"},
		{"unreserved", "%41-._%7E=~", "A-._~=~"},
		{"others", "a=!*'()", "a=%21%2A%27%28%29"},
		{"raw-bytes", "a=\xff", "a=%FF"},
		{"signature", "X-Amz-Signature=x&a=1", "X-Amz-Signature=x&a=1"},
	}
	for _, c := range cases {
		query, err := parseQuery(c.raw)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := canonicalQuery(query, false); got != c.want {
			t.Errorf("%s: %q: got %q, want %q", c.name, c.raw, got, c.want)
		}
	}
	query, err := parseQuery("a=1&X-Amz-Signature=x")
	if got := canonicalQuery(query, true); err != nil || got != "a=1" {
		t.Errorf("presigned: got %q, %v", got, err)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, target string
		want         []string
	}{
		{"root", "/", []string{"/"}},
		{"query", "/?a=/../b", []string{"/"}},
		{"plain", "/a/b", []string{"/a/b"}},
		{"end", "/a/b/", []string{"/a/b/"}},
		{"encoded-twice", "/a%2Fb%20c", []string{"/a%252Fb%2520c"}},
		{"raw-bytes", "/\xe1\x88\xb4 ~*", []string{"/%E1%88%B4%20~%2A"}},
		{"slashes", "//a//", []string{"/a/", "//a//"}},
		{"dot", "/./a", []string{"/a", "/./a"}},
		{"dots", "/a/../../b/..", []string{"/", "/a/../../b/.."}},
		{"dots-only", "/../", []string{"/", "/../"}},
		{"encoded-dots", "/a/%2e%2e/b", []string{"/a/%252e%252e/b"}},
		{"absolute", "http://h/a//b?c", []string{"/a/b", "/a//b"}},
		{"absolute-bare", "http://h", []string{"/"}},
	}
	for _, c := range cases {
		u, err := url.Parse(c.target)
		if c.target[0] == '/' { // Parse would take // for a host
			u, err = &url.URL{}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := paths(rawPath(&http.Request{RequestURI: c.target, URL: u})); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q: got %q, want %q", c.name, c.target, got, c.want)
		}
	}
	// A request that was not received has no RequestURI.
	if got := rawPath(&http.Request{URL: &url.URL{Path: "/a/b", RawPath: "/a%2Fb"}}); got != "/a%2Fb" {
		t.Errorf("got %q", got)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string][]string{
		"":           {""},
		":80":        {":80"},
		"h":          {"h"},
		"h:80":       {"h:80", "h"},
		"h:443":      {"h:443", "h"},
		"h:8080":     {"h:8080"},
		"[::1]":      {"[::1]"},
		"[::1]:80":   {"[::1]:80", "[::1]"},
		"[::1]:8443": {"[::1]:8443"},
		"fe80::1:80": {"fe80::1:80"},
	} {
		if got := hosts(sent); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", sent, got, want)
		}
	}
}

func TestFoldValues(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		values []string
		want   string
	}{
		{"one", []string{"a"}, "a"},
		{"empty", []string{""}, ""},
		{"spaces-only", []string{"    "}, ""},
		{"outer", []string{" \t a \t"}, "a"},
		{"inner", []string{"a   b  c d"}, "a b c d"},
		{"quoted", []string{`"a   b"`}, `"a b"`},
		{"tab", []string{"a \t  b"}, "a \t b"},
		{"repeated", []string{"b ", " a", "b", ""}, "b,a,b,"},
	}
	for _, c := range cases {
		if got := foldValues(c.values); got != c.want {
			t.Errorf("%s: %q: got %q, want %q", c.name, c.values, got, c.want)
		}
	}
}

// TestHeaderValues has the headers that net/http takes out of the map.
func TestHeaderValues(t *testing.T) {
	t.Parallel()
	r := &http.Request{Header: http.Header{"X-A": {"1", "2"}}, ContentLength: 7, TransferEncoding: []string{"chunked"}}
	for name, want := range map[string][]string{"x-a": {"1", "2"}, "x-b": nil, "content-length": {"7"}, "transfer-encoding": {"chunked"}} {
		if got := headerValues(r, name); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	r.ContentLength = -1 // not known: it came in chunks
	if got := headerValues(r, "content-length"); got != nil {
		t.Errorf("content-length: got %q", got)
	}
}
