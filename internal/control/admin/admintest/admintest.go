// Package admintest provides a data plane for tests of the control socket and of the commands that ask it.
//
// Tests fill in an Engine and serve it with admin.Serve, or call the handler with it. Nothing runs: what Conns shows is
// what the test put there, in batches whose memory is reused, so that a reader which keeps a batch is found out. The
// alternative, a real engine, would need real connections of known ages. An Engine's fields are fixed once it is served,
// except the Log, which is safe to append to. No limits. Follows admin.Engine.
package admintest

import (
	"context"
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
