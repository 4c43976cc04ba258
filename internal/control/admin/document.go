package admin

import (
	"encoding/json"
	"net/netip"
	"time"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// Seconds is a duration in a document.
type Seconds float64

// Duration returns s to the microsecond, which is as much as documents carry.
func (s Seconds) Duration() time.Duration {
	return time.Duration(float64(s) * float64(time.Second)).Round(time.Microsecond)
}

// Parties names the ends of a pair of connections.
type Parties struct {
	Protocol       string `json:"protocol"`
	LoadBalancer   string `json:"load_balancer"`
	Listener       string `json:"listener"`
	Client         string `json:"client,omitempty"`
	Peer           string `json:"peer,omitempty"`
	Local          string `json:"local,omitempty"`
	BackendSet     string `json:"backend_set"`
	Backend        string `json:"backend,omitempty"`
	BackendAddress string `json:"backend_address,omitempty"`
}

// Traffic is what moved on a pair. Absent durations never happened.
type Traffic struct {
	BytesUp         uint64   `json:"bytes_up"`
	BytesDown       uint64   `json:"bytes_down"`
	QuietUp         *Seconds `json:"quiet_up_s,omitempty"`
	QuietDown       *Seconds `json:"quiet_down_s,omitempty"`
	FirstUp         *Seconds `json:"first_up_s,omitempty"`
	FirstDown       *Seconds `json:"first_down_s,omitempty"`
	ConnectTries    int      `json:"connect_tries"`
	Connect         *Seconds `json:"connect_s,omitempty"`
	ConnectedAt     *Seconds `json:"connected_at_s,omitempty"`
	Exchanges       int      `json:"exchanges"`
	UnsentUpBytes   int      `json:"unsent_up_bytes"`
	UnsentDownBytes int      `json:"unsent_down_bytes"`
	HalfClosed      string   `json:"half_closed,omitempty"`
}

// Conn is an open connection.
type Conn struct {
	ID    uint64 `json:"id"`
	State string `json:"state"`
	Parties
	Age Seconds `json:"age_s"`
	Traffic
	Timer    string   `json:"timer,omitempty"` // the setting that rules the next deadline; absent if none runs
	Setting  *Seconds `json:"setting_s,omitempty"`
	ClosesAs string   `json:"closes_as,omitempty"` // the reason it will be recorded with; absent if it is recorded
	ClosesIn *Seconds `json:"closes_in_s,omitempty"`
}

// Event is a connection that has ended: a line of the event stream. It decodes what accesslog.AppendJSON writes.
type Event struct {
	Time time.Time `json:"time"`
	Lost uint64    `json:"lost,omitempty"` // not zero: that many events are missing here, and nothing else is set
	ID   uint64    `json:"id"`
	Parties
	Reason string    `json:"reason"`
	Side   string    `json:"side"`
	Error  bool      `json:"error"`
	Opened time.Time `json:"opened"`
	Age    Seconds   `json:"age_s"`
	Traffic
	Timer   string   `json:"timer,omitempty"` // the setting whose timer fired; absent if none did
	Setting *Seconds `json:"setting_s,omitempty"`
	ArmedAt *Seconds `json:"armed_at_s,omitempty"`
	Late    *Seconds `json:"late_s,omitempty"`
}

// Explanation tells one connection's story. Either Conn or Event is set.
type Explanation struct {
	ID    uint64   `json:"id"`
	Open  bool     `json:"open"`
	Story []string `json:"story"` // sentences in the order to read them
	Conn  *Conn    `json:"connection,omitempty"`
	Event *Event   `json:"event,omitempty"`
}

// connOf translates a snapshot of an open connection.
func connOf(l *record.Live) Conn {
	c := Conn{
		ID:      l.ID,
		State:   l.State,
		Parties: partiesOf(&l.Ends),
		Age:     secondsOf(l.Age, time.Millisecond),
		Traffic: trafficOf(&l.Traffic),
	}
	if l.Timer != "" {
		c.Timer = l.Timer
		if l.Why != reason.None {
			c.ClosesAs = l.Why.String()
		}
		c.Setting = since(l.Setting, time.Millisecond)
		c.ClosesIn = since(max(l.FiresIn, 0), time.Millisecond)
	}
	return c
}

func partiesOf(e *record.Ends) Parties {
	return Parties{
		Protocol:       e.Protocol,
		LoadBalancer:   e.LoadBalancer,
		Listener:       e.Listener,
		Client:         addressOf(e.Client),
		Peer:           addressOf(e.Peer),
		Local:          addressOf(e.Local),
		BackendSet:     e.BackendSet,
		Backend:        e.Backend,
		BackendAddress: addressOf(e.BackendAddr),
	}
}

func trafficOf(t *record.Traffic) Traffic {
	return Traffic{
		BytesUp:         t.BytesUp,
		BytesDown:       t.BytesDown,
		QuietUp:         since(t.QuietUp, time.Millisecond),
		QuietDown:       since(t.QuietDown, time.Millisecond),
		FirstUp:         since(t.FirstUp, time.Microsecond),
		FirstDown:       since(t.FirstDown, time.Microsecond),
		ConnectTries:    t.ConnectTries,
		Connect:         since(t.ConnectTook, time.Microsecond),
		ConnectedAt:     since(t.ConnectedAt, time.Microsecond),
		Exchanges:       t.Exchanges,
		UnsentUpBytes:   t.PendingUp,
		UnsentDownBytes: t.PendingDown,
		HalfClosed:      t.HalfClosed,
	}
}

// eventOf translates the record of a connection that has ended, by way of the line that the stream would carry, so
// that the two cannot differ.
func eventOf(c *record.Close) (*Event, error) {
	e := new(Event)
	if err := json.Unmarshal(accesslog.AppendJSON(nil, c), e); err != nil {
		return nil, err
	}
	return e, nil
}

// secondsOf rounds to unit: to the millisecond, and to the microsecond what is usually shorter than one.
func secondsOf(d, unit time.Duration) Seconds { return Seconds(d.Round(unit).Seconds()) }

// since returns nil for what never happened.
func since(d, unit time.Duration) *Seconds {
	if d < 0 {
		return nil
	}
	s := secondsOf(d, unit)
	return &s
}

func addressOf(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Stats is every counter of the process.
type Stats struct {
	Connections    int             `json:"connections"`
	ConnectionsMax int             `json:"connections_max"`
	Ended          uint64          `json:"ended"`
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
}

// BackendStats are a backend's counters and health.
type BackendStats struct {
	LoadBalancer    string `json:"load_balancer"`
	BackendSet      string `json:"backend_set"`
	Backend         string `json:"backend"`
	Up              bool   `json:"up"`
	Detail          string `json:"detail,omitempty"`
	Active          int64  `json:"active"`
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
			Up: b.Up, Detail: b.Detail, Active: b.Active, Connects: b.Connects, ConnectFailures: b.ConnectFails,
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
		Closes: make(map[string]uint64),
	}
	for r, n := range l.Closes {
		if n > 0 {
			out.Closes[reason.Reason(r).String()] = n
		}
	}
	return out
}
