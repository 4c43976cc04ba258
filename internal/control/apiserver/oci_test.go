package apiserver

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/ocisig"
)

const (
	ociTenancy = "ocid1.tenancy.oc1..aaaa"
	ociUser    = "ocid1.user.oc1..aaaa"
	ociBalance = "ocid1.loadbalancer.oc1.phx.aaaa"
)

// ociKeys are two keys: an administrator's and a reader's, made once for all tests.
//
//nolint:gochecknoglobals // made once: a key takes a second under the race detector
var ociKeys = sync.OnceValue(func() ociKeyring {
	ring := ociKeyring{}
	for _, role := range []ocisig.Role{ocisig.Administrator, ocisig.ReadOnly} {
		private, err := rsa.GenerateKey(rand.Reader, ocisig.KeyBitsMin)
		if err != nil {
			panic(err)
		}
		key := ocisig.Key{Tenancy: ociTenancy, User: ociUser, Fingerprint: "aa:bb:" + string(role), Public: &private.PublicKey, Role: role}
		ring[role] = ociKey{key, private}
	}
	return ring
})

type ociKey struct {
	ocisig.Key
	private *rsa.PrivateKey
}

type ociKeyring map[ocisig.Role]ociKey

// Lookup implements ocisig.Keys.
func (r ociKeyring) Lookup(id string) (ocisig.Key, bool) {
	for _, k := range r {
		if k.ID() == id {
			return k.Key, true
		}
	}
	return ocisig.Key{}, false
}

// provider returns the SDK's view of a key.
func (r ociKeyring) provider(role ocisig.Role) common.ConfigurationProvider {
	k := r[role]
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.private)})
	return common.NewRawConfigurationProvider(ociTenancy, ociUser, "lull-1", k.Fingerprint, string(text), nil)
}

// fakeOCI is the API behind a server.
type fakeOCI struct {
	mu     sync.Mutex
	calls  []*ociapi.Call
	answer func(c *ociapi.Call) (ociapi.Answer, error)
}

func (f *fakeOCI) do(_ context.Context, c *ociapi.Call) (ociapi.Answer, error) {
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.answer == nil {
		return ociapi.Answer{}, errors.New("no answer in this test")
	}
	return f.answer(c)
}

func (f *fakeOCI) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// serving returns a server of an OCI API and its log.
func (f *fakeOCI) serving(t *testing.T, now func() time.Time) (*Server, *journal) {
	t.Helper()
	log := &journal{}
	o := options(&fake{}, log)
	o.OCI, o.OCIKeys = f.do, ociKeys()
	if now != nil {
		o.Now = now
	}
	return start(t, o, defaultLimits), log
}

// ociSDK returns Oracle's client with a key.
func ociSDK(t *testing.T, s *Server, role ocisig.Role) loadbalancer.LoadBalancerClient {
	t.Helper()
	c, err := loadbalancer.NewLoadBalancerClientWithConfigurationProvider(ociKeys().provider(role))
	if err != nil {
		t.Fatal(err)
	}
	c.Host = "http://" + s.Addr()
	return c
}

// signedOCI returns a request as Oracle's signer leaves it.
func signedOCI(t *testing.T, s *Server, role ocisig.Role, method, path, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if err := common.DefaultRequestSigner(ociKeys().provider(role)).Sign(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// answerTo sends a request and returns status, headers and the error, if there is one.
func answerTo(t *testing.T, r *http.Request) (status int, header http.Header, failed map[string]string) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		if err := json.Unmarshal(body, &failed); err != nil || len(failed) != 2 {
			t.Errorf("%s %s: got the error %s, %v", r.Method, r.URL, body, err)
		}
		if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
			t.Errorf("%s %s: Content-Type %q", r.Method, r.URL, got)
		}
	}
	return res.StatusCode, res.Header, failed
}

