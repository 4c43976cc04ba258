package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"

	"lull/bench/load"
)

var ociPolicy = scenario{
	name: "oci-policy",
	about: "lull with one load balancer of the OCI Load Balancer API, whose three listeners lead to the same backends: one without a routing policy, and " +
		"two with one of 100 rules, each a condition on the path. Of one policy the last rule holds for the request, of the other none. 64 keep-alive " +
		"connections each send a GET and wait for the whole response of 128 bytes before they send the next: 100,000 requests a round to each listener, " +
		"in ten turns, in each of which all three get their tenth. A value is the median of the turns, and so is the difference, which is taken within a turn. " +
		"CPU is lull's, user and system. One thread on a processor of its own; client and backend share the other.",
	suite:  suiteOCI,
	rivals: onlyLull,
	run:    runOCIPolicy,
}

const (
	// policyRules is how many rules a policy has.
	policyRules = 100
	// policyTurns is how often the listeners take turns in a round. A turn is a quarter of a second for each, so that a machine that grows slower
	// meanwhile, or has other work, meets all three.
	policyTurns = 10
	// policyCost is what a policy may add to a request, in µs.
	policyCost = 1
)

// Backend sets: one has all backends and one has none. Whoever were led to that one would get 503, which ends the trial, so that every response
// counted proves that the right rule held.
const setFull, setEmpty = "app", "empty"

// policyListener is one of the three listeners.
type policyListener struct {
	name       string
	byDefault  string   // its default backend set
	byRule     string   // the backend set of all rules; empty = it has no policy
	conditions []string // of the rules
}

func policyListeners() []policyListener {
	const holds = "http.request.url.path eq '/bytes'" // what bench/load asks for
	return []policyListener{
		{name: "no policy", byDefault: setFull},
		{name: "the last of 100 rules holds", byDefault: setEmpty, byRule: setFull, conditions: append(otherPaths(policyRules-1), holds)},
		{name: "none of 100 rules holds", byDefault: setFull, byRule: setEmpty, conditions: otherPaths(policyRules)},
	}
}

// otherPaths returns conditions on the path that do not hold for any that bench/load asks for: beginnings, ends and whole paths.
func otherPaths(n int) []string {
	conditions := make([]string, n)
	for i := range conditions {
		switch i % 3 {
		case 0:
			conditions[i] = fmt.Sprintf("http.request.url.path sw '/service-%d/'", i)
		case 1:
			conditions[i] = fmt.Sprintf("http.request.url.path eq (i '/Documents/%d')", i)
		case 2:
			conditions[i] = fmt.Sprintf("http.request.url.path ew '.%d.html'", i)
		}
	}
	return conditions
}

// policyFigures are the rows of one listener.
type policyFigures struct {
	cpu, more, rate *figure
}

func runOCIPolicy(x *session) error {
	listeners := policyListeners()
	figures := make([]policyFigures, len(listeners))
	for i, l := range listeners {
		f := &figures[i]
		f.cpu = x.figure(figure{variant: l.name, name: "CPU for each request", unit: "µs", digits: 2})
		f.more = x.figure(figure{variant: l.name, name: "more than with no policy", unit: "µs", digits: 2, aim: aim{atMost: limit(policyCost)}})
		f.rate = x.figure(figure{variant: l.name, name: "requests", unit: "1/s", higher: true})
	}
	return x.eachRound(func(c contender) error {
		p, err := x.startPolicies(c, listeners)
		if err != nil {
			return err
		}
		defer p.stop()
		if err = p.round(figures, c.name); err != nil {
			return fmt.Errorf("%w; lull said: %q", err, p.api.process.lastSaid())
		}
		return nil
	})
}

// policyBench is a lull with the three listeners and the backend behind them.
type policyBench struct {
	api     *apiProcess
	backend *child
	trials  []*trial // one for each listener, all of the same processes
}

func (p *policyBench) stop() {
	p.api.stop()
	p.backend.finish()
}

// startPolicies starts the backend and lull, and returns once all listeners answer.
func (x *session) startPolicies(c contender, listeners []policyListener) (*policyBench, error) {
	backend := load.Options{Role: "server", Bytes: smallBody, Forwarded: "http"}
	s := setup{HTTP: true, Threads: 1, Alone: true}
	var err error
	if backend.Targets, err = backendAddresses(); err != nil {
		return nil, err
	}
	s.Backends = backend.Targets
	own, others := s.processors()
	p := &policyBench{}
	if p.backend, err = x.startChild(backend, others); err != nil {
		return nil, err
	}
	if _, err = p.backend.next(); err == nil {
		p.api, err = x.startAPIOn(c, s.Threads, own)
	}
	if err != nil {
		p.backend.finish()
		return nil, err
	}
	at, err := p.api.makePolicies(s.Backends, listeners)
	if err != nil {
		p.stop()
		return nil, err
	}
	for i, l := range listeners {
		b := &balancer{name: fmt.Sprintf("%s-%d", c.name, i), process: p.api.process, pids: []int{p.api.process.pid()}, listen: at[i], dir: p.api.dir}
		p.trials = append(p.trials, &trial{bench: x.bench, setup: s, balancer: b, backend: p.backend, cpus: others})
		if err = p.api.answers(b.listen); err != nil {
			p.stop()
			return nil, fmt.Errorf("listener with %s: %w", l.name, err)
		}
	}
	return p, nil
}

