package ocisig

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
)

// provider gives Oracle's SDK the key of the tests.
type provider struct{}

func (provider) PrivateRSAKey() (*rsa.PrivateKey, error) { return privateKey(), nil }
func (provider) KeyID() (string, error)                  { return testKey().ID(), nil }
func (provider) TenancyOCID() (string, error)            { return testKey().Tenancy, nil }
func (provider) UserOCID() (string, error)               { return testKey().User, nil }
func (provider) KeyFingerprint() (string, error)         { return testKey().Fingerprint, nil }
func (provider) Region() (string, error)                 { return "us-ashburn-1", nil }
func (provider) AuthType() (common.AuthConfig, error) {
	return common.AuthConfig{AuthType: common.UserPrincipal, IsFromConfigFile: true}, nil
}

// newServer answers with the words of Verify.
func newServer(t testing.TB, now func(*http.Request) time.Time) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(verifying(now))
	t.Cleanup(server.Close)
	return server
}

func verifying(now func(*http.Request) time.Time) http.Handler {
	v := verifier()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, int64(v.BodyBytesMax())+1))
		if err == nil {
			_, err = v.Verify(r, body, now(r))
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"code":"NotAuthenticated","message":%q}`, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func atNoon(*http.Request) time.Time { return noon() }

// dateOf takes a client's word for the time, since Oracle's client asks the clock.
func dateOf(r *http.Request) time.Time {
	date, _ := parseDate(r.Header.Get("Date"))
	return date
}

// TestSDKSigner signs requests of every sort with Oracle's signer, sends them over a socket, and changes them behind its back.
func TestSDKSigner(t *testing.T) {
	t.Parallel()
	server := newServer(t, atNoon)
	signer := common.DefaultRequestSigner(provider{})
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	const letters = "abcXYZ019-._~!$&'()*+,;=:@/%20%2F%3a%C3%BC?"
	text := func(n int) string {
		var b strings.Builder
		for range random.IntN(n) {
			if i := random.IntN(len(letters)); letters[i] == '%' {
				b.WriteString(letters[i : i+3])
			} else {
				b.WriteByte(letters[i])
			}
		}
		return b.String()
	}
	methods := []string{"GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"}
	for i := range 120 {
		method, body := methods[i%len(methods)], ""
		if i%len(methods) > 2 && i%4 > 0 {
			body = text(2000)
		}
		r := newRequest(t, method, server.URL+"/20170115/"+text(60), body)
		r.Header.Set("Date", noon().Format(http.TimeFormat))
		if i%len(methods) > 2 {
			r.Header.Set("Content-Type", "application/json")
		}
		if err := signer.Sign(r); err != nil {
			t.Fatal(err)
		}
		if status, answer := send(t, r); status != http.StatusNoContent {
			t.Errorf("%s %s with %d bytes: got %d %s", method, r.URL, len(body), status, answer)
		}
		again := r.Clone(t.Context())
		again.Body = io.NopCloser(strings.NewReader(body))
		again.URL.RawQuery += "&x"
		if status, _ := send(t, again); status != http.StatusUnauthorized {
			t.Errorf("%s %s: got %d, want it refused, since the query was changed", method, again.URL, status)
		}
	}
}

func send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestSDKOther has what Oracle's signer can be told to do. A scheme that Oracle's clients do not use by themselves is refused, and so
// is a body that it does not sign.
func TestSDKOther(t *testing.T) {
	t.Parallel()
	server := newServer(t, atNoon)
	headers, bodyHeaders := common.DefaultGenericHeaders(), common.DefaultBodyHeaders()
	for _, c := range []struct {
		name   string
		signer common.HTTPRequestSigner
		want   int
	}{
		{"capitals", common.RequestSigner(provider{}, []string{"Date", "(Request-Target)", "Host"}, bodyHeaders), 204},
		{"x-date", common.RequestSigner(provider{}, []string{"x-date", "(request-target)", "host"}, bodyHeaders), 204},
		{"more", common.RequestSigner(provider{}, append(headers, "accept", "opc-request-id"), bodyHeaders), 204},
		{"pss", common.RequestSignerWithSigningMethod(provider{}, headers, bodyHeaders, common.SigningMethod{SignatureScheme: common.PSS}), 401},
		{"no-body", common.RequestSignerExcludeBody(provider{}), 401},
		{"absent", common.RequestSigner(provider{}, append(headers, "x-absent"), bodyHeaders), 401},
	} {
		r := newRequest(t, http.MethodPut, server.URL+"/20170115/x", "{}")
		for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "*/*", "Opc-Request-Id": "a"} {
			r.Header.Set(name, value)
		}
		if r.Header.Set("Date", noon().Format(http.TimeFormat)); c.name == "x-date" {
			r.Header.Set("Date", noon().Add(time.Hour).Format(http.TimeFormat))
			r.Header.Set("X-Date", noon().Format(http.TimeFormat))
		}
		if err := c.signer.Sign(r); err != nil {
			t.Fatal(err)
		}
		if status, answer := send(t, r); status != c.want {
			t.Errorf("%s: got %d %s, want %d", c.name, status, answer, c.want)
		}
	}
}

// TestSDKClient is SIG-01 and SIG-12 as far as a signature goes: Oracle's client with its Host set to a port of this machine.
func TestSDKClient(t *testing.T) {
	t.Parallel()
	server := newServer(t, dateOf)
	client, err := common.NewClientWithConfig(provider{})
	if err != nil {
		t.Fatal(err)
	}
	client.Host, client.BasePath = server.URL, "20170115"
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/loadBalancers?compartmentId=ocid1.compartment.oc1..a&displayName=a%20b%2Bc", ""},
		{"GET", "/loadBalancers/ocid1/backendSets/b/backends/10.0.0.3%3A8080", ""},
		{"DELETE", "/loadBalancers/ocid1.loadbalancer.oc1..a", ""},
		{"POST", "/loadBalancers", `{"displayName":"ü"}`},
		{"PUT", "/loadBalancers/x/backendSets/y", `{}`},
	} {
		r := common.MakeDefaultHTTPRequest(c.method, c.path)
		if path, query, found := strings.Cut(c.path, "?"); found {
			r.URL.Path, r.URL.RawQuery = path, query
		} else if r.URL, err = r.URL.Parse(c.path); err != nil {
			t.Fatal(err)
		}
		if c.body != "" {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(c.body))), int64(len(c.body))
			r.Header.Set("Content-Type", "application/json")
		}
		answer, err := client.Call(context.Background(), &r)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		if answer.StatusCode != http.StatusNoContent {
			t.Errorf("%s %s: got %s", c.method, c.path, answer.Status)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHTTP2 has the same headers arrive in another way, where host and target are pseudo-headers.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(verifying(atNoon))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, c := range []struct{ method, body string }{{"GET", ""}, {"DELETE", ""}, {"POST", ""}, {"PUT", "{}"}} {
		for tampered, want := range map[string]int{"": http.StatusNoContent, "&x": http.StatusUnauthorized} {
			r := newRequest(t, c.method, server.URL+"/20170115/a%2Fb?c=%2f", c.body)
			r.Header.Set("Date", noon().Format(http.TimeFormat))
			r.Header.Set("Content-Type", "application/json")
			if err := common.DefaultRequestSigner(provider{}).Sign(r); err != nil {
				t.Fatal(err)
			}
			r.URL.RawQuery += tampered
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(answer.Body)
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
			if answer.StatusCode != want || answer.ProtoMajor != 2 {
				t.Errorf("%s%s: got %s %d %s, want %d", c.method, tampered, answer.Proto, answer.StatusCode, text, want)
			}
		}
	}
}

// TestRaw writes requests byte by byte, as no library would let us: what net/http makes of them must be refused or be what was signed.
func TestRaw(t *testing.T) {
	t.Parallel()
	server := newServer(t, atNoon)
	host := strings.TrimPrefix(server.URL, "http://")
	local := func(s sent) sent { return s.with("host", host) }
	at := func(target string) sent { s := local(get()); s.target = target; return s }
	for _, c := range []struct {
		name   string
		sent   sent
		change func(text string) string
		want   int
	}{
		{"as-is", local(put()), func(text string) string { return text }, 204},
		{"dots", at("/a/../b//c/%2e%2E/d?x=%zz&y"), func(text string) string { return text }, 204},
		{"absolute", at("/a"), func(text string) string { return strings.Replace(text, "/a", "http://"+host+"/a", 1) }, 401},
		{"other-escape", at("/a%3ab"), func(text string) string { return strings.Replace(text, "%3a", "%3A", 1) }, 401},
		{"decoded", at("/a%3ab"), func(text string) string { return strings.Replace(text, "%3a", ":", 1) }, 401},
		{"spaces-around", local(put()), func(text string) string {
			return strings.Replace(text, "content-type: application/json", "content-type: \t application/json \t", 1)
		}, 204},
		{"chunked", local(put()), func(text string) string {
			head, body, _ := strings.Cut(text, "\r\n\r\n")
			return head + "\r\ntransfer-encoding: chunked\r\n\r\n18\r\n" + body + "\r\n0\r\n\r\n"
		}, 401},
		{"chunked-get", local(get()), func(text string) string {
			return strings.TrimSuffix(text, "\r\n") + "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
		}, 401},
		{"two-types", local(put()), func(text string) string {
			return strings.Replace(text, "content-type", "content-type: a/b\r\ncontent-type", 1)
		}, 401},
		{"two-dates", local(get()), func(text string) string { return strings.Replace(text, "date", "date: x\r\ndate", 1) }, 401},
		{"two-hosts", local(get()), func(text string) string { return strings.Replace(text, "host", "host: x\r\nhost", 1) }, 400},
		{"two-authorizations", local(get()), func(text string) string {
			return strings.Replace(text, "authorization", "authorization: Basic x\r\nauthorization", 1)
		}, 401},
		{"two-equal-lengths", local(put()), func(text string) string {
			return strings.Replace(text, "content-length", "content-length: 24\r\ncontent-length", 1)
		}, 204},
		{"two-lengths", local(put()), func(text string) string {
			return strings.Replace(text, "content-length", "content-length: 2\r\ncontent-length", 1)
		}, 400},
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.change(c.sent.wire(t))); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != c.want {
			t.Errorf("%s: got %d %s, want %d", c.name, answer.StatusCode, text, c.want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// wire is the request in bytes.
func (s sent) wire(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", s.method, s.target)
	for _, h := range s.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "authorization: %s\r\nconnection: close\r\n\r\n%s", s.authorization(t), s.body)
	return b.String()
}
