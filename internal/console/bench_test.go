package console

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// page gets a page as often as the benchmark wants.
func page(b *testing.B, r *rig, path string) {
	b.Helper()
	who := r.loggedIn(adminID)
	b.ReportAllocs()
	for b.Loop() {
		r.pass(time.Second) // so that each asks for a sample of its own
		if a := who.get(path); a.Code != http.StatusOK {
			b.Fatalf("got %d", a.Code)
		}
	}
}

// BenchmarkOverview is the list of 1,000 load balancers, with the sample that it asks for.
func BenchmarkOverview(b *testing.B) {
	r := newRig(b)
	r.populate(many(1000)...)
	for range pointsMax {
		r.pass(time.Second)
		r.console.sampler.take()
	}
	page(b, r, "/console/")
}

// BenchmarkConnections is a page of 9,000 open connections.
func BenchmarkConnections(b *testing.B) {
	for name, query := range map[string]string{"first": "", "last": "?page_number=90", "soonest": "?order=soonest"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.populate("web")
			r.engine.conns = crowd(9000)
			page(b, r, "/console/connections"+query)
		})
	}
}

// BenchmarkRequests is a page of as many failed requests as are remembered.
func BenchmarkRequests(b *testing.B) {
	for name, query := range map[string]string{"first": "", "last": "?page_number=164", "filtered": "?status=504&client=192.0.2.0/24&took=30s&listener=web/web"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.populate("web")
			for i := range record.Remembered {
				r.engine.exchanges.Append([]record.Exchange{failed(uint64(i), 1, reason.ResponseIdle, r.clock())})
			}
			page(b, r, "/console/requests"+query)
		})
	}
}

// BenchmarkEnded is a page of as many ended connections as are remembered.
func BenchmarkEnded(b *testing.B) {
	for name, query := range map[string]string{"first": "", "last": "&page_number=164", "filtered": "&reason=tunnel-idle&idle=30s"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.populate("web")
			for i := range record.Remembered {
				r.engine.log.Append([]record.Close{ended(uint64(i), reason.TunnelIdle, r.clock())})
			}
			page(b, r, "/console/connections?state=ended"+query)
		})
	}
}

// BenchmarkRound is a second of a console on which so many look: half of them at lists of 9,000 open connections, each at another one.
func BenchmarkRound(b *testing.B) {
	for _, watchers := range []int{1, 50} {
		b.Run(fmt.Sprint(watchers), func(b *testing.B) {
			r := newRig(b)
			r.populate(many(100)...)
			r.engine.conns = crowd(9000)
			for i := range watchers {
				name, query := "connections", url.Values{"idle": {fmt.Sprint(i)}}
				if i%2 == 1 {
					name, query = "overview", url.Values{"name": {fmt.Sprint(i)}}
				}
				if _, err := r.console.hub.enter(adminID, name, livePages()[name], query); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				r.pass(time.Second)
				r.console.beat()
			}
		})
	}
}

// BenchmarkLoops is what a console costs the loops of a real data plane with 2,000 idle pairs while lists are watched, by one or by any
// number (TestLiveCost): one look at the open connections every two seconds, of which the loops can be kept busy for no longer than it
// takes, and the counters, which are read without them.
func BenchmarkLoops(b *testing.B) {
	e := lulltest.Start(b, lulltest.Plan(lulltest.Sink(b).Addr))
	const pairs = 2000
	for range pairs {
		e.Dial()
	}
	e.WaitOpen(pairs)
	for b.Loop() {
		seen := 0
		if err := e.Conns(b.Context(), func(batch []record.Live) error { seen += len(batch); return nil }); err != nil || seen != pairs {
			b.Fatalf("got %d connections, %v", seen, err)
		}
	}
	perWalk := float64(b.Elapsed()) / float64(b.N)
	b.ReportMetric(100*perWalk/float64(walkEvery*sampleEvery), "%-of-time")
}
