package file

import (
	"net/netip"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// taken remembers where what must be unique among siblings was given first: value to line.
type taken map[string]int

// claim takes the value of a sound key; twice is true, with the first one's line, when a sibling has it.
func (t taken) claim(s *section, key, value string) (line int, twice bool) {
	if !s.has(key) {
		return 0, false
	}
	if line, twice = t[value]; !twice {
		t[value] = s.at(key).Line
	}
	return line, twice
}

// claimName takes a section's name among its siblings, or records that one of them has it.
func (t taken) claimName(s *section, value string) {
	if line, twice := t.claim(s, "name", value); twice {
		s.fault("name", "is already the name of the one in line %d", line)
	}
}

// balancer is what a load balancer's listeners and backend sets need to know of it.
type balancer struct {
	name       string
	address    netip.Addr
	timeouts   timeout.Settings // Idle is 0 unless it was given
	staleRetry bool
	headMax    int
	sets       map[string]*openSet
	setNames   []string // in the file's order, for messages
	ports      *sockets
}

// loadBalancer compiles one load balancer.
func (s *section) loadBalancer(names taken, ports *sockets, headMax int) *plan.LoadBalancer {
	b := &balancer{
		name: s.name("name"), address: s.address("address"), headMax: headMax, ports: ports, sets: map[string]*openSet{},
	}
	names.claimName(s, b.name)
	times := s.sub("timeouts")
	b.timeouts, b.staleRetry = times.timeouts(), times.boolean("stale_retry")

	out := &plan.LoadBalancer{Name: b.name, Origin: s.r.file}
	setNames := make(taken)
	var sets []*openSet
	for _, below := range s.sections("backend_sets") {
		set := below.backendSet(b, setNames)
		sets = append(sets, set)
		out.BackendSets = append(out.BackendSets, set.BackendSet)
		b.sets[set.Key.Name] = set
		b.setNames = append(b.setNames, shorten(set.Key.Name))
	}
	listenerNames := make(taken)
	for _, below := range s.sections("listeners") {
		out.Listeners = append(out.Listeners, below.listener(b, listenerNames))
	}
	for _, set := range sets {
		set.settle(b.timeouts.Model)
	}
	return out
}

// timeouts reads a load balancer's timeouts. Idle is 0 unless it was given: its default depends on the listener.
func (s *section) timeouts() timeout.Settings {
	t := timeout.Settings{Model: s.model()}
	t.Idle = s.idle(t.Model)
	t.Connect = s.duration("connect")
	t.Handshake = s.duration("handshake")
	t.RequestHead = s.duration("request_head")
	t.AgeMax = s.duration("connection_age_max")
	t.Drain = s.duration("drain")
	if t.Model == timeout.Shared {
		s.refuseOthers(t.Model)
		return t
	}
	t.FrontKeepalive = s.duration("front_keepalive")
	t.FrontRequestsMax = s.integer("front_requests_max")
	t.BackKeepalive = s.duration("back_keepalive")
	t.ActiveTransferRearm = s.boolean("active_transfer_rearms")
	return t
}

// model reads the timeout model. A faulty one counts as directional, which allows all that the other does, so that
// one mistake is not reported as five.
func (s *section) model() timeout.Model {
	given := s.has("model")
	word := s.word("model")
	if word == timeout.Directional.String() || given && !s.has("model") {
		return timeout.Directional
	}
	return timeout.Shared
}

// refuseOthers refuses the keys that only another model has.
func (s *section) refuseOthers(m timeout.Model) {
	for _, key := range children[s.schema] {
		if only := s.row(key).only; only != "" && only != m.String() && s.has(key) {
			s.fault(key, "is for the %s model only: the model here is %s", only, m)
		}
	}
}

// idle reads an idle timeout within the model's range (SH-10, DI-14); 0 when it is not given.
func (s *section) idle(m timeout.Model) time.Duration {
	row, allowed := *s.row("idle"), timeout.IdleRange(m)
	row.min, row.max = int64(allowed.Min), int64(allowed.Max)
	return time.Duration(s.number("idle", &row))
}

// idleDefault returns the idle timeout of a listener that nobody gave one.
func idleDefault(m timeout.Model, p plan.Protocol) time.Duration {
	switch {
	case m == timeout.Shared:
		return timeout.IdleDefaultShared
	case p == plan.HTTP:
		return timeout.IdleDefaultDirectionalHTTP
	}
	return timeout.IdleDefaultDirectionalTCP
}
