package main

var tlsBack = scenario{
	name: "tls-back",
	about: "http-request-cpu with TLS 1.3 between balancer and backends, which verifies their certificate and name, and plain clients: 64 " +
		"connections, 100,000 requests a round with bodies of 128 bytes, 20,000 with 64 KiB. Back-end connections are kept and used again, " +
		"so there are few handshakes: the table says how many connections were made meanwhile. One thread on a processor of its own.",
	suite: suiteTLS,
	run:   runTLSBack,
}

func runTLSBack(x *session) error {
	for _, v := range []struct {
		body  int64
		count int
	}{{smallBody, x.size.requests}, {largeBody, x.size.requestsSealed}} {
		f := x.requestFigures(bytesName(v.body), aim{}, aim{})
		f.made = x.figure(figure{variant: bytesName(v.body), name: "back-end connections made meanwhile", alone: true})
		s := setup{Threads: 1, Alone: true, BackTLS: true}
		if err := x.requests(s, busyConns, v.body, v.count, f); err != nil {
			return err
		}
	}
	return nil
}
