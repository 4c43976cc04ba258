package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/smithy-go"
)

// backend answers every request with what a test gives it, and keeps what it was asked.
type backend struct {
	answer func(action string, request any) (any, error)
}

func (b backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := NewRequestID()
	response, err := b.respond(id, r)
	if err != nil {
		response = EncodeError(err, id)
	}
	_ = response.Write(w) // the client tells
}

func (b backend) respond(id string, r *http.Request) (Response, error) {
	body, err := ReadBody(r.Body)
	if err != nil {
		return Response{}, err
	}
	form, err := ParseForm(r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), body)
	if err != nil {
		return Response{}, err
	}
	request, err := Decode(form)
	if err != nil {
		return Response{}, err
	}
	result, err := b.answer(form.Action(), request)
	if err != nil {
		return Response{}, err
	}
	return EncodeResult(form.Action(), id, result)
}

// client returns the SDK's client of a server with the given answers. It reads no configuration and no environment.
func client(t *testing.T, answer func(string, any) (any, error)) *elb.Client {
	t.Helper()
	server := httptest.NewServer(backend{answer})
	t.Cleanup(server.Close)
	return elb.New(elb.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
}

// call runs the SDK's method of an action.
func call(t *testing.T, c *elb.Client, action string, input any) (any, error) {
	t.Helper()
	out := reflect.ValueOf(c).MethodByName(action).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(input)})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

// flatten writes a value as paths of wire names with their values, ours by their tags and the SDK's by their names. A
// nil list is absent, unless it is one of a result of ours, which has an element all the same.
func flatten(into map[string]string, path string, v reflect.Value, result bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			flatten(into, path, v.Elem(), result)
		}
	case reflect.Slice:
		if v.IsNil() && !result {
			return
		}
		into[path] = fmt.Sprint(v.Len(), " members")
		for i := range v.Len() {
			flatten(into, fmt.Sprint(path, ".", i+1), v.Index(i), result)
		}
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			into[path] = at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if name, ok := wireName(f); ok && (!strings.HasSuffix(f.Tag.Get("wire"), ",omitempty") || !v.Field(i).IsNil()) {
				flatten(into, join(path, name), v.Field(i), result)
			}
		}
	default:
		into[path] = fmt.Sprint(v.Interface())
	}
}

// wireName returns what a field is called on the wire; some of the SDK's are not on it.
func wireName(f reflect.StructField) (string, bool) {
	if tag := f.Tag.Get("wire"); tag != "" {
		name, _, _ := strings.Cut(tag, ",")
		return name, true
	}
	return f.Name, f.IsExported() && f.Name != "ResultMetadata"
}

// compare wants two values to be the same on the wire; result says that want is a result of ours.
func compare(t *testing.T, got, want any, result bool) {
	t.Helper()
	g, w := map[string]string{}, map[string]string{}
	flatten(g, "", reflect.ValueOf(got), false)
	flatten(w, "", reflect.ValueOf(want), result)
	for _, path := range slices.Sorted(maps.Keys(w)) {
		if value, ok := g[path]; !ok || value != w[path] {
			t.Errorf("%s: got %q (present: %v), want %q", path, value, ok, w[path])
		}
		delete(g, path)
	}
	for path, value := range g {
		t.Errorf("%s: got %q, want nothing", path, value)
	}
}

