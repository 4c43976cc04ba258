package admin

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"lull/internal/control/admin/admintest"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		filter Filter
		want   bool
	}{
		{"none", Filter{}, true},
		{"listener", Filter{Listener: "pg"}, true},
		{"listener-full", Filter{Listener: "web/pg"}, true},
		{"listener-other", Filter{Listener: "http"}, false},
		{"listener-of-another", Filter{Listener: "other/pg"}, false},
		{"listener-part", Filter{Listener: "web"}, false},
		{"backend", Filter{Backend: "db1:5432"}, true},
		{"backend-host", Filter{Backend: "db1"}, true},
		{"backend-address", Filter{Backend: "10.0.0.1:5432"}, true},
		{"backend-ip", Filter{Backend: "10.0.0.1"}, true},
		{"backend-other-port", Filter{Backend: "db1:5433"}, false},
		{"client", Filter{Client: "198.51.100.7"}, true},
		{"client-mapped", Filter{Client: "::ffff:198.51.100.7"}, true},
		{"client-port", Filter{Client: "198.51.100.7:41234"}, true},
		{"client-other-port", Filter{Client: "198.51.100.7:1"}, false},
		{"client-prefix", Filter{Client: "198.51.100.99/24"}, true},
		{"client-other-prefix", Filter{Client: "10.0.0.0/8"}, false},
		{"client-v6", Filter{Client: "[2001:db8::7]:41234"}, false},
		{"all", Filter{Listener: "pg", Backend: "db1", Client: "198.51.100.0/24"}, true},
		{"one-of-three", Filter{Listener: "pg", Backend: "db2", Client: "198.51.100.0/24"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := url.Values{}
			tt.filter.values(q)
			m, err := newMatcher(q)
			if err != nil {
				t.Fatal(err)
			}
			ends := admintest.Live(1).Ends
			if got := m.accepts(&ends); got != tt.want {
				t.Errorf("%+v accepts the sample: %t, want %t", tt.filter, got, tt.want)
			}
		})
	}
}

func TestFilterWithoutBackend(t *testing.T) {
	t.Parallel()
	ends := admintest.Live(1).Ends
	ends.Backend, ends.BackendAddr, ends.Client = "", netip.AddrPort{}, netip.AddrPort{}
	for _, f := range []Filter{{Backend: "db1"}, {Backend: "invalid AddrPort"}, {Client: "0.0.0.0/0"}} {
		q := url.Values{}
		f.values(q)
		m, err := newMatcher(q)
		if err != nil {
			t.Fatal(err)
		}
		if m.accepts(&ends) {
			t.Errorf("%+v accepts a connection that has neither", f)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, client := range []string{"nobody", "10.0.0.0/33", "10.0.0.1:", "10.0.0.1:99999", "2001:db8::7:41234:1:2:3:4:5"} {
		_, err := newMatcher(url.Values{"client": {client}})
		if err == nil || !strings.Contains(err.Error(), client) {
			t.Errorf("client %q: %v, want an error that names it", client, err)
		}
	}
}
