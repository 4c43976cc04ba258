package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// echo tells what of a request arrives behind the server.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %d %q %v", r.Method, r.URL.EscapedPath(), r.URL.Path, r.ContentLength, body, err)
}

// TestLullAPI: what is signed for either service gets through with its body, if its role allows it.
func TestLullAPI(t *testing.T) {
	t.Parallel()
	s, log := running(t, &fake{lull: echo})
	cases := []struct {
		name, method, path, service, key, body string
		status                                 int
		want                                   string
	}{
		{"get", "GET", "keys", "lull", "AKIAADMIN", "", 200, `GET /lull/v1/keys /lull/v1/keys 0 "" <nil>`},
		{"get-as-elb", "GET", "keys", "elasticloadbalancing", "AKIAREADER", "", 200, `GET /lull/v1/keys /lull/v1/keys 0 "" <nil>`},
		{"query", "GET", "keys?a=b%20c", "lull", "AKIAREADER", "", 200, `GET /lull/v1/keys /lull/v1/keys 0 "" <nil>`},
		{"put", "PUT", "instances/i-0abc", "lull", "AKIAADMIN", `{"host":"10.0.0.5"}`, 200, `PUT /lull/v1/instances/i-0abc /lull/v1/instances/i-0abc 19 "{\"host\":\"10.0.0.5\"}" <nil>`},
		{"put-as-elb", "PUT", "instances/i-1", "elasticloadbalancing", "AKIAADMIN", `{}`, 200, `PUT /lull/v1/instances/i-1 /lull/v1/instances/i-1 2 "{}" <nil>`},
		{"encoded", "DELETE", "certificates/arn:aws:iam::1:server-certificate%2Fweb", "lull", "AKIAADMIN", "", 200,
			`DELETE /lull/v1/certificates/arn:aws:iam::1:server-certificate%2Fweb /lull/v1/certificates/arn:aws:iam::1:server-certificate/web 0 "" <nil>`},
		{"reader-changes", "DELETE", "keys/x", "lull", "AKIAREADER", "", 403,
			`{"error":"AccessDeniedException: User: AKIAREADER is not authorized to perform: DELETE /lull/v1/keys/x because its role read-only allows GET and HEAD only"}` + "\n"},
		{"nobody", "GET", "keys", "lull", "AKIANOBODY", "", 403,
			`{"error":"AccessDeniedException: User: AKIANOBODY is not authorized to perform: GET /lull/v1/keys because its role unheard-of allows nothing"}` + "\n"},
		{"revoked", "GET", "keys", "lull", "AKIAREVOKED", "", 403, `{"error":"InvalidClientTokenId: The security token included in the request is invalid."}` + "\n"},
		{"other-service", "GET", "keys", "s3", "AKIAADMIN", "", 403, `{"error":"SignatureDoesNotMatch: Credential should be scoped to correct service: 'elasticloadbalancing'."}` + "\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, body := exchange(t, signed(t, c.method, "http://"+s.Addr()+"/lull/v1/"+c.path, c.service, c.key, c.body))
			if resp.StatusCode != c.status || body != c.want {
				t.Errorf("got %d %s\nwant %d %s", resp.StatusCode, body, c.status, c.want)
			}
			if kind := resp.Header.Get("Content-Type"); c.status != 200 && kind != "application/json" {
				t.Errorf("got content type %s, want application/json", kind)
			}
		})
	}
	t.Run("unsigned", func(t *testing.T) {
		resp, err := http.Get("http://" + s.Addr() + "/lull/v1/keys")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var told struct{ Error string }
		if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || resp.StatusCode != 403 || told.Error != "MissingAuthenticationToken: Request is missing Authentication Token" {
			t.Errorf("got %d %+v, %v", resp.StatusCode, told, err)
		}
	})
	log.line(t, "level=INFO", `action="PUT /lull/v1/instances/i-0abc"`, "key=AKIAADMIN", "code=OK")
	log.line(t, "level=DEBUG", `action="GET /lull/v1/keys"`, "key=AKIAREADER", "code=OK")
	log.line(t, "level=WARN", `action="DELETE /lull/v1/keys/x"`, "key=AKIAREADER", "code=AccessDeniedException")
}

