package apiserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// idle is the call that issue and documents begin with.
func idle(name string, seconds int32) *elb.ModifyLoadBalancerAttributesInput {
	return &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerName:       aws.String(name),
		LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(seconds)}},
	}
}

// TestChange has the SDK change something: the request arrives with who made it, and the result goes back.
func TestChange(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(_ context.Context, request any) (any, error) {
		m := request.(*query.ModifyLoadBalancerAttributesRequest)
		return &query.ModifyLoadBalancerAttributesResult{LoadBalancerName: m.LoadBalancerName, LoadBalancerAttributes: m.LoadBalancerAttributes}, nil
	}}
	s, log := running(t, f)
	out, err := sdk(s, "AKIAADMIN", testKeys["AKIAADMIN"].Secret).ModifyLoadBalancerAttributes(t.Context(), idle("my-loadbalancer", 30))
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.LoadBalancerAttributes.ConnectionSettings.IdleTimeout; got != 30 || *out.LoadBalancerName != "my-loadbalancer" {
		t.Errorf("got %d s of %s, want 30 of my-loadbalancer", got, *out.LoadBalancerName)
	}
	if want := (sigv4.Identity{KeyID: "AKIAADMIN", Role: sigv4.Administrator}); len(f.who) != 1 || f.who[0] != want {
		t.Errorf("got identities %v, want %v", f.who, want)
	}
	log.line(t, "level=INFO", "msg=api", "action=ModifyLoadBalancerAttributes", "key=AKIAADMIN", "load_balancer=my-loadbalancer", "code=OK", "took=", "request=")
}

// TestErrors are what the SDK makes of what the API and the server refuse, and what the log has of it.
func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is on fire")
	answers := map[string]error{
		"missing":  &query.Error{Code: query.LoadBalancerNotFound, Message: "There is no ACTIVE Load Balancer named 'missing'"},
		"full":     &query.Error{Code: query.ServiceUnavailable, Message: "there is no room on the disk", Err: cause},
		"burnt":    fmt.Errorf("write the store: %w", cause),
		"wrapped":  fmt.Errorf("apply: %w", &query.Error{Code: query.DuplicateListener, Message: "taken"}),
		"panicked": nil,
	}
	f := &fake{answer: func(_ context.Context, request any) (any, error) {
		err := answers[request.(*query.ModifyLoadBalancerAttributesRequest).LoadBalancerName]
		if err == nil {
			panic("a bug")
		}
		return nil, err
	}}
	s, log := running(t, f)
	cases := []struct {
		name, keyID, secret string
		balancer            string
		code, message       string
		logged              []string
	}{
		{"not-found", "AKIAADMIN", "", "missing", "LoadBalancerNotFound", "There is no ACTIVE Load Balancer named 'missing'", []string{"level=INFO", "load_balancer=missing"}},
		{"with-cause", "AKIAADMIN", "", "full", "ServiceUnavailable", "there is no room on the disk", []string{"level=ERROR", `cause="the disk is on fire"`}},
		{"internal", "AKIAADMIN", "", "burnt", "InternalFailure", "An internal error occurred: the log tells more under the request id ", []string{"level=ERROR", `cause="write the store: the disk is on fire"`, "load_balancer=burnt"}},
		{"wrapped", "AKIAADMIN", "", "wrapped", "DuplicateListener", "taken", []string{"level=INFO", "load_balancer=wrapped"}},
		{"panic", "AKIAADMIN", "", "panicked", "InternalFailure", "An internal error occurred", []string{"level=ERROR", "panic: a bug", "load_balancer=panicked"}},
		{"unknown-key", "AKIAUNKNOWN", "x", "a", "InvalidClientTokenId", "The security token included in the request is invalid.", []string{"level=WARN"}},
		{"revoked", "AKIAREVOKED", "", "a", "InvalidClientTokenId", "The security token included in the request is invalid.", nil},
		{"wrong-secret", "AKIAADMIN", "wrong", "a", "SignatureDoesNotMatch", "The request signature we calculated does not match", []string{"level=WARN"}},
		{"reader", "AKIAREADER", "", "a", "AccessDeniedException",
			"User: AKIAREADER is not authorized to perform: elasticloadbalancing:ModifyLoadBalancerAttributes because its role read-only allows Describe actions only",
			[]string{"level=WARN", "key=AKIAREADER", "action=ModifyLoadBalancerAttributes"}},
		{"role-unheard-of", "AKIANOBODY", "", "a", "AccessDeniedException",
			"User: AKIANOBODY is not authorized to perform: elasticloadbalancing:ModifyLoadBalancerAttributes because its role unheard-of allows no action", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.secret == "" {
				c.secret = testKeys[c.keyID].Secret
			}
			_, err := sdk(s, c.keyID, c.secret).ModifyLoadBalancerAttributes(t.Context(), idle(c.balancer, 30))
			if message := wantCode(t, err, c.code); !strings.HasPrefix(message, c.message) {
				t.Errorf("got message %q, want %q", message, c.message)
			}
			if strings.Contains(fmt.Sprint(err), "fire") {
				t.Errorf("the client learns the cause: %v", err)
			}
			log.line(t, append(c.logged, "code="+c.code)...)
		})
	}
}

// TestReader: a key that may only read may ask, but gets nothing else done, not even told what would be wrong with it.
func TestReader(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(context.Context, any) (any, error) { return &query.DescribeLoadBalancersResult{}, nil }}
	s, log := running(t, f)
	client := sdk(s, "AKIAREADER", testKeys["AKIAREADER"].Secret)
	if _, err := client.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{"one"}}); err != nil {
		t.Error(err)
	}
	log.line(t, "level=DEBUG", "action=DescribeLoadBalancers", "key=AKIAREADER", "load_balancer=one", "code=OK")
	_, err := sdk(s, "AKIANOBODY", testKeys["AKIANOBODY"].Secret).DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})
	wantCode(t, err, "AccessDeniedException")
	for action, code := range map[string]string{
		"DeleteLoadBalancer": "AccessDeniedException", "": "MissingAction", "describeloadbalancers": "AccessDeniedException",
		"DescribeNothing": "InvalidAction", strings.Repeat("Ä", 300): "AccessDeniedException",
	} {
		r := signed(t, http.MethodPost, "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAREADER", "Version=2012-06-01&Bad=1&Action="+action)
		if resp, body := exchange(t, r); resp.StatusCode/100 != 4 || !strings.Contains(body, "<Code>"+code+"</Code>") {
			t.Errorf("%.30s: got %d %s, want %s", action, resp.StatusCode, body, code)
		}
	}
	if asked := f.asked(); len(asked) != 1 {
		t.Errorf("got %d requests through, want the one question", len(asked))
	}
}

// TestRequestID: an answer and the log's line about it have the same id, in the header and in the body.
func TestRequestID(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(context.Context, any) (any, error) { return &query.DescribeAccountLimitsResult{}, nil }}
	s, log := running(t, f)
	inBody := regexp.MustCompile(`<RequestId>([0-9a-f-]{36})</RequestId>`)
	for _, form := range []string{"Action=DescribeAccountLimits&Version=2012-06-01", "Action=None"} {
		r := signed(t, http.MethodPost, "http://"+s.Addr()+"/", sigv4.DefaultService, "AKIAADMIN", form)
		resp, body := exchange(t, r)
		m := inBody.FindStringSubmatch(body)
		if m == nil || resp.Header.Get("X-Amzn-Requestid") != m[1] {
			t.Fatalf("got header %q and body %s, want the same id in both", resp.Header.Get("X-Amzn-Requestid"), body)
		}
		log.line(t, "request="+m[1])
	}
}
