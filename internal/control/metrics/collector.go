package metrics

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"lull/internal/control/logdelivery"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// A metric is one row of the table: a name with its help text and labels.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("lull_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("lull_"+name, help, labels, nil), prometheus.GaugeValue}
}

// histogram returns a metric that putHistogram sends, which does not ask for the kind.
func histogram(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("lull_"+name, help, labels, nil), prometheus.UntypedValue}
}

// The metrics; docs/reference/metrics.md lists them, and a test holds the two together.
//
//nolint:gochecknoglobals // a table
var (
	accepted       = counter("connections_accepted_total", "Client connections accepted.", "listener")
	active         = gauge("connections_active", "Client connections open.")
	connectionsTop = gauge("connections_max", "Client connections that may be open at once.")
	bytesMoved     = counter("bytes_total", "Payload bytes taken from clients (up) and from backends (down).", "listener", "direction")
	closes         = counter("closes_total", "Connections ended, by reason; reasons that never occurred have no series.", "listener", "reason", "side")

	routed         = counter("routed_total", "Requests sent to a backend, or connections made to one for TCP.", "listener")
	backendLatency = histogram("backend_latency_seconds", "Time from a request sent to a backend to the first byte of the answer, or for TCP to connect; those that were given up included.", "listener")
	gap            = histogram("gap_seconds", "Time for which no byte moved on a connection, until one did, by what the connection was in the middle of (tunnel, exchange, waiting).", "listener", "phase")

	requests       = counter("requests_total", "HTTP requests whose head came whole.", "listener")
	exchangeEnds   = counter("exchange_ends_total", "HTTP exchanges ended, by reason; reasons that never occurred have no series.", "listener", "reason", "side")
	responses      = counter("responses_total", "HTTP responses, by who made them (backend, lull) and class (2xx); classes that never occurred have no series.", "listener", "by", "class")
	reuses         = counter("requests_reused_total", "HTTP exchanges that went over a pooled back-end connection.", "listener")
	retries        = counter("requests_retried_total", "HTTP requests sent once more because the pooled connection was dead.", "listener")
	retriesRefused = counter("requests_retries_refused_total", "HTTP requests that met a dead pooled connection and could not be sent once more.", "listener")
	noncompliant   = counter("requests_noncompliant_total", "HTTP requests of any desync class but Compliant.", "listener")
	queued         = counter("requests_queued_total", "HTTP requests that had to wait for a backend with room.", "listener")
	poolCloses     = counter("pool_closes_total", "Back-end connections ended while no exchange used them, by reason; reasons that never occurred have no series.", "listener", "reason", "side")
	pooled         = gauge("pooled_connections", "Back-end connections that no exchange uses.")

	handshakes        = counter("tls_handshakes_total", "TLS handshakes that succeeded, with clients (front) and backends (back).", "listener", "side", "resumed")
	untrusted         = counter("tls_clients_untrusted_total", "TLS handshakes with clients that failed because of the client's certificate.", "listener")
	handshakeFailures = counter("tls_backend_handshake_failures_total", "TLS handshakes with backends that failed or took too long.", "listener")
	certificateExpiry = gauge("certificate_expiry_timestamp_seconds", "When the certificate, or its chain, expires, in seconds since 1970.", "certificate", "name")

	backendUp         = gauge("backend_up", "Whether health checks find the backend up (1) or not (0).", "backend_set", "backend")
	backendActive     = gauge("backend_connections_active", "Back-end connections in use: open ones of TCP, HTTP exchanges under way.", "backend_set", "backend")
	backendConns      = gauge("backend_http_connections_open", "HTTP back-end connections open, pooled ones included.", "backend_set", "backend")
	backendClosedIdle = counter("backend_closed_idle_total", "Pooled connections that the backend closed before lull did.", "backend_set", "backend")
	backendConnects   = counter("backend_connects_total", "Connections made to the backend.", "backend_set", "backend")
	backendFailures   = counter("backend_connect_failures_total", "Attempts to connect to the backend that failed.", "backend_set", "backend")

	loopActive   = gauge("loop_connections_active", "Client connections open on the loop.", "loop")
	acceptPauses = counter("accept_pauses_total", "Times accepting stopped for want of descriptors or at the connection limit.", "loop")
	acceptErrors = counter("accept_errors_total", "Accepts that failed otherwise.", "loop")
	handedOver   = counter("loop_handed_to_others_total", "Accepted connections given to a less loaded loop.", "loop")
	turns        = counter("loop_turns_total", "Turns of the loop.", "loop")

	planRevision = gauge("plan_revision", "Revision of the configuration in force.")

	logRecords = counter("access_log_records_total", "Connections and exchanges written to the access log.")
	logLost    = counter("access_log_lost_total", "Connections and exchanges forgotten before the access log could be written.")
	logErrors  = counter("access_log_write_errors_total", "Writes to the access log that failed; each is tried again.")

	checksMissed  = counter("health_checks_missed_total", "Health checks left out because the one before still waited for its turn.")
	checksWaiting = gauge("health_checks_waiting", "Health checks that are due and wait for their turn.")

	deliveryLines    = counter("access_log_delivery_lines_total", "Lines written for access logs that are delivered to buckets.")
	deliveryMissed   = counter("access_log_delivery_missed_total", "Connections and exchanges forgotten before their lines could be written.")
	deliveryLost     = counter("access_log_delivery_lines_lost_total", "Lines that the spool had no room for, or whose files were given up.")
	deliveryFiles    = counter("access_log_delivery_files_total", "Files delivered to buckets.")
	deliveryFailures = counter("access_log_delivery_failures_total", "Deliveries of files that failed; each is tried again, up to a limit.")
	deliveryDropped  = counter("access_log_delivery_files_dropped_total", "Files that were given up.")
	deliveryWaiting  = gauge("access_log_delivery_files_waiting", "Files whose delivery is due or under way.")
	deliverySpool    = gauge("access_log_delivery_spool_bytes", "Bytes of the spool on the disk.")
)

