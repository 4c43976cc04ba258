package ociapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// plainSet is a backend set that needs nothing else.
func plainSet() fields {
	return fields{"policy": "ROUND_ROBIN", "healthChecker": fields{"protocol": "TCP"}}
}

// TestForms_API_05_API_06_API_19_API_20: what is in a body is taken if the API has grown by it, and refused with its field's name if it is
// of another type or out of range; nothing of a refused body is done.
func TestForms_API_05_API_06_API_19_API_20(t *testing.T) {
	t.Parallel()
	c := serve(t).caller()
	path := c.make("web", fields{"backendSets": fields{"app": plainSet()}})
	before := c.snapshot(path)
	for _, b := range []struct{ child, body, code, word string }{
		{"hostnames", `{"name":"a",`, "CannotParseRequest", ""},
		{"hostnames", `[]`, "", ""},
		{"hostnames", `"a"`, "", ""},
		{"hostnames", `{"name":"a","hostname":"a.example.com"} {}`, "CannotParseRequest", ""},
		{"hostnames", `{"name":7,"hostname":"a.example.com"}`, "", "name"},
		{"hostnames", `{"name":["a"],"hostname":"a.example.com"}`, "", "name"},
		{"hostnames", `{"name":"a"}`, "", "hostname"},
		{"hostnames", `{"name":"a","hostname":null}`, "", "hostname"},
		{"hostnames", `{"name":"","hostname":"a.example.com"}`, "InvalidParameter", "[name may not be empty]"},
		{"hostnames", `{"name":"a","hostname":""}`, "InvalidParameter", "[hostname may not be empty]"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":"8080","protocol":"HTTP"}`, "", "port"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080.5,"protocol":"HTTP"}`, "", "port"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":true}`, "", "protocol"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTPS"}`, "InvalidParameter", "protocol"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTP","connectionConfiguration":{}}`, "", "idleTimeout"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":"x"}}`, "", "idleTimeout"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":1e99}}`, "", "idleTimeout"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTP","connectionConfiguration":60}`, "", "connectionConfiguration"},
		{"listeners", `{"name":"l","defaultBackendSetName":"app","port":8080,"protocol":"HTTP","hostnameNames":"h"}`, "", "hostnameNames"},
		{"backendSets", `{"name":"s","policy":"ROUND_ROBIN","healthChecker":[]}`, "", "healthChecker"},
		{"backendSets", `{"name":"s","policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"},"backends":{}}`, "", "backends"},
		{"ruleSets", `{"name":"r","items":[{"action":"DANCE"}]}`, "", "action"},
		{"ruleSets", `{"name":"r","items":[7]}`, "", "items"},
	} {
		name := b.child + " " + b.body
		a := c.ask("POST", path+"/"+b.child, b.body)
		var said struct{ Code, Message string }
		if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.status != 400 || !strings.Contains(said.Message, b.word) || b.code != "" && said.Code != b.code {
			t.Errorf("%s: got %d %s, want 400 %s and %q in it", name, a.status, a.body, b.code, b.word)
		}
		if kind := a.header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("%s: content-type is %q", name, kind)
		}
	}
	if after := c.snapshot(path); after != before {
		t.Errorf("got %s, before %s", after, before)
	}
	c.done("POST", path+"/hostnames", `{"name":"a","hostname":"a.example.com","isNew":{"of":["next","year"]},"other":null}`)
	c.done("POST", path+"/listeners", `{"name":"l","defaultBackendSetName":"app","port":18080,"protocol":"HTTP","pathRouteSetName":null,"sslConfiguration":null}`)
}

// TestBodies: what is far too long is refused without being read, by whatever operation.
func TestBodies(t *testing.T) {
	t.Parallel()
	c := serve(t).caller()
	path := c.make("web", nil)
	before := c.snapshot(path)
	for name, n := range map[string]int{"too-long": 2 << 20, "huge": 64 << 20} {
		text := `{"name":"a","hostname":"` + strings.Repeat("a", n) + `"}`
		a, err := sent(c.asking("POST", path+"/hostnames", text))
		if err != nil { // the client was still writing when the answer came and the connection ended
			t.Logf("%s: the client saw no more than %v", name, err)
			continue
		}
		c.refused(name, a, 413, "PayloadTooLarge", "at most")
	}
	for name, text := range map[string]string{"deep": strings.Repeat("[", 100_000), "members": `{"hostname":[` + strings.Repeat("1,", 500_000) + `1]}`} {
		if a := c.ask("POST", path+"/hostnames", text); a.status != 400 {
			t.Errorf("%s: got %d %s, want 400", name, a.status, a.body)
		}
	}
	if after := c.snapshot(path); after != before {
		t.Errorf("got %s, before %s", after, before)
	}
}

