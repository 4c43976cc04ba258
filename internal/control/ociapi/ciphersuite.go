package ociapi

import (
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/tlspolicy"
)

//nolint:gochecknoglobals // a table
var cipherSuiteReads = map[string]read{
	"ListSSLCipherSuites": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) {
		return append(wire.PredefinedSuites(), sorted(b.CipherSuites, cipherSuiteView)...), nil
	}),
	"GetSSLCipherSuite": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		name := r.Parameters[wire.ChildName]
		for _, suite := range wire.PredefinedSuites() {
			if suite.Name == name {
				return suite, nil
			}
		}
		return child(b.document, cipherSuiteKind, b.CipherSuites, name, cipherSuiteView)
	}),
}

//nolint:gochecknoglobals // a table
var cipherSuiteChanges = map[string]change{
	"CreateSSLCipherSuite": createCipherSuite,
	"UpdateSSLCipherSuite": updateCipherSuite,
	"DeleteSSLCipherSuite": deleteCipherSuite,
}

const cipherSuiteKind = "SSL cipher suite"

func cipherSuiteView(name string, ciphers []string) wire.SSLCipherSuite {
	return wire.SSLCipherSuite{Name: name, Ciphers: ciphers}
}

func createCipherSuite(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CreateSSLCipherSuiteDetails)
	return add(d, cipherSuiteKind, d.CipherSuites, body.Name, body.Ciphers)
}

func updateCipherSuite(d *document, r *wire.Request) error {
	name := r.Parameters[wire.ChildName]
	if err := own(name); err != nil {
		return err
	}
	return replace(d, cipherSuiteKind, d.CipherSuites, name, r.Body.(*wire.UpdateSSLCipherSuiteDetails).Ciphers)
}

func deleteCipherSuite(d *document, r *wire.Request) error {
	name := r.Parameters[wire.ChildName]
	if err := own(name); err != nil {
		return err
	}
	for _, user := range d.encrypted() {
		if user.ssl.CipherSuiteName == name {
			return inUse(cipherSuiteKind, name, user.kind, user.name)
		}
	}
	return drop(d, cipherSuiteKind, d.CipherSuites, name)
}

// own refuses to touch a suite that every load balancer has.
func own(name string) error {
	if wire.ReservedSuite(name) {
		return invalid("name", "name '%s' is that of a predefined SSL cipher suite, which cannot be changed or deleted: make one of another name", name)
	}
	return nil
}

// ciphers returns the ciphers of a suite, be it predefined or the load balancer's own.
func (d *document) ciphers(suite string) (ciphers []string, found bool) {
	if p, predefined := tlspolicy.DefinitionOf(suite); predefined && p.Origin == tlspolicy.OCI {
		return p.Ciphers, true
	}
	ciphers, found = d.CipherSuites[suite]
	return ciphers, found
}

// checkCipherSuites refuses suites with which nothing could be negotiated, in whatever version.
func checkCipherSuites(_ *Service, d *document) error {
	if len(d.CipherSuites) > cipherSuitesMax {
		return tooMany("sslCipherSuites", len(d.CipherSuites), cipherSuitesMax)
	}
	for name, ciphers := range ordered(d.CipherSuites) {
		if _, err := tlspolicy.Custom(name, []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}, ciphers); err != nil {
			field := "sslCipherSuites." + name + ".ciphers"
			return invalid(field, "%s is not allowed: lull can do none of them: add one that it can, such as ECDHE-RSA-AES128-GCM-SHA256", field)
		}
	}
	return nil
}
