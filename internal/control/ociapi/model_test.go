package ociapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
)

// modelBalancer is all that the model knows of a load balancer.
type modelBalancer struct {
	name  string
	hosts map[string]string
}

// model is what there must be when all that was accepted is done.
type model struct {
	*rig
	random    *rand.Rand
	memory    *memoryStore
	faults    *faultyStore
	balancers map[string]*modelBalancer
	gone      map[string]bool // deleted; it may still be on its way
	waiting   []string        // work requests
	ends      map[string]int  // how often the end of a work request was stored
	steps     []string
}

// TestModel does random changes, with restarts and crashes at any commit between them, and wants what a map would have become.
func TestModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	for n := range uint64(3) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			m := newModel(t, seed+n)
			defer func() {
				if t.Failed() {
					t.Logf("seed %d:\n%s", seed+n, strings.Join(m.steps, "\n"))
				}
			}()
			for range 150 {
				m.step()
			}
			m.compare()
			m.crash(false)
			m.compare()
		})
	}
}

func newModel(t *testing.T, seed uint64) *model {
	r := newRig(t)
	m := &model{
		rig: r, random: rand.New(rand.NewPCG(seed, 1)), balancers: map[string]*modelBalancer{}, gone: map[string]bool{}, ends: map[string]int{},
	}
	m.memory = r.inMemory()
	m.reopen()
	return m
}

// reopen starts the service on its store, which counts from now on what ends.
func (m *model) reopen() {
	m.t.Helper()
	m.Close()
	m.faults = &faultyStore{Store: m.memory}
	m.faults.fail(nil, m.count)
	m.o.Store = m.faults
	m.start()
}

// count notes the ends of work requests.
func (m *model) count(txn store.Txn) error {
	if id := ended(txn); id != "" {
		m.ends[id]++
	}
	return nil
}

// ended returns the work request whose end a transaction stores; empty if it stores none.
func ended(txn store.Txn) string {
	var w struct {
		ID   string
		Task *struct{}
	}
	for _, p := range txn.Puts {
		if strings.HasPrefix(p.Key, "ociapi/workrequests/") && json.Unmarshal(p.Value, &w) == nil && w.Task == nil {
			return w.ID
		}
	}
	return ""
}

var errDead = errors.New("the process is dead")

// crash ends the service in the middle: the disk takes nothing any more after the next end of a work request, of which the process
// learns nothing (late), or from now on.
func (m *model) crash(late bool) {
	m.t.Helper()
	m.steps = append(m.steps, fmt.Sprintf("crash late=%v", late))
	dead := !late
	m.faults.fail(func(store.Txn) error {
		if dead {
			return errDead
		}
		return nil
	}, func(txn store.Txn) error {
		if err := m.count(txn); err != nil || ended(txn) == "" {
			return err
		}
		dead = true
		return errDead
	})
	if m.random.IntN(2) == 0 {
		for _, id := range m.waiting { // as far as it comes
			if m.work(id).LifecycleState != wire.WorkSucceeded {
				break
			}
		}
	}
	m.reopen()
}

// step does one thing.
func (m *model) step() {
	m.t.Helper()
	switch n := m.random.IntN(100); {
	case n < 2:
		m.steps = append(m.steps, "restart")
		m.reopen()
	case n < 6:
		m.crash(n%2 == 0)
	case n < 10:
		m.compare()
	case n < 14:
		m.refusal()
	case n < 24 && len(m.balancers) < 8:
		m.create()
	case n < 27:
		m.remove()
	default:
		m.change()
	}
}

// one returns the id of any load balancer, also of one that is gone.
func (m *model) one() string {
	ids := slices.Sorted(maps.Keys(m.balancers))
	if m.random.IntN(10) == 0 {
		ids = slices.Sorted(maps.Keys(m.gone))
	}
	if len(ids) == 0 {
		return "ocid1.loadbalancer.oc1.lull-1.none"
	}
	return ids[m.random.IntN(len(ids))]
}

// send sends a request, which must be answered as the model says: with one of these codes, or well if there is none. Now and then it
// is sent twice with a token, and is the same then.
func (m *model) send(method, target, body string, codes ...wire.Code) (accepted bool) {
	m.t.Helper()
	token := fmt.Sprint("token", m.random.Uint64())
	a, err := m.do(method, target, body, tokenHeader, token)
	m.steps = append(m.steps, fmt.Sprint(method, " ", target, " ", body, " -> ", a.WorkRequestID, err))
	var known *wire.Error
	switch {
	case err == nil && len(codes) == 0:
	case err != nil && errors.As(err, &known) && slices.Contains(codes, known.Code):
		return false
	default:
		m.t.Fatalf("%s %s %s: got %v, want %v", method, target, body, err, codes)
	}
	m.waiting = append(m.waiting, a.WorkRequestID)
	if method != "DELETE" && m.random.IntN(4) == 0 {
		if again := m.must(method, target, body, tokenHeader, token); again != a {
			m.t.Fatalf("again with its token: got %v, want %v", again, a)
		}
	}
	return true
}

