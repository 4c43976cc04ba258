package apply_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/health"
	"lull/internal/lulltest"
)

// draft is a load balancer as a document has it. compile makes something new of it each time.
type draft struct {
	name      string
	listeners []draftListener
	sets      [][]draftBackend
	checks    []draftCheck // of the sets
}

type draftListener struct {
	place    int // of the address in a list
	set      int
	protocol plan.Protocol
	drain    time.Duration
}

type draftBackend struct {
	host           string
	port           uint16
	offline, drain bool
}

// draftCheck is how a set is probed.
type draftCheck uint8

const (
	noCheck draftCheck = iota
	check
	checkOfPair    // by two probers
	checkFromBelow // backends have to prove themselves
	draftChecks
)

func (d *draft) clone() *draft {
	c := &draft{name: d.name, listeners: slices.Clone(d.listeners), checks: slices.Clone(d.checks)}
	for _, set := range d.sets {
		c.sets = append(c.sets, slices.Clone(set))
	}
	return c
}

func (d *draft) compile(places []netip.AddrPort) *plan.LoadBalancer {
	lb := &plan.LoadBalancer{Name: d.name, Origin: "a draft"}
	for i, backends := range d.sets {
		set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: d.name, Name: fmt.Sprint("set-", i)}}
		if kind := d.checks[i]; kind != noCheck {
			set.HealthCheck = &plan.HealthCheck{Interval: time.Hour, Timeout: lulltest.Patience, Healthy: 1, Unhealthy: 1, StartsDown: kind == checkFromBelow}
			if kind == checkOfPair {
				set.HealthCheck.Probers = 2
			}
		}
		for _, b := range backends {
			set.Backends = append(set.Backends, plan.Backend{
				Key: plan.BackendKey{Set: set.Key, Host: b.host, Port: b.port}, Weight: 1, Offline: b.offline, Drain: b.drain,
			})
		}
		lb.BackendSets = append(lb.BackendSets, set)
	}
	for i, l := range d.listeners {
		lb.Listeners = append(lb.Listeners, &plan.Listener{
			Key:      plan.ListenerKey{LoadBalancer: d.name, Name: fmt.Sprint("listener-", i)},
			Protocol: l.protocol, Address: places[l.place], BackendSet: lb.BackendSets[l.set], HeadMax: plan.HeadMaxDefault,
			Timeouts: timeout.Settings{Idle: time.Minute, Connect: lulltest.Patience, Handshake: lulltest.Patience, Drain: l.drain},
		})
	}
	return lb
}

// world is a front door whose documents change at random.
type world struct {
	random   *rand.Rand
	places   []netip.AddrPort
	backends []draftBackend
	drafts   map[string]*draft
	compiled map[string]*plan.LoadBalancer // kept for as long as the draft stays
}

// change changes some drafts: mostly one, as a request does.
func (w *world) change() {
	for range 1 + w.random.IntN(3)/2 {
		name := fmt.Sprint("lb-", w.random.IntN(4))
		d := w.drafts[name]
		switch {
		case d == nil:
			w.put(&draft{name: name, sets: [][]draftBackend{w.someBackends()}, checks: []draftCheck{w.someCheck()}})
		case w.random.IntN(8) == 0:
			delete(w.drafts, name)
			delete(w.compiled, name)
		default:
			d = d.clone()
			w.edit(d)
			w.put(d)
		}
	}
}

// put makes a draft the one of its name. Half of the time what it has in common with the last one is kept: by a front door that compiles
// listeners and sets one by one.
func (w *world) put(d *draft) {
	lb := d.compile(w.places)
	if old := w.drafts[d.name]; old != nil && w.random.IntN(2) == 0 {
		d.keep(lb, old, w.compiled[d.name])
	}
	w.drafts[d.name], w.compiled[d.name] = d, lb
}

