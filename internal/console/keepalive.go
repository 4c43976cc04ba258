package console

import (
	"fmt"
	"net/url"
	"time"

	"lull/internal/control/admin"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// keepaliveMargin is by how much a backend should keep an unused connection for longer than lull does: OCI asks for 310 s where it has
// 300 itself.
const keepaliveMargin = 10 * time.Second

// soon is an age at which no server's keep-alive time ends: the shortest that is in use is a second.
const soon = 500 * time.Millisecond

// diagnosesMax bounds the list.
const diagnosesMax = 100

// keepalivePage is the backends that close unused connections before lull does.
type keepalivePage struct {
	Diagnoses []diagnosis
	More      int
}

// diagnosis is what is wrong with a backend's keep-alive.
type diagnosis struct {
	LoadBalancer, Set, Backend string
	Text                       string
	Spread                     string
	Closed                     uint64
	Lines                      []serverLine
	Unfolded                   bool // the lines are to be seen from the start
}

// keepalive lists them.
func (v *visit) keepalive() error {
	return v.moving("keepalive", "keepalive", "Keep-alive of backends")
}

func keepaliveData(c *Console, s *sample, _ url.Values, _ finder) (any, error) {
	var p keepalivePage
	for _, lb := range s.plan.LoadBalancers {
		for _, set := range lb.BackendSets {
			for _, b := range s.backends[set.Key] {
				if b.ClosedIdle == 0 {
					continue
				}
				if len(p.Diagnoses) == diagnosesMax {
					p.More++
					continue
				}
				d := c.diagnose(s, lb, set, b)
				d.Unfolded = len(p.Diagnoses) == 0
				p.Diagnoses = append(p.Diagnoses, *d)
			}
		}
	}
	return p, nil
}

// diagnose says when a backend closes and when lull would; nil if it has never been first.
func (c *Console) diagnose(s *sample, lb *plan.LoadBalancer, set *plan.BackendSet, b *stats.BackendTotals) *diagnosis {
	if b.ClosedIdle == 0 {
		return nil
	}
	keeps, met := s.keptBy(lb, set)
	d := &diagnosis{LoadBalancer: lb.Name, Set: set.Key.Name, Backend: b.Key.Endpoint(), Closed: b.ClosedIdle, Lines: serverLines(keeps + keepaliveMargin)}
	closes := "Backend " + d.Backend + " closes unused connections before lull does"
	c.sampler.mu.RLock()
	defer c.sampler.mu.RUnlock()
	if one := c.sampler.closers[b.Key.String()]; one != nil {
		closes = fmt.Sprintf("Backend %s closes unused connections after %s", d.Backend, admin.Span(one.age()))
		if one.age() < soon {
			d.Spread = "So soon after an answer it may be that it counts requests: see keepalive_requests of nginx, or MaxKeepAliveRequests of Apache httpd, as well."
		} else if from, until := one.spread(); until-from > time.Second {
			d.Spread = fmt.Sprintf("Of the last %d, most were %s to %s old.", len(one.ages), admin.Span(from), admin.Span(until))
		}
	}
	d.Text = fmt.Sprintf("%s; lull keeps them for %s. %s: set its keep-alive time above %s.", closes, admin.Setting(keeps), metText(b.ClosedIdle, met), admin.Setting(keeps))
	return d
}

// metText says what came of it since the process started.
func metText(closed, met uint64) string {
	text := "Since lull was started it has been first " + times(closed)
	if met > 0 {
		text += ", and " + number(met) + " requests to its set met a connection that was just closing"
	}
	return text
}

// times writes how often something has happened.
func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

// keptBy returns for how long lull keeps unused connections to a set, which is the longest of the listeners that use it, and how many
// requests of theirs met one that the backend was closing.
func (s *sample) keptBy(lb *plan.LoadBalancer, set *plan.BackendSet) (keeps time.Duration, met uint64) {
	for _, l := range lb.Listeners {
		if !uses(l, set) {
			continue
		}
		if l.Timeouts.Model == timeout.Directional {
			keeps = max(keeps, l.Timeouts.BackKeepalive)
		} else {
			keeps = max(keeps, l.Timeouts.Idle)
		}
		if t := s.listeners[l.Key]; t != nil {
			met += t.Retries + t.RetriesRefused
		}
	}
	return keeps, met
}

// uses says whether a listener's requests may go to a set.
func uses(l *plan.Listener, set *plan.BackendSet) bool {
	if l.BackendSet == set {
		return true
	}
	for _, site := range l.Sites {
		for _, one := range site.Sets {
			if one == set {
				return true
			}
		}
	}
	return false
}