// described lists every metric.
//
//nolint:gochecknoglobals // a table
var described = []metric{
	accepted, active, connectionsTop, bytesMoved, closes, routed, backendLatency, gap,
	requests, exchangeEnds, responses, reuses, retries, retriesRefused, noncompliant, queued, poolCloses, pooled,
	handshakes, untrusted, handshakeFailures, certificateExpiry,
	backendUp, backendActive, backendConns, backendClosedIdle, backendConnects, backendFailures,
	loopActive, acceptPauses, acceptErrors, handedOver, turns,
	planRevision, logRecords, logLost, logErrors,
	checksMissed, checksWaiting,
	deliveryLines, deliveryMissed, deliveryLost, deliveryFiles, deliveryFailures, deliveryDropped, deliveryWaiting, deliverySpool,
}

// collector turns a snapshot of the counters into metrics at each scrape.
type collector struct {
	source       Source
	log          *atomic.Pointer[accesslog.Writer]
	checks       *atomic.Pointer[Checks]
	delivery     *atomic.Pointer[Delivery]
	certificates *atomic.Pointer[Certificates]
	elb          *elbPeriods
	oci          *ociPeriods
	host         string // the machine's name
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, list := range [][]metric{described, elbDescribed, ociDescribed} {
		for _, m := range list {
			out <- m.desc
		}
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Stats()
	w := writer{out}
	w.process(&s)
	w.listeners(s.Listeners)
	w.backends(s.Backends)
	w.loops(s.Loops)
	if log := c.log.Load(); log != nil {
		n := log.Counters()
		w.put(logRecords, float64(n.Written))
		w.put(logLost, float64(n.Lost))
		w.put(logErrors, float64(n.WriteErrors))
	}
	if checks := c.checks.Load(); checks != nil {
		lag := (*checks).Lag()
		w.put(checksMissed, float64(lag.Missed))
		w.put(checksWaiting, float64(lag.Waiting))
	}
	if delivery := c.delivery.Load(); delivery != nil {
		w.delivery((*delivery).Counters())
	}
	if known := c.certificates.Load(); known != nil {
		w.certificates((*known).Certificates())
	}
	w.elb(c.elb.last.Load())
	w.oci(c.oci.last.Load(), c.host)
}

// writer sends metrics.
type writer struct{ out chan<- prometheus.Metric }

// put sends one series. Labels come from a validated configuration; should one hold invalid UTF-8 all the same, that
// must not cost the scrape.
func (w writer) put(m metric, value float64, labels ...string) {
	for i := range labels {
		labels[i] = valid(labels[i])
	}
	w.out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

func (w writer) delivery(n logdelivery.Counters) {
	w.put(deliveryLines, float64(n.Lines))
	w.put(deliveryMissed, float64(n.Missed))
	w.put(deliveryLost, float64(n.Lost))
	w.put(deliveryFiles, float64(n.Files))
	w.put(deliveryFailures, float64(n.Failures))
	w.put(deliveryDropped, float64(n.Dropped))
	w.put(deliveryWaiting, float64(n.Waiting))
	w.put(deliverySpool, float64(n.SpoolBytes))
}

func (w writer) process(s *stats.Snapshot) {
	w.put(active, float64(s.Connections))
	w.put(pooled, float64(s.Pooled))
	w.put(connectionsTop, float64(s.ConnectionsMax))
	w.put(planRevision, float64(s.PlanRevision))
}

// listeners sums what has the same name first: a listener that was removed and added again has two sets of counters
// while connections of the old one are open, and two series of one name would fail the scrape.
func (w writer) listeners(list []stats.ListenerTotals) {
	var names []string
	sums := make(map[string]*stats.ListenerTotals)
	for i := range list {
		l := &list[i]
		name := l.Key.String()
		sum := sums[name]
		if sum == nil {
			sum = &stats.ListenerTotals{}
			sums[name] = sum
			names = append(names, name)
		}
		add(sum, l)
	}
	for _, name := range names {
		w.listener(name, sums[name])
	}
}

// add adds one set of counters to a sum. A listener that was replaced by one of another protocol counts as HTTP if either
// was.
func add(sum, l *stats.ListenerTotals) {
	sum.Protocol = max(sum.Protocol, l.Protocol)
	sum.Accepted += l.Accepted
	sum.BytesUp += l.BytesUp
	sum.BytesDown += l.BytesDown
	sum.Routed += l.Routed
	sum.Latency.Add(&l.Latency)
	for phase := range l.Gaps {
		sum.Gaps[phase].Add(&l.Gaps[phase])
	}
	sum.Requests += l.Requests
	sum.Reused += l.Reused
	sum.Retries += l.Retries
	sum.RetriesRefused += l.RetriesRefused
	sum.Noncompliant += l.Noncompliant
	sum.Queued += l.Queued
	sum.Secure = sum.Secure || l.Secure
	sum.Handshakes += l.Handshakes
	sum.Resumed += l.Resumed
	sum.Untrusted += l.Untrusted
	sum.BackHandshakes += l.BackHandshakes
	sum.BackResumed += l.BackResumed
	sum.BackFailed += l.BackFailed
	for r := range l.Closes {
		sum.Closes[r] += l.Closes[r]
		sum.Ends[r] += l.Ends[r]
		sum.PoolCloses[r] += l.PoolCloses[r]
	}
	for class := range l.BackendStatus {
		sum.BackendStatus[class] += l.BackendStatus[class]
		sum.OwnStatus[class] += l.OwnStatus[class]
	}
}

func (w writer) listener(name string, sum *stats.ListenerTotals) {
	w.put(accepted, float64(sum.Accepted), name)
	w.put(bytesMoved, float64(sum.BytesUp), name, "up")
	w.put(bytesMoved, float64(sum.BytesDown), name, "down")
	w.reasons(closes, &sum.Closes, name)
	w.put(routed, float64(sum.Routed), name)
	w.latency(&sum.Latency, name)
	for phase := range sum.Gaps {
		w.gaps(&sum.Gaps[phase], name, stats.Phase(phase).String())
	}
	if sum.Protocol == plan.HTTP {
		w.http(name, &sum.HTTPTotals)
	}
	if sum.Secure {
		w.handshakes(name, "front", sum.Handshakes, sum.Resumed)
		w.put(untrusted, float64(sum.Untrusted), name)
	}
	if sum.BackHandshakes > 0 || sum.BackFailed > 0 {
		w.handshakes(name, "back", sum.BackHandshakes, sum.BackResumed)
		w.put(handshakeFailures, float64(sum.BackFailed), name)
	}
}

func (w writer) handshakes(listener, side string, all, resumed uint64) {
	w.put(handshakes, float64(resumed), listener, side, "true")
	w.put(handshakes, float64(all-min(resumed, all)), listener, side, "false")
}

// http sends what only HTTP listeners count.
func (w writer) http(name string, sum *stats.HTTPTotals) {
	w.put(requests, float64(sum.Requests), name)
	w.put(reuses, float64(sum.Reused), name)
	w.put(retries, float64(sum.Retries), name)
	w.put(retriesRefused, float64(sum.RetriesRefused), name)
	w.put(noncompliant, float64(sum.Noncompliant), name)
	w.put(queued, float64(sum.Queued), name)
	w.reasons(exchangeEnds, &sum.Ends, name)
	w.reasons(poolCloses, &sum.PoolCloses, name)
	w.classes(&sum.BackendStatus, name, "backend")
	w.classes(&sum.OwnStatus, name, "lull")
}

func (w writer) reasons(m metric, counts *[reason.Count]uint64, listener string) {
	for r, n := range counts {
		if n > 0 {
			info := reason.Reason(r).Info()
			w.put(m, float64(n), listener, info.Code, info.Side.String())
		}
	}
}

func (w writer) classes(counts *[6]uint64, listener, by string) {
	for class, n := range counts {
		if n > 0 {
			w.put(responses, float64(n), listener, by, strconv.Itoa(class)+"xx")
		}
	}
}

func (w writer) backends(list []stats.BackendTotals) {
	for i := range list {
		b := &list[i]
		set, name := b.Key.Set.String(), b.Key.Endpoint()
		up := 0.0
		if b.Up {
			up = 1
		}
		w.put(backendUp, up, set, name)
		w.put(backendActive, float64(b.Active), set, name)
		w.put(backendConns, float64(b.Conns), set, name)
		w.put(backendClosedIdle, float64(b.ClosedIdle), set, name)
		w.put(backendConnects, float64(b.Connects), set, name)
		w.put(backendFailures, float64(b.ConnectFails), set, name)
	}
}

func (w writer) loops(list []stats.LoopTotals) {
	for _, l := range list {
		index := strconv.Itoa(l.Loop)
		w.put(loopActive, float64(l.Active), index)
		w.put(acceptPauses, float64(l.AcceptPauses), index)
		w.put(acceptErrors, float64(l.AcceptErrors), index)
		w.put(handedOver, float64(l.HandedToOthers), index)
		w.put(turns, float64(l.Turns), index)
	}
}
