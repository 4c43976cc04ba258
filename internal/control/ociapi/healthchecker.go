package ociapi

import (
	"regexp"

	"lull/internal/control/ociapi/wire"
)

// updateHealthChecker replaces how a set's backends are probed.
func updateHealthChecker(d *document, r *wire.Request) error {
	return changeBackendSet(d, r, func(set *wire.BackendSetDetails) error {
		set.HealthChecker = wire.HealthChecker(*r.Body.(*wire.UpdateHealthCheckerDetails))
		return nil
	})
}

// checkHealthChecker refuses an expression that lull's prober cannot read. It is read by RE2, which takes the time that the length of
// the body takes, whatever the backend sends; so it has no back-references and does not look ahead.
func checkHealthChecker(field string, h *wire.HealthChecker) error {
	if _, err := regexp.Compile(h.ResponseBodyRegex); err != nil {
		field += ".responseBodyRegex"
		return invalid(field, "%s '%s' is not allowed: allowed is what RE2 reads, without look-around and back-references: %s", field, h.ResponseBodyRegex, err)
	}
	return nil
}