// TestOCIClient_SIG_01_SIG_12_API_02_API_03_API_04: Oracle's client asks, with an address and port of ours.
func TestOCIClient_SIG_01_SIG_12_API_02_API_03_API_04(t *testing.T) {
	t.Parallel()
	f := &fakeOCI{answer: func(c *ociapi.Call) (ociapi.Answer, error) {
		if c.Operation.Write() {
			return ociapi.Answer{WorkRequestID: "ocid1.loadbalancerworkrequest.oc1.phx.aaaa"}, nil
		}
		return ociapi.Answer{Result: []wire.LoadBalancerPolicy{{Name: "ROUND_ROBIN"}}, NextPage: "more"}, nil
	}}
	s, log := f.serving(t, nil)
	reader, admin := ociSDK(t, s, ocisig.ReadOnly), ociSDK(t, s, ocisig.Administrator)
	list, err := reader.ListPolicies(t.Context(), loadbalancer.ListPoliciesRequest{CompartmentId: common.String(ociTenancy), OpcRequestId: common.String("mine")})
	if err != nil || len(list.Items) != 1 || *list.Items[0].Name != "ROUND_ROBIN" || *list.OpcNextPage != "more" || !strings.HasPrefix(*list.OpcRequestId, "mine/") {
		t.Errorf("list: got %+v, %v", list, err)
	}
	gone, err := admin.DeleteBackend(t.Context(), loadbalancer.DeleteBackendRequest{
		LoadBalancerId: common.String(ociBalance), BackendSetName: common.String("bs"), BackendName: common.String("10.0.0.3:8080"),
	})
	if err != nil || *gone.OpcWorkRequestId != "ocid1.loadbalancerworkrequest.oc1.phx.aaaa" || gone.RawResponse.StatusCode != http.StatusNoContent {
		t.Errorf("delete: got %+v, %v", gone, err)
	}
	last := f.calls[len(f.calls)-1]
	if last.Parameters[wire.BackendName] != "10.0.0.3:8080" || last.Caller != ociUser || last.Tenancy != ociTenancy || gone.RawResponse.Header.Get("x-amzn-RequestId") != "" {
		t.Errorf("asked: got %+v", last)
	}
	log.line(t, "level=INFO", "action=DeleteBackend", "load_balancer="+ociBalance, "key=aa:bb:administrator")
	_, err = reader.DeleteLoadBalancer(t.Context(), loadbalancer.DeleteLoadBalancerRequest{LoadBalancerId: common.String(ociBalance)})
	var refused common.ServiceError
	if !errors.As(err, &refused) || refused.GetHTTPStatusCode() != http.StatusForbidden || refused.GetCode() != "NotAuthorized" {
		t.Errorf("a reader deletes: got %v", err)
	}
	if f.count() != 2 {
		t.Errorf("asked %d times, want 2", f.count())
	}
}

