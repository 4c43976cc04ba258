package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"lull/bench/load"
)

var httpAllocations = scenario{
	name: "http-allocations",
	about: "Allocations on lull's heap for each exchange in steady state: the counters of its Go runtime, as /metrics shows them, " +
		"before and after 300,000 requests over 64 keep-alive connections, less what reading them costs. The aim is none; a " +
		"hundredth is what the reading is unsure by, since a runtime counts many allocations only when it next collects garbage.",
	suite:  suiteHTTP,
	rivals: onlyLull,
	run:    runHTTPAllocations,
}

// onlyLull returns lull if it is the first of those that compete.
func onlyLull(b *bench) []contender {
	if b.contenders[0].kind.name != "lull" {
		return nil
	}
	return b.contenders[:1]
}

func runHTTPAllocations(x *session) error {
	count := x.figure(figure{name: "allocations for each exchange", digits: 4, aim: aim{atMost: limit(0.01)}})
	size := x.figure(figure{name: "bytes allocated for each exchange", digits: 2})
	return x.eachRound(func(c contender) error {
		s := setup{Threads: 1, Alone: true}
		var err error
		if s.Metrics, err = freePort(balancerHost); err != nil {
			return err
		}
		return x.tryHTTP(c, s, load.Options{Bytes: smallBody}, func(t *trial) error {
			h, n, err := t.heapGrowth()
			if err != nil {
				return err
			}
			count.add(c.name, h.objects/n)
			size.add(c.name, h.bytes/n)
			return nil
		})
	})
}

// heap is what a Go runtime has allocated, and how often it has collected garbage, since it started.
type heap struct{ objects, bytes, collections float64 }

// after returns what h has more than before, less n times each.
func (h heap) after(before heap, n float64, each heap) heap {
	return heap{
		objects: h.objects - before.objects - n*each.objects,
		bytes:   h.bytes - before.bytes - n*each.bytes,
	}
}

// calibrations is over how many collections the cost of reading the heap is taken.
const calibrations = 4

// heapGrowth returns what lull allocates for the exchanges of one client, and their number.
func (t *trial) heapGrowth() (h heap, exchanges float64, err error) {
	client, err := t.client(load.Options{
		Role: "get", Conns: busyConns, Warm: t.size.requestsWarm, Count: t.size.requestsCounted,
	})
	if err != nil {
		return heap{}, 0, err
	}
	defer client.finish()
	web := &http.Client{Timeout: askMax} // one connection, kept
	defer web.CloseIdleConnections()
	first, _, err := t.collected(web)
	if err != nil {
		return heap{}, 0, err
	}
	before, reads := first, 0.0
	for range calibrations {
		var n float64
		if before, n, err = t.collected(web); err != nil {
			return heap{}, 0, err
		}
		reads += n
	}
	each := heap{objects: (before.objects - first.objects) / reads, bytes: (before.bytes - first.bytes) / reads}
	r, err := client.ask()
	if err != nil {
		return heap{}, 0, err
	}
	after, reads, err := t.collected(web)
	return after.after(before, reads, each), float64(r.Count), err
}

// readsMax bounds how often the heap is read to see a collection; reading allocates a tenth of a MiB, and a collection
// comes every few MiB.
const readsMax = 500

// collected reads the heap until there has been another collection, when its counters are exact, and says how often.
func (t *trial) collected(web *http.Client) (h heap, reads float64, err error) {
	first, err := t.heap(web)
	if err != nil {
		return heap{}, 0, err
	}
	for reads = 2; reads < readsMax; reads++ {
		h, err = t.heap(web)
		if err != nil || h.collections > first.collections {
			return h, reads, err
		}
	}
	return h, reads, fmt.Errorf("lull's metrics: no garbage collection in %d reads", readsMax)
}

// heap asks lull's metrics.
func (t *trial) heap(web *http.Client) (heap, error) {
	request, err := http.NewRequestWithContext(t.ctx, http.MethodGet, fmt.Sprintf("http://%v/metrics", t.balancer.metrics), nil)
	if err != nil {
		return heap{}, err
	}
	answer, err := web.Do(request)
	if err != nil {
		return heap{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return heap{}, fmt.Errorf("lull's metrics: %s", answer.Status)
	}
	return parseHeap(io.LimitReader(answer.Body, 1<<20))
}

// parseHeap reads three metrics of the Go runtime from Prometheus's text.
func parseHeap(text io.Reader) (heap, error) {
	var h heap
	wanted := map[string]*float64{
		"go_memstats_mallocs_total":     &h.objects,
		"go_memstats_alloc_bytes_total": &h.bytes,
		"go_gc_duration_seconds_count":  &h.collections,
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		to := wanted[name]
		if to == nil {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return h, fmt.Errorf("lull's metrics: %s: %w", name, err)
		}
		*to = v
		delete(wanted, name)
	}
	for name := range wanted {
		return h, errors.Join(fmt.Errorf("lull's metrics: no %s", name), lines.Err())
	}
	return h, lines.Err()
}