// makePolicies makes the load balancer through the API, and returns where each of its listeners is.
func (a *apiProcess) makePolicies(backends []load.Address, listeners []policyListener) ([]load.Address, error) {
	client, err := newOCIClient(a.bench.ctx, a.client.url, filepath.Join(a.dir, "data"))
	if err != nil {
		return nil, err
	}
	id, _, err := client.do(http.MethodPost, "/loadBalancers", policyBalancer(client.tenancy, backends))
	if err != nil {
		return nil, err
	}
	path := "/loadBalancers/" + id
	host, err := client.addressOf(path)
	if err != nil {
		return nil, err
	}
	at := make([]load.Address, len(listeners))
	for i, l := range listeners {
		if at[i], err = freePort(host); err != nil {
			return nil, err
		}
		listener := map[string]any{"name": fmt.Sprintf("listener_%d", i), "defaultBackendSetName": l.byDefault, "port": at[i].Port(), "protocol": "HTTP"}
		if l.byRule != "" {
			policy := l.policy(fmt.Sprintf("policy_%d", i))
			listener["routingPolicyName"] = policy["name"]
			if _, _, err = client.do(http.MethodPost, path+"/routingPolicies", policy); err != nil {
				return nil, err
			}
		}
		if _, _, err = client.do(http.MethodPost, path+"/listeners", listener); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// addressOf returns where the load balancer of a path is.
func (c *ociClient) addressOf(path string) (netip.Addr, error) {
	var made struct {
		Addresses []struct {
			Address netip.Addr `json:"ipAddress"`
		} `json:"ipAddresses"`
	}
	_, text, _, err := c.call(http.MethodGet, path, nil)
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err == nil && len(made.Addresses) == 0 {
		err = fmt.Errorf("a load balancer without an address: %.300s", text)
	}
	if err != nil {
		return netip.Addr{}, err
	}
	return made.Addresses[0].Address, nil
}

// policyBalancer returns the document of the load balancer, without its listeners.
func policyBalancer(tenancy string, backends []load.Address) map[string]any {
	all := make([]any, len(backends))
	for i, b := range backends {
		all[i] = map[string]any{"ipAddress": b.Addr(), "port": b.Port()}
	}
	set := func(backends ...any) map[string]any {
		return map[string]any{
			"policy": "ROUND_ROBIN", "backends": backends, "healthChecker": map[string]any{"protocol": "TCP", "intervalInMillis": ociInterval},
		}
	}
	return map[string]any{
		"compartmentId": tenancy, "displayName": "policies", "shapeName": "100Mbps", "subnetIds": []string{"ocid1.subnet.oc1.phx.a"},
		"backendSets": map[string]any{setFull: set(all...), setEmpty: set()},
	}
}

// policy returns the document of a listener's routing policy.
func (l *policyListener) policy(name string) map[string]any {
	rules := make([]any, len(l.conditions))
	for i, condition := range l.conditions {
		rules[i] = map[string]any{
			"name": fmt.Sprintf("rule_%d", i), "condition": condition,
			"actions": []any{map[string]any{"name": "FORWARD_TO_BACKENDSET", "backendSetName": l.byRule}},
		}
	}
	return map[string]any{"name": name, "conditionLanguageVersion": "V1", "rules": rules}
}

// round takes all figures of a lull. The first listener is the one that the others are compared with.
func (p *policyBench) round(figures []policyFigures, column string) error {
	cpu, rate := make([][]float64, len(p.trials)), make([][]float64, len(p.trials))
	listeners := make([]int, len(p.trials))
	for i := range listeners {
		listeners[i] = i
	}
	for turn := range policyTurns {
		for _, i := range order(listeners, turn) {
			micros, each, err := p.trials[i].policyTurn()
			if err != nil {
				return err
			}
			cpu[i], rate[i] = append(cpu[i], micros), append(rate[i], each)
		}
	}
	for i, f := range figures {
		f.cpu.add(column, median(cpu[i]))
		f.rate.add(column, median(rate[i]))
		if i == 0 {
			continue
		}
		more := make([]float64, policyTurns)
		for turn := range more {
			more[turn] = cpu[i][turn] - cpu[0][turn]
		}
		f.more.add(column, median(more))
	}
	return nil
}

// policyTurn has one listener answer its part of a round, and returns the processor time of a request, in µs, and requests a second.
func (t *trial) policyTurn() (micros, rate float64, err error) {
	client, err := t.client(load.Options{
		Role: "get", Conns: busyConns, Warm: max(busyConns, t.size.requestsWarm/policyTurns), Count: t.size.requests / policyTurns,
	})
	if err != nil {
		return 0, 0, err
	}
	defer client.finish()
	r, own, err := t.measured(client)
	if err != nil {
		return 0, 0, err
	}
	n := float64(r.Count)
	return float64(own.total.Nanoseconds()) / 1e3 / n, n * 1e9 / float64(r.Nanos), nil
}