// sampleInputs is a request of every action in the SDK's types; "Action/case" is a further one.
func sampleInputs() map[string]any {
	name := aws.String("my-load-balancer")
	listeners := []types.Listener{
		{Protocol: aws.String("HTTPS"), LoadBalancerPort: 443, InstanceProtocol: aws.String("HTTP"), InstancePort: aws.Int32(80), SSLCertificateId: aws.String("arn:aws:iam::123456789012:server-certificate/my-server-cert")},
		{Protocol: aws.String("TCP"), LoadBalancerPort: 80, InstanceProtocol: aws.String("TCP"), InstancePort: aws.Int32(80)},
	}
	instances := []types.Instance{{InstanceId: aws.String("i-4e05f721")}, {InstanceId: aws.String("[2001:db8::1]")}}
	tags := []types.Tag{{Key: aws.String("project"), Value: aws.String("lima = co/x:@+_-.")}, {Key: aws.String("Größe")}}
	return map[string]any{
		"AddTags":                                    &elb.AddTagsInput{LoadBalancerNames: []string{*name}, Tags: tags},
		"ApplySecurityGroupsToLoadBalancer":          &elb.ApplySecurityGroupsToLoadBalancerInput{LoadBalancerName: name, SecurityGroups: []string{"sg-1", "sg-2"}},
		"AttachLoadBalancerToSubnets":                &elb.AttachLoadBalancerToSubnetsInput{LoadBalancerName: name, Subnets: []string{"a&b=<c>", "d+e f%"}},
		"ConfigureHealthCheck":                       &elb.ConfigureHealthCheckInput{LoadBalancerName: name, HealthCheck: &types.HealthCheck{Target: aws.String("HTTP:80/path?a=1&b=%20+"), Interval: aws.Int32(30), Timeout: aws.Int32(3), UnhealthyThreshold: aws.Int32(2), HealthyThreshold: aws.Int32(10)}},
		"CreateAppCookieStickinessPolicy":            &elb.CreateAppCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: aws.String("p"), CookieName: aws.String("my-app-cookie")},
		"CreateLBCookieStickinessPolicy":             &elb.CreateLBCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: aws.String("p"), CookieExpirationPeriod: aws.Int64(1 << 40)},
		"CreateLBCookieStickinessPolicy/session":     &elb.CreateLBCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: aws.String("p")},
		"CreateLoadBalancer":                         &elb.CreateLoadBalancerInput{LoadBalancerName: name, Listeners: listeners, Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}, Scheme: aws.String("internal"), Tags: tags},
		"CreateLoadBalancer/zones":                   &elb.CreateLoadBalancerInput{LoadBalancerName: name, Listeners: listeners[1:], AvailabilityZones: []string{"us-west-2a", "us-west-2b"}},
		"CreateLoadBalancerListeners":                &elb.CreateLoadBalancerListenersInput{LoadBalancerName: name, Listeners: listeners},
		"CreateLoadBalancerPolicy":                   &elb.CreateLoadBalancerPolicyInput{LoadBalancerName: name, PolicyName: aws.String("p"), PolicyTypeName: aws.String("ProxyProtocolPolicyType"), PolicyAttributes: []types.PolicyAttribute{{AttributeName: aws.String("ProxyProtocol"), AttributeValue: aws.String("true")}, {AttributeName: aws.String("none")}}},
		"DeleteLoadBalancer":                         &elb.DeleteLoadBalancerInput{LoadBalancerName: name},
		"DeleteLoadBalancerListeners":                &elb.DeleteLoadBalancerListenersInput{LoadBalancerName: name, LoadBalancerPorts: []int32{80, 443}},
		"DeleteLoadBalancerPolicy":                   &elb.DeleteLoadBalancerPolicyInput{LoadBalancerName: name, PolicyName: aws.String("p")},
		"DeregisterInstancesFromLoadBalancer":        &elb.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: name, Instances: instances},
		"DescribeAccountLimits":                      &elb.DescribeAccountLimitsInput{Marker: aws.String("m=/+"), PageSize: aws.Int32(2)},
		"DescribeInstanceHealth":                     &elb.DescribeInstanceHealthInput{LoadBalancerName: name, Instances: instances},
		"DescribeInstanceHealth/all":                 &elb.DescribeInstanceHealthInput{LoadBalancerName: name},
		"DescribeLoadBalancerAttributes":             &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: name},
		"DescribeLoadBalancerPolicies":               &elb.DescribeLoadBalancerPoliciesInput{LoadBalancerName: name, PolicyNames: []string{"p"}},
		"DescribeLoadBalancerPolicyTypes":            &elb.DescribeLoadBalancerPolicyTypesInput{PolicyTypeNames: []string{"PublicKeyPolicyType"}},
		"DescribeLoadBalancers":                      &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{"a", "b"}, Marker: aws.String("m"), PageSize: aws.Int32(400)},
		"DescribeLoadBalancers/none":                 &elb.DescribeLoadBalancersInput{},
		"DescribeTags":                               &elb.DescribeTagsInput{LoadBalancerNames: []string{"a", "b"}},
		"DetachLoadBalancerFromSubnets":              &elb.DetachLoadBalancerFromSubnetsInput{LoadBalancerName: name, Subnets: []string{"subnet-1"}},
		"DisableAvailabilityZonesForLoadBalancer":    &elb.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: []string{"us-west-2a"}},
		"EnableAvailabilityZonesForLoadBalancer":     &elb.EnableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: []string{"us-west-2b"}},
		"ModifyLoadBalancerAttributes":               &elb.ModifyLoadBalancerAttributesInput{LoadBalancerName: name, LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(4000)}}},
		"ModifyLoadBalancerAttributes/all":           &elb.ModifyLoadBalancerAttributesInput{LoadBalancerName: name, LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(1)}, ConnectionDraining: &types.ConnectionDraining{Enabled: true, Timeout: aws.Int32(300)}, CrossZoneLoadBalancing: &types.CrossZoneLoadBalancing{}, AccessLog: &types.AccessLog{Enabled: true, EmitInterval: aws.Int32(5), S3BucketName: aws.String("b"), S3BucketPrefix: aws.String("")}, AdditionalAttributes: []types.AdditionalAttribute{{Key: aws.String(DesyncMitigationMode), Value: aws.String("monitor")}}}},
		"RegisterInstancesWithLoadBalancer":          &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: name, Instances: instances},
		"RemoveTags":                                 &elb.RemoveTagsInput{LoadBalancerNames: []string{*name}, Tags: []types.TagKeyOnly{{Key: aws.String("project")}}},
		"SetLoadBalancerListenerSSLCertificate":      &elb.SetLoadBalancerListenerSSLCertificateInput{LoadBalancerName: name, LoadBalancerPort: 443, SSLCertificateId: aws.String("arn:aws:iam::123456789012:server-certificate/new-server-cert")},
		"SetLoadBalancerPoliciesForBackendServer":    &elb.SetLoadBalancerPoliciesForBackendServerInput{LoadBalancerName: name, InstancePort: aws.Int32(80), PolicyNames: []string{"p", "q"}},
		"SetLoadBalancerPoliciesForBackendServer/no": &elb.SetLoadBalancerPoliciesForBackendServerInput{LoadBalancerName: name, InstancePort: aws.Int32(80), PolicyNames: []string{}},
		"SetLoadBalancerPoliciesOfListener":          &elb.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: name, LoadBalancerPort: 443, PolicyNames: []string{"p"}},
		"SetLoadBalancerPoliciesOfListener/no":       &elb.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: name, LoadBalancerPort: 443, PolicyNames: []string{}},
	}
}

