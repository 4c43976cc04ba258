package main

import (
	"os"
	"path/filepath"
	"slices"

	"lull/bench/load"
	"lull/internal/lulltest/testca"
)

// certs are the certificates of a run, one authority's, as files. Those of the listener are the same for every balancer;
// backends have that for ECDSA too. Each chain has an intermediate authority in it, as those of public authorities do.
type certs struct {
	Authority                  string
	ECDSA, ECDSAKey, ECDSABoth string // P-256; chain, key, and both in one file as HAProxy wants them
	RSA, RSAKey, RSABoth       string // 2048 bits
}

// certsIn returns where certificates lie in a directory.
func certsIn(dir string) certs {
	in := func(name string) string { return filepath.Join(dir, name) }
	return certs{
		Authority: in("authority.pem"),
		ECDSA:     in("ecdsa.pem"), ECDSAKey: in("ecdsa.key"), ECDSABoth: in("ecdsa-both.pem"),
		RSA: in("rsa.pem"), RSAKey: in("rsa.key"), RSABoth: in("rsa-both.pem"),
	}
}

// make makes them.
func (c certs) make() error {
	authority, err := testca.New()
	if err != nil {
		return err
	}
	names := []string{load.ServerName, balancerHost.String()}
	for i := range backendHosts {
		names = append(names, backendHost(i).String())
	}
	ecdsa, err := authority.Issue(testca.Request{Names: names, Intermediate: true})
	if err != nil {
		return err
	}
	rsa, err := authority.Issue(testca.Request{Names: names, Intermediate: true, RSA: true})
	if err != nil {
		return err
	}
	for file, text := range map[string][]byte{
		c.Authority: authority.PEM(),
		c.ECDSA:     ecdsa.Chain, c.ECDSAKey: ecdsa.Key, c.ECDSABoth: slices.Concat(ecdsa.Chain, ecdsa.Key),
		c.RSA: rsa.Chain, c.RSAKey: rsa.Key, c.RSABoth: slices.Concat(rsa.Chain, rsa.Key),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
