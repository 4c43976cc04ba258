package apiserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// patience is how long a test waits for what should come at once.
const patience = 15 * time.Second

// raw is a connection that a test writes on as it likes.
type raw struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, s *Server) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &raw{t, conn, bufio.NewReader(conn)}
}

// write sends text; a connection that is gone is no fault.
func (c *raw) write(format string, args ...any) *raw {
	c.t.Helper()
	_, _ = fmt.Fprintf(c, format, args...)
	return c
}

// answer reads one answer.
func (c *raw) answer(method string) (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("half an answer: %v", err)
	}
	return resp, string(body)
}

// ended waits for the end of the connection.
func (c *raw) ended() {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c.r); err != nil && isTimeout(err) || n > 0 {
		c.t.Errorf("got %d more bytes and %v, want the end of the connection", n, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // net's own, not wrapped
	return ok && e.Timeout()
}

// headOf writes the head of a signed request as it goes over the wire, with the body's length that it was signed for.
func headOf(r *http.Request, target string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, target, r.URL.Host)
	for name, values := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.Join(values, ","))
	}
	if r.ContentLength > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", r.ContentLength)
	}
	return b.String() + "\r\n"
}

// TestMalformed sends what no client of AWS's would. Nothing of it reaches an API.
func TestMalformed(t *testing.T) {
	t.Parallel()
	f := &fake{lull: func(http.ResponseWriter, *http.Request) { t.Error("reached lull's own API") }}
	s, _ := running(t, f)
	const form = "Action=DescribeLoadBalancers&Version=2012-06-01"
	cases := []struct {
		name, text string
		status     int
		want       string
	}{
		{"unsigned-get", "GET /?" + form + " HTTP/1.1\r\nHost: x\r\n\r\n", 403, "<Code>MissingAuthenticationToken</Code>"},
		{"unsigned-post", "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 47\r\n\r\n" + form, 403, "MissingAuthenticationToken"},
		{"unsigned-chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nAct", 403, "MissingAuthenticationToken"},
		{"unsigned-half", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nAction=", 403, "MissingAuthenticationToken"},
		{"unsigned-huge", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 403, "MissingAuthenticationToken"},
		{"basic", "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Zm9vOmJhcg==\r\n\r\n", 403, "MissingAuthenticationToken"},
		{"half-signed", "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a\r\n\r\n", 400, "IncompleteSignature"},
		{"half-signed-lull", "GET /lull/v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/b/c/lull/aws4_request\r\n\r\n", 400, `{"error":"IncompleteSignature: `},
		{"bad-query", "GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 404, "MalformedQueryString"},
		{"long-query", "GET /?" + strings.Repeat("a", 66<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 413, "RequestEntityTooLarge"},
		{"head", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 405, ""},
		{"put", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405, "<Code>MethodNotAllowed</Code>"},
		{"preflight", "OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", 405, "MethodNotAllowed"},
		{"options-all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"connect", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", 405, ""},
		{"trace", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, ""},
		{"other-path", "GET /other HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing is served here"},
		{"oci", "GET /20170115/loadBalancers HTTP/1.1\r\nHost: x\r\n\r\n", 401, `"NotAuthenticated"`},
		{"console", "GET /console/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "this lull has no console"},
		{"lull-slashless", "GET /lull/v1 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing is served here"},
		{"lull-near", "GET /lull/v10/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing is served here"},
		{"dots-out", "GET /lull/v1/../../x HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing is served here"},
		{"dots-to-root", "GET /lull/v1/../.. HTTP/1.1\r\nHost: x\r\n\r\n", 403, "<Code>MissingAuthenticationToken"},
		{"dots-in", "GET /console/../lull/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 403, `{"error":"MissingAuthenticationToken`},
		{"hidden-dots", "GET /lull/v1/%2e%2e/%2e%2e/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "hides a slash or a dot segment"},
		{"hidden-slash", "GET /lull/v1/a%2F..%2Fb HTTP/1.1\r\nHost: x\r\n\r\n", 404, "hides a slash or a dot segment"},
		{"hidden-name", "GET /%6cull/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing is served here"},
		{"doubled-slashes", "GET //lull//v1//keys HTTP/1.1\r\nHost: x\r\n\r\n", 403, `{"error":"MissingAuthenticationToken`},
		{"absolute-form", "GET http://other.example/lull/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 403, `{"error":"MissingAuthenticationToken`},
		{"absolute-root", "GET http://other.example HTTP/1.1\r\nHost: x\r\n\r\n", 403, "<Code>MissingAuthenticationToken"},
		{"no-host", "GET / HTTP/1.1\r\n\r\n", 400, ""},
		{"two-lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, ""},
		{"length-and-chunked", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 403, "MissingAuthenticationToken"},
		{"no-http", "hello\r\n\r\n", 400, ""},
		{"tls-hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
		{"http2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			method, _, _ := strings.Cut(c.text, " ")
			resp, body := dial(t, s).write("%s", c.text).answer(method)
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s\nwant %d %s", resp.StatusCode, body, c.status, c.want)
			}
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control") || name == "Set-Cookie" {
					t.Errorf("got header %s, which invites browsers", name)
				}
			}
		})
	}
	t.Cleanup(func() {
		if asked := f.asked(); len(asked) != 0 {
			t.Errorf("got %d requests through, want none", len(asked))
		}
	})
}

// TestHeadTooLong: a head beyond the limit is cut off, with a word why.
func TestHeadTooLong(t *testing.T) {
	t.Parallel()
	s, _ := running(t, &fake{})
	c := dial(t, s).write("GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", strings.Repeat("a", 1<<20))
	if line, err := c.r.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 431 ") { // the rest may be lost with the connection
		t.Errorf("got %q, %v, want 431", line, err)
	}
}

// TestUnsignedIsNotRead: a body is not asked for, nor waited for, unless its signature may turn out right.
func TestUnsignedIsNotRead(t *testing.T) {
	t.Parallel()
	s, _ := running(t, &fake{lull: echo})
	stranger := signed(t, "POST", "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAADMIN", "Action=x")
	stranger.Header.Set("Authorization", strings.Replace(stranger.Header.Get("Authorization"), "AKIAADMIN", "AKIAOTHER", 1))
	stale := signed(t, "POST", "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAADMIN", "Action=x")
	stale.Header.Set("X-Amz-Date", "20150830T123600Z")
	stale.Header.Set("Authorization", strings.Replace(stale.Header.Get("Authorization"), time.Now().UTC().Format("20060102"), "20150830", 1))
	elsewhere := signed(t, "POST", "http://"+s.Addr()+"/", "s3", "AKIAADMIN", "Action=x")
	for name, head := range map[string]string{
		"unsigned":      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n",
		"unsigned-lull": "PUT /lull/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n",
		"chunked":       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"unknown-key":   headOf(stranger, "/"),
		"stale":         headOf(stale, "/"),
		"other-service": headOf(elsewhere, "/"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, expect := range []string{"", "Expect: 100-continue\r\n\r\n"} {
				c := dial(t, s).write("%s", strings.TrimSuffix(head, "\r\n")+expect)
				if expect == "" {
					c.write("\r\n")
				}
				resp, body := c.answer("POST") // without a byte of the body, or the server would wait for it
				if resp.StatusCode/100 != 4 || !resp.Close {
					t.Errorf("got %d %s and close %v, want a refusal that ends the connection", resp.StatusCode, body, resp.Close)
				}
				c.ended()
			}
		})
	}
	// An honest client that waits to be asked is asked.
	honest := signed(t, "PUT", "http://"+s.Addr()+"/lull/v1/a", "lull", "AKIAADMIN", "whole")
	c := dial(t, s).write("%s", strings.TrimSuffix(headOf(honest, "/lull/v1/a"), "\r\n")+"Expect: 100-continue\r\n\r\n")
	if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("got %v, %v, want 100", resp, err)
	}
	if resp, body := c.write("whole").answer("PUT"); resp.StatusCode != 200 || !strings.Contains(body, `"whole"`) {
		t.Errorf("got %d %s, want the body to have arrived", resp.StatusCode, body)
	}
}

// TestRefusalArrives: a client that is refused while it sends its body gets to see why, and no reset.
func TestRefusalArrives(t *testing.T) {
	t.Parallel()
	s, _ := running(t, &fake{})
	for _, size := range []int{100, 100 << 10, 250 << 10} {
		c := dial(t, s).write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
		for range size / 50 {
			c.write("%s", strings.Repeat("a", 50))
		}
		if resp, body := c.answer("POST"); resp.StatusCode != 403 || !strings.Contains(body, "MissingAuthenticationToken") {
			t.Errorf("%d bytes: got %d %s", size, resp.StatusCode, body)
		}
		if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes: got %v, want the end of the connection", size, err)
		}
	}
}

// TestBodyIsSigned: another body than the one that was signed, or more of it, gets nowhere.
func TestBodyIsSigned(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s, _ := running(t, f)
	const form = "Action=DescribeLoadBalancers&Version=2012-06-01"
	r := signed(t, "POST", "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAADMIN", form)
	other := strings.Replace(form, "Describe", "DeleteXX", 1)
	if resp, body := dial(t, s).write("%s%s", headOf(r, "/"), other).answer("POST"); resp.StatusCode != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("got %d %s, want a refusal", resp.StatusCode, body)
	}
	for _, target := range []string{"/lull/v1/keys", "/?Action=DeleteLoadBalancer", "/%2e"} {
		if resp, body := dial(t, s).write("%s%s", headOf(r, target), form).answer("POST"); resp.StatusCode == 200 {
			t.Errorf("%s: got %d %s, want a refusal", target, resp.StatusCode, body)
		}
	}
	// What was signed for an empty body carries none.
	empty := signed(t, "POST", "http://"+s.Addr()+"/?"+form, sigv4.DefaultService, "AKIAADMIN", "")
	empty.ContentLength = 8
	if resp, body := dial(t, s).write("%sAction=x", headOf(empty, "/?"+form)).answer("POST"); resp.StatusCode != 403 {
		t.Errorf("a body with a signature for none: got %d %s", resp.StatusCode, body)
	}
	if asked := f.asked(); len(asked) != 0 {
		t.Errorf("got %v through, want nothing", asked)
	}
}

// TestBodyTooLong: said or not, more than 1 MiB is refused with 413, and the connection ends rather than take the rest.
func TestBodyTooLong(t *testing.T) {
	t.Parallel()
	s, log := running(t, &fake{lull: echo})
	whole := strings.Repeat("a", 1<<20)
	for _, path := range []string{"/", "/lull/v1/x"} {
		declared := signed(t, "POST", "http://"+s.Addr()+path, sigv4.DefaultService, "AKIAADMIN", whole+"b")
		if resp, body := dial(t, s).write("%s", headOf(declared, path)).answer("POST"); resp.StatusCode != 413 || !strings.Contains(body, "RequestEntityTooLarge") || !resp.Close {
			t.Errorf("%s declared: got %d %s", path, resp.StatusCode, body)
		}
		declared.ContentLength = -1
		head := strings.TrimSuffix(headOf(declared, path), "\r\n") + "Transfer-Encoding: chunked\r\n\r\n"
		if resp, body := dial(t, s).write("%s100001\r\n%sb", head, whole).answer("POST"); resp.StatusCode != 413 || !strings.Contains(body, "RequestEntityTooLarge") {
			t.Errorf("%s chunked: got %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, _ := exchange(t, signed(t, "PUT", "http://"+s.Addr()+"/lull/v1/x", "lull", "AKIAADMIN", whole)); resp.StatusCode != 200 {
		t.Errorf("1 MiB: got %d, want it to pass", resp.StatusCode)
	}
	log.line(t, "level=WARN", "code=RequestEntityTooLarge")
}

// TestKeepAlive: one connection carries many requests of those who have a key, refused ones among them, and one of a stranger.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(context.Context, any) (any, error) { return &query.DescribeAccountLimitsResult{}, nil }}
	s, _ := running(t, f)
	const good, denied = "Action=DescribeAccountLimits&Version=2012-06-01", "Action=DeleteLoadBalancer"
	c := dial(t, s)
	for _, want := range []int{200, 403, 400, 200} {
		form := map[int]string{200: good, 403: denied, 400: ""}[want]
		text := headOf(signed(t, "POST", "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAREADER", form), "/") + form
		if resp, body := c.write("%s", text).answer("POST"); resp.StatusCode != want || resp.Close {
			t.Errorf("got %d %s and close %v, want %d and another request", resp.StatusCode, body, resp.Close, want)
		}
	}
	for _, path := range []string{"/", "/nothing", "/lull/v1/keys", "/console/"} {
		c := dial(t, s).write("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		if resp, body := c.answer("GET"); resp.StatusCode/100 != 4 || !resp.Close {
			t.Errorf("%s: got %d %s and close %v, want the end of the connection", path, resp.StatusCode, body, resp.Close)
		}
		c.ended()
	}
}