func (m *model) create() {
	m.t.Helper()
	name := fmt.Sprint("lb", m.random.IntN(4))
	m.send("POST", "/loadBalancers", newBody(name, `"hostnames":{"a":{"name":"a","hostname":"a.test"}}`))
	id := m.work(m.waiting[len(m.waiting)-1]).LoadBalancerID
	m.balancers[id] = &modelBalancer{name: name, hosts: map[string]string{"a": "a.test"}}
}

func (m *model) remove() {
	m.t.Helper()
	id := m.one()
	if m.balancers[id] == nil {
		m.send("DELETE", "/loadBalancers/"+id, "", wire.NotAuthorizedOrNotFound, wire.IncorrectState)
		return
	}
	m.send("DELETE", "/loadBalancers/"+id, "")
	delete(m.balancers, id)
	m.gone[id] = true
}

// change changes a load balancer's name or one of its hostnames.
func (m *model) change() {
	m.t.Helper()
	id, host, value := m.one(), string("abcd"[m.random.IntN(4)]), fmt.Sprintf("h%d.test", m.random.IntN(1000))
	path := "/loadBalancers/" + id
	lb, missing := m.balancers[id], []wire.Code(nil)
	if lb == nil {
		lb, missing = &modelBalancer{hosts: map[string]string{}}, []wire.Code{wire.NotAuthorizedOrNotFound, wire.IncorrectState}
	}
	_, found := lb.hosts[host]
	// unless returns what a request is refused with that needs a thing to be so.
	unless := func(ok bool, code wire.Code) []wire.Code {
		if missing != nil || ok {
			return missing
		}
		return []wire.Code{code}
	}
	switch m.random.IntN(4) {
	case 0:
		if m.send("POST", path+"/hostnames", `{"name":"`+host+`","hostname":"`+value+`"}`, unless(!found, wire.Conflict)...) {
			lb.hosts[host] = value
		}
	case 1:
		if m.send("PUT", path+"/hostnames/"+host, `{"hostname":"`+value+`"}`, unless(found, wire.NotFound)...) {
			lb.hosts[host] = value
		}
	case 2:
		if m.send("DELETE", path+"/hostnames/"+host, "", unless(found, wire.NotAuthorizedOrNotFound)...) {
			delete(lb.hosts, host)
		}
	case 3:
		if m.send("PUT", path, `{"displayName":"`+value+`"}`, missing...) {
			lb.name = value
		}
	}
}

// refusal has the data plane refuse a change, which must be as if it had not been.
func (m *model) refusal() {
	m.t.Helper()
	m.settled()
	id := m.one()
	if m.balancers[id] == nil {
		return
	}
	m.run.refuseNext("no", 1)
	a := m.must("PUT", "/loadBalancers/"+id, `{"displayName":"never"}`)
	m.steps = append(m.steps, "refused "+a.WorkRequestID)
	if w := m.await(a.WorkRequestID); w.LifecycleState != wire.WorkFailed {
		m.t.Fatalf("got %+v", w)
	}
}

// settled waits until all that was accepted is done, each of it once.
func (m *model) settled() {
	m.t.Helper()
	for _, id := range m.waiting {
		if w := m.await(id); w.LifecycleState != wire.WorkSucceeded {
			m.t.Fatalf("got %+v", w)
		}
	}
	m.waiting = nil
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	for id, n := range m.ends {
		if n != 1 {
			m.t.Fatalf("work request %s has ended %d times", id, n)
		}
	}
}

// compare wants what there is to be what the model has.
func (m *model) compare() {
	m.t.Helper()
	m.settled()
	list, _ := m.listed("compartmentId=" + compartment)
	if len(list) != len(m.balancers) || len(m.run.Plan().LoadBalancers) != len(list) {
		m.t.Fatalf("got %d load balancers and %d in the plan, want %d", len(list), len(m.run.Plan().LoadBalancers), len(m.balancers))
	}
	planned := map[string]bool{}
	for _, lb := range m.run.Plan().LoadBalancers {
		planned[lb.Name] = true
	}
	if len(planned) != len(list) {
		m.t.Fatalf("names in the plan: got %v", planned)
	}
	for id, want := range m.balancers {
		lb := m.get("/loadBalancers/" + id)
		hosts := map[string]string{}
		for name, h := range lb.Hostnames {
			hosts[name] = h.Hostname
		}
		if lb.LifecycleState != "ACTIVE" || lb.DisplayName != want.name || !maps.Equal(hosts, want.hosts) {
			m.t.Fatalf("%s: got %s %s %v, want %s %v", id, lb.LifecycleState, lb.DisplayName, hosts, want.name, want.hosts)
		}
	}
}
