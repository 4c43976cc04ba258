package awselb

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

// What every rig has.
const (
	rigRegion  = "us-west-2"
	rigAccount = "123456789012"
	rigARN     = "arn:aws:iam::123456789012:server-certificate/my-server-cert"
	rigARN2    = "arn:aws:iam::123456789012:server-certificate/my-new-certificate"
)

// rig is a Service with a store of its own and nothing real around it. Its fields may be used to change what is around.
type rig struct {
	*Service
	t            *testing.T
	options      Options
	path         string // of the store
	store        *store.Store
	runtime      *fakeRuntime
	instances    *fakeInstances
	certificates *fakeCertificates
	logs         *fakeLogs
	clock        *fakeClock
}

// newRig returns a rig in the zones us-west-2a to c, with the addresses 127.0.0.16 to 127.255.255.254, the two
// certificates above and the instances i-1 to i-4, of which the first two are in zone a, the third in b and the last in none.
func newRig(t *testing.T, settings ...func(o *Options)) *rig {
	t.Helper()
	r := &rig{
		t:            t,
		path:         filepath.Join(t.TempDir(), "state.db"),
		runtime:      &fakeRuntime{backends: map[plan.BackendKey]BackendState{}},
		instances:    newFakeInstances(),
		certificates: &fakeCertificates{holders: map[string]*certs.Holder{}},
		logs:         &fakeLogs{},
		clock:        &fakeClock{now: time.Date(2026, 3, 1, 10, 20, 30, 123_000_000, time.UTC)},
	}
	r.certificates.set(rigARN)
	r.certificates.set(rigARN2)
	r.options = Options{
		Runtime: r.runtime, Instances: r.instances, Certificates: r.certificates, AccessLogs: r.logs,
		Region: rigRegion, Account: rigAccount, Zones: []string{"us-west-2a", "us-west-2b", "us-west-2c"},
		Addresses: []AddressRange{{netip.MustParseAddr("127.0.0.16"), netip.MustParseAddr("127.255.255.254")}},
		Now:       r.clock.Now, Random: newFakeRandom(), Log: slog.New(slog.DiscardHandler),
	}
	for _, set := range settings {
		set(&r.options)
	}
	r.open()
	t.Cleanup(func() { _ = r.store.Close() })
	return r
}

// open opens the store and makes a Service of it.
func (r *rig) open() {
	r.t.Helper()
	var err error
	if r.store, err = store.Open(r.path, store.Options{}); err != nil {
		r.t.Fatal(err)
	}
	r.options.Store = r.store
	if r.Service, err = New(r.options); err != nil {
		r.t.Fatal(err)
	}
}

