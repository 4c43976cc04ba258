// Package metrics provides the counters of a running lull to Prometheus, and answers whether it is up and ready.
//
// `lull serve` calls Serve once; each request runs on a goroutine of net/http. A scrape reads the data plane's counters
// through Source and turns them into metrics on the spot; the alternative, metrics of client_golang that the loops
// count in, would put an atomic shared by all loops on every byte. The only state is the ready flag, which access log is
// written and who knows the certificates, all atomic and set from anywhere. Limits: connectionsMax connections, scrapesMax
// at once, certificatesMost series of certificates, and a deadline on everything a scraper may delay. Reasons are those of spec/timeouts.md §5 (TO-07); docs/reference/metrics.md
// lists every metric.
//
// Load balancers of the Classic ELB API have the metrics of CloudWatch besides, under the names that
// prometheus/cloudwatch_exporter gives them (elb.go). Those are statistics of a period, which cannot be made at a scrape: a
// goroutine, the sampler, looks at the counters now and then and keeps what it made of the last whole period. The alternative,
// counters under these names, would be more to Prometheus's taste, and no dashboard of that exporter would be right. Those of the
// OCI Load Balancer API have Oracle's metrics of a minute in the same way (oci.go, oci_sampler.go), under Oracle's own names.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"lull/internal/clock"
	"lull/internal/control/logdelivery"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/stats"
	"lull/internal/health"
)

const (
	connectionsMax = 64 // descriptors that scrapers may take from the data plane's
	scrapesMax     = 4  // at once: a handful of Prometheus servers
	headerBytesMax = 8 << 10
	headerLimit    = 5 * time.Second
	idleLimit      = 2 * time.Minute // longer than the usual pause between scrapes
	writeLimit     = 30 * time.Second
	closeLimit     = 2 * time.Second
)

// Source is the data plane as seen from here. Stats may be called from any goroutine; TakePeaks, which forgets what it tells, is
// called from one.
type Source interface {
	Stats() stats.Snapshot
	TakePeaks() stats.Peaks
}

// Checks is what makes the health checks, an *apply.Applier. It may be asked from any goroutine.
type Checks interface {
	// Lag returns by how much they are behind.
	Lag() health.Lag
}

// Delivery is what delivers access logs to buckets, a *logdelivery.Delivery. It may be asked from any goroutine.
type Delivery interface {
	Counters() logdelivery.Counters
}

// Server serves /metrics, /healthz and /readyz.
type Server struct {
	// Fixed after Serve.
	http     *http.Server
	addr     net.Addr
	done     chan error // takes what ended the accepting
	stop     chan struct{}
	sampling sync.WaitGroup
	elb      elbPeriods
	oci      ociPeriods

	// Atomic.
	ready        atomic.Bool
	log          atomic.Pointer[accesslog.Writer]
	checks       atomic.Pointer[Checks]
	delivery     atomic.Pointer[Delivery]
	certificates atomic.Pointer[Certificates]
}

// Serve listens on address, "host:port", and answers until Close. It is not ready until SetReady.
func Serve(address string, source Source, logger *slog.Logger) (*Server, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics.address %s: cannot listen: %w", address, cause(err))
	}
	s := &Server{addr: ln.Addr(), done: make(chan error, 1), stop: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.handler(source),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       headerLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug), // port scanners are no news
	}
	go func() { s.done <- s.http.Serve(netutil.LimitListener(ln, connectionsMax)) }()
	s.sampling.Go(func() { s.sample(source) })
	return s, nil
}

// Addr returns the address listened on.
func (s *Server) Addr() net.Addr { return s.addr }

// SetReady says whether new connections are welcome: true once every listener accepts, false from when draining begins.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// SetAccessLog names the access log to count; nil counts none.
func (s *Server) SetAccessLog(w *accesslog.Writer) { s.log.Store(w) }

// SetChecks names what makes the health checks; nil stands for nothing.
func (s *Server) SetChecks(c Checks) {
	if c == nil {
		s.checks.Store(nil)
		return
	}
	s.checks.Store(&c)
}

// SetDelivery names what delivers the access logs of load balancers to buckets; nil stands for nothing.
func (s *Server) SetDelivery(d Delivery) {
	if d == nil {
		s.delivery.Store(nil)
		return
	}
	s.delivery.Store(&d)
}

// SetCertificates names who knows the certificates that are in force; nil stands for nobody.
func (s *Server) SetCertificates(c Certificates) {
	if c == nil {
		s.certificates.Store(nil)
		return
	}
	s.certificates.Store(&c)
}

// sample looks at the counters until the server is closed.
func (s *Server) sample(source Source) {
	t := time.NewTicker(elbLook)
	defer t.Stop()
	sampler, oci := newSampler(source, &s.elb), newOCISampler(source, &s.oci)
	for {
		sampler.look(clock.Now())
		oci.look(clock.Now())
		select {
		case <-t.C:
		case <-s.stop:
			return
		}
	}
}

// SetClassic names who knows the load balancers of the Classic ELB API; nil stands for nobody.
func (s *Server) SetClassic(c Classic) {
	if c == nil {
		s.elb.classic.Store(nil)
		return
	}
	s.elb.classic.Store(&c)
}

// SetOCI names who knows the load balancers of the OCI Load Balancer API; nil stands for nobody.
func (s *Server) SetOCI(o OCI) {
	if o == nil {
		s.oci.known.Store(nil)
		return
	}
	s.oci.known.Store(&o)
}

// Close ends the answering. It may be called once.
func (s *Server) Close() error {
	close(s.stop)
	s.sampling.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if s.http.Shutdown(ctx) != nil { // a reader was too slow
		_ = s.http.Close()
	}
	if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics on %s stopped answering: %w", s.addr, err)
	}
	return nil
}

func (s *Server) handler(source Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{source: source, log: &s.log, checks: &s.checks, delivery: &s.delivery, certificates: &s.certificates, elb: &s.elb, oci: &s.oci, host: hostName()},
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "lull is up")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.ready.Load() {
			say(w, http.StatusOK, "lull is ready")
			return
		}
		say(w, http.StatusServiceUnavailable, "lull is starting or draining")
	})
	return mux
}

// hostName returns the name of the machine, the dimension lbHostId; empty if it has none.
func hostName() string {
	name, _ := os.Hostname()
	return name
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a prober that has gone misses nothing
}

// cause drops the operation and address that the message names already.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
