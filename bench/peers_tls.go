package main

import "lull/bench/load"

// With TLS all have the same certificate, and the same cipher, AES-128-GCM, in both versions: it is what crypto/tls and
// OpenSSL prefer by themselves where the processor has instructions for it, and is named for OpenSSL so that it stays so.
// nginx has to be told of TLS 1.3, and its session cache is switched on beside the tickets that it and the others issue
// by default. Everybody's other settings of TLS are as shipped: the size of records and of buffers, how many tickets a
// full handshake brings (one from lull, two from OpenSSL), how long they last. What differs between the front-end
// connections' versions is left to the client, which offers one.

// Versions of TLS, as load names them.
const (
	tls12 = "1.2"
	tls13 = "1.3"
)

// Ciphers are the suites of TLS 1.2 in OpenSSL's words.
func (s setup) Ciphers() string { return "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" }

// Suites are those of TLS 1.3.
func (s setup) Suites() string { return "TLS_AES_128_GCM_SHA256" }

// ServerName is what the balancer asks of its backends, and verifies.
func (s setup) ServerName() string { return load.ServerName }

// Certificate is the file of the listener's chain.
func (s setup) Certificate() string {
	if s.RSA {
		return s.Certs.RSA
	}
	return s.Certs.ECDSA
}

// Key is the file of the listener's key.
func (s setup) Key() string {
	if s.RSA {
		return s.Certs.RSAKey
	}
	return s.Certs.ECDSAKey
}

// Both is the file with the listener's chain and key.
func (s setup) Both() string {
	if s.RSA {
		return s.Certs.RSABoth
	}
	return s.Certs.ECDSABoth
}

// scheme is what clients say in front of the host.
func (s setup) scheme() string {
	if s.TLS != "" {
		return "https"
	}
	return "http"
}
