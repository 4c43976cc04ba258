package console

import (
	"net/http"
	"net/url"

	"lull/internal/control/admin"
	"lull/internal/dataplane/plan"
)

// backendPage is one backend.
type backendPage struct {
	backendRow
	Facts     []fact
	Diagnosis *diagnosis // nil: lull is the one that closes
}

// backend shows one.
func (v *visit) backend() error {
	q := v.r.URL.Query()
	return v.moving("backend", "overview", q.Get("backend")+" of "+q.Get("load_balancer"))
}

func backendData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	lb, err := s.balancer(q)
	if err != nil {
		return nil, err
	}
	for _, set := range lb.BackendSets {
		for _, b := range s.backends[set.Key] {
			if set.Key.Name != q.Get("backend_set") || b.Key.Endpoint() != q.Get("backend") {
				continue
			}
			row, found := backendRowOf(set, b), c.diagnose(s, lb, set, b)
			if found != nil {
				found.Unfolded = true
			}
			return backendPage{row, backendFacts(set, row), found}, nil
		}
	}
	return nil, refusal(http.StatusNotFound, "backend set %q of load balancer %q has no backend %q, or it has been removed",
		shortened(q.Get("backend_set")), lb.Name, shortened(q.Get("backend")))
}

func backendFacts(set *plan.BackendSet, b backendRow) []fact {
	facts := []fact{
		{"Backend set", b.Set}, {"Weight", number(b.Weight)}, {"In use", number(b.Active) + " connections or requests"},
		{"HTTP connections", number(b.Conns) + ", unused ones included"}, {"Connects", number(b.Connects) + " since lull was started, and " + number(b.Fails) + " failed"},
		{"Unused connections it closed first", number(b.Closed) + " since lull was started"},
	}
	check := set.HealthCheck
	if check == nil {
		return append(facts, fact{"Health check", "none: it is taken to be up"})
	}
	text := check.Protocol.String() + " every " + admin.Setting(check.Interval) + ", at most " + admin.Setting(check.Timeout)
	if check.Protocol == plan.CheckHTTP {
		text += ", " + check.Path
	}
	return append(facts, fact{"Health check", text}, fact{"Up after", number(check.Healthy) + " successes"}, fact{"Down after", number(check.Unhealthy) + " failures"})
}
