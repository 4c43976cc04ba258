package admin

import (
	"encoding/json"
	"net/netip"
	"time"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
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
	Tried          string `json:"tried,omitempty"`
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
	Upgraded        bool     `json:"upgraded,omitempty"`
}

// Conn is an open connection.
type Conn struct {
	ID    uint64 `json:"id"`
	Kind  string `json:"kind"` // "connection", or "pooled" for a back-end connection that no exchange uses
	State string `json:"state"`
	Parties
	TLS
	Age Seconds `json:"age_s"`
	Traffic
	Timer    string   `json:"timer,omitempty"` // the setting that rules the next deadline; absent if none runs
	Setting  *Seconds `json:"setting_s,omitempty"`
	Flow     string   `json:"flow,omitempty"`      // "up" or "down" if that timer is the one of a direction
	ClosesAs string   `json:"closes_as,omitempty"` // the reason it will be recorded with; absent if it is recorded
	ClosesIn *Seconds `json:"closes_in_s,omitempty"`
}

// Pooled reports whether it is a back-end connection that no exchange uses.
func (c *Conn) Pooled() bool { return c.Kind == accesslog.Kind(true) }

// Fired is the timer that ended something; all of it is absent if none did.
type Fired struct {
	Timer   string   `json:"timer,omitempty"` // the setting
	Setting *Seconds `json:"setting_s,omitempty"`
	Flow    string   `json:"flow,omitempty"`
	ArmedAt *Seconds `json:"armed_at_s,omitempty"`
	Late    *Seconds `json:"late_s,omitempty"`
}

// Pool is for how long a back-end connection was not used, and after which time lull closes it.
type Pool struct {
	PoolUnused  *Seconds `json:"pool_unused_s,omitempty"`
	PoolTimer   string   `json:"pool_timer,omitempty"` // the setting
	PoolSetting *Seconds `json:"pool_setting_s,omitempty"`
}

// Event is a connection that has ended: a line of the event stream. It decodes the access log's line.
type Event struct {
	Time time.Time `json:"time"`
	Lost uint64    `json:"lost,omitempty"` // not zero: that many events are missing here, and nothing else is set
	ID   uint64    `json:"id"`
	Kind string    `json:"kind"`
	Parties
	TLS
	Reason string    `json:"reason"`
	Side   string    `json:"side"`
	Error  bool      `json:"error"`
	Opened time.Time `json:"opened"`
	Age    Seconds   `json:"age_s"`
	Traffic
	Fired
	Pool
}

// Exchange is an HTTP exchange that has ended: the other kind of line of the event stream.
type Exchange struct {
	Time   time.Time `json:"time"`
	ID     uint64    `json:"id"` // of the connection
	Kind   string    `json:"kind"`
	Number int       `json:"number"`
	Parties
	TLS
	Reason  string    `json:"reason"`
	Side    string    `json:"side"`
	Error   bool      `json:"error"`
	Started time.Time `json:"started"`
	Took    Seconds   `json:"took_s"`

	Method        string `json:"method,omitempty"`
	Scheme        string `json:"scheme,omitempty"`
	Host          string `json:"host,omitempty"`
	Target        string `json:"target,omitempty"`
	Version       string `json:"version,omitempty"`
	UserAgent     string `json:"user_agent,omitempty"`
	Forwarded     string `json:"forwarded_for,omitempty"`
	Fault         string `json:"fault,omitempty"`
	Desync        string `json:"desync,omitempty"`
	DesyncClass   string `json:"desync_class,omitempty"`
	Status        int    `json:"status,omitempty"`
	BackendStatus int    `json:"backend_status,omitempty"`
	Upgraded      bool   `json:"upgraded,omitempty"`

	BytesUp   uint64   `json:"bytes_up"`
	BytesDown uint64   `json:"bytes_down"`
	QuietUp   *Seconds `json:"quiet_up_s,omitempty"`
	QuietDown *Seconds `json:"quiet_down_s,omitempty"`

	Head       *Seconds `json:"head_s,omitempty"`
	Queue      *Seconds `json:"queue_s,omitempty"`
	Connect    *Seconds `json:"connect_s,omitempty"`
	Tries      int      `json:"tries"`
	Reused     bool     `json:"reused,omitempty"`
	Retried    bool     `json:"retried,omitempty"`
	SentAfter  *Seconds `json:"sent_after_s,omitempty"`
	Answer     *Seconds `json:"answer_s,omitempty"`
	FirstAfter *Seconds `json:"first_after_s,omitempty"`
	Fired
	Pool
}

// Explanation tells the story of one connection, or of one exchange on it.
type Explanation struct {
	ID        uint64     `json:"id"`
	Number    int        `json:"number,omitempty"` // of the exchange; absent if it is the connection's story
	Open      bool       `json:"open"`
	Story     []string   `json:"story"`                // sentences in the order to read them
	Conn      *Conn      `json:"connection,omitempty"` // if it is open
	Event     *Event     `json:"event,omitempty"`      // if it has ended, and is remembered
	Exchanges []Exchange `json:"exchanges,omitempty"`  // those that are remembered, by their numbers
}

// connOf translates a snapshot of an open connection.
func connOf(l *record.Live) Conn {
	c := Conn{
		ID:      l.ID,
		Kind:    accesslog.Kind(l.Pooled),
		State:   l.State,
		Parties: partiesOf(&l.Ends),
		TLS:     tlsOf(&l.TLS),
		Age:     secondsOf(l.Age, time.Millisecond),
		Traffic: trafficOf(&l.Traffic),
	}
	if l.Timer != "" {
		c.Timer, c.Flow = l.Timer, l.TimerFlow
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
		Tried:          e.Tried,
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
		Upgraded:        t.Upgraded,
	}
}

// eventOf translates the record of a connection that has ended, by way of the line that the stream would carry, so
// that the two cannot differ.
func eventOf(c *record.Close) (*Event, error) {
	e := new(Event)
	return e, json.Unmarshal(accesslog.JSON.Append(nil, record.Entry{Close: c}), e)
}

// exchangesOf translates the records of exchanges in the same way.
func exchangesOf(xs []record.Exchange) ([]Exchange, error) {
	out := make([]Exchange, len(xs))
	for i := range xs {
		if err := json.Unmarshal(accesslog.JSON.Append(nil, record.Entry{Exchange: &xs[i]}), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
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
