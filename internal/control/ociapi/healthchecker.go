package ociapi

import (
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/lookahead"
)

// updateHealthChecker replaces how a set's backends are probed.
func updateHealthChecker(d *document, r *wire.Request) error {
	return changeBackendSet(d, r, func(set *wire.BackendSetDetails) error {
		set.HealthChecker = wire.HealthChecker(*r.Body.(*wire.UpdateHealthCheckerDetails))
		return nil
	})
}

// checkHealthChecker refuses an expression that lull's prober cannot read.
func checkHealthChecker(field string, h *wire.HealthChecker) error {
	if _, err := lookahead.Compile(h.ResponseBodyRegex); err != nil {
		return wrongExpression(field+".responseBodyRegex", h.ResponseBodyRegex, err)
	}
	return nil
}

// wrongExpression refuses an expression. Those that need an unbounded time for some bodies are not read: a backend could keep the
// prober busy with its answers.
func wrongExpression(field, text string, err error) error {
	return invalid(field, "%s '%s' is not allowed: allowed is what RE2 reads, and looking ahead, but neither looking behind nor back-references: %s", field, text, err)
}
