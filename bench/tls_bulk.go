package main

var tlsBulk = scenario{
	name: "tls-bulk",
	about: "http-bulk over TLS 1.3: one response with a body of 1 GiB from a plain backend. The client decrypts all of it and compares one " +
		"of every sixteen 256 KiB with what was sent. CPU is the balancer's for the whole GiB. One thread on a processor of its own.",
	suite: suiteTLS,
	run:   func(x *session) error { return x.bulkHTTP(setup{Threads: 1, Alone: true, TLS: tls13}) },
}