// What the SDK sends arrives as it was meant.
func TestSDKRequests(t *testing.T) {
	t.Parallel()
	inputs := sampleInputs()
	for action := range operations {
		if inputs[action] == nil {
			t.Errorf("%s has no sample", action)
		}
	}
	results := sampleResults()
	for name, input := range inputs {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			action, _, _ := strings.Cut(name, "/")
			asked := make(chan any, 1)
			c := client(t, func(_ string, request any) (any, error) {
				asked <- request
				return results[action], nil
			})
			if _, err := call(t, c, action, input); err != nil {
				t.Fatal(err)
			}
			compare(t, <-asked, input, false)
		})
	}
}

// What is answered is what the SDK hands to its caller.
func TestSDKResults(t *testing.T) {
	t.Parallel()
	results := sampleResults()
	for action := range operations {
		if results[action] == nil {
			t.Errorf("%s has no sample", action)
		}
	}
	inputs := sampleInputs()
	for name, result := range results {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			action, _, _ := strings.Cut(name, "/")
			c := client(t, func(string, any) (any, error) { return result, nil })
			got, err := call(t, c, action, inputs[action])
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, result, true)
		})
	}
}

// What is refused reaches the SDK's caller with its code, its message and its request id.
func TestSDKErrors(t *testing.T) {
	t.Parallel()
	c := client(t, func(action string, _ any) (any, error) {
		switch action {
		case "DeleteLoadBalancer":
			return nil, errors.New("disk on fire")
		case "DescribeTags":
			return nil, &Error{Code: LoadBalancerNotFound, Message: "There is no ACTIVE Load Balancer named '<x>'"}
		default:
			return nil, &Error{Code: InvalidConfigurationRequest, Message: "p cannot be enabled"}
		}
	})
	inputs := sampleInputs()
	for _, want := range []struct {
		action  string
		input   any
		code    string
		message string
		status  int
	}{
		{"DescribeTags", inputs["DescribeTags"], "LoadBalancerNotFound", "There is no ACTIVE Load Balancer named '<x>'", 400},
		{"SetLoadBalancerPoliciesOfListener", inputs["SetLoadBalancerPoliciesOfListener"], "InvalidConfigurationRequest", "p cannot be enabled", 409},
		{"DeleteLoadBalancer", inputs["DeleteLoadBalancer"], "InternalFailure", "An internal error occurred: the log tells more under the request id ", 500},
		{"ModifyLoadBalancerAttributes", &elb.ModifyLoadBalancerAttributesInput{LoadBalancerName: aws.String("a"), LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(4001)}}},
			"ValidationError", "LoadBalancerAttributes.ConnectionSettings.IdleTimeout 4001 is out of range: allowed is 1 to 4000", 400},
	} {
		_, err := call(t, c, want.action, want.input)
		checkSDKError(t, want.action, err, want.code, want.message, want.status)
	}
	var missing *types.AccessPointNotFoundException
	if _, err := c.DescribeTags(t.Context(), inputs["DescribeTags"].(*elb.DescribeTagsInput)); !errors.As(err, &missing) {
		t.Errorf("got %v, which the SDK does not know as a missing load balancer", err)
	}
}

