package ociapi_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

const (
	scaleBalancers = 500
	scaleSets      = 16
	scaleBackends  = 32
)

// large is a load balancer with as many backends as there may be.
func large(n int) string {
	var sets []string
	for s := range scaleSets {
		var backends []string
		for b := range scaleBackends {
			backends = append(backends, fmt.Sprintf(`{"ipAddress":"10.%d.%d.%d","port":8080,"weight":2}`, n%250, s, b+1))
		}
		sets = append(sets, fmt.Sprintf(`"bs%d":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"HTTP","urlPath":"/health","port":8080},"backends":[%s]}`,
			s, strings.Join(backends, ",")))
	}
	return newBody(fmt.Sprint("web", n), `"backendSets":{`+strings.Join(sets, ",")+`},
		"listeners":{"l":{"defaultBackendSetName":"bs0","port":80,"protocol":"HTTP"}},"freeformTags":{"team":"web"}`)
}

// scale is a service with as many large load balancers as a big installation has.
func scale(b *testing.B) (r *rig, paths []string) {
	r = newRig(b)
	r.o.Addresses = []ociapi.AddressRange{{First: netip.MustParseAddr("127.9.0.1"), Last: netip.MustParseAddr("127.9.9.200")}}
	r.inMemory()
	began := time.Now()
	var last string
	for n := range scaleBalancers {
		last = r.must("POST", "/loadBalancers", large(n)).WorkRequestID
		paths = append(paths, r.path(r.work(last)))
	}
	r.await(last)
	b.Logf("created %d load balancers in %v", scaleBalancers, time.Since(began))
	began = time.Now()
	r.restart()
	b.Logf("started with them in %v", time.Since(began))
	return r, paths
}

// BenchmarkReads reads among 500 load balancers of 16 sets of 32 backends, JSON included; a client sees the network and the
// signature besides. First is the one after a change to all that it shows, p99 that of the others.
func BenchmarkReads(b *testing.B) {
	r, paths := scale(b)
	in := "?compartmentId=" + compartment
	for _, target := range []string{
		paths[250], paths[250] + "/backendSets", paths[250] + "/backendSets/bs7", paths[250] + "/backendSets/bs7/backends", paths[250] + "/workRequests",
		paths[250] + "/health", "/loadBalancerHealths" + in,
		"/loadBalancers" + in, "/loadBalancers" + in + "&detail=simple", "/loadBalancers" + in + "&limit=50", "/loadBalancers" + in + "&displayName=web7",
		"/loadBalancerShapes" + in,
	} {
		name := strings.NewReplacer(paths[250], "lb", in, "", "/", "_").Replace(target)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			size := 0
			path, _, _ := strings.Cut(target, "?")
			route, err := wire.Find("GET", wire.BasePath+path)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				began := time.Now()
				answer := r.must("GET", target, "")
				response, err := wire.Encode(route.Operation, "id", answer.Result)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				size = response.BodyBytes()
			}
			first := took[0]
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
			b.ReportMetric(float64(size), "body-bytes")
		})
	}
}

// BenchmarkChange changes one of 500 load balancers, from the request to the end of its work request, with a data plane and a store
// that take no time.
func BenchmarkChange(b *testing.B) {
	r, paths := scale(b)
	n := 0
	for b.Loop() {
		n++
		r.done("PUT", paths[n%len(paths)]+"/backendSets/bs7/backends/10."+fmt.Sprint(n%len(paths)%250)+".7.5:8080",
			fmt.Sprintf(`{"weight":%d,"backup":false,"drain":false,"offline":false}`, n%100+1))
	}
}
