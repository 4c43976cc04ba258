package main

import "slices"

var httpGoPeers = scenario{
	name: "http-go-peers",
	about: "The first row of http-request-cpu against two HTTP load balancers built on Go's net/http: httputil.ReverseProxy behind " +
		"an http.Server (bench/goproxy), and Caddy. 30,000 requests a round; GOMAXPROCS is 1 for both.",
	suite:  suiteHTTP,
	rivals: func(b *bench) []contender { return slices.Concat(b.contenders[:1], b.goPeers) },
	run: func(x *session) error {
		f := x.requestFigures("", aim{ratioAtMost: limit(0.3)}, aim{})
		return x.requests(setup{Threads: 1, Alone: true}, busyConns, smallBody, x.size.requestsGo, f)
	},
}
