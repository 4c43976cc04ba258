package ociapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// newBody is the body of a creation, with more fields if there are some. A later field of the same name is not possible: say what
// differs by fields.
func newBody(name, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"compartmentId":"` + compartment + `","displayName":"` + name + `","shapeName":"100Mbps","subnetIds":["ocid1.subnet.oc1.lull-1.a"]` + more + `}`
}

// listed sends a list request and returns the load balancers as a client reads them, and the next page.
func (r *rig) listed(query string) (list []map[string]any, next string) {
	r.t.Helper()
	a := r.must("GET", "/loadBalancers?"+query, "")
	route, err := wire.Find("GET", wire.BasePath+"/loadBalancers")
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := wire.Encode(route.Operation, "id", a.Result)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(slices.Concat(append([][]byte{response.Body}, response.More...)...), &list); err != nil {
		r.t.Fatal(err)
	}
	return list, a.NextPage
}

func names(list []map[string]any) (names []string) {
	for _, lb := range list {
		names = append(names, lb["displayName"].(string))
	}
	return names
}

// TestUpdate_OP_07_OP_24: what is not given stays, and what is given is there afterwards.
func TestUpdate_OP_07_OP_24(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"freeformTags":{"a":"b"},"definedTags":{"n":{"s":"x","n":1.50,"b":true}},"isRequestIdEnabled":true,"requestIdHeader":"X-Mine",
		"reservedIps":[{"id":"ocid1.publicip.oc1.lull-1.a"}]`)
	before := r.get(path)
	if *before.IPAddresses[0].ReservedIP.ID != "ocid1.publicip.oc1.lull-1.a" {
		t.Errorf("reserved address: got %+v", before.IPAddresses)
	}
	r.done("PUT", path, `{}`)
	if after := r.get(path); show(t, after) != show(t, before) {
		t.Errorf("after an update of nothing: got %s, want %s", show(t, after), show(t, before))
	}
	for _, c := range []struct{ body, want string }{
		{`{"displayName":"other"}`, `"displayName" : "other"`},
		{`{"isDeleteProtectionEnabled":true}`, `"isDeleteProtectionEnabled" : true`},
		{`{"isDeleteProtectionEnabled":null}`, `"isDeleteProtectionEnabled" : true`},
		{`{"requestIdHeader":""}`, `"requestIdHeader" : "X-Request-Id"`},
		{`{"isRequestIdEnabled":false}`, `"isRequestIdEnabled" : false`},
		{`{"freeformTags":{}}`, `"freeformTags" : { }`},
		{`{"definedTags":{}}`, `"definedTags" : { }`},
		{`{"securityAttributes":{"n":{"k":"v"}}}`, `"k" : "v"`},
		{`{"ipMode":"IPV4"}`, `"ipMode" : "IPV4"`},
		{`{"reservedIps":[]}`, `"isPublic" : true`},
	} {
		r.done("PUT", path, c.body)
		if got := show(t, r.get(path)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
	if after := r.get(path); after.IPAddresses[0].ReservedIP != nil || after.DisplayName != "other" {
		t.Errorf("at the end: got %s", show(t, after))
	}
	for _, c := range []struct{ body, field string }{
		{`{"ipMode":"IPV6"}`, "ipMode 'IPV6'"},
		{`{"requestIdHeader":"Request-Id"}`, "requestIdHeader 'Request-Id'"},
		{`{"displayName":""}`, "displayName"},
		{`{"reservedIps":[{"id":"10.0.0.1"}]}`, "reservedIps[0].id '10.0.0.1'"},
	} {
		if m := r.refused(wire.InvalidParameter, "PUT", path, c.body); !strings.Contains(m, c.field) {
			t.Errorf("%s: got %q, want that it names %s", c.body, m, c.field)
		}
	}
	r.refused(wire.MissingParameter, "PUT", path, `{"reservedIps":[{}]}`)
}

// show returns a load balancer as the API writes it.
func show(t *testing.T, lb wire.LoadBalancer) string {
	t.Helper()
	route, err := wire.Find("GET", wire.BasePath+"/loadBalancers/x")
	if err != nil {
		t.Fatal(err)
	}
	response, err := wire.Encode(route.Operation, "id", lb)
	if err != nil {
		t.Fatal(err)
	}
	return string(response.Body)
}

// TestDefaults_API_17: what a creation leaves out is there with its default, and an unset thing is not.
func TestDefaults_API_17(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.path(r.done("POST", "/loadBalancers", newBody("web", "")))
	got := show(t, r.get(path))
	for _, want := range []string{
		`"backendSets" : { }`, `"listeners" : { }`, `"hostnames" : { }`, `"certificates" : { }`, `"sslCipherSuites" : { }`, `"pathRouteSets" : { }`,
		`"routingPolicies" : { }`, `"ruleSets" : { }`, `"networkSecurityGroupIds" : [ ]`, `"freeformTags" : { }`, `"definedTags" : { }`,
		`"isPrivate" : false`, `"isDeleteProtectionEnabled" : false`, `"isRequestIdEnabled" : false`, `"requestIdHeader" : "X-Request-Id"`,
		`"ipMode" : "IPV4"`, `"lifecycleState" : "ACTIVE"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if strings.Contains(got, "shapeDetails") {
		t.Errorf("a shape with its bandwidth in its name: got %s", got)
	}
}

// path returns the path of the load balancer of a work request.
func (r *rig) path(w wire.WorkRequest) string { return "/loadBalancers/" + w.LoadBalancerID }

// TestShape_OP_19: shapes, and their bandwidth.
func TestShape_OP_19(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	for _, c := range []struct{ body, want string }{
		{`{"shapeName":"100Mbps","shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":20}}`, "100Mbps <nil>"},
		{`{"shapeName":"FLEXIBLE","shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":10}}`, "flexible &{10 10}"},
		{`{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":8000}}`, "flexible &{10 8000}"},
		{`{"shapeName":"10mbps-micro"}`, "10Mbps-Micro <nil>"},
	} {
		r.done("PUT", path+"/updateShape", c.body)
		lb := r.get(path)
		if got := fmt.Sprint(lb.ShapeName, " ", lb.ShapeDetails); got != c.want {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
	before := show(t, r.get(path))
	for _, body := range []string{
		`{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":9,"maximumBandwidthInMbps":20}}`,
		`{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":30,"maximumBandwidthInMbps":20}}`,
		`{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":30,"maximumBandwidthInMbps":8001}}`,
		`{"shapeName":"200Mbps"}`, `{"shapeName":""}`,
	} {
		r.refused(wire.InvalidParameter, "PUT", path+"/updateShape", body)
	}
	r.refused(wire.MissingParameter, "PUT", path+"/updateShape", `{"shapeName":"flexible"}`)
	r.refused(wire.MissingParameter, "PUT", path+"/updateShape", `{}`)
	if got := show(t, r.get(path)); got != before {
		t.Errorf("after refusals: got %s, want %s", got, before)
	}
}

// TestNetworkSecurityGroups_OP_21: a list replaces, an empty one clears, none changes nothing.
func TestNetworkSecurityGroups_OP_21(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"networkSecurityGroupIds":["ocid1.networksecuritygroup.oc1.lull-1.a"]`)
	const b, c = `"ocid1.networksecuritygroup.oc1.lull-1.b"`, `"ocid1.networksecuritygroup.oc1.lull-1.c"`
	for _, x := range []struct {
		body string
		want int
	}{
		{`{}`, 1}, {`{"networkSecurityGroupIds":[` + b + `,` + c + `]}`, 2}, {`{"networkSecurityGroupIds":null}`, 2}, {`{"networkSecurityGroupIds":[]}`, 0},
	} {
		r.done("PUT", path+"/networkSecurityGroups", x.body)
		if got := r.get(path).NetworkSecurityGroupIDs; len(got) != x.want {
			t.Errorf("%s: got %v, want %d", x.body, got, x.want)
		}
	}
	for _, list := range []string{`"nsg"`, `""`, b + "," + b, `"ocid1.subnet.oc1.lull-1.a"`, strings.Repeat(b+",", 5) + c} {
		m := r.refused(wire.InvalidParameter, "PUT", path+"/networkSecurityGroups", `{"networkSecurityGroupIds":[`+list+`]}`)
		if !strings.Contains(m, "networkSecurityGroupIds") {
			t.Errorf("%s: got %q", list, m)
		}
	}
}

// TestDeleteProtection_OP_15: a protected load balancer goes when it has no listener, or the protection is off.
func TestDeleteProtection_OP_15(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const listener = `"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}},
		"listeners":{"l":{"defaultBackendSetName":"bs","port":80,"protocol":"TCP"}}`
	path := r.balancer("with", `"isDeleteProtectionEnabled":true,`+listener)
	if m := r.refused(wire.Conflict, "DELETE", path, ""); !strings.Contains(m, "isDeleteProtectionEnabled") {
		t.Errorf("got %q", m)
	}
	if lb := r.get(path); lb.LifecycleState != "ACTIVE" {
		t.Errorf("after the refusal: got %s", lb.LifecycleState)
	}
	r.done("PUT", path, `{"isDeleteProtectionEnabled":false}`)
	r.done("DELETE", path, "")
	r.done("DELETE", r.balancer("without", `"isDeleteProtectionEnabled":true`), "")
}

// TestDeleteProtectionStays_OP_15: a deletion that counts on the protection being off is not done when it could not be switched off.
func TestDeleteProtectionStays_OP_15(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("with", `"isDeleteProtectionEnabled":true,"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}},
		"listeners":{"l":{"defaultBackendSetName":"bs","port":80,"protocol":"TCP"}}`)
	release := r.holdUp()
	off := r.must("PUT", path, `{"isDeleteProtectionEnabled":false}`)
	gone := r.must("DELETE", path, "")
	r.run.refuseNext("no", 1)
	release()
	if w := r.await(off.WorkRequestID); w.LifecycleState != wire.WorkFailed {
		t.Fatalf("switching off: got %+v", w)
	}
	w := r.await(gone.WorkRequestID)
	if w.LifecycleState != wire.WorkFailed || !strings.Contains(w.ErrorDetails[0].Message, "protected") {
		t.Errorf("deletion: got %+v", w)
	}
	if lb := r.get(path); lb.LifecycleState != "ACTIVE" || len(lb.Listeners) != 1 {
		t.Errorf("the load balancer: got %s", show(t, lb))
	}
	r.done("PUT", path, `{"isDeleteProtectionEnabled":false}`)
	r.done("DELETE", path, "")
}

// TestCompartment_API_07: lull's tenancy, the caller's and every compartment are there; everything else is hidden.
func TestCompartment_API_07(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	const other = "ocid1.compartment.oc1..other"
	for _, id := range []string{tenancy, "ocid1.tenancy.oc1..foreign", other} {
		if id == "ocid1.tenancy.oc1..foreign" {
			r.as(id)
		}
		r.done("POST", path+"/changeCompartment", `{"compartmentId":"`+id+`"}`)
		if got := r.get(path).CompartmentID; got != id {
			t.Errorf("got %s, want %s", got, id)
		}
		if list, _ := r.listed("compartmentId=" + id); len(list) != 1 {
			t.Errorf("in %s: got %v", id, names(list))
		}
	}
	if list, _ := r.listed("compartmentId=" + compartment); len(list) != 0 {
		t.Errorf("where it was: got %v", names(list))
	}
	r.as("")
	for _, id := range []string{"ocid1.tenancy.oc1..foreign", "ocid1.user.oc1..u", "compartment", "", other + "/"} {
		for _, request := range [][3]string{
			{"POST", path + "/changeCompartment", `{"compartmentId":"` + id + `"}`},
			{"POST", "/loadBalancers", strings.ReplaceAll(newBody("x", ""), compartment, id)},
			{"GET", "/loadBalancers?compartmentId=" + id, ""}, {"GET", "/loadBalancerHealths?compartmentId=" + id, ""},
			{"GET", "/loadBalancerShapes?compartmentId=" + id, ""}, {"GET", "/loadBalancerPolicies?compartmentId=" + id, ""},
			{"GET", "/loadBalancerProtocols?compartmentId=" + id, ""},
		} {
			_, err := r.do(request[0], request[1], request[2])
			if err == nil || id != "" && !strings.Contains(err.Error(), "NotAuthorizedOrNotFound: Authorization failed or requested resource not found.") {
				t.Errorf("%v: got %v", request, err)
			}
		}
	}
}

// TestNotThere_API_07: what is not there is hidden, whatever its id looks like.
func TestNotThere_API_07(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const want = "Authorization failed or requested resource not found."
	for _, request := range [][3]string{
		{"GET", "/loadBalancers/ocid1.loadbalancer.oc1.lull-1.none", ""}, {"GET", "/loadBalancers/web", ""}, {"PUT", "/loadBalancers/web", "{}"},
		{"DELETE", "/loadBalancers/web", ""}, {"GET", "/loadBalancers/web/workRequests", ""}, {"GET", "/loadBalancerWorkRequests/x", ""},
		{"PUT", "/loadBalancers/web/updateShape", `{"shapeName":"100Mbps"}`}, {"PUT", "/loadBalancers/web/networkSecurityGroups", `{}`},
		{"POST", "/loadBalancers/web/changeCompartment", `{"compartmentId":"` + compartment + `"}`}, {"GET", "/loadBalancers/web/hostnames", ""},
	} {
		if m := r.refused(wire.NotAuthorizedOrNotFound, request[0], request[1], request[2]); m != want {
			t.Errorf("%v: got %q", request, m)
		}
	}
}

// TestList_API_15_API_16: order, filters, detail and pages.
func TestList_API_15_API_16(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clock(t)
	for _, name := range []string{"b", "a", "B", "a", "c"} {
		r.balancer(name, `"hostnames":{"h":{"name":"h","hostname":"h.test"}}`)
	}
	in := "compartmentId=" + compartment
	for _, c := range []struct{ query, want string }{
		{"", "c a B a b"}, {"&sortOrder=ASC", "b a B a c"}, {"&sortBy=DISPLAYNAME", "B a a b c"}, {"&sortBy=DISPLAYNAME&sortOrder=DESC", "c b a a B"},
		{"&displayName=a", "a a"}, {"&displayName=A", ""}, {"&lifecycleState=ACTIVE&displayName=c", "c"}, {"&lifecycleState=DELETING", ""},
	} {
		list, _ := r.listed(in + c.query)
		if got := strings.Join(names(list), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.query, got, c.want)
		}
		for limit := 1; limit <= 5; limit++ {
			var ids []any
			for page, pages := "", 0; pages == 0 || page != ""; pages++ {
				part, next := r.listed(fmt.Sprintf("%s%s&limit=%d&page=%s", in, c.query, limit, page))
				if len(part) > limit || len(part) == 0 && next != "" || pages > 5 {
					t.Fatalf("%s: page %d has %v, next %q", c.query, pages, names(part), next)
				}
				for _, lb := range part {
					ids = append(ids, lb["id"])
				}
				page = next
			}
			if !slices.EqualFunc(ids, list, func(id any, lb map[string]any) bool { return id == lb["id"] }) {
				t.Errorf("%s in pages of %d: got %v", c.query, limit, ids)
			}
		}
	}
	_, page := r.listed(in + "&limit=1")
	for _, query := range []string{in + "&limit=1&sortOrder=ASC", in + "&displayName=a", "compartmentId=" + tenancy} {
		r.refused(wire.InvalidParameter, "GET", "/loadBalancers?"+query+"&page="+page, "")
	}
	r.refused(wire.InvalidParameter, "GET", "/loadBalancers?"+in+"&sortBy=ID", "")
	r.refused(wire.MissingParameter, "GET", "/loadBalancers", "")
}

// TestPagesAmidChanges_API_15: load balancers that come and go between two pages leave no other one out and tell none twice.
func TestPagesAmidChanges_API_15(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	paths := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		paths[name] = r.balancer(name, "")
	}
	query := "compartmentId=" + compartment + "&sortBy=DISPLAYNAME&limit=2&page="
	first, page := r.listed(query)
	r.done("DELETE", paths["b"], "") // the last one of the first page
	r.done("DELETE", paths["d"], "")
	r.balancer("aa", "")
	r.balancer("cc", "")
	second, page := r.listed(query + page)
	third, page := r.listed(query + page)
	if got := strings.Join(append(append(names(first), names(second)...), names(third)...), " "); got != "a b c cc e f" || page != "" {
		t.Errorf("got %s and page %q", got, page)
	}
}

// TestDetail_API_16: simple leaves the children out, full is what a single read shows.
func TestDetail_API_16(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"hostnames":{"h":{"name":"h","hostname":"h.test"}},"freeformTags":{"a":"b"}`)
	in := "compartmentId=" + compartment
	full, _ := r.listed(in + "&detail=full")
	simple, _ := r.listed(in + "&detail=simple")
	var single map[string]any
	if err := json.Unmarshal([]byte(show(t, r.get(path))), &single); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(full[0]) != fmt.Sprint(single) {
		t.Errorf("full: got %v, want %v", full[0], single)
	}
	for _, name := range []string{"backendSets", "certificates", "hostnames", "listeners", "pathRouteSets", "routingPolicies", "ruleSets", "sslCipherSuites"} {
		if simple[0][name] != nil {
			t.Errorf("simple: got %s %v", name, simple[0][name])
		}
		delete(single, name)
	}
	if fmt.Sprint(simple[0]) != fmt.Sprint(single) {
		t.Errorf("simple: got %v, want %v", simple[0], single)
	}
	// What lists keep goes with the next change.
	r.done("PUT", path+"/hostnames/h", `{"hostname":"other.test"}`)
	r.done("PUT", path, `{"displayName":"other"}`)
	full, _ = r.listed(in)
	simple, _ = r.listed(in + "&detail=simple")
	if got := fmt.Sprint(full[0]["hostnames"], full[0]["displayName"], simple[0]["displayName"]); got != "map[h:map[hostname:other.test name:h]]otherother" {
		t.Errorf("after changes: got %s", got)
	}
}

// TestCatalogues: what there is to choose from, in every compartment, in pages, and each can be chosen.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for path, want := range map[string]string{
		"Shapes": "100Mbps 10Mbps 10Mbps-Micro 400Mbps 8000Mbps flexible", "Policies": "IP_HASH LEAST_CONNECTIONS ROUND_ROBIN", "Protocols": "GRPC HTTP HTTP2 TCP",
	} {
		var got []string
		for page := "&limit=2"; page != ""; {
			a := r.must("GET", "/loadBalancer"+path+"?compartmentId="+tenancy+page, "")
			switch list := a.Result.(type) {
			case []wire.LoadBalancerShape:
				for _, x := range list {
					got = append(got, x.Name)
				}
			case []wire.LoadBalancerPolicy:
				for _, x := range list {
					got = append(got, x.Name)
				}
			case []wire.LoadBalancerProtocol:
				for _, x := range list {
					got = append(got, x.Name)
				}
			}
			if page = ""; a.NextPage != "" {
				page = "&limit=2&page=" + a.NextPage
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
	for _, shape := range r.must("GET", "/loadBalancerShapes?compartmentId="+tenancy, "").Result.([]wire.LoadBalancerShape) {
		body := strings.ReplaceAll(newBody(shape.Name, `"shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":10}`), "100Mbps\",", shape.Name+"\",")
		r.done("POST", "/loadBalancers", body)
	}
}
