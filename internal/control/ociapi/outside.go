package ociapi

import (
	"net/netip"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

// Runtime is what puts plans in force, and what is known of what runs.
type Runtime interface {
	// Change makes these all the load balancers of the API. Once they run it calls commit, if there is one; if that fails, what ran
	// before runs again. On an error nothing has changed; *plan.NameTaken says that another front door has one of the names.
	Change(balancers []*plan.LoadBalancer, commit func() error) error
	Plan() *plan.Plan
}

// Health tells what the probes of backends have found.
type Health interface {
	// Results returns the last result of each prober, none before the first probe.
	Results(key plan.BackendKey) []ProbeResult
	// Tally counts the backends of a set by those results. It is cheap: a list asks it of thousands of sets.
	Tally(set plan.SetKey) Tally
}

// Tally counts backends. What no prober knows yet, and what is not in the plan, is in neither number.
type Tally struct {
	OK    int // both probers find it well
	NotOK int // one does not, or it is offline
}

// ProbeResult is what one prober has found last.
type ProbeResult struct {
	Code   string // in the API's words: OK, INVALID_STATUS_CODE, TIMED_OUT, …
	At     time.Time
	Source netip.Addr // the prober's own address, as far as it is known
	Up     bool       // as it follows from the results so far
}

// Certificates tells which certificate an id names that no load balancer has itself: those of lull's own store, which stands in
// for Oracle's Certificates service.
type Certificates interface {
	// Holder returns the same holder each time for an id: what is in it may be replaced.
	Holder(id string) (h *certs.Holder, found bool)
}
