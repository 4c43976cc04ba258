package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAPI17 has the two looks of an answer.
func TestAPI17(t *testing.T) {
	t.Parallel()
	set := BackendSet{
		Name: "bs", Policy: "ROUND_ROBIN", HealthChecker: HealthChecker{Protocol: "TCP"},
		Backends: []Backend{{Name: "10.0.0.3:80", IPAddress: "10.0.0.3", Port: 80, Weight: 1}},
	}
	work := WorkRequest{
		ID: "w", LoadBalancerID: "l", Type: "CreateLoadBalancer", LifecycleState: WorkAccepted, TimeAccepted: sampleTime,
	}
	finished := work
	finished.LifecycleState, finished.TimeFinished, finished.Message = WorkSucceeded, new(sampleTime.Add(time.Second)), new("<&>\"\\\n\u2028\u00e9")
	for _, c := range []struct {
		operation string
		result    any
		want      string
	}{
		{"ListBackendSets", []BackendSet{set}, `[ {
  "backends" : [ {
    "backup" : false,
    "drain" : false,
    "ipAddress" : "10.0.0.3",
    "name" : "10.0.0.3:80",
    "offline" : false,
    "port" : 80,
    "weight" : 1
  } ],
  "healthChecker" : {
    "intervalInMillis" : 0,
    "isForcePlainText" : false,
    "port" : 0,
    "protocol" : "TCP",
    "responseBodyRegex" : "",
    "retries" : 0,
    "returnCode" : 0,
    "timeoutInMillis" : 0
  },
  "name" : "bs",
  "policy" : "ROUND_ROBIN"
} ]`},
		{"ListBackends", []Backend(nil), `[ ]`},
		{"ListLoadBalancers", []LoadBalancer{}, `[]`},
		{"ListPolicies", []LoadBalancerPolicy{{"IP_HASH"}, {"ROUND_ROBIN"}}, `[{"name":"IP_HASH"},{"name":"ROUND_ROBIN"}]`},
		{"GetWorkRequest", work, `{
  "errorDetails" : [ ],
  "id" : "w",
  "lifecycleState" : "ACCEPTED",
  "loadBalancerId" : "l",
  "timeAccepted" : "2018-07-11T17:11:08.832Z",
  "type" : "CreateLoadBalancer"
}`},
		{"ListWorkRequests", []WorkRequest{finished}, `[ {
  "errorDetails" : [ ],
  "id" : "w",
  "lifecycleState" : "SUCCEEDED",
  "loadBalancerId" : "l",
  "message" : "<&>\"\\\n\u2028é",
  "timeAccepted" : "2018-07-11T17:11:08.832Z",
  "timeFinished" : "2018-07-11T17:11:09.832Z",
  "type" : "CreateLoadBalancer"
} ]`},
		{"ListLoadBalancers", []LoadBalancer{{
			ID: "l", Tags: Tags{DefinedTags: map[string]map[string]any{"n": {"b": true, "a": json.Number("1.50"), "c": "x"}, "m": nil}}, TimeCreated: sampleTime,
			Listeners: map[string]Listener{}, Hostnames: map[string]Hostname{}, SSLCipherSuites: map[string]SSLCipherSuite{},
			Certificates: map[string]Certificate{}, BackendSets: map[string]BackendSet{}, PathRouteSets: map[string]PathRouteSet{},
			RoutingPolicies: map[string]RoutingPolicy{}, RuleSets: map[string]RuleSet{},
		}}, `[{"backendSets":{},"certificates":{},"compartmentId":"","definedTags":{"m":{},"n":{"a":1.50,"b":true,"c":"x"}},"displayName":"","freeformTags":{},"hostnames":{},"id":"l","ipAddresses":[],"lifecycleState":"","listeners":{},"networkSecurityGroupIds":[],"pathRouteSets":{},"routingPolicies":{},"ruleSets":{},"securityAttributes":{},"shapeName":"","sslCipherSuites":{},"subnetIds":[],"systemTags":{},"timeCreated":"2018-07-11T17:11:08.832Z"}]`},
		{"ListLoadBalancers", []LoadBalancer{{ID: "simple", TimeCreated: sampleTime}}, `[{"compartmentId":"","definedTags":{},"displayName":"","freeformTags":{},"id":"simple","ipAddresses":[],"lifecycleState":"","networkSecurityGroupIds":[],"securityAttributes":{},"shapeName":"","subnetIds":[],"systemTags":{},"timeCreated":"2018-07-11T17:11:08.832Z"}]`},
	} {
		for _, o := range operations {
			if o.Name != c.operation {
				continue
			}
			response, err := Encode(o, "id", c.result)
			if err != nil || string(response.Body) != c.want {
				t.Errorf("%s: got %v\n%s\nwant\n%s", c.operation, err, response.Body, c.want)
			}
			if !json.Valid(response.Body) {
				t.Errorf("%s: not JSON: %s", c.operation, response.Body)
			}
		}
	}
}

// TestOP18 looks for a place in results from where a secret could come.
func TestOP18(t *testing.T) {
	t.Parallel()
	var secrets func(s *schema) bool
	secrets = func(s *schema) bool {
		if s.secret || s.elem != nil && secrets(s.elem) {
			return true
		}
		for _, m := range s.members {
			if secrets(m.schema) || strings.Contains(strings.ToLower(m.name), "privatekey") || strings.Contains(strings.ToLower(m.name), "passphrase") {
				return true
			}
		}
		return false
	}
	if !secrets(of[CertificateDetails]()) {
		t.Error("the private key of a certificate is no secret")
	}
	for _, o := range operations {
		if o.result != nil && secrets(o.result) {
			t.Errorf("%s could answer a secret", o.Name)
		}
	}
	for _, body := range []string{`{"certificateName":"c","privateKey":["hush"]}`, `{"certificateName":"c","privateKey":"hush` + strings.Repeat("h", 20000) + `"}`,
		`{"certificateName":"c","passphrase":"hush\u0001"}`, `{"certificateName":"c","privateKey":"hush","privateKey":"hush"}`} {
		_, err := decodeAs(t, "CreateCertificate", body)
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v", err)
		}
	}
}

