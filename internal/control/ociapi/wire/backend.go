package wire

import (
	"net/netip"
	"strconv"
)

// BackendDetails is a backend. The name of its set is in the path, and its own is made of address and port.
type BackendDetails struct {
	IPAddress      string `wire:"ipAddress,required"`
	Port           int    `wire:"port,required" range:"1-65535"`
	Weight         int    `wire:"weight" range:"1-100" default:"1"`
	Backup         bool   `wire:"backup" default:"false"`
	Drain          bool   `wire:"drain" default:"false"`
	Offline        bool   `wire:"offline" default:"false"`
	MaxConnections *int   `wire:"maxConnections" range:"0,256-65535"`
}

// Name returns the backend's name, "10.0.0.3:8080".
func (d *BackendDetails) Name() string { return d.IPAddress + ":" + strconv.Itoa(d.Port) }

// check refuses what is no address. Backends have IPv4, as the API says; each address has one spelling, so that each
// backend has one name.
func (d *BackendDetails) check(field string) error {
	field = join(field, "ipAddress")
	if a, err := netip.ParseAddr(d.IPAddress); err != nil || !a.Is4() {
		return invalid(field, "%s '%s' is not allowed: use an IPv4 address, such as 10.0.0.3", field, shown(d.IPAddress))
	}
	return nil
}

// UpdateBackendDetails changes a backend, of which it has to say everything but maxConnections.
type UpdateBackendDetails struct {
	Weight         int  `wire:"weight,required" range:"1-100"`
	Backup         bool `wire:"backup,required"`
	Drain          bool `wire:"drain,required"`
	Offline        bool `wire:"offline,required"`
	MaxConnections *int `wire:"maxConnections" range:"0,256-65535"`
}

// Backend is a backend as reads show it.
type Backend struct {
	Name           string `wire:"name"`
	IPAddress      string `wire:"ipAddress"`
	Port           int    `wire:"port"`
	Weight         int    `wire:"weight"`
	Backup         bool   `wire:"backup"`
	Drain          bool   `wire:"drain"`
	Offline        bool   `wire:"offline"`
	MaxConnections *int   `wire:"maxConnections"`
}
