package cli

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"sync/atomic"

	"lull/internal/clock"
	"lull/internal/console"
	"lull/internal/control/apiserver"
	"lull/internal/control/apply"
	"lull/internal/control/awselb"
	"lull/internal/control/certstore"
	"lull/internal/control/dnsserver"
	"lull/internal/control/file"
	"lull/internal/control/instances"
	"lull/internal/control/keys"
	"lull/internal/control/logdelivery"
	"lull/internal/control/lullapi"
	"lull/internal/control/metrics"
	"lull/internal/control/ociapi"
	"lull/internal/control/ocikeys"
	"lull/internal/control/sigv4"
	"lull/internal/control/store"
	"lull/internal/dataplane"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

// Names below api.data.
const (
	stateFile = "state.db"
	spoolDir  = "access-log-spool"
)

// cloud is what serves the clouds' APIs: their documents, and who may change them. It is started in two steps, because the control
// socket needs the first and the load balancers need the engine to be ready. Its owner calls close.
type cloud struct {
	config *file.API
	logger *slog.Logger

	headMax   int // of load balancers of the Classic ELB API when they are put in force
	store     *store.Store
	keys      *keys.Keys
	ociKeys   *ocikeys.Keys
	instances *instances.Registry
	certs     *certstore.Store
	logs      *logdelivery.Delivery
	server    *apiserver.Server // nil until serve
	console   *console.Console  // nil until serve
	dns       *dnsserver.Server // nil: names are not resolved

	administrator string // of the first start; "" if it has been revoked
	firstTime     bool   // this is the first start

	// Atomic, because the control socket answers before serve.
	elb         atomic.Pointer[awselb.Service] // nil until serve
	oci         atomic.Pointer[ociapi.Service] // nil until serve
	certificate atomic.Pointer[certs.Holder]   // of the API; nil: plain HTTP
}

// openCloud opens the state below api.data. On an error nothing is left open.
func openCloud(c *file.Config, engine *dataplane.Engine, logger *slog.Logger) (*cloud, error) {
	s := &cloud{config: c.API, logger: logger}
	if err := s.open(c, engine); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *cloud) open(c *file.Config, engine *dataplane.Engine) (err error) {
	if s.store, err = store.Open(filepath.Join(s.config.Data, stateFile), store.Options{Now: clock.Real, Log: s.logger}); err != nil {
		return err
	}
	if s.keys, err = keys.New(s.store, keys.Options{Now: clock.Real}); err != nil {
		return err
	}
	if s.ociKeys, err = ocikeys.New(s.store, ocikeys.Options{Now: clock.Real}); err != nil {
		return err
	}
	if s.instances, err = instances.New(s.store, instances.Options{InUse: s.instanceInUse, Zones: s.config.Zones}); err != nil {
		return err
	}
	if err = s.setFixed(c); err != nil {
		return err
	}
	s.certs, err = certstore.New(s.store, certstore.Options{Account: s.config.Account, Now: clock.Real, InUse: s.certificateInUse})
	if err != nil {
		return err
	}
	s.headMax = c.HeadMax
	s.logs, err = openLogDelivery(s.config, engine, s.logger)
	return err
}

// reload takes over what may change while lull runs: the instances that the file holds, how large a head may be, and the certificate, which
// is watched in the newest configuration only.
func (s *cloud) reload(c *file.Config) error {
	if s.config.Certificate != nil && c.API != nil && c.API.Certificate != nil {
		s.certificate.Store(c.API.Certificate)
	}
	return errors.Join(s.setFixed(c), s.elb.Load().SetHeadMax(c.HeadMax))
}

// setFixed takes over the instances that the file holds.
func (s *cloud) setFixed(c *file.Config) error {
	list := make([]instances.Instance, len(c.Instances))
	for i, one := range c.Instances {
		list[i] = instances.Instance(one)
	}
	return s.instances.SetFixed(c.Path, list)
}

