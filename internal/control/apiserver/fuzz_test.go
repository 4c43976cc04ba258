package apiserver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzHandler: no bytes that nobody has signed reach an API, and every answer is a refusal that is well-formed. The seeds are signed,
// by keys that exist, with secrets that are not theirs.
func FuzzHandler(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := newHandler(&Options{OCIKeys: ociKeyring{}, OCI: (&fakeOCI{}).do,
		Keys: testKeys, Region: region, ELB: (&fake{}).elb, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	const authorization = "Authorization: AWS4-HMAC-SHA256 Credential=AKIAADMIN/20260301/us-east-1/elasticloadbalancing/aws4_request, " +
		"SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000\r\nX-Amz-Date: 20260301T120000Z\r\n"
	const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAADMIN%2F20260301%2Fus-east-1%2Flull%2Faws4_request&X-Amz-Date=20260301T120000Z" +
		"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	for _, seed := range []string{
		"GET /?Action=DescribeLoadBalancers&Version=2012-06-01 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /?Action=DescribeLoadBalancers&Version=2012-06-01 HTTP/1.1\r\nHost: x\r\n" + authorization + "\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\n" + authorization + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nAction=x",
		"POST /lull/v1/keys HTTP/1.1\r\nHost: x\r\n" + authorization + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /lull/v1/keys?" + query + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"PUT /lull/v1/../../%2e%2e//x HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://y/20170115/%2F..%2F HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD / HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return // net/http answers these
		}
		reached := &fake{}
		h.elbCall = reached.elb
		h.lullAPI = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached lull's own API") })
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if len(reached.asked()) > 0 {
			t.Error("reached the ELB API")
		}
		if ids := map[string][]string(w.Header())["x-amzn-RequestId"]; w.Code < 400 || w.Code >= 500 || len(ids) != 1 {
			t.Errorf("got %d with headers %v, want a refusal with an id", w.Code, w.Header())
		}
		checkForm(t, w)
	})
}

// checkForm wants an answer to be what it says it is.
func checkForm(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.Bytes()
	switch kind := w.Header().Get("Content-Type"); kind {
	case "text/xml":
		d := xml.NewDecoder(bytes.NewReader(body))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%v in %q", err, body)
			}
		}
	case "application/json":
		var told map[string]string
		if err := json.Unmarshal(body, &told); err != nil || told["error"] == "" || len(told) != 1 {
			t.Errorf("got %q, %v, want an error in JSON", body, err)
		}
	default:
		if !strings.HasPrefix(kind, "text/plain") {
			t.Errorf("got content type %q", kind)
		}
	}
}
