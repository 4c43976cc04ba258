package rules_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/rules"
)

func text(s string) *string { return &s }

func number(n int) *int { return &n }

func TestRedirect_RUL_05(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		to     rules.RedirectTo
		target string
		want   string
	}{
		{"keep", rules.RedirectTo{}, "/video?a=b", "http://a.example:8080/video?a=b"},
		{"protocol-keeps-port", rules.RedirectTo{Protocol: text("HTTPS")}, "/x", "https://a.example:8080/x"},
		{"protocol-token", rules.RedirectTo{Protocol: text("{protocol}"), Host: text("b")}, "/", "http://b:8080/"},
		{"port", rules.RedirectTo{Protocol: text("https"), Port: number(443)}, "/x?y", "https://a.example:443/x?y"},
		{"host", rules.RedirectTo{Host: text("in{host}")}, "/", "http://ina.example:8080/"},
		{"host-twice", rules.RedirectTo{Host: text("{host}.{host}")}, "/", "http://a.example.a.example:8080/"},
		{"host-port", rules.RedirectTo{Host: text("{port}{host}")}, "/", "http://8080a.example:8080/"},
		{"host-ipv4", rules.RedirectTo{Host: text("10.0.0.1")}, "/", "http://10.0.0.1:8080/"},
		{"host-ipv6", rules.RedirectTo{Host: text("[2001:db8::1]")}, "/", "http://[2001:db8::1]:8080/"},
		{"path-escapes", rules.RedirectTo{Path: text(`/example{path}123\{path\}`)}, "/video", "http://a.example:8080/example/video123{path}"},
		{"path-backslash", rules.RedirectTo{Path: text(`/a\\b`)}, "/video", `http://a.example:8080/a\b`},
		{"path-token-first", rules.RedirectTo{Path: text("{path}/more")}, "/video", "http://a.example:8080/video/more"},
		{"path-all-tokens", rules.RedirectTo{Path: text("/{protocol}/{host}/{port}{path}/{query}")}, "/v?q=1", "http://a.example:8080/http/a.example/8080/v/q=1?q=1"},
		{"path-empty", rules.RedirectTo{Path: text("")}, "/video?a=b", "http://a.example:8080?a=b"},
		{"query-empty", rules.RedirectTo{Query: text("")}, "/video?a=b", "http://a.example:8080/video"},
		{"both-empty", rules.RedirectTo{Path: text(""), Query: text("")}, "/video?a=b", "http://a.example:8080"},
		{"query", rules.RedirectTo{Query: text("?lang=en&{query}")}, "/v?a=b", "http://a.example:8080/v?lang=en&a=b"},
		{"query-truncated-and", rules.RedirectTo{Query: text("?lang=en&{query}")}, "/v", "http://a.example:8080/v?lang=en"},
		{"query-truncated-mark", rules.RedirectTo{Query: text("?{query}")}, "/v", "http://a.example:8080/v"},
		{"query-bare", rules.RedirectTo{Query: text("a=b")}, "/v", "http://a.example:8080/v?a=b"},
		{"query-token-first", rules.RedirectTo{Query: text("{query}&c=d")}, "/v?a=b", "http://a.example:8080/v?a=b&c=d"},
		{"query-tokens", rules.RedirectTo{Query: text("?p={protocol}&h={host}&n={port}&u={path}")}, "/v", "http://a.example:8080/v?p=http&h=a.example&n=8080&u=/v"},
		{"query-escapes", rules.RedirectTo{Query: text(`?x=\{query\}\\`)}, "/v?a", `http://a.example:8080/v?x={query}\`},
		{"query-own-mark", rules.RedirectTo{}, "/v??a", "http://a.example:8080/v??a"},
		{"raw-bytes", rules.RedirectTo{}, "/\xc3\xa4x?\xff", "http://a.example:8080/%C3%A4x?%FF"},
		{"two-slashes", rules.RedirectTo{}, "//b.example/x", "http://a.example:8080//b.example/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := rules.NewRedirect(&c.to)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.AppendLocation([]byte("Location: "), get(t, c.target))); got != "Location: "+c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRedirectOddRequests_RUL_05(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		head   string
		secure bool
		to     rules.RedirectTo
		want   string
	}{
		{"GET /x HTTP/1.1\r\nHost: a\r\n", false, rules.RedirectTo{Protocol: text("HTTPS")}, "https://a/x"},
		{"GET /x HTTP/1.1\r\nHost: a\r\n", false, rules.RedirectTo{Path: text("/{port}")}, "http://a/80"},
		{"GET /x HTTP/1.1\r\nHost: a\r\n", true, rules.RedirectTo{Path: text("/{port}")}, "https://a/443"},
		{"GET /x HTTP/1.1\r\nHost: [::1]:81\r\n", false, rules.RedirectTo{Port: number(82)}, "http://[::1]:82/x"},
		{"GET /x HTTP/1.1\r\nHost: [::1]\r\n", false, rules.RedirectTo{}, "http://[::1]/x"},
		{"GET http://b:1/x HTTP/1.1\r\nHost: a\r\n", false, rules.RedirectTo{}, "http://b:1/x"},
		{"GET http://b HTTP/1.1\r\nHost: b\r\n", false, rules.RedirectTo{}, "http://b/"},
		{"OPTIONS * HTTP/1.1\r\nHost: b\r\n", false, rules.RedirectTo{}, "http://b/*"},
		{"GET /x HTTP/1.0\r\n", false, rules.RedirectTo{Port: number(80)}, "/x"},
		{"GET //evil.example/x HTTP/1.0\r\n", false, rules.RedirectTo{}, "/.//evil.example/x"},
		{"GET /x?y HTTP/1.0\r\n", false, rules.RedirectTo{Path: text("")}, "/?y"},
		{"GET /x HTTP/1.0\r\n", true, rules.RedirectTo{Host: text("b")}, "https://b/x"},
	} {
		r, err := rules.NewRedirect(&c.to)
		if err != nil {
			t.Fatal(err)
		}
		req := raw(t, c.head+"\r\n")
		req.Secure = c.secure
		if got := string(r.AppendLocation(nil, req)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.head, got, c.want)
		}
	}
}

func TestRedirectErrors_RUL_05(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		to   rules.RedirectTo
		want string
	}{
		{"status", rules.RedirectTo{Status: 304}, "status 304, 301, 302, 303, 307 and 308 are allowed"},
		{"protocol", rules.RedirectTo{Protocol: text("ftp")}, `protocol "ftp"`},
		{"protocol-twice", rules.RedirectTo{Protocol: text("{protocol}{protocol}")}, "protocol"},
		{"port-low", rules.RedirectTo{Port: number(0)}, "port 0, 1 to 65535"},
		{"port-high", rules.RedirectTo{Port: number(65536)}, "port 65536"},
		{"host-empty", rules.RedirectTo{Host: text("")}, "want a name"},
		{"host-slash", rules.RedirectTo{Host: text("a/b")}, "holds none of"},
		{"host-user", rules.RedirectTo{Host: text("a@b")}, "holds none of"},
		{"host-port", rules.RedirectTo{Host: text("a:80")}, "a host has no port"},
		{"host-path", rules.RedirectTo{Host: text("{path}")}, `host "{path}": want a name, an address or {host}`},
		{"host-query", rules.RedirectTo{Host: text("{query}")}, `host "{query}": want a name`},
		{"host-port-token", rules.RedirectTo{Host: text("{port}")}, `host "{port}": want a name`},
		{"host-no-name", rules.RedirectTo{Host: text("{protocol}.{query}-{path}")}, "want a name"},
		{"host-dots", rules.RedirectTo{Host: text("...")}, "want a name"},
		{"host-bracket", rules.RedirectTo{Host: text("[")}, `host "[": brackets are for an IPv6 address`},
		{"host-brackets", rules.RedirectTo{Host: text("[]")}, `host "[]": brackets are for an IPv6 address`},
		{"host-brackets-query", rules.RedirectTo{Host: text("[{query}]")}, "brackets are for"},
		{"host-brackets-ipv4", rules.RedirectTo{Host: text("[10.0.0.1]")}, "brackets are for"},
		{"host-brackets-zone", rules.RedirectTo{Host: text("[fe80::1%eth0]")}, "brackets are for"},
		{"host-brackets-port", rules.RedirectTo{Host: text("[::1]:80")}, "brackets are for"},
		{"host-close", rules.RedirectTo{Host: text("a]")}, "brackets are for"},
		{"host-ipv6-bare", rules.RedirectTo{Host: text("::1")}, "a host has no port"},
		{"path-start", rules.RedirectTo{Path: text("x{path}")}, "want / or {path}"},
		{"path-query", rules.RedirectTo{Path: text("/x?y")}, "begin other parts"},
		{"path-capital-token", rules.RedirectTo{Path: text("/{Path}")}, "character 2: want {protocol}"},
		{"path-open", rules.RedirectTo{Path: text("/{path")}, "character 2: want {protocol}"},
		{"path-close", rules.RedirectTo{Path: text("/path}")}, "character 6: no token ends here"},
		{"path-escape", rules.RedirectTo{Path: text(`/\n`)}, `character 3: want \, { or } behind \`},
		{"path-escape-end", rules.RedirectTo{Path: text(`/\`)}, `character 3: want \, { or } behind \`},
		{"path-line", rules.RedirectTo{Path: text("/x\r\nSet-Cookie: a=b")}, `character 3 is '\r'`},
		{"query-line", rules.RedirectTo{Query: text("?x\n")}, `character 3 is '\n'`},
		{"host-line", rules.RedirectTo{Host: text("a\r\n")}, `character 2 is '\r'`},
		{"query-fragment", rules.RedirectTo{Query: text("?x#y")}, "begin other parts"},
		{"long", rules.RedirectTo{Path: text("/" + strings.Repeat("a", 2048))}, "2049 bytes, at most 2048"},
		{"tokens", rules.RedirectTo{Path: text("/" + strings.Repeat("{path}", 17))}, "no more than 16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := rules.NewRedirect(&c.to)
			wantError(t, err, c.want)
		})
	}
	for _, status := range []int{0, 301, 302, 303, 307, 308} {
		r, err := rules.NewRedirect(&rules.RedirectTo{Status: status})
		if err != nil || r.Status() != status && (status != 0 || r.Status() != 302) {
			t.Errorf("%d: got %v", status, err)
		}
	}
}