// TestHead: a reader may ask for heads.
func TestHead(t *testing.T) {
	t.Parallel()
	s, _ := running(t, &fake{lull: echo})
	for service, want := range map[string]int{"lull": 200, "s3": 403} {
		if resp, body := exchange(t, signed(t, "HEAD", "http://"+s.Addr()+"/lull/v1/keys", service, "AKIAREADER", "")); resp.StatusCode != want || body != "" {
			t.Errorf("%s: got %d %q, want %d", service, resp.StatusCode, body, want)
		}
	}
}

// presigned returns a request with its signature in the query.
func presigned(t *testing.T, method, url, service, keyID string, form string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	who := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: testKeys[keyID].Secret}
	signedURL, _, err := v4.NewSigner().PresignHTTP(t.Context(), who, r, hashOf(form), service, region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if r, err = http.NewRequestWithContext(t.Context(), method, signedURL, strings.NewReader(form)); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPresigned: a signature in the query does as well, for either API.
func TestPresigned(t *testing.T) {
	t.Parallel()
	f := &fake{lull: echo, answer: func(context.Context, any) (any, error) { return &query.DescribeAccountLimitsResult{}, nil }}
	s, _ := running(t, f)
	base := "http://" + s.Addr()
	for _, c := range []struct {
		name, method, path, service, form string
		want                              string
	}{
		{"lull", "GET", "/lull/v1/keys", "lull", "", "GET /lull/v1/keys"},
		{"lull-as-elb", "GET", "/lull/v1/keys", sigv4.DefaultService, "", "GET /lull/v1/keys"},
		{"elb", "GET", "/?" + url.Values{"Action": {"DescribeAccountLimits"}, "Version": {query.Version}}.Encode(), sigv4.DefaultService, "", "<DescribeAccountLimitsResponse"},
		{"elb-as-lull", "GET", "/?Action=DescribeAccountLimits&Version=2012-06-01", "lull", "", "<ErrorResponse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, body := exchange(t, presigned(t, c.method, base+c.path, c.service, "AKIAREADER", c.form)); !strings.HasPrefix(body, c.want) {
				t.Errorf("got %s, want %s", body, c.want)
			}
		})
	}
}

// TestLullAPIPanics: before an answer has begun the client is told, and after that it sees that the answer is not whole.
func TestLullAPIPanics(t *testing.T) {
	t.Parallel()
	s, log := running(t, &fake{lull: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "late") {
			fmt.Fprint(w, "half an ans")
			_ = http.NewResponseController(w).Flush()
		}
		panic("a bug")
	}})
	resp, body := exchange(t, signed(t, "GET", "http://"+s.Addr()+"/lull/v1/early", "lull", "AKIAADMIN", ""))
	if resp.StatusCode != 500 || !strings.HasPrefix(body, `{"error":"InternalFailure: An internal error occurred`) || strings.Contains(body, "bug") {
		t.Errorf("got %d %s, want an internal error", resp.StatusCode, body)
	}
	log.line(t, "level=ERROR", "GET /lull/v1/early", "panic: a bug", "code=InternalFailure")
	resp, err := http.DefaultClient.Do(signed(t, "GET", "http://"+s.Addr()+"/lull/v1/late", "lull", "AKIAADMIN", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %q as if it were whole", got)
	}
	log.line(t, "level=ERROR", "GET /lull/v1/late", "panic: a bug")
	if resp, _ := exchange(t, signed(t, "GET", "http://"+s.Addr()+"/lull/v1/early", "lull", "AKIAADMIN", "")); resp.StatusCode != 500 {
		t.Errorf("after a panic: got %d, want the same answer as before", resp.StatusCode)
	}
}