// starting is who uses an instance or a certificate as long as nobody knows.
const starting = "lull, which is starting"

func (s *cloud) instanceInUse(id string) (by string, used bool) {
	if elb := s.elb.Load(); elb != nil {
		return elb.InstanceUser(id)
	}
	return starting, true
}

func (s *cloud) certificateInUse(arn string) (by string, used bool) {
	elb, oci := s.elb.Load(), s.oci.Load()
	if elb == nil || oci == nil {
		return starting, true
	}
	if by, used = elb.CertificateUser(arn); used {
		return by, true
	}
	return oci.CertificateUser(arn)
}

// handler answers lull's own API.
func (s *cloud) handler() http.Handler {
	return lullapi.New(lullapi.Options{Keys: s.keys, OCIKeys: s.ociKeys, Instances: s.instances, Certificates: s.certs, Log: s.logger}).Handler()
}

// serve puts the stored load balancers in force and begins to answer.
func (s *cloud) serve(applier *apply.Applier, engine *dataplane.Engine) error {
	c := s.config
	elb, err := awselb.New(awselb.Options{
		Store: s.store, Runtime: inForce{applier, engine}, Instances: whereabouts{s.instances}, Certificates: s.certs,
		AccessLogs: logs{s.logs}, Region: c.Region, Account: c.Account, Zones: c.Zones, Addresses: ranges(c.Addresses), HeadMax: s.headMax,
		Now: clock.Real, Random: rand.Reader, Log: s.logger,
	})
	if err != nil {
		return err
	}
	s.elb.Store(elb)
	s.instances.OnChange(s.refresh)
	s.certs.OnChange(s.followCertificate)
	s.refresh() // the control socket answers already: an instance may have moved while the load balancers were compiled
	if err = s.openOCI(applier); err != nil {
		return err
	}
	if err = s.openConsole(applier, engine); err != nil {
		return err
	}
	s.server, err = apiserver.Serve(apiserver.Options{
		Address: c.Address, TLS: s.tls(), Insecure: c.Insecure, Keys: s.keys, Region: c.Region,
		ELB:     func(ctx context.Context, request any, _ sigv4.Identity) (any, error) { return elb.Do(ctx, request) },
		OCIKeys: s.ociKeys, OCI: s.oci.Load().Do, LullAPI: s.handler(), Console: s.console, Log: s.logger, Now: clock.Real,
	})
	if err != nil {
		return err
	}
	if c.DNS != nil {
		zone := c.Region + ".elb.amazonaws.com"
		s.dns, err = dnsserver.Serve(dnsserver.Options{Address: c.DNS.Address, Zone: zone, TTL: c.DNS.TTL, Lookup: elb.LookupDNS, Logger: s.logger})
		if err != nil {
			return err
		}
	}
	if err = s.firstStart(); err != nil {
		return err
	}
	return s.firstOCIStart()
}

// LoadBalancers implements metrics.Classic.
func (s *cloud) LoadBalancers() []metrics.ClassicLoadBalancer {
	var list []metrics.ClassicLoadBalancer
	for _, lb := range s.elb.Load().Summaries() {
		list = append(list, metrics.ClassicLoadBalancer{Name: lb.Name, CrossZone: lb.CrossZone})
	}
	return list
}

// refresh has the load balancers follow where instances are, and which certificates there are.
func (s *cloud) refresh() {
	if err := s.elb.Load().Refresh(); err != nil {
		s.logger.Error("load balancers do not follow a change of instances or certificates", "error", err)
	}
}

// followCertificate has the load balancers follow the import of a certificate that one names: a listener that could not be served for
// want of it is served again, and listeners that share a port find out which of theirs has been renewed.
func (s *cloud) followCertificate(arn string) {
	if _, used := s.certificateInUse(arn); !used {
		return
	}
	s.refresh()
	if oci := s.oci.Load(); oci != nil {
		if err := oci.Refresh(); err != nil {
			s.logger.Error("load balancers of the OCI API do not follow a change of certificates", "error", err)
		}
	}
}

