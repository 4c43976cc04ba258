package apiserver

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
)

// TestCurl has curl ask both APIs, as the documents do. It is skipped where there is none, or one older than 7.75.
func TestCurl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl")
	}
	f := &fake{lull: echo, answer: func(context.Context, any) (any, error) { return &query.DescribeLoadBalancersResult{}, nil }}
	s, _ := running(t, f)
	const form = "Action=DescribeLoadBalancers&Version=2012-06-01"
	cases := []struct {
		name, service, key string
		args               []string
		want               string
	}{
		{"get", "elasticloadbalancing", "AKIAREADER", []string{"http://" + s.Addr() + "/?" + form}, "<DescribeLoadBalancersResponse"},
		{"post", "elasticloadbalancing", "AKIAREADER", []string{"--data", form, "http://" + s.Addr() + "/"}, "<DescribeLoadBalancersResponse"},
		{"lull", "lull", "AKIAREADER", []string{"http://" + s.Addr() + "/lull/v1/instances"}, "GET /lull/v1/instances"},
		{"lull-put", "lull", "AKIAADMIN", []string{"--request", "PUT", "--data", `{"host":"10.0.0.5"}`, "http://" + s.Addr() + "/lull/v1/instances/i-1"}, "PUT /lull/v1/instances/i-1"},
		{"denied", "elasticloadbalancing", "AKIAREADER", []string{"--data", "Action=DeleteLoadBalancer", "http://" + s.Addr() + "/"}, "<ErrorResponse"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			args := append([]string{"--silent", "--noproxy", "*", "--aws-sigv4", "aws:amz:" + region + ":" + c.service, "--user", c.key + ":" + testKeys[c.key].Secret}, c.args...)
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
