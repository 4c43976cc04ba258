// Package admintest provides a data plane for tests of the control socket and of the commands that ask it.
//
// Tests fill in an Engine and serve it with admin.Serve, or call the handler with it. Nothing runs: what Conns shows is
// what the test put there, in batches whose memory is reused, so that a reader which keeps a batch is found out. The
// alternative, a real engine, would need real connections of known ages. An Engine's fields are fixed once it is served,
// except Ended and Requests, which are safe to append to. No limits. Follows admin.Engine.
package admintest

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// batchMost is how many connections a real engine hands over at once.
const batchMost = 512

// Engine is a data plane that stands still.
type Engine struct {
	Open     []record.Live
	Fault    error          // what Conns ends with
	Between  func(sent int) // called before each batch with the number sent so far; nil does nothing
	Counters stats.Snapshot
	Ended    record.Log
	Requests record.Exchanges
	Origins  map[string]string // where load balancers are defined, by name
}

// Conns hands over Open in batches, then Fault.
func (e *Engine) Conns(ctx context.Context, each func([]record.Live) error) error {
	batch := make([]record.Live, batchMost)
	for sent := 0; sent < len(e.Open); {
		if e.Between != nil {
			e.Between(sent)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n := copy(batch, e.Open[sent:])
		if err := each(batch[:n]); err != nil {
			return err
		}
		clear(batch)
		sent += n
	}
	return e.Fault
}

// Log returns Ended.
func (e *Engine) Log() *record.Log { return &e.Ended }

// Exchanges returns Requests.
func (e *Engine) Exchanges() *record.Exchanges { return &e.Requests }

// Stats returns Counters.
func (e *Engine) Stats() stats.Snapshot { return e.Counters }

// Opened is when every sample connection was accepted.
//
//nolint:gochecknoglobals // a constant in all but syntax
var Opened = time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)

// Live returns an open connection that was used and has fallen quiet: 60 s of idle time, 12.4 s left.
func Live(id uint64) record.Live {
	return record.Live{
		ID: id, Ends: ends(), State: "relaying", Age: 3 * time.Minute,
		Traffic: traffic(47600*time.Millisecond, 49*time.Second),
		Timer:   "idle", Setting: time.Minute, Why: reason.TunnelIdle, FiresIn: 12400 * time.Millisecond,
	}
}

// Close returns a connection that was used, fell quiet and met the idle timeout of 60 s.
func Close(id uint64) record.Close {
	age := 72012 * time.Millisecond
	return record.Close{
		ID: id, Ends: ends(), Reason: reason.TunnelIdle, Side: reason.Inside,
		Opened: Opened, Closed: Opened.Add(age), Age: age,
		Traffic: traffic(61*time.Second, 60*time.Second+412*time.Microsecond),
		Timer:   "idle", Setting: time.Minute, ArmedAt: 12 * time.Second, Late: 412 * time.Microsecond,
	}
}

// Exchange returns an exchange on a connection that went as it should.
func Exchange(conn uint64, number int) record.Exchange {
	took := 52 * time.Millisecond
	started := Opened.Add(time.Duration(number) * time.Second)
	return record.Exchange{
		Conn: conn, Number: number, Ends: httpEnds(), Reason: reason.Completed, Side: reason.Inside,
		Started: started, Ended: started.Add(took), Took: took,
		Method: "GET", Scheme: "http", Host: "www.example.com", Target: "/a?b=c", Minor: 1,
		UserAgent: "curl/8.5.0", Forwarded: "198.51.100.7", Status: 200, BackendStatus: 200, BytesDown: 5120,
		QuietUp: took, QuietDown: 20 * time.Microsecond,
		HeadTook: 15 * time.Microsecond, SentAfter: 73 * time.Microsecond, AnswerTook: 51 * time.Millisecond,
		FirstAfter: 57 * time.Microsecond, ConnectTook: -1, Tries: 1, Reused: true,
		PoolUnused: 948 * time.Millisecond, PoolTimer: "idle", PoolSetting: time.Minute,
	}
}

// TimedOut returns an exchange whose backend did not answer within the idle timeout of 60 s.
func TimedOut(conn uint64, number int) record.Exchange {
	x := Exchange(conn, number)
	x.Reason, x.Side, x.Status, x.BackendStatus = reason.ResponseIdle, reason.BackEnd, 504, 0
	x.Method, x.Target, x.BytesUp, x.BytesDown = "POST", "/job", 8200, 0
	x.AnswerTook, x.FirstAfter = -1, -1
	x.Took = time.Minute + 487*time.Microsecond
	x.Ended = x.Started.Add(x.Took)
	x.QuietUp, x.QuietDown = time.Minute+412*time.Microsecond, -1
	x.Timer, x.Setting, x.ArmedAt, x.Late = "idle", time.Minute, 75*time.Microsecond, 412*time.Microsecond
	return x
}