// reopen ends the store and begins anew with what it has, as a restart does.
func (r *rig) reopen() {
	r.t.Helper()
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// have puts a load balancer there that no operation has made: an HTTP listener on port 80 in zone us-west-2a and no instance, unless
// change, which may be nil, makes something else of it.
func (r *rig) have(name string, change func(d *document)) {
	r.t.Helper()
	d := newDocument(name)
	d.DNSName = name + "-1234567890." + rigRegion + ".elb.amazonaws.com"
	d.Created, d.Scheme = r.clock.Now(), query.SchemeInternetFacing
	d.Nodes = []node{{Zone: "us-west-2a", Address: netip.AddrFrom4([4]byte{127, 1, 0, byte(1 + len(r.state.Load().names))})}}
	d.Listeners = []listener{{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80}}
	if change != nil {
		change(d)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.put(context.Background(), d, nil); err != nil {
		r.t.Fatal(err)
	}
}

// do makes a request that must succeed.
func (r *rig) do(request any) any {
	r.t.Helper()
	result, err := r.Do(context.Background(), request)
	if err != nil {
		r.t.Fatalf("%T: %v", request, err)
	}
	if result == nil {
		r.t.Fatalf("%T: there is neither result nor error", request)
	}
	if reflect.TypeOf(result).Kind() == reflect.Pointer {
		result = reflect.ValueOf(result).Elem().Interface()
	}
	return result
}

// must is do with the result's type: must[query.InstancesResult](r, request).
func must[Result any](r *rig, request any) Result {
	r.t.Helper()
	result := r.do(request)
	typed, ok := result.(Result)
	if !ok {
		r.t.Fatalf("%T: the result is a %T, want a %T", request, result, typed)
	}
	return typed
}

// refused makes a request that must fail with a code, and change neither what runs nor what is stored nor what is told.
func (r *rig) refused(request any, code query.Code) *query.Error {
	r.t.Helper()
	running, state := r.runtime.Plan(), r.state.Load()
	_, revision := r.store.List("")
	result, err := r.Do(context.Background(), request)
	var refusal *query.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		r.t.Fatalf("%T: got %+v and error %v, want %s", request, result, err, code)
	}
	if _, now := r.store.List(""); now != revision || r.runtime.Plan() != running || r.state.Load() != state {
		r.t.Errorf("%T: %v, and yet something has changed", request, err)
	}
	return refusal
}

// form decodes a request as it comes in, with all that package query checks.
func (r *rig) form(body string) (any, error) {
	form, err := query.ParseForm("POST", "", "application/x-www-form-urlencoded", []byte("Version=2012-06-01&"+body))
	if err != nil {
		return nil, err
	}
	return query.Decode(form)
}

// doForm makes a request that is written as a form, "Action=DeleteLoadBalancer&LoadBalancerName=web".
func (r *rig) doForm(body string) (any, error) {
	request, err := r.form(body)
	if err != nil {
		return nil, err
	}
	return r.Do(context.Background(), request)
}

// document returns a load balancer as it is now.
func (r *rig) document(name string) *document {
	r.t.Helper()
	b := r.state.Load().balancers[name]
	if b == nil {
		r.t.Fatalf("there is no load balancer %q", name)
	}
	return b.document
}

// running returns a load balancer of the plan in force; nil if there is none of that name.
func (r *rig) running(name string) *plan.LoadBalancer {
	for _, lb := range r.runtime.Plan().LoadBalancers {
		if lb.Name == name {
			return lb
		}
	}
	return nil
}

// checkStored compares what the service shows with what the store has and with what runs.
func (r *rig) checkStored() {
	r.t.Helper()
	entries, _ := r.store.List(keyPrefix)
	state := r.state.Load()
	if len(entries) != len(state.balancers) || len(r.runtime.Plan().LoadBalancers) != len(state.balancers)+len(r.runtime.othersNow()) {
		r.t.Errorf("the store has %d load balancers, %d run and %d are shown", len(entries), len(r.runtime.Plan().LoadBalancers), len(state.balancers))
	}
	for _, e := range entries {
		stored, err := decode(e.Key, e.Value)
		if err != nil {
			r.t.Error(err)
			continue
		}
		shown := state.balancers[stored.Name]
		if shown == nil || shown.revision != e.Revision {
			r.t.Errorf("%s: shown is %+v, stored revision %d", e.Key, shown, e.Revision)
			continue
		}
		value, err := shown.encode()
		if err != nil || string(value) != string(e.Value) {
			r.t.Errorf("%s: shown is\n%s\nstored is\n%s", e.Key, value, e.Value)
		}
	}
}

// fakeRuntime remembers plans.
type fakeRuntime struct {
	mu       sync.Mutex
	balances []*plan.LoadBalancer // of this front door
	others   []*plan.LoadBalancer // of other front doors
	plan     *plan.Plan
	changes  int
	refusal  error
	backends map[plan.BackendKey]BackendState
}

// Change does what the applier does, without an engine.
func (f *fakeRuntime) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return f.refusal
	}
	for _, lb := range balancers {
		for _, other := range f.others {
			if other.Name == lb.Name {
				return &plan.NameTaken{Name: lb.Name, Origin: other.Origin}
			}
		}
	}
	if commit != nil {
		if err := commit(); err != nil {
			return err
		}
	}
	f.changes++
	f.balances = balancers
	f.compose()
	return nil
}

// compose makes a new plan. REQUIRES: mu is held.
func (f *fakeRuntime) compose() {
	revision := uint64(1)
	if f.plan != nil {
		revision = f.plan.Revision + 1
	}
	f.plan = &plan.Plan{Revision: revision, LoadBalancers: slices.Concat(f.others, f.balances)}
}

// Plan returns what was given last.
func (f *fakeRuntime) Plan() *plan.Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan == nil {
		f.compose()
	}
	return f.plan
}

// Backend returns what setBackend was given.
func (f *fakeRuntime) Backend(key plan.BackendKey) (BackendState, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, found := f.backends[key]
	return t, found
}

// setBackend says what is known of a backend.
func (f *fakeRuntime) setBackend(t BackendState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backends[t.Key] = t
}

// refuse makes all changes fail from now on; nil ends that.
func (f *fakeRuntime) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = err
}

// setOthers gives other front doors load balancers.
func (f *fakeRuntime) setOthers(others ...*plan.LoadBalancer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.others = others
	f.compose()
}

func (f *fakeRuntime) othersNow() []*plan.LoadBalancer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.others
}

// fakeInstances is a registry.
type fakeInstances struct {
	mu    sync.Mutex
	hosts map[string][2]string // host and zone
}

func newFakeInstances() *fakeInstances {
	return &fakeInstances{hosts: map[string][2]string{
		"i-1": {"10.0.0.1", "us-west-2a"}, "i-2": {"10.0.0.2", "us-west-2a"}, "i-3": {"app3.internal", "us-west-2b"}, "i-4": {"10.0.0.4", ""},
	}}
}

// Lookup looks an instance up.
func (f *fakeInstances) Lookup(id string) (host, zone string, found bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, found := f.hosts[id]
	return h[0], h[1], found
}

