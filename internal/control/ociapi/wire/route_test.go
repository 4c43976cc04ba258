package wire

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// at returns a path of an operation with escaped values for its parameters.
func at(o *Operation, value string) string {
	var words []string
	for word := range strings.SplitSeq(o.Pattern, "/") {
		if strings.HasPrefix(word, "{") {
			word = value
		}
		words = append(words, word)
	}
	return BasePath + strings.Join(words, "/")
}

func TestAPI01Operations(t *testing.T) {
	t.Parallel()
	if len(operations) != 61 {
		t.Errorf("there are %d operations, want 61", len(operations))
	}
	for _, o := range operations {
		route, err := Find(o.Method, at(o, "x"))
		if err != nil || route.Operation != o {
			t.Errorf("%s %s: got %v, %v", o.Method, at(o, "x"), route.Operation, err)
		}
		if got, want := len(route.Parameters), strings.Count(o.Pattern, "{"); got != want {
			t.Errorf("%s has %d parameters, want %d", o.Name, got, want)
		}
		write := o.Method != http.MethodGet
		if write == (o.Workflow == "") || write == (o.result != nil) || o.RetryToken != o.HasBody() || o.HasBody() != (o.BodyBytesMax() > 0) {
			t.Errorf("%s has the wrong parts: %+v", o.Name, o)
		}
	}
}

// TestAPI01Headers counts what operations heed, by the words of the reference.
func TestAPI01Headers(t *testing.T) {
	t.Parallel()
	var deaf, paged, compact []string
	for _, o := range operations {
		if !o.IfMatch {
			deaf = append(deaf, o.Name)
		}
		if o.Paged {
			paged = append(paged, o.Name)
		}
		if o.Compact {
			compact = append(compact, o.Name)
		}
	}
	lists := []string{"ListLoadBalancers", "ListLoadBalancerHealths", "ListShapes", "ListPolicies", "ListProtocols"}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"without if-match", deaf, slices.Concat([]string{"CreateLoadBalancer"}, lists, []string{"ListWorkRequests", "GetWorkRequest"})},
		{"in pages", paged, slices.Concat(lists, []string{"ListWorkRequests", "ListRoutingPolicies"})},
		{"compact", compact, lists},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s are %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestAPI01Refused(t *testing.T) {
	t.Parallel()
	const lb = "/20170115/loadBalancers/x"
	for _, c := range []struct {
		method, path string
		code         Code
		status       int
		allow        string
	}{
		{"GET", "", NotFound, 404, ""},
		{"GET", "/", NotFound, 404, ""},
		{"GET", "/20170115", NotFound, 404, ""},
		{"GET", "/20170115/", NotFound, 404, ""},
		{"GET", "/20160918/loadBalancers", NotFound, 404, ""},
		{"GET", "/20170115loadBalancers", NotFound, 404, ""},
		{"GET", "//20170115/loadBalancers", NotFound, 404, ""},
		{"GET", "/20170115//loadBalancers", NotFound, 404, ""},
		{"GET", "/20170115/LoadBalancers", NotFound, 404, ""},
		{"GET", "/20170115/load%42alancers", NotFound, 404, ""},
		{"GET", "/20170115/loadBalancers/", NotFound, 404, ""},
		{"GET", lb + "/", NotFound, 404, ""},
		{"GET", lb + "/backendSets//health", NotFound, 404, ""},
		{"GET", lb + "/nothing", NotFound, 404, ""},
		{"GET", lb + "/certificates/c/x", NotFound, 404, ""},
		{"GET", "/20170115/loadBalancers/" + strings.Repeat("x", pathBytesMax), NotFound, 404, ""},
		{"GET", "/20170115/loadBalancerWorkRequests", NotFound, 404, ""},
		{"GET", lb + "/listeners", MethodNotAllowed, 405, "POST"},
		{"GET", lb + "/listeners/l", MethodNotAllowed, 405, "DELETE PUT"},
		{"GET", lb + "/certificates/c", MethodNotAllowed, 405, "DELETE"},
		{"PUT", lb + "/certificates/c", MethodNotAllowed, 405, "DELETE"},
		{"HEAD", lb, MethodNotAllowed, 405, "DELETE GET PUT"},
		{"get", lb, MethodNotAllowed, 405, "DELETE GET PUT"},
		{"PATCH", "/20170115/loadBalancers", MethodNotAllowed, 405, "GET POST"},
		{"GET", lb + "/hostnames/%zz", InvalidParameter, 404, ""},
		{"GET", lb + "/hostnames/%", InvalidParameter, 404, ""},
		{"GET", lb + "/hostnames/%ff", InvalidParameter, 404, ""},
		{"GET", lb + "/hostnames/a%00", InvalidParameter, 404, ""},
		{"GET", lb + "/hostnames/a%0a", InvalidParameter, 404, ""},
	} {
		_, err := Find(c.method, c.path)
		refusal := refusalOf(err)
		if refusal.Code != c.code || refusal.StatusCode() != c.status || strings.Join(refusal.Allow, " ") != c.allow {
			t.Errorf("%s %.60s: got %+v, want %s", c.method, c.path, err, c.code)
		}
	}
}

func TestAPI11Parameters(t *testing.T) {
	t.Parallel()
	for escaped, want := range map[string]string{
		"10.0.0.3%3A8080": "10.0.0.3:8080", "10.0.0.3:8080": "10.0.0.3:8080", "a%2Fb": "a/b", "a%252Fb": "a%2Fb", "a+b": "a+b", "a%20b": "a b",
		"%2e%2e": "..", "..": "..", "listeners": "listeners", "backends": "backends", "%C3%A9": "é", "a;b": "a;b", "a,b=c": "a,b=c",
	} {
		route, err := Find("GET", "/20170115/loadBalancers/"+escaped+"/backendSets/"+escaped+"/backends/"+escaped+"/health")
		if err != nil || route.Operation.Name != "GetBackendHealth" {
			t.Errorf("%s: %v", escaped, err)
			continue
		}
		for _, name := range []string{LoadBalancerID, BackendSetName, BackendName} {
			if got := route.Parameters[name]; got != want {
				t.Errorf("%s of %s is %q, want %q", name, escaped, got, want)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, o := range operations {
		f.Add(o.Method, at(o, "a%2Fb"))
	}
	f.Add("GET", "/20170115/loadBalancers/%ff")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, method, path string) {
		route, err := Find(method, path)
		if err != nil {
			if refusal := refusalOf(err); refusal.Code == "" || !utf8.ValidString(refusal.Field) || refusal.StatusCode() < 400 {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if route.Operation.Method != method {
			t.Errorf("%s is %s", method, route.Operation.Name)
		}
		names := slices.Sorted(maps.Keys(route.Parameters))
		for _, name := range names {
			if value := route.Parameters[name]; value == "" || !utf8.ValidString(value) || !strings.Contains(route.Operation.Pattern, "{"+name+"}") {
				t.Errorf("%s of %s is %q", name, route.Operation.Name, value)
			}
		}
		if len(names) != strings.Count(route.Operation.Pattern, "{") || strings.Count(path, "/") != strings.Count(route.Operation.Pattern, "/")+1 {
			t.Errorf("%q is %s with %v", path, route.Operation.Name, names)
		}
	})
}