// Secured returns what TLS 1.3 with the client and TLS 1.2 with the backend leave in a record, every field of it.
func Secured() record.Secured {
	return record.Secured{
		Front: record.TLS{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ServerName: "www.example.com",
			Subject: "CN=alice,O=Acme Inc", Resumed: true, Took: 2100 * time.Microsecond},
		Back: record.TLS{Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ServerName: "app1.internal",
			Subject: "CN=app1", Resumed: true, Took: 3 * time.Millisecond},
		Fault: "remote error: tls: handshake failure",
	}
}

// HTTPClose returns a connection that carried so many exchanges, the last as Exchange has it, and then waited too long
// for the next.
func HTTPClose(id uint64, exchanges int) record.Close {
	c := Close(id)
	c.Ends = httpEnds()
	c.Reason, c.Side = reason.ClientIdle, reason.FrontEnd
	last := time.Duration(exchanges)*time.Second + 52*time.Millisecond
	c.Age = last + time.Minute + 412*time.Microsecond
	c.Closed, c.ArmedAt = c.Opened.Add(c.Age), last
	c.Traffic = Never(0) // it tells of an exchange under way, and none was
	c.Exchanges = exchanges
	return c
}

// HTTPLive returns a connection that waits for its next request: 60 s of idle time, 12.4 s left.
func HTTPLive(id uint64, exchanges int) record.Live {
	l := Live(id)
	l.Ends, l.Traffic, l.State, l.Why = httpEnds(), Never(0), "waiting", reason.ClientIdle
	l.Exchanges = exchanges
	return l
}

// PooledClose returns a back-end connection that its backend closed when it had been unused for 5 s.
func PooledClose(id uint64) record.Close {
	c := HTTPClose(id, 9)
	c.Pooled, c.Ends.Client, c.Ends.Peer = true, netip.AddrPort{}, netip.AddrPort{}
	c.Reason, c.Side, c.Timer, c.Setting, c.ArmedAt, c.Late = reason.BackendClosedIdle, reason.BackEnd, "", 0, 0, 0
	c.QuietUp, c.QuietDown = 5*time.Second, 5*time.Second
	c.PoolTimer, c.PoolSetting = "idle", time.Minute
	return c
}

// PooledLive returns a back-end connection that has been unused for 12 s.
func PooledLive(id uint64) record.Live {
	l := HTTPLive(id, 9)
	l.Pooled, l.Ends.Client, l.Ends.Peer = true, netip.AddrPort{}, netip.AddrPort{}
	l.State, l.Why, l.Timer, l.FiresIn = "pooled", reason.PoolIdle, "idle", 48*time.Second
	l.QuietUp, l.QuietDown = 12*time.Second, 12*time.Second
	return l
}

func httpEnds() record.Ends {
	e := ends()
	e.Listener, e.Backend, e.Protocol = "front", "app1:8080", "http"
	e.Local, e.BackendAddr = netip.MustParseAddrPort("192.0.2.10:8000"), netip.MustParseAddrPort("10.0.0.1:8080")
	return e
}

func ends() record.Ends {
	return record.Ends{
		LoadBalancer: "web", Listener: "pg", BackendSet: "app", Backend: "db1:5432", Protocol: "tcp",
		Client:      netip.MustParseAddrPort("198.51.100.7:41234"),
		Peer:        netip.MustParseAddrPort("198.51.100.7:41234"),
		Local:       netip.MustParseAddrPort("192.0.2.10:5432"),
		BackendAddr: netip.MustParseAddrPort("10.0.0.1:5432"),
	}
}

func traffic(quietUp, quietDown time.Duration) record.Traffic {
	return record.Traffic{
		BytesUp: 8200, BytesDown: 1048576, QuietUp: quietUp, QuietDown: quietDown,
		FirstUp: 1069 * time.Microsecond, FirstDown: 2 * time.Millisecond,
		ConnectTook: 412 * time.Microsecond, ConnectTries: 1, ConnectedAt: 450 * time.Microsecond,
	}
}

// Never turns traffic into that of a connection that reached no backend after that many tries.
func Never(tries int) record.Traffic {
	return record.Traffic{
		QuietUp: -1, QuietDown: -1, FirstUp: -1, FirstDown: -1, ConnectTook: -1, ConnectedAt: -1, ConnectTries: tries,
	}
}

// Origin returns what Origins says.
func (e *Engine) Origin(loadBalancer string) string { return e.Origins[loadBalancer] }
