package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"lull/internal/clock"
)

var ociReading = scenario{
	name: "oci",
	about: "lull with 500 load balancers of the OCI Load Balancer API, each with one listener and 16 backend sets of 32 backends, whose health " +
		"checks come every 30 minutes. They are made through the API, one call for each. Then one client reads: 200 calls of each kind, whose " +
		"time is from sending the signed request to the last byte of the answer, which is not parsed; once while nothing else is asked, and once " +
		"while another client changes a listener's idle timeout, one load balancer after the other, and waits for each work request. A change " +
		"takes from its request to the end of its work request. Start-up is from starting the process until every listener accepts. Two threads.",
	suite:  suiteOCI,
	rivals: onlyLull,
	run:    runOCI,
}

// What each load balancer has.
const (
	ociSets, ociBackends = 16, 32
	ociPort              = 8080
	ociInterval          = 1_800_000 // ms between health checks: the longest
)

// ociReads are the kinds of reads, in the order of the table. LB stands for the path of a load balancer, TENANCY for the compartment.
var ociReads = []struct{ name, path string }{
	{"GetLoadBalancer", "LB"},
	{"ListLoadBalancers, a page of 25", "/loadBalancers?limit=25&compartmentId=TENANCY"},
	{"ListLoadBalancers, all in one page, simple", "/loadBalancers?detail=simple&compartmentId=TENANCY"},
	{"ListLoadBalancers, all in one page", "/loadBalancers?compartmentId=TENANCY"},
	{"ListBackendSets", "LB/backendSets"},
	{"GetBackend", "LB/backendSets/set-7/backends/127.96.0.9%3A8080"},
	{"GetLoadBalancerHealth", "LB/health"},
	{"GetBackendSetHealth", "LB/backendSets/set-7/health"},
	{"ListLoadBalancerHealths", "/loadBalancerHealths?compartmentId=TENANCY"},
	{"ListWorkRequests", "LB/workRequests"},
}

// ociFigures are the rows of the table.
type ociFigures struct {
	x            *session
	made         *figure
	reads        map[string]*figure
	changes      *figure
	start        *figure
	memory, each *figure
}

func newOCIFigures(x *session) *ociFigures {
	f := &ociFigures{x: x, reads: map[string]*figure{}}
	f.made = x.figure(figure{name: "making a load balancer", unit: "ms", digits: 1})
	const readMax = 50
	for _, load := range []string{apiQuiet, apiBusy} {
		for _, r := range ociReads {
			f.reads[load+r.name] = x.figure(figure{variant: load, name: r.name + ", p99", unit: "ms", digits: 1, aim: aim{atMost: limit(readMax)}})
		}
	}
	f.changes = x.figure(figure{variant: "changes", name: "UpdateListener until it is done, p99", unit: "ms", digits: 1})
	f.start = x.figure(figure{variant: "process", name: "start-up", unit: "ms", digits: 0, take: takeMost})
	f.memory = x.figure(figure{variant: "process", name: "memory", unit: "MiB", digits: 1})
	f.each = x.figure(figure{variant: "process", name: "memory for each backend", unit: "KiB", digits: 2})
	return f
}

// ociBench is a lull with load balancers of the OCI API.
type ociBench struct {
	*apiProcess
	client *ociClient
	ids    []string
}

func runOCI(x *session) error {
	f := newOCIFigures(x)
	return x.eachRound(func(c contender) error {
		a, err := x.startAPI(c)
		if err != nil {
			return err
		}
		defer a.stop()
		client, err := newOCIClient(a.bench.ctx, a.client.url, filepath.Join(a.dir, "data"))
		if err != nil {
			return err
		}
		if err = f.round(&ociBench{apiProcess: a, client: client}, c.name); err != nil {
			return fmt.Errorf("%w; lull said: %q", err, a.process.lastSaid())
		}
		return nil
	})
}