// checkSDKError wants an error of the SDK to tell what it was sent.
func checkSDKError(t *testing.T, action string, err error, code, message string, status int) {
	t.Helper()
	var api smithy.APIError
	var answer *awshttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &answer) {
		t.Fatalf("%s: got %v, want an error of the API", action, err)
	}
	id := answer.ServiceRequestID()
	if api.ErrorCode() != code || strings.TrimSuffix(api.ErrorMessage(), id) != message || answer.HTTPStatusCode() != status || len(id) != 36 {
		t.Errorf("%s: got %s, %q, status %d, request id %q; want %s, %q, status %d", action, api.ErrorCode(), api.ErrorMessage(), answer.HTTPStatusCode(), id, code, message, status)
	}
}

// The shapes are those of the SDK, member by member.
func TestSDKShapes(t *testing.T) {
	t.Parallel()
	c := reflect.TypeFor[*elb.Client]()
	for action, op := range operations {
		method, ok := c.MethodByName(action)
		if !ok {
			t.Errorf("the SDK has no %s", action)
			continue
		}
		sameShape(t, action+"Request", op.request, method.Type.In(2).Elem())
		sameShape(t, action+"Result", op.result, method.Type.Out(0).Elem())
	}
}

// sameShape compares a shape with a type of the SDK.
func sameShape(t *testing.T, path string, s *shape, theirs reflect.Type) {
	t.Helper()
	if theirs.Kind() == reflect.Pointer {
		theirs = theirs.Elem()
	}
	switch s.kind {
	case kindStruct:
		count := 0
		for i := range theirs.NumField() {
			f := theirs.Field(i)
			if _, ok := wireName(f); !ok {
				continue
			}
			count++
			j, ok := s.byName[f.Name]
			if !ok {
				t.Errorf("%s has no %s", path, f.Name)
				continue
			}
			sameShape(t, path+"."+f.Name, s.members[j].shape, f.Type)
		}
		if count != len(s.members) {
			t.Errorf("%s has %d members, the SDK's has %d", path, len(s.members), count)
		}
	case kindList:
		sameShape(t, path+"[]", s.elem, theirs.Elem())
	case kindTime, kindString, kindInt, kindBool:
		if s.typ != theirs {
			t.Errorf("%s is a %v, the SDK's is a %v", path, s.typ, theirs)
		}
	}
}