// keep has lb, which was made of d, share with what was made of an older draft whatever is the same in both.
func (d *draft) keep(lb *plan.LoadBalancer, old *draft, oldBalancer *plan.LoadBalancer) {
	for i := range min(len(d.sets), len(old.sets)) {
		if slices.Equal(d.sets[i], old.sets[i]) && d.checks[i] == old.checks[i] {
			lb.BackendSets[i] = oldBalancer.BackendSets[i]
		}
	}
	for i, l := range d.listeners {
		set := lb.BackendSets[l.set]
		if lb.Listeners[i].BackendSet = set; i < len(old.listeners) && old.listeners[i] == l && oldBalancer.BackendSets[l.set] == set {
			lb.Listeners[i] = oldBalancer.Listeners[i]
		}
	}
}

// edit changes one thing.
func (w *world) edit(d *draft) {
	set := w.random.IntN(len(d.sets))
	switch kind := w.random.IntN(9); {
	case kind == 0:
		d.sets, d.checks = append(d.sets, w.someBackends()), append(d.checks, w.someCheck())
	case kind == 1:
		d.sets[set] = w.someBackends()
	case kind == 2:
		d.checks[set] = w.someCheck()
	case kind <= 4 || len(d.listeners) == 0:
		if free := w.freePlaces(); len(free) > 0 {
			d.listeners = append(d.listeners, draftListener{place: free[w.random.IntN(len(free))], set: set, drain: time.Second})
		}
	case kind == 5:
		d.listeners = slices.Delete(d.listeners, 0, 1) // the others take its name, and with that their sockets
	case kind == 6:
		d.listeners[0].protocol = plan.HTTP - d.listeners[0].protocol
	case kind == 7:
		d.listeners[0].set = set
	default:
		w.swap(d)
	}
}

// swap exchanges the addresses of a load balancer's first listener and that of another.
func (w *world) swap(d *draft) {
	for _, name := range slices.Sorted(maps.Keys(w.drafts)) {
		if other := w.drafts[name].clone(); name != d.name && len(other.listeners) > 0 {
			d.listeners[0].place, other.listeners[0].place = other.listeners[0].place, d.listeners[0].place
			w.put(other)
			return
		}
	}
}

func (w *world) someCheck() draftCheck { return draftCheck(w.random.IntN(int(draftChecks))) }

func (w *world) someBackends() []draftBackend {
	var some []draftBackend
	for _, b := range w.backends {
		if b.offline, b.drain = w.random.IntN(6) == 0, w.random.IntN(6) == 0; w.random.IntN(2) == 0 {
			some = append(some, b)
		}
	}
	return some
}

// freePlaces returns the addresses that no draft listens on.
func (w *world) freePlaces() []int {
	taken := map[int]bool{}
	for _, d := range w.drafts {
		for _, l := range d.listeners {
			taken[l.place] = true
		}
	}
	var free []int
	for i := range w.places {
		if !taken[i] {
			free = append(free, i)
		}
	}
	return free
}

func (w *world) balancers() []*plan.LoadBalancer {
	var all []*plan.LoadBalancer
	for _, name := range slices.Sorted(maps.Keys(w.compiled)) {
		all = append(all, w.compiled[name])
	}
	return all
}

// TestSequences (a property): whatever changes have come before, and whether they were stored or undone, what runs is what the
// documents of the end alone make of a fresh data plane.
func TestSequences(t *testing.T) {
	t.Parallel()
	const changes = 60
	for run := range 4 {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			w := newWorld(t, rand.New(rand.NewPCG(seed, 0)), run)
			a, e := start(t)
			for i := range changes {
				drafts, compiled := maps.Clone(w.drafts), maps.Clone(w.compiled)
				w.change()
				commit, undone := func() error { return nil }, errors.New("the disk is full")
				if w.random.IntN(5) == 0 {
					commit = func() error { return undone }
				}
				switch err := a.Change(apply.OCI, w.balancers(), commit); {
				case errors.Is(err, undone):
					w.drafts, w.compiled = drafts, compiled
				case err != nil:
					t.Fatalf("change %d: %v", i, err)
				}
			}
			after := settled(t, w, a, e)
			a.Close()
			e.Close()
			for name, d := range w.drafts {
				w.compiled[name] = d.compile(w.places)
			}
			a, e = start(t)
			change(t, a, apply.OCI, w.balancers()...)
			fresh := settled(t, w, a, e)
			for _, line := range after {
				if !slices.Contains(fresh, line) {
					t.Errorf("only after %d changes: %s", changes, line)
				}
			}
			for _, line := range fresh {
				if !slices.Contains(after, line) {
					t.Errorf("only from a fresh start: %s", line)
				}
			}
		})
	}
}