// TestOCIRefusals_API_01_API_05_API_06_SIG_04_SIG_08: what is refused, in which shape; none of it reaches the API.
func TestOCIRefusals_API_01_API_05_API_06_SIG_04_SIG_08(t *testing.T) {
	t.Parallel()
	f := &fakeOCI{}
	s, _ := f.serving(t, nil)
	const path = wire.BasePath + "/loadBalancers/" + ociBalance
	for _, c := range []struct {
		name           string
		method, target string
		body           string
		spoil          func(r *http.Request)
		status         int
		code           string
	}{
		{"unsigned", "GET", path, "", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "NotAuthenticated"},
		{"unsigned-unknown", "GET", wire.BasePath + "/nothing", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "NotAuthenticated"},
		{"basic", "GET", path, "", func(r *http.Request) { r.Header.Set("Authorization", "Basic YTpi") }, 401, "NotAuthenticated"},
		{"other-path", "GET", path, "", func(r *http.Request) { r.URL.Path += "x" }, 401, "NotAuthenticated"},
		{"other-query", "GET", path, "", func(r *http.Request) { r.URL.RawQuery = "a=b" }, 401, "NotAuthenticated"},
		{"other-method", "GET", path, "", func(r *http.Request) { r.Method = "DELETE" }, 401, "NotAuthenticated"},
		{"other-body", "PUT", path, `{"displayName":"a"}`, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"displayName":"b"}`))
		}, 401, "NotAuthenticated"},
		{"stale", "GET", path, "", func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(-301*time.Second).UTC().Format(http.TimeFormat))
		}, 401, "NotAuthenticated"},
		{"unknown", "GET", wire.BasePath + "/nothing", "", nil, 404, "NotFound"},
		{"dots", "DELETE", path + "/hostnames/..", "", nil, 404, "NotFound"},
		{"method", "PATCH", path, "{}", nil, 405, "MethodNotAllowed"},
		{"json", "PUT", path, "{", nil, 400, "CannotParseRequest"},
		{"value", "PUT", path + "/listeners/l", `{"defaultBackendSetName":"b","port":0,"protocol":"TCP"}`, nil, 400, "InvalidParameter"},
		{"missing", "PUT", path + "/listeners/l", `{"port":1,"protocol":"TCP"}`, nil, 400, "MissingParameter"},
		{"long", "PUT", path, `{"displayName":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413, "PayloadTooLarge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := signedOCI(t, s, ocisig.Administrator, c.method, c.target, c.body)
			if c.spoil != nil {
				c.spoil(r)
			}
			status, header, failed := answerTo(t, r)
			if status != c.status || failed["code"] != c.code || failed["message"] == "" || strings.Count(header.Get("Opc-Request-Id"), "/") != 2 {
				t.Errorf("got %d %v, request id %q, want %d %s", status, failed, header.Get("Opc-Request-Id"), c.status, c.code)
			}
			if c.status == http.StatusMethodNotAllowed && header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	t.Cleanup(func() {
		if f.count() != 0 {
			t.Errorf("the API was asked %d times", f.count())
		}
	})
}

// TestOCIReplay: a copy of a change does nothing, unless its retry token makes it the same change; what clients do twice within a second
// goes through.
func TestOCIReplay(t *testing.T) {
	t.Parallel()
	f := &fakeOCI{answer: func(*ociapi.Call) (ociapi.Answer, error) {
		return ociapi.Answer{Result: []wire.Hostname{}, WorkRequestID: "w"}, nil
	}}
	var later time.Duration
	var mu sync.Mutex
	s, _ := f.serving(t, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(later)
	})
	const path = wire.BasePath + "/loadBalancers/" + ociBalance + "/hostnames"
	question := signedOCI(t, s, ocisig.Administrator, "GET", path, "")
	change := func(token ...string) *http.Request {
		return signedOCI(t, s, ocisig.Administrator, "POST", path, fmt.Sprintf(`{"name":"a%d","hostname":"a.test"}`, len(token)), token...)
	}
	remove := signedOCI(t, s, ocisig.Administrator, "DELETE", path+"/a", "")
	plain, withToken := change(), change("Opc-Retry-Token", "t1")
	for _, step := range []struct {
		name   string
		r      *http.Request
		token  string
		after  time.Duration
		status int
	}{
		{"question", question, "", 0, 200},
		{"question at once", question, "", time.Second, 200},
		{"question later", question, "", 10 * time.Second, 401},
		{"change", plain, "", 0, 204},
		{"change again", plain, "", 0, 401},
		{"change later with a token", plain, "t9", 10 * time.Second, 401},
		{"change with token", withToken, "t1", 0, 204},
		{"change with token again", withToken, "t1", time.Minute, 204},
		{"change with another token", withToken, "t2", 0, 204},
		{"change with another token later", withToken, "t3", 10 * time.Second, 401},
		{"deletion", remove, "", 0, 204},
		{"deletion again", remove, "", time.Second, 204},
		{"deletion later", remove, "t1", 10 * time.Second, 401},
	} {
		mu.Lock()
		later = step.after
		mu.Unlock()
		r := step.r.Clone(t.Context())
		if step.r.GetBody != nil {
			body, err := step.r.GetBody()
			if err != nil {
				t.Fatal(err)
			}
			r.Body = body
		}
		r.Header.Del("Opc-Retry-Token")
		if step.token != "" {
			r.Header.Set("Opc-Retry-Token", step.token)
		}
		if status, _, failed := answerTo(t, r); status != step.status {
			t.Errorf("%s: got %d %v, want %d", step.name, status, failed, step.status)
		}
	}
}

// TestOCIMistake: what nobody has foreseen shows nothing of itself.
func TestOCIMistake(t *testing.T) {
	t.Parallel()
	f := &fakeOCI{answer: func(*ociapi.Call) (ociapi.Answer, error) { return ociapi.Answer{}, errors.New("the cat is out") }}
	s, log := f.serving(t, nil)
	status, _, failed := answerTo(t, signedOCI(t, s, ocisig.Administrator, "GET", wire.BasePath+"/loadBalancers/x", ""))
	if status != http.StatusInternalServerError || failed["code"] != "InternalServerError" || strings.Contains(failed["message"], "cat") {
		t.Errorf("got %d %v", status, failed)
	}
	log.line(t, "level=ERROR", "cat")
}
