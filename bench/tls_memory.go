package main

import "lull/bench/load"

var tlsMemory = scenario{
	name: "tls-memory",
	about: "User memory for each idle keep-alive connection in TLS 1.3, as in http-idle-memory: 8,500 connections, two threads. In one " +
		"variant each has had one response of 128 bytes; in the other it has sent 64 KiB before that, in records of 16 KiB, which shows what a " +
		"large record leaves behind.",
	suite: suiteTLS,
	run:   runTLSMemory,
}

func runTLSMemory(x *session) error {
	for _, v := range []struct {
		name   string
		client load.Options
	}{
		{"after one exchange", load.Options{Role: "get-hold"}},
		{"after an upload of 64 KiB", load.Options{Role: "post-hold", Bytes: largeBody}},
	} {
		s := setup{Threads: 2, TLS: tls13, Uploads: v.client.Role == "post-hold"}
		bounds := aim{atMost: limit(8), ratioAtMost: limit(1)}
		err := x.connMemory(v.name, s, x.size.heldConns, bounds, func(t *trial, conns int) (*child, error) {
			v.client.Conns = conns
			return t.client(v.client)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