// sendAll sends requests at once.
func sendAll(t *testing.T, requests []*http.Request) []answer {
	t.Helper()
	answers := make([]answer, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() {
			var err error
			if answers[i], err = sent(r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return answers
}

// TestWriters_API_09_API_13: of writers who have read the same state, and say so, one is heard; of those who make the same thing, one
// makes it; those who make different ones are all heard.
func TestWriters_API_09_API_13(t *testing.T) {
	t.Parallel()
	const writers = 8
	for _, tt := range []struct {
		name   string
		tagged bool // with the etag that all have read
		body   func(int) string
		most   int // are accepted
		status int // of the others
		code   string
	}{
		{"etag", true, func(i int) string { return fmt.Sprintf(`{"name":"h%d","hostname":"h%d.example.com"}`, i, i) }, 1, 412, "NoEtagMatch"},
		{"same", false, func(int) string { return hostname }, 1, 409, "Conflict"},
		{"different", false, func(i int) string { return fmt.Sprintf(`{"name":"h%d","hostname":"h%d.example.com"}`, i, i) }, writers, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t).caller()
			path := c.make("web", fields{"backendSets": fields{"app": plainSet()}})
			var set any
			etag := c.read(path+"/backendSets/app", &set) // API-13: any child's is the load balancer's
			requests := make([]*http.Request, writers)
			for i := range requests {
				var lines []string
				if tt.tagged {
					lines = []string{"If-Match: " + etag}
				}
				requests[i] = c.asking("POST", path+"/hostnames", tt.body(i), lines...)
			}
			var accepted []answer
			for _, a := range sendAll(t, requests) {
				if a.status == http.StatusNoContent {
					accepted = append(accepted, a)
					continue
				}
				c.refused(tt.name, a, tt.status, tt.code)
			}
			if len(accepted) != tt.most {
				t.Errorf("%d were accepted, want %d", len(accepted), tt.most)
			}
			for _, a := range accepted {
				if w := c.over(tt.name, a); w.LifecycleState != "SUCCEEDED" {
					t.Errorf("got %+v", w)
				}
			}
			var names []struct{ Name string }
			if now := c.read(path+"/hostnames", &names); now == etag || len(names) != tt.most {
				t.Errorf("afterwards: got %d hostnames, etag %s, want %d and another etag than %s", len(names), now, tt.most, etag)
			}
		})
	}
}

// TestInUse_OP_13: what something else refers to cannot be deleted, and the refusal says by what it is used.
func TestInUse_OP_13(t *testing.T) {
	t.Parallel()
	c := serve(t).caller()
	route := []fields{{"path": "/", "pathMatchType": fields{"matchType": "PREFIX_MATCH"}, "backendSetName": "routed"}}
	rules := []fields{{"name": "r", "condition": "http.request.url.path sw '/'", "actions": []fields{{"name": "FORWARD_TO_BACKENDSET", "backendSetName": "ruled"}}}}
	path := c.make("web", fields{
		"backendSets":   fields{"app": plainSet(), "routed": plainSet(), "ruled": plainSet(), "free": plainSet()},
		"hostnames":     fields{"h": fields{"name": "h", "hostname": "h.example.com"}},
		"pathRouteSets": fields{"paths": fields{"pathRoutes": route}},
		"ruleSets":      fields{"set": fields{"items": []fields{{"action": "REMOVE_HTTP_REQUEST_HEADER", "header": "x"}}}},
		"listeners": fields{
			"l": fields{"defaultBackendSetName": "app", "port": 18080, "protocol": "HTTP", "hostnameNames": []string{"h"}, "pathRouteSetName": "paths", "ruleSetNames": []string{"set"}},
		},
	})
	c.done("POST", path+"/routingPolicies", fields{"name": "policy", "conditionLanguageVersion": "V1", "rules": rules}.String())
	c.done("POST", path+"/listeners", fields{"name": "m", "defaultBackendSetName": "app", "port": 18081, "protocol": "HTTP", "routingPolicyName": "policy"}.String())
	for _, tt := range []struct{ child, word string }{
		{"backendSets/app", "since it is used in"}, {"backendSets/routed", "paths"}, {"backendSets/ruled", "since it is used in routing policy"},
		{"hostnames/h", "l"}, {"pathRouteSets/paths", "l"}, {"routingPolicies/policy", "m"}, {"ruleSets/set", "l"},
	} {
		c.refused(tt.child, c.ask("DELETE", path+"/"+tt.child, ""), 400, "InvalidParameter", tt.word)
	}
	c.done("DELETE", path+"/backendSets/free", "")
	// Once nobody uses them they go, in any order that leaves none in use, without waiting.
	var last answer
	for _, child := range []string{"listeners/l", "listeners/m", "ruleSets/set", "routingPolicies/policy", "pathRouteSets/paths", "hostnames/h", "backendSets/routed"} {
		if last = c.ask("DELETE", path+"/"+child, ""); last.status != http.StatusNoContent {
			t.Errorf("%s: got %d %s", child, last.status, last.body)
		}
	}
	if w := c.over("the last", last); w.LifecycleState != "SUCCEEDED" {
		t.Errorf("got %+v", w)
	}
}

// TestDeletedWhilePending_API_10: a load balancer may be deleted before its creation is done, but once only.
func TestDeletedWhilePending_API_10(t *testing.T) {
	t.Parallel()
	c := serve(t).caller()
	made := c.ask("POST", "/loadBalancers", c.details("web", nil).String())
	var w workRequest
	c.read("/loadBalancerWorkRequests/"+made.header.Get("Opc-Work-Request-Id"), &w)
	path := "/loadBalancers/" + w.LoadBalancerID
	changed := c.ask("POST", path+"/hostnames", hostname)
	deleted := c.ask("DELETE", path, "")
	again := c.send(c.asking("DELETE", path, ""))
	for _, a := range []answer{made, changed, deleted} {
		if w := c.over("in order", a); w.LifecycleState != "SUCCEEDED" || w.LoadBalancerID == "" {
			t.Errorf("got %+v", w)
		}
	}
	if again.status == http.StatusConflict {
		c.refused("deleted again", again, 409, "IncorrectState")
	} else { // it was done by then
		c.refused("deleted again", again, 404, "NotAuthorizedOrNotFound")
	}
	for _, r := range [][2]string{{"GET", path}, {"PUT", path}, {"POST", path + "/hostnames"}, {"GET", path + "/hostnames"}} {
		text := map[string]string{"PUT": `{"displayName":"late"}`, "POST": hostname}[r[0]]
		c.refused(r[0]+" "+r[1], c.ask(r[0], r[1], text), 404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")
	}
}

// TestEscapes_API_11_SIG_07: names are what a path says once its escapes are undone, and the signature is that of the path as it was written.
func TestEscapes_API_11_SIG_07(t *testing.T) {
	t.Parallel()
	c := serve(t).caller()
	at := c.Net(1) + ".1"
	path := c.make("web", fields{"backendSets": fields{"app": plainSet().with(fields{"backends": []fields{{"ipAddress": at, "port": 8080}}})}})
	for _, escaped := range []string{at + ":8080", at + "%3A8080", at + "%3a8080", strings.ReplaceAll(at, ".", "%2E") + "%3A%38080"} {
		var got struct{ Name string }
		if c.read(path+"/backendSets/app/backends/"+escaped, &got); got.Name != at+":8080" {
			t.Errorf("%s: got %q", escaped, got.Name)
		}
	}
	for _, name := range []string{"a b", "100%", "a/b", "é", "a+b", "a?b#c", "%2F"} {
		a := c.ask("POST", path+"/hostnames", fields{"name": name, "hostname": "a.example.com"}.String())
		if a.status == http.StatusBadRequest { // no such name, which is as good
			c.refused(name, a, 400, "InvalidParameter", "name")
			c.refused(name, c.ask("GET", path+"/hostnames/"+url.PathEscape(name), ""), 404, "NotFound")
			continue
		}
		c.over(name, a)
		var got struct{ Name string }
		if c.read(path+"/hostnames/"+url.PathEscape(name), &got); got.Name != name {
			t.Errorf("%q: got %q", name, got.Name)
		}
		c.done("DELETE", path+"/hostnames/"+url.PathEscape(name), "")
	}
	// A name of dots is none: the path would be that of what has the name's owner.
	before := c.snapshot(path)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		text := map[string]string{"PUT": `{"displayName":"dots"}`}[method]
		for _, target := range []string{path + "/hostnames/..", path + "/hostnames/.", path + "/hostnames/%2e%2e", path + "/hostnames/../backendSets/app"} {
			if a := c.ask(method, target, text); a.status != http.StatusNotFound {
				t.Errorf("%s %s: got %d %s, want 404", method, target, a.status, a.body)
			}
		}
	}
	if after := c.snapshot(path); after != before {
		t.Errorf("got %s, before %s", after, before)
	}
	for _, target := range []string{path + "/none", "/none", path + "/hostnames/none/none"} {
		if a := c.ask("GET", target, ""); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s, want 404", target, a.status, a.body)
		}
	}
	a := c.ask("PATCH", path, "{}")
	c.refused("PATCH", a, 405, "MethodNotAllowed")
	if a.header.Get("Allow") == "" {
		t.Error("PATCH: no Allow in the answer")
	}
}
