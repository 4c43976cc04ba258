package main

import "fmt"

var tlsRequestCPU = scenario{
	name: "tls-request-cpu",
	about: "http-request-cpu over TLS: 64 long-lived connections, each sending a GET and waiting for the whole response before it " +
		"sends the next, to plain backends: 100,000 requests a round with bodies of 128 bytes, 20,000 with 64 KiB. TLS 1.3 with " +
		"AES-128-GCM, and TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256. All handshakes are over before anything is measured. One " +
		"thread on a processor of its own; client and backend share the other.",
	suite: suiteTLS,
	run:   runTLSRequestCPU,
}

func runTLSRequestCPU(x *session) error {
	for _, version := range []string{tls13, tls12} {
		for _, v := range []struct {
			body  int64
			count int
		}{{smallBody, x.size.requests}, {largeBody, x.size.requestsSealed}} {
			f := x.requestFigures(fmt.Sprintf("TLS %s, %s", version, bytesName(v.body)), aim{ratioAtMost: limit(1.1)}, aim{})
			s := setup{Threads: 1, Alone: true, TLS: version}
			if err := x.requests(s, busyConns, v.body, v.count, f); err != nil {
				return err
			}
		}
	}
	return nil
}
