package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"
)

// signer signs nothing: package ocisig is tested with the SDK's own.
type signer struct{}

func (signer) Sign(*http.Request) error { return nil }

// sdkClient returns Oracle's client of a handler.
func sdkClient(t *testing.T, handler http.HandlerFunc) reflect.Value {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := loadbalancer.LoadBalancerClient{BaseClient: common.DefaultBaseClientWithSigner(signer{})}
	client.Host, client.BasePath = server.URL, "20170115"
	return reflect.ValueOf(client)
}

// sdkPath is what the parameters of paths are in these tests: all that the SDK escapes or does not. A slash is neither to
// it, and parts the path.
const sdkPath = "10.0.0.3:8080 é+?#"

// sdkCall calls an operation through Oracle's client, with everything set that its request has.
func sdkCall(t *testing.T, client reflect.Value, op *Operation) (reflect.Value, error) {
	t.Helper()
	method := client.MethodByName(op.Name)
	if !method.IsValid() {
		t.Fatalf("the SDK has no operation %s", op.Name)
	}
	request := reflect.New(method.Type().In(1)).Elem()
	for i := range request.NumField() {
		f := request.Type().Field(i)
		field := request.Field(i)
		switch {
		case f.Tag.Get("contributesTo") == "path":
			field.Set(reflect.ValueOf(common.String(sdkPath)))
		case f.Tag.Get("contributesTo") == "header":
			field.Set(reflect.ValueOf(common.String("h-" + f.Tag.Get("name"))))
		case f.Tag.Get("contributesTo") == "body":
			if err := json.Unmarshal([]byte(sampleBodies[op.Name]), field.Addr().Interface()); err != nil {
				t.Fatal(err)
			}
		case f.Tag.Get("name") == "compartmentId":
			field.Set(reflect.ValueOf(common.String("ocid1.compartment.oc1..x")))
		case f.Tag.Get("name") == "limit":
			field.Set(reflect.New(field.Type().Elem()))
			field.Elem().SetInt(7)
		}
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), request})
	err, _ := results[1].Interface().(error)
	return results[0], err
}

// serve answers a request with the result it is given, and checks what came in.
func serve(t *testing.T, op *Operation, result any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		route, err := Find(r.Method, r.URL.EscapedPath())
		if err != nil || route.Operation != op {
			t.Errorf("%s %s is %v, %v", r.Method, r.URL.EscapedPath(), route.Operation, err)
		}
		for name, value := range route.Parameters {
			if value != sdkPath {
				t.Errorf("%s of the path is %q, want %q", name, value, sdkPath)
			}
		}
		body, _ := ReadBody(r.Body, 1<<20)
		request, err := Decode(Route{op, route.Parameters}, r.URL.RawQuery, r.Header, body)
		if err != nil {
			t.Errorf("a request of the SDK's is refused: %v", err)
			request = &Request{}
		}
		if want := r.Header.Get("If-Match"); request.IfMatch != want {
			t.Errorf("if-match is %q and was sent as %q", request.IfMatch, want)
		}
		if want := r.Header.Get("Opc-Retry-Token"); request.RetryToken != want {
			t.Errorf("opc-retry-token is %q and was sent as %q", request.RetryToken, want)
		}
		id := RequestID(r.Header, Randomness{1})
		response := Accepted(id, "ocid1.loadbalancerworkrequest.oc1..w")
		if !op.Write() {
			if response, err = Encode(op, id, result); err != nil {
				t.Error(err)
			}
			if op.ETag {
				response.ETag = "tag"
			}
			if op.Paged {
				response.NextPage = "next"
			}
		}
		if err := response.Write(w); err != nil {
			t.Error(err)
		}
	}
}

// TestSDK01 calls each operation with Oracle's client, which reads every field of every result and knows no other.
func TestSDK01(t *testing.T) {
	t.Parallel()
	if methods := reflect.TypeFor[loadbalancer.LoadBalancerClient](); len(operations) != 61 || methods.NumMethod() < 61 {
		t.Fatalf("there are %d operations, want 61", len(operations))
	}
	for _, op := range operations {
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			var result any
			var sent []byte
			if !op.Write() {
				counter := 0
				v := filled(op.result, &counter)
				result, sent = v.Interface(), encode(v, op.result, true)
			}
			response, err := sdkCall(t, sdkClient(t, serve(t, op, result)), op)
			if err != nil {
				t.Fatal(err)
			}
			checkSDKHeaders(t, op, response)
			for i := range response.NumField() {
				f := response.Type().Field(i)
				if f.Tag.Get("presentIn") == "body" || f.Name == "Items" {
					checkSame(t, response.Field(i).Interface(), sent)
				}
			}
		})
	}
}

