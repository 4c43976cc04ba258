package ociapi_test

import (
	"reflect"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// TestBackend_API_11: a backend's name is its address, escaped in paths; a PUT replaces all but that; the list keeps the order.
func TestBackend_API_11(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"backends":[{"ipAddress":"10.0.0.9","port":80}]}}`)
	backends := path + "/backendSets/bs/backends"
	r.done("POST", backends, `{"ipAddress":"10.0.0.3","port":8080,"weight":3,"maxConnections":300}`)
	most := 300
	want := wire.Backend{Name: "10.0.0.3:8080", IPAddress: "10.0.0.3", Port: 8080, Weight: 3, MaxConnections: &most}
	if got := r.must("GET", backends+"/10.0.0.3%3A8080", "").Result; !reflect.DeepEqual(got, want) {
		t.Errorf("created: got %+v, want %+v", got, want)
	}
	first := r.must("GET", backends, "").Result
	r.done("PUT", backends+"/10.0.0.3%3A8080", `{"weight":2,"backup":true,"drain":true,"offline":true}`)
	want = wire.Backend{Name: "10.0.0.3:8080", IPAddress: "10.0.0.3", Port: 8080, Weight: 2, Backup: true, Drain: true, Offline: true}
	if got := r.must("GET", backends+"/10.0.0.3:8080", "").Result; !reflect.DeepEqual(got, want) {
		t.Errorf("replaced: got %+v, want %+v", got, want)
	}
	r.done("POST", backends, `{"ipAddress":"10.0.0.1","port":80}`)
	list := r.must("GET", backends, "").Result.([]wire.Backend)
	if len(list) != 3 || list[0].Name != "10.0.0.9:80" || list[1].Weight != 2 || list[2].Weight != 1 {
		t.Errorf("list: got %+v", list)
	}
	if got := first.([]wire.Backend); len(got) != 2 || got[1].Weight != 3 {
		t.Errorf("what was read before has changed: got %+v", got)
	}
	r.done("DELETE", backends+"/10.0.0.9%3A80", "")
	if list = r.must("GET", backends, "").Result.([]wire.Backend); len(list) != 2 || list[0].Name != "10.0.0.3:8080" {
		t.Errorf("deleted: got %+v", list)
	}
}

// TestBackendRefusals_OP_16_OP_17_API_08_API_09.
func TestBackendRefusals_OP_16_OP_17_API_08_API_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"backends":[{"ipAddress":"10.0.0.1","port":80}]}}`)
	all, one, full := "/backendSets/bs/backends", "/backendSets/bs/backends/10.0.0.1%3A80", `{"weight":1,"backup":false,"drain":false,"offline":false}`
	with := func(more string) string { return `{"ipAddress":"10.0.0.2","port":80,` + more + `}` }
	r.refuses(path, []refusal{
		{"taken", wire.Conflict, "POST", all, `{"ipAddress":"10.0.0.1","port":80,"weight":5}`, []string{"already has a backend named '10.0.0.1:80'"}},
		{"no-set", wire.NotFound, "POST", "/backendSets/none/backends", `{"ipAddress":"10.0.0.1","port":80}`, []string{"has no backend set named 'none'"}},
		{"get-no-set", wire.NotFound, "GET", "/backendSets/none/backends/10.0.0.1%3A80", "", []string{"has no backend set named 'none'"}},
		{"list-no-set", wire.NotFound, "GET", "/backendSets/none/backends", "", []string{"has no backend set named 'none'"}},
		{"get-missing", wire.NotFound, "GET", all + "/10.0.0.2%3A80", "", []string{"has no backend named '10.0.0.2:80'"}},
		{"put-missing", wire.NotFound, "PUT", all + "/10.0.0.2%3A80", full, []string{"has no backend named '10.0.0.2:80'"}},
		{"delete-missing", wire.NotAuthorizedOrNotFound, "DELETE", all + "/10.0.0.2%3A80", "", nil},
		{"port-0", wire.InvalidParameter, "POST", all, `{"ipAddress":"10.0.0.2","port":0}`, []string{"port 0", "1 to 65535"}},
		{"port-65536", wire.InvalidParameter, "POST", all, `{"ipAddress":"10.0.0.2","port":65536}`, []string{"port 65536", "1 to 65535"}},
		{"name-for-address", wire.InvalidParameter, "POST", all, `{"ipAddress":"host.test","port":80}`, []string{"ipAddress 'host.test'", "IPv4"}},
		{"ipv6", wire.InvalidParameter, "POST", all, `{"ipAddress":"fd00::1","port":80}`, []string{"ipAddress 'fd00::1'", "IPv4"}},
		{"weight-0", wire.InvalidParameter, "POST", all, with(`"weight":0`), []string{"weight 0", "1 to 100"}},
		{"weight-101", wire.InvalidParameter, "PUT", one, `{"weight":101,"backup":false,"drain":false,"offline":false}`, []string{"weight 101", "1 to 100"}},
		{"max-1", wire.InvalidParameter, "POST", all, with(`"maxConnections":1`), []string{"maxConnections 1", "0 or 256 to 65535"}},
		{"drain-missing", wire.MissingParameter, "PUT", one, `{"weight":1,"backup":false,"offline":false}`, []string{"drain is required"}},
		{"drain-word", wire.InvalidParameter, "PUT", one, `{"weight":1,"backup":false,"drain":"no","offline":false}`, []string{"drain", "true or false"}},
	})
}
