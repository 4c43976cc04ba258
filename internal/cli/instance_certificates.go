package cli

import (
	"lull/internal/clock"
	"lull/internal/control/certfile"
	"lull/internal/control/metrics"
)

// expiries tells the metrics of what is watched: certificates and, without names, files of authorities; and of the certificates
// that were imported, by their ARNs.
type expiries struct {
	watcher *certfile.Watcher
	cloud   *cloud // nil: none can be imported
}

// Certificates implements metrics.Certificates.
func (e expiries) Certificates() []metrics.Certificate {
	var list []metrics.Certificate
	for _, s := range e.watcher.Status(clock.Wall(clock.Now())) {
		list = append(list, metrics.Certificate{File: s.Files[0], Names: s.Names, NotAfter: s.NotAfter})
	}
	if e.cloud != nil {
		for _, c := range e.cloud.certs.List() {
			list = append(list, metrics.Certificate{File: c.ARN, Names: c.Names, NotAfter: c.NotAfter})
		}
	}
	return list
}