// set makes or moves an instance.
func (f *fakeInstances) set(id, host, zone string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[id] = [2]string{host, zone}
}

// remove forgets an instance.
func (f *fakeInstances) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.hosts, id)
}

// fakeCertificates has holders with nothing in them.
type fakeCertificates struct {
	mu      sync.Mutex
	holders map[string]*certs.Holder
}

// Holder returns the holder of an ARN.
func (f *fakeCertificates) Holder(arn string) (*certs.Holder, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, found := f.holders[arn]
	return h, found
}

// set makes a certificate.
func (f *fakeCertificates) set(arn string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holders[arn] = certs.NewHolder(certs.NewSet(nil))
}

// fakeLogs takes any destination unless it is told otherwise.
type fakeLogs struct {
	mu      sync.Mutex
	refusal error
	checked []LogTarget
	targets map[string]LogTarget
}

// Check remembers what it is asked.
func (f *fakeLogs) Check(_ context.Context, t LogTarget) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked = append(f.checked, t)
	return f.refusal
}

// SetTargets remembers.
func (f *fakeLogs) SetTargets(targets map[string]LogTarget) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.targets = targets
}

// refuse makes every destination bad from now on; nil ends that.
func (f *fakeLogs) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = err
}

// targetsNow returns what SetTargets was given last.
func (f *fakeLogs) targetsNow() map[string]LogTarget {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.targets
}

// fakeClock stands still.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (f *fakeClock) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// advance moves the clock.
func (f *fakeClock) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// fakeRandom gives the same bytes in every run.
type fakeRandom struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func newFakeRandom() *fakeRandom { return &fakeRandom{source: rand.NewChaCha8([32]byte{1})} }

// Read fills p.
func (f *fakeRandom) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.source.Read(p)
}

func TestRig(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	r.checkStored()
	r.reopen()
	if got := r.document("web"); got.Name != "web" || len(got.Nodes) != 1 || r.running("web") == nil {
		t.Errorf("got %+v, want what there was before", got)
	}
	r.checkStored()
	r.clock.advance(time.Hour)
	if _, err := r.doForm("Action=DescribeLoadBalancers&PageSize=0"); err == nil {
		t.Error("a form that package query refuses was taken")
	}
}

func TestRigRuntime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.runtime.refuse(errors.New("address in use"))
	r.runtime.setOthers(&plan.LoadBalancer{Name: "of-the-file", Origin: "lull.yaml"})
	key := plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: "80"}, Host: "10.0.0.1", Port: 80}
	r.runtime.setBackend(BackendState{Key: key, Up: true})
	if totals, found := r.runtime.Backend(key); !found || !totals.Up {
		t.Errorf("got %+v, want what was set", totals)
	}
	d := newDocument("web")
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.put(context.Background(), d, nil); err == nil || r.running("web") != nil || r.running("of-the-file") == nil {
		t.Errorf("got %v, want the refusal and no change", err)
	}
}

func TestRigSurroundings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.instances.set("i-9", "10.0.0.9", "us-west-2c")
	if host, zone, found := r.instances.Lookup("i-9"); host != "10.0.0.9" || zone != "us-west-2c" || !found {
		t.Errorf("got %q, %q and %v", host, zone, found)
	}
	r.instances.remove("i-9")
	if _, _, found := r.instances.Lookup("i-9"); found {
		t.Error("the instance is still there")
	}
	r.logs.refuse(errors.New("no such bucket"))
	if err := r.logs.Check(context.Background(), LogTarget{}); err == nil || len(r.logs.targetsNow()) != 0 {
		t.Errorf("got %v and %v", err, r.logs.targetsNow())
	}
}

// wrongForm is a request that must fail.
type wrongForm struct {
	name    string
	form    string // without the Version
	code    query.Code
	message string // all of it; "…" stands for anything
}

// checkWrong makes requests that must fail and change nothing.
func (r *rig) checkWrong(list []wrongForm) {
	r.t.Helper()
	for _, w := range list {
		running, state := r.runtime.Plan(), r.state.Load()
		_, revision := r.store.List("")
		result, err := r.doForm(w.form)
		var refusal *query.Error
		if !errors.As(err, &refusal) || refusal.Code != w.code || !matches(refusal.Message, w.message) {
			r.t.Errorf("%s: got %+v and error %v, want %s: %s", w.name, result, err, w.code, w.message)
		}
		if _, now := r.store.List(""); now != revision || r.runtime.Plan() != running || r.state.Load() != state {
			r.t.Errorf("%s: %v, and yet something has changed", w.name, err)
		}
	}
}

// matches compares a text with one that may leave something out.
func matches(text, pattern string) bool {
	before, after, open := strings.Cut(pattern, "…")
	if !open {
		return text == pattern
	}
	return strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}
