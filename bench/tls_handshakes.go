package main

import "lull/bench/load"

var tlsHandshakes = scenario{
	name: "tls-handshakes",
	about: "Connections, 64 at a time, with a handshake and one request each: connect, handshake, GET with Connection: close, response " +
		"of 128 bytes, end by the balancer. The request proves that the balancer, too, took the handshake for complete; what all but the " +
		"handshake costs is in the rows without TLS. 5,000 full handshakes a round with ECDSA on P-256 and 2,000 with RSA of 2048 bits, " +
		"both in TLS 1.3, the client asking for tickets and forgetting them; 10,000 resumed ones of each version, each client using the " +
		"ticket that its last connection brought. The key exchange is X25519 (resumed sessions of TLS 1.2 have none). One thread on a " +
		"processor of its own. The client's handshakes cost about as much as the balancer's and run on the other processor, so the rate " +
		"is the machine's; the CPU is the balancer's alone.",
	suite: suiteTLS,
	run:   runTLSHandshakes,
}

func runTLSHandshakes(x *session) error {
	for _, v := range []struct {
		name    string
		setup   setup
		resumed bool
		count   int
	}{
		{"full, ECDSA P-256", setup{TLS: tls13}, false, x.size.handshakes},
		{"full, RSA 2048", setup{TLS: tls13, RSA: true}, false, x.size.handshakesRSA},
		{"resumed, TLS 1.3", setup{TLS: tls13}, true, x.size.handshakesResumed},
		{"resumed, TLS 1.2", setup{TLS: tls12}, true, x.size.handshakesResumed},
		{"without TLS", setup{}, false, x.size.handshakesResumed},
	} {
		v.setup.Threads, v.setup.Alone = 1, true
		if err := x.handshakes(v.name, v.setup, v.resumed, v.count); err != nil {
			return err
		}
	}
	return nil
}

// handshakes runs every round of one kind of handshake.
func (x *session) handshakes(variant string, s setup, resumed bool, count int) error {
	info := func(name, unit string, digits int) *figure {
		return x.figure(figure{variant: variant, name: name, unit: unit, digits: digits, alone: true})
	}
	cpu := x.figure(figure{variant: variant, name: "CPU for each", unit: "µs", digits: 1})
	system := info("of it in the kernel", "%", 0)
	rate := x.figure(figure{variant: variant, name: "connections", unit: "1/s", higher: true})
	busy := info("processors that the balancer keeps busy", "", 2)
	rest := info("client and backend: CPU for each", "µs", 1)
	p50 := x.figure(figure{variant: variant, name: "connect to close p50", unit: "µs"})
	p99 := x.figure(figure{variant: variant, name: "connect to close p99", unit: "µs"})
	return x.eachRound(func(c contender) error {
		return x.tryHTTP(c, s, load.Options{Bytes: smallBody}, func(t *trial) error {
			// The connections before the measured ones bring the first tickets.
			client, err := t.client(load.Options{Role: "get-churn", Conns: busyConns, Warm: busyConns, Count: count, Resumed: resumed})
			if err != nil {
				return err
			}
			defer client.finish()
			r, own, others, err := t.measuredAll(client)
			if err != nil {
				return err
			}
			n, nanos := float64(r.Count), float64(r.Nanos)
			cpu.add(c.name, float64(own.total)/1e3/n)
			system.add(c.name, 100*own.systemShare())
			rate.add(c.name, n*1e9/nanos)
			busy.add(c.name, float64(own.total)/nanos)
			rest.add(c.name, float64(others)/1e3/n)
			p50.add(c.name, float64(r.LatencyP50Nanos)/1e3)
			p99.add(c.name, float64(r.LatencyP99Nanos)/1e3)
			return nil
		})
	})
}