// round fills a fresh lull and takes all figures of it.
func (f *ociFigures) round(o *ociBench, column string) error {
	size := f.x.size
	empty, _, err := o.weigh()
	if err != nil {
		return err
	}
	began := clock.Now()
	for i := range size.ociBalancers {
		id, _, failed := o.client.do(http.MethodPost, "/loadBalancers", o.balancer(i))
		if failed != nil {
			return failed
		}
		o.ids = append(o.ids, id)
	}
	f.made.add(column, millis(clock.Now()-began)/float64(size.ociBalancers))
	if err = f.readAll(o, column, apiQuiet); err != nil {
		return err
	}
	finish := o.keepChanging()
	if err = errors.Join(f.readAll(o, column, apiBusy), finish()); err != nil {
		return fmt.Errorf("reads while others change: %w", err)
	}
	if err = f.changeAll(o, column); err != nil {
		return err
	}
	full, _, err := o.weigh()
	if err != nil {
		return err
	}
	f.memory.add(column, float64(full)/(1<<20))
	f.each.add(column, float64(full-empty)/(1<<10)/float64(size.ociBalancers*ociSets*ociBackends))
	for range size.apiStarts {
		o.client.http.CloseIdleConnections()
		took, failed := o.restart()
		if failed != nil {
			return failed
		}
		f.start.add(column, millis(took))
	}
	_, text, _, err := o.client.call(http.MethodGet, "/loadBalancers/"+o.ids[len(o.ids)-1], nil)
	if err == nil && strings.Count(string(text), `"weight"`) != ociSets*ociBackends {
		err = fmt.Errorf("after all that the last load balancer has not its %d backends: %.300s", ociSets*ociBackends, text)
	}
	return err
}

// balancer returns the document of a load balancer.
func (o *ociBench) balancer(i int) map[string]any {
	sets := map[string]any{}
	for s := range ociSets {
		backends := make([]any, ociBackends)
		for b := range backends {
			backends[b] = map[string]any{"ipAddress": fmt.Sprintf("127.96.0.%d", b+1), "port": 8080}
		}
		sets[fmt.Sprintf("set-%d", s)] = map[string]any{
			"policy": "ROUND_ROBIN", "backends": backends, "healthChecker": map[string]any{"protocol": "TCP", "intervalInMillis": ociInterval},
		}
	}
	return map[string]any{
		"compartmentId": o.client.tenancy, "displayName": fmt.Sprintf("balancer-%d", i), "shapeName": "100Mbps", "subnetIds": []string{"ocid1.subnet.oc1.phx.a"},
		"backendSets": sets, "listeners": map[string]any{"web": ociListener(60)},
	}
}

func ociListener(idle int) map[string]any {
	return map[string]any{
		"defaultBackendSetName": "set-0", "port": ociPort, "protocol": "HTTP", "connectionConfiguration": map[string]any{"idleTimeout": idle},
	}
}

// readAll times reads of each kind.
func (f *ociFigures) readAll(o *ociBench, column, load string) error {
	for _, r := range ociReads {
		took := make([]int64, 0, f.x.size.apiReads)
		for i := range f.x.size.apiReads {
			path := strings.ReplaceAll(r.path, "LB", "/loadBalancers/"+o.ids[i%len(o.ids)])
			_, _, t, err := o.client.call(http.MethodGet, strings.ReplaceAll(path, "TENANCY", o.client.tenancy), nil)
			if err != nil {
				return err
			}
			took = append(took, t)
		}
		slices.Sort(took)
		f.reads[load+r.name].add(column, millis(percentile(took, 0.99)))
	}
	return nil
}

// setIdle changes a listener and waits until that is done.
func (o *ociBench) setIdle(c *ociClient, n, idle int) (int64, error) {
	_, took, err := c.do(http.MethodPut, "/loadBalancers/"+o.ids[n%len(o.ids)]+"/listeners/web", ociListener(idle))
	return took, err
}

// keepChanging changes one load balancer after the other from a connection of its own until the function that it returns is called.
func (o *ociBench) keepChanging() (finish func() error) {
	c := o.client.another()
	ctx, cancel := context.WithCancel(o.bench.ctx)
	done := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := o.setIdle(c, i, 61+i/len(o.ids)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() error {
		cancel()
		return <-done
	}
}

// changeAll times changes.
func (f *ociFigures) changeAll(o *ociBench, column string) error {
	var took []int64
	for i := range f.x.size.apiChanges {
		t, err := o.setIdle(o.client, i, 7000)
		if err != nil {
			return err
		}
		took = append(took, t)
	}
	slices.Sort(took)
	f.changes.add(column, millis(percentile(took, 0.99)))
	return nil
}