// checkSDKHeaders looks for the headers that the SDK's response has fields for.
func checkSDKHeaders(t *testing.T, op *Operation, response reflect.Value) {
	t.Helper()
	for i := range response.NumField() {
		f := response.Type().Field(i)
		if f.Tag.Get("presentIn") != "header" {
			continue
		}
		value, _ := response.Field(i).Interface().(*string)
		if value == nil || *value == "" {
			t.Errorf("%s has no header %s", op.Name, f.Tag.Get("name"))
		} else if f.Tag.Get("name") == "opc-request-id" && !strings.HasPrefix(*value, "h-opc-request-id/") {
			t.Errorf("the request id is %s, which does not begin with the caller's (API-04)", *value)
		}
	}
}

// checkSame compares what the SDK has read with what was sent, as documents.
func checkSame(t *testing.T, read any, sent []byte) {
	t.Helper()
	again, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(sent, &want); err != nil {
		t.Fatal(err)
	}
	if got, want := plain(got), plain(want); !reflect.DeepEqual(got, want) {
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		t.Errorf("the SDK has read\n%s\nof\n%s", a, b)
	}
}

// plain leaves out of a document what is null, which the SDK writes for what it has not.
func plain(document any) any {
	switch document := document.(type) {
	case map[string]any:
		maps.DeleteFunc(document, func(_ string, value any) bool { return value == nil })
		for key, value := range document {
			document[key] = plain(value)
		}
	case []any:
		for i := range document {
			document[i] = plain(document[i])
		}
	}
	return document
}

