package cli

import (
	"strings"

	"lull/internal/control/file"
)

// api shows how the cloud APIs are served, if they are, and what they give out.
func (p *page) api(c *file.Config, files sources) {
	a := c.API
	if a == nil {
		return
	}
	p.head(0, "")
	p.head(0, "api")
	p.line(2, "address", a.Address, "")
	p.apiTLS(a, files)
	p.line(2, "data", a.Data, "")
	p.line(2, "region", a.Region, "")
	p.line(2, "account", a.Account, "")
	p.list(2, "zones", a.Zones)
	ranges := make([]string, len(a.Addresses))
	for i, r := range a.Addresses {
		ranges[i] = r.String()
	}
	p.list(2, "addresses", ranges)
	p.line(2, "DNS", dnsServer(a.DNS), "")
	p.line(2, "access logs", accessLogs(a.AccessLogs), "")
	for _, one := range c.Instances {
		zone := ""
		if one.Zone != "" {
			zone = "in " + one.Zone
		}
		p.line(2, "instance "+one.ID, one.Host, zone)
	}
}

// apiTLS shows how the APIs are kept private.
func (p *page) apiTLS(a *file.API, files sources) {
	if a.Certificate == nil {
		p.line(2, "TLS", "off", "")
		return
	}
	p.line(2, "TLS", "on", "")
	for _, s := range files.of(a.Certificate) {
		p.certificate(s, files.now)
	}
}

func dnsServer(d *file.DNS) string {
	if d == nil {
		return "off"
	}
	return d.Address + ", answers may be kept for " + file.FormatDuration(d.TTL)
}

func accessLogs(a file.AccessLogs) string {
	if a.S3 == nil {
		return strings.TrimSuffix(a.Directory, "/") + "/"
	}
	return a.S3.String()
}
