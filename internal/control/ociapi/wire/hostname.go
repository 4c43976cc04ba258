package wire

import (
	"regexp"
	"strings"
)

// Hostname is a name and the virtual host that it stands for.
type Hostname struct {
	Name     string `wire:"name,required,notempty" match:"name"`
	Hostname string `wire:"hostname,required,notempty"`
}

// UpdateHostnameDetails is another virtual host for a name.
type UpdateHostnameDetails struct {
	Hostname string `wire:"hostname,required,notempty"`
}

func (h *Hostname) check(field string) error {
	return checkHostname(join(field, "hostname"), h.Hostname)
}

func (h *UpdateHostnameDetails) check(field string) error {
	return checkHostname(join(field, "hostname"), h.Hostname)
}

//nolint:gochecknoglobals // compiled once, read only
var hostLabels = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// checkHostname refuses what no Host header can be, and a wildcard that is not the whole of the first or last label.
func checkHostname(field, host string) error {
	plain, leading := strings.CutPrefix(host, "*.")
	if !leading {
		plain = strings.TrimSuffix(plain, ".*")
	}
	if hostLabels.MatchString(plain) {
		return nil
	}
	return invalid(field, "%s '%s' is not allowed: use a host name, such as app.example.com, *.example.com or app.example.*", field, shown(host))
}