// sdkNames returns the names of the fields of a struct of the SDK's.
func sdkNames(types ...reflect.Type) []string {
	names := map[string]bool{}
	for _, s := range types {
		for i := range s.NumField() {
			if name, _, _ := strings.Cut(s.Field(i).Tag.Get("json"), ","); name != "" {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// TestModelsHaveTheSDKsFields compares the models with Oracle's, field by field.
func TestModelsHaveTheSDKsFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ours   *schema
		theirs any
		more   string // what an interface of the SDK's adds when it is written
	}{
		{of[CreateLoadBalancerDetails](), loadbalancer.CreateLoadBalancerDetails{}, ""},
		{of[UpdateLoadBalancerDetails](), loadbalancer.UpdateLoadBalancerDetails{}, ""},
		{of[LoadBalancer](), loadbalancer.LoadBalancer{}, ""},
		{of[ListenerDetails](), loadbalancer.UpdateListenerDetails{}, ""},
		{of[CreateListenerDetails](), loadbalancer.CreateListenerDetails{}, ""},
		{of[Listener](), loadbalancer.Listener{}, ""},
		{of[ConnectionConfiguration](), loadbalancer.ConnectionConfiguration{}, ""},
		{of[SSLConfiguration](), loadbalancer.SslConfigurationDetails{}, ""},
		{of[CreateBackendSetDetails](), loadbalancer.CreateBackendSetDetails{}, ""},
		{of[UpdateBackendSetDetails](), loadbalancer.UpdateBackendSetDetails{}, ""},
		{of[BackendSet](), loadbalancer.BackendSet{}, ""},
		{of[BackendDetails](), loadbalancer.CreateBackendDetails{}, ""},
		{of[UpdateBackendDetails](), loadbalancer.UpdateBackendDetails{}, ""},
		{of[Backend](), loadbalancer.Backend{}, ""},
		{of[HealthChecker](), loadbalancer.HealthCheckerDetails{}, ""},
		{of[UpdateHealthCheckerDetails](), loadbalancer.UpdateHealthCheckerDetails{}, ""},
		{of[SessionPersistence](), loadbalancer.SessionPersistenceConfigurationDetails{}, ""},
		{of[LBCookieSessionPersistence](), loadbalancer.LbCookieSessionPersistenceConfigurationDetails{}, ""},
		{of[CertificateDetails](), loadbalancer.CertificateDetails{}, ""},
		{of[Certificate](), loadbalancer.Certificate{}, ""},
		{of[Hostname](), loadbalancer.Hostname{}, ""},
		{of[PathRoute](), loadbalancer.PathRoute{}, ""},
		{of[RoutingPolicy](), loadbalancer.RoutingPolicy{}, ""},
		{of[UpdateRoutingPolicyDetails](), loadbalancer.UpdateRoutingPolicyDetails{}, ""},
		{of[RoutingRule](), loadbalancer.RoutingRule{}, ""},
		{of[RoutingAction](), loadbalancer.ForwardToBackendSet{}, "name"},
		{of[RedirectURI](), loadbalancer.RedirectUri{}, ""},
		{of[RuleCondition](), loadbalancer.PathMatchCondition{}, "attributeName"},
		{of[WorkRequest](), loadbalancer.WorkRequest{}, ""},
		{of[WorkRequestError](), loadbalancer.WorkRequestError{}, ""},
		{of[BackendHealth](), loadbalancer.BackendHealth{}, ""},
		{of[HealthCheckResult](), loadbalancer.HealthCheckResult{}, ""},
		{of[BackendSetHealth](), loadbalancer.BackendSetHealth{}, ""},
		{of[LoadBalancerHealth](), loadbalancer.LoadBalancerHealth{}, ""},
	} {
		want := sdkNames(reflect.TypeOf(c.theirs))
		if c.more != "" {
			want = slices.Sorted(slices.Values(append(want, c.more)))
		}
		var got []string
		for _, m := range c.ours.members {
			got = append(got, m.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v has the fields\n%v, want\n%v", c.ours.typ, got, want)
		}
	}
}

// TestRulesOfTheSDK decodes a rule of each kind as the SDK writes it, and gives it back.
func TestRulesOfTheSDK(t *testing.T) {
	t.Parallel()
	one, path := common.Int(1), []loadbalancer.RuleCondition{
		loadbalancer.PathMatchCondition{AttributeValue: common.String("/"), Operator: loadbalancer.PathMatchConditionOperatorExactMatch},
	}
	header, value := common.String("X-A"), common.String("b")
	for _, rule := range []loadbalancer.Rule{
		loadbalancer.AddHttpRequestHeaderRule{Header: header, Value: value},
		loadbalancer.ExtendHttpRequestHeaderValueRule{Header: header, Prefix: value, Suffix: value},
		loadbalancer.RemoveHttpRequestHeaderRule{Header: header},
		loadbalancer.AddHttpResponseHeaderRule{Header: header, Value: value},
		loadbalancer.ExtendHttpResponseHeaderValueRule{Header: header, Suffix: value},
		loadbalancer.RemoveHttpResponseHeaderRule{Header: header},
		loadbalancer.AllowRule{Description: value, Conditions: []loadbalancer.RuleCondition{
			loadbalancer.SourceVcnIdCondition{AttributeValue: common.String("ocid1.vcn.oc1.phx.x")},
			loadbalancer.SourceVcnIpAddressCondition{AttributeValue: common.String("10.0.0.0/16")},
		}},
		loadbalancer.ControlAccessUsingHttpMethodsRule{AllowedMethods: []string{"GET"}, StatusCode: common.Int(405)},
		loadbalancer.RedirectRule{Conditions: path, ResponseCode: common.Int(308), RedirectUri: &loadbalancer.RedirectUri{
			Protocol: common.String("{protocol}"), Host: common.String("in{host}"), Port: one, Path: common.String(""), Query: common.String("?a={query}"),
		}},
		loadbalancer.HttpHeaderRule{AreInvalidCharactersAllowed: common.Bool(true), HttpLargeHeaderSizeInKB: common.Int(64)},
		loadbalancer.IpBasedMaxConnectionsRule{DefaultMaxConnections: one, IpMaxConnections: []loadbalancer.IpMaxConnections{
			{IpAddresses: []string{"10.0.0.0/8", "2001:db8::/32"}, MaxConnections: one},
		}},
	} {
		body, err := json.Marshal(loadbalancer.UpdateRuleSetDetails{Items: []loadbalancer.Rule{rule}})
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := decodeBody(of[RuleSetDetails](), body)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		again := encode(reflect.ValueOf(decoded).Elem(), of[RuleSetDetails](), true)
		var set loadbalancer.RuleSetDetails
		if err := json.NewDecoder(bytes.NewReader(again)).Decode(&set); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(set.Items, []loadbalancer.Rule{rule}) {
			t.Errorf("%s came back as %s", body, again)
		}
	}
}

// TestAPI05SDK has Oracle's client read refusals: an error body it cannot read would be a BadErrorResponse to it.
func TestAPI05SDK(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*Error{Hidden(), NoSuchChild("ocid1.x", "hostname", "h"), {Code: NoEtagMatch, Message: "m"}, invalid("port", "é \"<\n")} {
		client := sdkClient(t, func(w http.ResponseWriter, r *http.Request) {
			if err := Refused(refusal, RequestID(r.Header, Randomness{})).Write(w); err != nil {
				t.Error(err)
			}
		})
		_, err := sdkCall(t, client, byName(t, "GetHostname"))
		got, ok := common.IsServiceError(err)
		if !ok || got.GetCode() != string(refusal.Code) || got.GetMessage() != refusal.Message || got.GetHTTPStatusCode() != refusal.StatusCode() ||
			!strings.HasPrefix(got.GetOpcRequestID(), "h-opc-request-id/") {
			t.Errorf("got %v, want %v", err, refusal)
		}
	}
}
