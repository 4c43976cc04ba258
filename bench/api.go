package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"lull/bench/load"
	"lull/internal/clock"
)

var apiChanges = scenario{
	name: "api",
	about: "lull with 1,000 load balancers of the Classic ELB API, each with one listener and ten instances, whose health checks come every " +
		"300 s. They are made through the API, three calls for each. Then one client reads: 200 calls of each kind, whose time is from " +
		"sending the signed request to the last byte of the answer; once while nothing else is asked, and once while another client changes " +
		"a load balancer after the other. A change is visible when a client of the load balancer sees it, and its time begins with sending the " +
		"request to the API: a new listener when it has answered a request, a shorter idle timeout when it has ended a connection that " +
		"was idle for longer already. Lastly lull is stopped and started again; start-up is from starting the process until every listener accepts. Two threads.",
	suite:  suiteAPI,
	rivals: onlyLull,
	run:    runAPI,
}

// apiInstances is how many instances each load balancer has.
const apiInstances = 10

// apiFigures are the rows of the table.
type apiFigures struct {
	x            *session
	made         *figure
	reads        map[string]*figure
	slowest      map[string]*figure
	visible      map[string]*figure
	start        *figure
	memory, each *figure
	descriptors  *figure
}

// apiReads are the kinds of reads, in the order of the table. The first is a page of 400 where there are as many.
var apiReads = []struct{ name, action string }{
	{"DescribeLoadBalancers, a page of 400", "Action=DescribeLoadBalancers&PageSize=400"},
	{"DescribeLoadBalancers, one name", "Action=DescribeLoadBalancers&LoadBalancerNames.member.1=NAME"},
	{"DescribeInstanceHealth", "Action=DescribeInstanceHealth&LoadBalancerName=NAME"},
	{"DescribeLoadBalancerAttributes", "Action=DescribeLoadBalancerAttributes&LoadBalancerName=NAME"},
}

// apiQuiet and apiBusy are what else happens while somebody reads.
var apiQuiet, apiBusy = "reads", "reads while others change"

// apiChangeKinds are the changes whose way to the data plane is timed.
const (
	apiListener = "a new listener answers"
	apiIdle     = "a shorter idle timeout ends a connection"
)

func newAPIFigures(x *session) *apiFigures {
	f := &apiFigures{x: x, reads: map[string]*figure{}, slowest: map[string]*figure{}, visible: map[string]*figure{}}
	f.made = x.figure(figure{name: "making a load balancer, three calls", unit: "ms", digits: 1})
	const readMax, visibleMax, startMax = 50, 100, 3000
	for _, load := range []string{apiQuiet, apiBusy} {
		for _, r := range apiReads {
			f.reads[load+r.name] = x.figure(figure{variant: load, name: r.name + ", p99", unit: "ms", digits: 1, aim: aim{atMost: limit(readMax)}})
		}
		f.slowest[load] = x.figure(figure{variant: load, name: "the slowest of all", unit: "ms", digits: 1, take: takeMost})
	}
	for _, kind := range []string{apiListener, apiIdle} {
		f.visible[kind] = x.figure(figure{variant: "changes", name: kind + ", p99", unit: "ms", digits: 1, aim: aim{atMost: limit(visibleMax)}})
	}
	f.start = x.figure(figure{variant: "process", name: "start-up", unit: "ms", digits: 0, take: takeMost, aim: aim{atMost: limit(startMax)}})
	f.memory = x.figure(figure{variant: "process", name: "memory", unit: "MiB", digits: 1})
	f.each = x.figure(figure{variant: "process", name: "memory for each load balancer", unit: "KiB", digits: 1})
	f.descriptors = x.figure(figure{variant: "process", name: "descriptors"})
	return f
}

func runAPI(x *session) error {
	f := newAPIFigures(x)
	return x.eachRound(func(c contender) error {
		instances, err := apiAddresses()
		if err != nil {
			return err
		}
		backend, err := x.startChild(load.Options{Role: "server", Bytes: smallBody, Targets: instances}, nil)
		if err != nil {
			return err
		}
		defer backend.finish()
		if _, err = backend.next(); err != nil {
			return err
		}
		a, err := x.startAPI(c)
		if err != nil {
			return err
		}
		defer a.stop()
		if err = f.round(a, c.name, instances); err != nil {
			return fmt.Errorf("%w; lull said: %q", err, a.process.lastSaid())
		}
		return nil
	})
}

// apiAddresses returns one free port on as many hosts as there are instances.
func apiAddresses() ([]load.Address, error) {
	first, err := freePort(backendHost(0))
	if err != nil {
		return nil, err
	}
	as := make([]load.Address, apiInstances)
	for i := range as {
		as[i] = netip.AddrPortFrom(backendHost(i), first.Port())
	}
	return as, nil
}

// round fills a fresh lull and takes all figures of it.
func (f *apiFigures) round(a *apiProcess, column string, instances []load.Address) error {
	size := f.x.size
	empty, _, err := a.weigh()
	if err != nil {
		return err
	}
	began := clock.Now()
	for i := range size.apiBalancers {
		if err = a.makeBalancer(i, instances); err != nil {
			return err
		}
	}
	f.made.add(column, millis(clock.Now()-began)/float64(size.apiBalancers))
	if err = f.readAll(a, column, apiQuiet); err != nil {
		return err
	}
	finish := a.keepChanging()
	if err = errors.Join(f.readAll(a, column, apiBusy), finish()); err != nil {
		return fmt.Errorf("reads while others change: %w", err)
	}
	if err = f.changeAll(a, column); err != nil {
		return err
	}
	full, descriptors, err := a.weigh()
	if err != nil {
		return err
	}
	f.memory.add(column, float64(full)/(1<<20))
	f.each.add(column, float64(full-empty)/(1<<10)/float64(size.apiBalancers))
	f.descriptors.add(column, float64(descriptors))
	for range size.apiStarts {
		took, failed := a.restart()
		if failed != nil {
			return failed
		}
		f.start.add(column, millis(took))
	}
	return a.check(size.apiBalancers)
}

// millis turns nanoseconds to milliseconds.
func millis(nanos int64) float64 { return float64(nanos) / float64(time.Millisecond) }

// readAll times reads of each kind.
func (f *apiFigures) readAll(a *apiProcess, column, load string) error {
	var slowest int64
	for _, r := range apiReads {
		took := make([]int64, 0, f.x.size.apiReads)
		for i := range f.x.size.apiReads {
			form, err := url.ParseQuery(r.action)
			if err != nil {
				return err
			}
			for name, v := range form {
				if v[0] == "NAME" {
					form[name] = []string{apiName(i % f.x.size.apiBalancers)}
				}
			}
			_, t, err := a.client.call(form)
			if err != nil {
				return err
			}
			took = append(took, t)
		}
		slices.Sort(took)
		slowest = max(slowest, took[len(took)-1])
		f.reads[load+r.name].add(column, millis(percentile(took, 0.99)))
	}
	f.slowest[load].add(column, millis(slowest))
	return nil
}

// changeAll times changes of each kind.
func (f *apiFigures) changeAll(a *apiProcess, column string) error {
	for kind, change := range map[string]func(n int) ([]int64, error){apiListener: a.newListeners, apiIdle: a.shorterIdle} {
		took, err := change(f.x.size.apiChanges)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		slices.Sort(took)
		f.visible[kind].add(column, millis(percentile(took, 0.99)))
	}
	return nil
}