func newWorld(t *testing.T, random *rand.Rand, run int) *world {
	t.Helper()
	w := &world{random: random, drafts: map[string]*draft{}, compiled: map[string]*plan.LoadBalancer{}}
	for _, addr := range []netip.AddrPort{lulltest.Named(t, "one").Addr, lulltest.Named(t, "two").Addr, lulltest.Refused(t)} {
		for _, host := range []string{addr.Addr().String(), "localhost"} {
			w.backends = append(w.backends, draftBackend{host: host, port: addr.Port()})
		}
	}
	for i := range 5 {
		w.places = append(w.places, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 83, byte(run + 1), byte(i + 1)}), 18_080))
	}
	return w
}

// settled returns all that can be seen of what runs once every backend has been probed and every name resolved.
func settled(t *testing.T, w *world, a *apply.Applier, e *dataplane.Engine) []string {
	t.Helper()
	if err := a.WaitResolved(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, lb := range w.balancers() {
		for _, set := range lb.BackendSets {
			if !lulltest.Eventually(func() bool { return proved(a, e, set) }) {
				t.Fatalf("%v: its backends are not probed: %+v", set.Key, a.Tally(set.Key))
			}
			all = append(all, fmt.Sprintf("%v %+v", set.Key, tally(a, set)))
		}
	}
	s := e.Stats()
	for _, b := range s.Backends {
		all = append(all, fmt.Sprintf("%v up=%v %q withheld=%v addrs=%v results=%d",
			b.Key, b.Up, b.Detail, b.Withheld, e.Addrs(b.Key), len(a.Health(b.Key))))
	}
	for i := range s.Listeners {
		l := &s.Listeners[i]
		if at := e.Local(l.Key); at.IsValid() { // otherwise it is gone, and what it has counted is still told
			all = append(all, fmt.Sprintf("%v %v %s leads to %s", l.Key, l.Protocol, l.Address, led(t, at, l.Protocol)))
		}
	}
	for _, place := range w.places {
		c, err := net.DialTimeout("tcp", place.String(), lulltest.Patience)
		if err == nil {
			_ = c.Close()
		}
		all = append(all, fmt.Sprintf("%v listens: %v", place, err == nil))
	}
	return all
}

// tally counts the backends of a set. What the second probers of pairs have found depends on when they began.
func tally(a *apply.Applier, set *plan.BackendSet) health.Tally {
	n := a.Tally(set.Key)
	if set.HealthCheck != nil && set.HealthCheck.Probers > 1 {
		return health.Tally{Unknown: n.OK + n.Partly + n.Failing + n.Unknown, Offline: n.Offline}
	}
	return n
}

// proved says whether the first probers of a set's backends have found something and the data plane has heard of it.
func proved(a *apply.Applier, e *dataplane.Engine, set *plan.BackendSet) bool {
	for i := range set.Backends {
		key := set.Backends[i].Key
		results := a.Health(key)
		b, _ := e.Backend(key)
		for _, r := range results[:min(1, len(results))] {
			if r.At.IsZero() || r.Up != b.Up {
				return false
			}
		}
	}
	return true
}

// led returns where connections to a listener end up: what they are told, over more of them than there are backends.
func led(t *testing.T, to netip.AddrPort, protocol plan.Protocol) string {
	t.Helper()
	told := map[string]bool{}
	for range 8 {
		c, err := net.DialTimeout("tcp", to.String(), lulltest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
		if protocol == plan.HTTP {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		}
		var text [12]byte
		n, err := io.ReadAtLeast(c, text[:], 3)
		if err != nil {
			n = copy(text[:], "end")
		}
		told[string(text[:n])] = true
		_ = c.Close()
	}
	return strings.Join(slices.Sorted(maps.Keys(told)), ", ")
}
