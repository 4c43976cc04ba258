package admin

import (
	"strconv"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// Stats is every counter of the process.
type Stats struct {
	Connections    int             `json:"connections"`
	ConnectionsMax int             `json:"connections_max"`
	Ended          uint64          `json:"ended"`
	Pooled         int             `json:"pooled"` // back-end connections that no exchange uses
	PlanRevision   uint64          `json:"plan_revision"`
	Listeners      []ListenerStats `json:"listeners"`
	Backends       []BackendStats  `json:"backends"`
	Loops          []LoopStats     `json:"loops"`
}

// ListenerStats are a listener's counters.
type ListenerStats struct {
	LoadBalancer string            `json:"load_balancer"`
	Listener     string            `json:"listener"`
	Address      string            `json:"address"`
	Accepted     uint64            `json:"accepted"`
	Active       uint64            `json:"active"`
	BytesUp      uint64            `json:"bytes_up"`
	BytesDown    uint64            `json:"bytes_down"`
	Closes       map[string]uint64 `json:"closes"` // by reason; those that never happened are absent
	HTTP         *HTTPStats        `json:"http,omitempty"`
	TLS          *TLSStats         `json:"tls,omitempty"`
}

// TLSStats are a listener's counters of handshakes; absent if there are none to count. Those with clients that failed are
// counted among the closes.
type TLSStats struct {
	Handshakes     uint64 `json:"handshakes"` // with clients, that succeeded
	Resumed        uint64 `json:"resumed"`    // of these, by a session ticket
	Untrusted      uint64 `json:"untrusted"`  // with clients, that failed for want of a certificate that is accepted
	BackHandshakes uint64 `json:"backend_handshakes"`
	BackResumed    uint64 `json:"backend_resumed"`
	BackFailed     uint64 `json:"backend_failed"`
}

// HTTPStats are the counters of an HTTP listener's exchanges. What is counted by reason or class is absent if it never
// happened.
type HTTPStats struct {
	Requests         uint64            `json:"requests"`
	Ends             map[string]uint64 `json:"ends"`              // of exchanges, by reason
	BackendResponses map[string]uint64 `json:"backend_responses"` // by class: "2xx"
	OwnResponses     map[string]uint64 `json:"own_responses"`     // that lull made itself
	Reused           uint64            `json:"reused"`
	Retries          uint64            `json:"retries"`
	RetriesRefused   uint64            `json:"retries_refused"`
	Noncompliant     uint64            `json:"noncompliant"`
	Queued           uint64            `json:"queued"`
	PoolCloses       map[string]uint64 `json:"pool_closes"` // by reason
}

// BackendStats are a backend's counters and health.
type BackendStats struct {
	LoadBalancer    string `json:"load_balancer"`
	BackendSet      string `json:"backend_set"`
	Backend         string `json:"backend"`
	Up              bool   `json:"up"`
	Detail          string `json:"detail,omitempty"`
	Active          int64  `json:"active"`
	HTTPConnections int64  `json:"http_connections"` // open ones of the HTTP proxy, pooled ones included
	ClosedIdle      uint64 `json:"closed_idle"`      // pooled connections that the backend closed before lull did
	Connects        uint64 `json:"connects"`
	ConnectFailures uint64 `json:"connect_failures"`
}

// LoopStats are a loop's counters.
type LoopStats struct {
	Loop           int    `json:"loop"`
	Active         int64  `json:"active"`
	AcceptPauses   uint64 `json:"accept_pauses"`
	AcceptErrors   uint64 `json:"accept_errors"`
	HandedToOthers uint64 `json:"handed_to_others"`
	Turns          uint64 `json:"turns"`
}

// statsOf translates the counters.
func statsOf(s *stats.Snapshot) Stats {
	out := Stats{
		Connections:    s.Connections,
		ConnectionsMax: s.ConnectionsMax,
		Ended:          s.RecordsAppended,
		Pooled:         s.Pooled,
		PlanRevision:   s.PlanRevision,
		Listeners:      make([]ListenerStats, len(s.Listeners)),
		Backends:       make([]BackendStats, len(s.Backends)),
		Loops:          make([]LoopStats, len(s.Loops)),
	}
	for i := range s.Listeners {
		out.Listeners[i] = listenerStatsOf(&s.Listeners[i])
	}
	for i, b := range s.Backends {
		out.Backends[i] = BackendStats{
			LoadBalancer: b.Key.Set.LoadBalancer, BackendSet: b.Key.Set.Name, Backend: b.Key.Endpoint(),
			Up: b.Up, Detail: b.Detail, Active: b.Active, HTTPConnections: b.Conns, ClosedIdle: b.ClosedIdle,
			Connects: b.Connects, ConnectFailures: b.ConnectFails,
		}
	}
	for i, l := range s.Loops {
		out.Loops[i] = LoopStats(l)
	}
	return out
}

func listenerStatsOf(l *stats.ListenerTotals) ListenerStats {
	out := ListenerStats{
		LoadBalancer: l.Key.LoadBalancer, Listener: l.Key.Name, Address: l.Address,
		Accepted: l.Accepted, Active: l.Active, BytesUp: l.BytesUp, BytesDown: l.BytesDown,
		Closes: byReason(&l.Closes),
	}
	if l.Protocol == plan.HTTP {
		out.HTTP = httpStatsOf(&l.HTTPTotals)
	}
	if l.Secure || l.TLSTotals != (stats.TLSTotals{}) {
		tls := TLSStats(l.TLSTotals)
		out.TLS = &tls
	}
	return out
}

func httpStatsOf(h *stats.HTTPTotals) *HTTPStats {
	return &HTTPStats{
		Requests: h.Requests, Ends: byReason(&h.Ends),
		BackendResponses: byClass(&h.BackendStatus), OwnResponses: byClass(&h.OwnStatus),
		Reused: h.Reused, Retries: h.Retries, RetriesRefused: h.RetriesRefused,
		Noncompliant: h.Noncompliant, Queued: h.Queued, PoolCloses: byReason(&h.PoolCloses),
	}
}

func byReason(counts *[reason.Count]uint64) map[string]uint64 {
	out := make(map[string]uint64)
	for r, n := range counts {
		if n > 0 {
			out[reason.Reason(r).String()] = n
		}
	}
	return out
}

// byClass names counts by the first digit of a status.
func byClass(counts *[6]uint64) map[string]uint64 {
	out := make(map[string]uint64)
	for class, n := range counts {
		if n > 0 {
			out[strconv.Itoa(class)+"xx"] = n
		}
	}
	return out
}