// firstStart makes an administrator, unless there are keys, and says where the credentials are.
func (s *cloud) firstStart() error {
	first, err := s.keys.FirstStart(context.Background(), s.config.Data, s.url(), s.config.Region)
	if err != nil {
		return err
	}
	s.administrator, s.firstTime = first.ID, first.Created
	for _, path := range first.Aside {
		s.logger.Warn("credentials of another store were moved aside", "to", path)
	}
	if first.Created {
		s.logger.Info("access key of an administrator created", "id", first.ID)
	}
	for _, path := range first.Written {
		s.logger.Info("written for the aws command and SDKs", "file", path)
	}
	s.logger.Info("the Classic ELB API is served", "url", s.url(), "credentials", filepath.Join(s.config.Data, "aws", "credentials"))
	return nil
}

// url is where clients find the APIs.
func (s *cloud) url() string {
	scheme := "http"
	if s.config.Certificate != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.server.Addr())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // as seen from here
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, port))
}

// stop ends the answering: nothing changes any more while connections drain.
func (s *cloud) stop() {
	if s.console != nil {
		s.console.Close() // before the server, which would wait for its live pages
	}
	if s.server != nil {
		s.warn("API server", s.server.Close())
		s.server = nil
	}
	if s.dns != nil {
		s.warn("DNS responder", s.dns.Close())
		s.dns = nil
	}
	if oci := s.oci.Load(); oci != nil {
		oci.Close() // it may be called again
	}
}

// close ends everything. The engine has been closed by then, so that every end is in the access logs.
func (s *cloud) close() {
	s.stop()
	if s.logs != nil {
		s.warn("access logs", s.logs.Close())
	}
	if s.store != nil {
		s.warn("state", s.store.Close())
	}
}

func (s *cloud) warn(what string, err error) {
	if err != nil {
		s.logger.Warn(what, "error", err)
	}
}

// tls is how the APIs are served to others than this machine; nil is plain HTTP.
func (s *cloud) tls() *tls.Config {
	if s.config.Certificate == nil {
		return nil
	}
	s.certificate.Store(s.config.Certificate)
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.certificate.Load().For(hello)
	}}
}

// sameAPI says whether two configurations serve the same APIs in the same way. A certificate is replaced where it is.
func sameAPI(a, b *file.API) bool {
	if a == nil || b == nil {
		return a == b
	}
	one, other := *a, *b
	if (one.Certificate == nil) != (other.Certificate == nil) {
		return false
	}
	one.Certificate, other.Certificate = nil, nil
	return reflect.DeepEqual(one, other)
}

func ranges(from []file.AddressRange) []awselb.AddressRange {
	to := make([]awselb.AddressRange, len(from))
	for i, r := range from {
		to[i] = awselb.AddressRange(r)
	}
	return to
}

// inForce is what awselb sees of the data plane.
type inForce struct {
	applier *apply.Applier
	engine  *dataplane.Engine
}

// Change implements awselb.Runtime.
func (f inForce) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	return f.applier.Change(apply.AWSELB, balancers, commit)
}

// Plan implements awselb.Runtime.
func (f inForce) Plan() *plan.Plan { return f.applier.Plan() }

// Backend implements awselb.Runtime.
func (f inForce) Backend(key plan.BackendKey) (awselb.BackendState, bool) {
	t, found := f.engine.Backend(key)
	return awselb.BackendState{Key: t.Key, Up: t.Up, Proven: t.Proven, Detail: t.Detail, Active: t.Active, Conns: t.Conns}, found
}

// whereabouts is what awselb sees of the instances.
type whereabouts struct{ registry *instances.Registry }

// Lookup implements awselb.Instances.
func (w whereabouts) Lookup(id string) (host, zone string, found bool) {
	one, found := w.registry.Lookup(id)
	return one.Host, one.Zone, found
}
