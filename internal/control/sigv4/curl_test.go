package sigv4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCurl has curl sign, which is nobody's SDK. It is skipped where there is none, or one older than 7.75.
func TestCurl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl")
	}
	verifier := New(Options{Keys: suiteKeys()})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, int64(verifier.BodyBytesMax())+1))
		if err != nil {
			t.Error(err)
		}
		v, err := verifier.Verify(r, body, time.Now())
		if e := new(Error); errors.As(err, &e) {
			http.Error(w, string(e.Code)+" "+e.Message, e.Status)
			return
		}
		fmt.Fprintf(w, "verified %s %s", v.KeyID, v.Role)
	}))
	t.Cleanup(server.Close)
	cases := []struct {
		name string
		args []string
		user string
		want string
	}{
		{"get", []string{server.URL + "/?Action=DescribeLoadBalancers&Version=2012-06-01"}, suiteKeyID + ":" + suiteSecret, "verified AKIDEXAMPLE read-only"},
		{"post", []string{"--data", "Action=DescribeLoadBalancers&Version=2012-06-01", server.URL + "/"}, suiteKeyID + ":" + suiteSecret, "verified AKIDEXAMPLE read-only"},
		{"wrong-secret", []string{server.URL + "/"}, suiteKeyID + ":x", "SignatureDoesNotMatch The request signature"},
		{"wrong-key", []string{server.URL + "/"}, "x:x", "InvalidClientTokenId The security token"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			args := append([]string{"--silent", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:elasticloadbalancing", "--user", c.user}, c.args...)
			out, err := exec.CommandContext(ctx, "curl", args...).CombinedOutput()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == 2 {
				t.Skip("curl knows no --aws-sigv4")
			}
			if err != nil || !strings.HasPrefix(string(out), c.want) {
				t.Errorf("got %q, %v, want %q", out, err, c.want)
			}
		})
	}
}
