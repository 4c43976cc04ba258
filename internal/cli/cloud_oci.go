package cli

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"time"

	"lull/internal/clock"
	"lull/internal/control/apply"
	"lull/internal/control/metrics"
	"lull/internal/control/ociapi"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/plan"
	"lull/internal/health"
)

// openOCI puts the stored load balancers of the OCI API in force.
func (s *cloud) openOCI(applier *apply.Applier) error {
	oci, err := ociapi.New(ociapi.Options{
		Store: s.store, Runtime: ociInForce{applier}, Health: ociHealth{applier}, Certificates: s.certs, Region: s.config.Region,
		Tenancy: s.tenancy, Addresses: ociRanges(s), Now: clock.Real, Random: rand.Reader, Log: s.logger,
	})
	if err != nil {
		return err
	}
	s.oci.Store(oci)
	return nil
}

// tenancy returns the OCID of lull's own tenancy; there is none before the first start has made its key.
func (s *cloud) tenancy() string {
	id, _ := s.ociKeys.Tenancy()
	return id
}

// firstOCIStart makes an administrator of the OCI API, unless there is one, and says where his configuration is.
func (s *cloud) firstOCIStart() error {
	first, err := s.ociKeys.FirstStart(context.Background(), s.config.Data, s.url(), s.config.Region)
	if err != nil {
		return err
	}
	for _, path := range first.Aside {
		s.logger.Warn("a configuration of another store was moved aside", "to", path)
	}
	if first.Created {
		s.logger.Info("API key of an administrator created", "fingerprint", first.Fingerprint)
	}
	for _, path := range first.Written {
		s.logger.Info("written for the oci command and SDKs", "file", path)
	}
	if first.KeyMissing {
		s.logger.Warn("the administrator's private key is not where the first start put it", "file", filepath.Join(s.config.Data, "oci", "key.pem"))
	}
	s.logger.Info("the OCI Load Balancer API is served", "url", s.url(), "configuration", filepath.Join(s.config.Data, "oci", "config"))
	return nil
}

// OCILoadBalancers implements metrics.OCI.
func (s *cloud) OCILoadBalancers() []metrics.OCILoadBalancer {
	var list []metrics.OCILoadBalancer
	for _, lb := range s.oci.Load().Summaries() {
		list = append(list, metrics.OCILoadBalancer{Name: lb.PlanName, ID: lb.ID, DisplayName: lb.DisplayName, Region: s.config.Region})
	}
	return list
}

// ownerFor is how long a look at who owns load balancers serves the access log, which asks for every line.
const ownerFor = time.Second

// owners returns who tells the access log whose a load balancer is, by its name in the plan. It is for one goroutine at a time.
func (s *cloud) owners() func(loadBalancer string) accesslog.Owner {
	var known map[string]accesslog.Owner
	var looked time.Time
	return func(name string) accesslog.Owner {
		if now := clock.Real(); known == nil || now.Sub(looked) >= ownerFor {
			known, looked = s.ownersNow(), now
		}
		return known[name]
	}
}

func (s *cloud) ownersNow() map[string]accesslog.Owner {
	list := s.oci.Load().Summaries()
	known := make(map[string]accesslog.Owner, len(list))
	for _, lb := range list {
		known[lb.PlanName] = accesslog.Owner{
			Name: lb.DisplayName, ID: lb.ID, Compartment: lb.CompartmentID, Tenancy: s.tenancy(), Region: s.config.Region,
		}
	}
	return known
}

func ociRanges(s *cloud) []ociapi.AddressRange {
	to := make([]ociapi.AddressRange, len(s.config.Addresses))
	for i, r := range s.config.Addresses {
		to[i] = ociapi.AddressRange(r)
	}
	return to
}

// ociInForce is what ociapi sees of the data plane.
type ociInForce struct{ applier *apply.Applier }

// Change implements ociapi.Runtime.
func (f ociInForce) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	return f.applier.Change(apply.OCI, balancers, commit)
}

// Plan implements ociapi.Runtime.
func (f ociInForce) Plan() *plan.Plan { return f.applier.Plan() }

// ociHealth is what ociapi sees of the health checks.
type ociHealth struct{ applier *apply.Applier }

// Results implements ociapi.Health. The probers' own addresses are those of the machine: which one it takes is the kernel's choice.
func (h ociHealth) Results(key plan.BackendKey) []ociapi.ProbeResult {
	found := h.applier.Health(key)
	list := make([]ociapi.ProbeResult, len(found))
	for i, r := range found {
		list[i] = ociapi.ProbeResult{Code: probeCodes[r.Code], At: r.At, Up: r.Up}
	}
	return list
}

// Tally implements ociapi.Health.
func (h ociHealth) Tally(set plan.SetKey) ociapi.Tally {
	n := h.applier.Tally(set)
	return ociapi.Tally{OK: n.OK, NotOK: n.Partly + n.Failing + n.Offline}
}

// probeCodes are OCI's words for what a probe came to.
//
//nolint:gochecknoglobals // a table
var probeCodes = map[health.Code]string{
	health.Unknown: "UNKNOWN", health.OK: "OK", health.InvalidStatus: "INVALID_STATUS_CODE", health.TimedOut: "TIMED_OUT",
	health.RegexMismatch: "REGEX_MISMATCH", health.ConnectFailed: "CONNECT_FAILED", health.IOError: "IO_ERROR",
}