func TestEncodeWrongResult(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		if _, err := Encode(o, "id", struct{}{}); err == nil {
			t.Errorf("%s answers what it has not", o.Name)
		}
		if _, err := Encode(o, "id", nil); err == nil {
			t.Errorf("%s answers nothing", o.Name)
		}
	}
}

// TestOP01 has the message of a work request that has succeeded.
func TestOP01(t *testing.T) {
	t.Parallel()
	var message map[string]string
	for _, o := range operations {
		if o.Name == "UpdateListener" {
			if err := json.Unmarshal([]byte(SuccessMessage(o, "l", "w", "e")), &message); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := map[string]string{
		"eventId": "e", "loadBalancerId": "l", "workflowName": "PutListenerWorkflow", "type": "SUCCESS", "message": "OK", "workRequestId": "w",
	}
	if !reflect.DeepEqual(message, want) {
		t.Errorf("got %v, want %v", message, want)
	}
}

// TestAPI02 has the headers of each kind of answer.
func TestAPI02(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		response Response
		status   int
		headers  map[string]string
		body     string
	}{
		{"API-02", Accepted("r", "w"), 204, map[string]string{"opc-request-id": "r", "opc-work-request-id": "w", "etag": "", "Content-Length": "", "Content-Type": "application/json"}, ""},
		{"API-12", Response{Status: 200, RequestID: "r", ETag: "e", NextPage: "n", Body: []byte("[]")}, 200,
			map[string]string{"opc-request-id": "r", "etag": "e", "opc-next-page": "n", "Content-Length": "2", "X-Content-Type-Options": "nosniff", "opc-work-request-id": ""}, "[]"},
		{"API-05", Refused(fmt.Errorf("around: %w", invalid("port", "port \"%d\"", 0)), "r"), 400,
			map[string]string{"opc-request-id": "r", "Content-Type": "application/json", "Allow": ""}, "{\n  \"code\" : \"InvalidParameter\",\n  \"message\" : \"port \\\"0\\\"\"\n}"},
		{"API-05-internal", Refused(errors.New("secret"), "r"), 500, map[string]string{"opc-request-id": "r"},
			"{\n  \"code\" : \"InternalServerError\",\n  \"message\" : \"An internal error occurred: the log tells more under the request id r\"\n}"},
		{"API-07", Refused(Hidden(), "r"), 404, nil,
			"{\n  \"code\" : \"NotAuthorizedOrNotFound\",\n  \"message\" : \"Authorization failed or requested resource not found.\"\n}"},
		{"API-08", Refused(NoSuchChild("ocid1.x", "hostname", "h"), "r"), 404, nil,
			"{\n  \"code\" : \"NotFound\",\n  \"message\" : \"Load balancer ocid1.x has no hostname named 'h'\"\n}"},
		{"API-01", Refused(&Error{Code: MethodNotAllowed, Message: "m", Allow: []string{"GET", "PUT"}}, "r"), 405, map[string]string{"Allow": "GET, PUT"},
			"{\n  \"code\" : \"MethodNotAllowed\",\n  \"message\" : \"m\"\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := c.response.Write(w); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			r, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, _ := ReadBody(r.Body, 1000)
			if r.StatusCode != c.status || string(body) != c.body {
				t.Errorf("got %d\n%s\nwant %d\n%s", r.StatusCode, body, c.status, c.body)
			}
			for name, want := range c.headers {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestCodes holds that every code has a status, and that the table has no others.
func TestCodes(t *testing.T) {
	t.Parallel()
	if got := Code("Unknown").Status(); got != 500 {
		t.Errorf("a code of no table is %d, want 500", got)
	}
	for code, status := range statuses {
		if code.Status() != status || status < 400 || http.StatusText(status) == "" {
			t.Errorf("%s is %d", code, status)
		}
	}
}

func TestAPI04(t *testing.T) {
	t.Parallel()
	random := Randomness{0xab, 16: 1, 47: 0xff}
	tail := "/01000000000000000000000000000000/000000000000000000000000000000FF"
	own := "AB000000000000000000000000000000"
	for given, want := range map[string]string{
		"": own, "mine": "mine", "a/b": "a/b", "a b": own, "é": own, "a\x7f": own, strings.Repeat("x", 128): strings.Repeat("x", 128), strings.Repeat("x", 129): own,
	} {
		header := http.Header{}
		if given != "" {
			header.Set("opc-request-id", given)
		}
		if got := RequestID(header, random); got != want+tail {
			t.Errorf("%q: got %s, want %s", given, got, want+tail)
		}
	}
	if !regexp.MustCompile(`^([0-9A-F]{32}/){2}[0-9A-F]{32}$`).MatchString(RequestID(http.Header{}, random)) {
		t.Error("a request id is not three times 32 hexadecimal digits")
	}
}

func TestAPI13(t *testing.T) {
	t.Parallel()
	etag := NewETag([16]byte{1, 15: 0xff})
	if etag != "010000000000000000000000000000ff" {
		t.Errorf("got %s", etag)
	}
	for ifMatch, want := range map[string]bool{
		"": true, "*": true, etag: true, `"` + etag + `"`: true, "x": false, `""`: false, etag + "0": false, strings.ToUpper(etag): false, `W/"` + etag + `"`: false,
	} {
		if got := ETagMatches(ifMatch, etag); got != want {
			t.Errorf("%q: got %t", ifMatch, got)
		}
	}
}
