package health

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// world is what a test is run in: plain, or over TLS with a backend whose certificate is verified.
type world struct {
	name   string
	server *tls.Config     // nil: plain
	client *plan.ClientTLS // what the check has
}

// worlds returns both.
func worlds(t *testing.T) []*world {
	t.Helper()
	ca := testca.NewFor(t)
	cert := ca.IssueFor(t, testca.Request{Names: []string{"127.0.0.1", "app.internal"}})
	return []*world{{name: "plain"}, {
		name:   "tls",
		server: &tls.Config{Certificates: []tls.Certificate{cert.TLS}},
		client: &plan.ClientTLS{Verify: true, Roots: certs.NewRoots(ca.Pool()), Policy: tlspolicy.Default},
	}}
}

// inBoth runs a test in both worlds.
func inBoth(t *testing.T, body func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	for _, w := range worlds(t) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			body(t, w)
		})
	}
}

// serverConn returns what a backend of this world makes of a connection that it has accepted.
func (w *world) serverConn(raw net.Conn) net.Conn {
	if w.server == nil {
		return raw
	}
	return tls.Server(raw, w.server)
}

// raw returns the TCP connection under a connection.
func raw(c net.Conn) net.Conn {
	if secured, ok := c.(*tls.Conn); ok {
		return secured.NetConn()
	}
	return c
}

// within returns a context that ends after a probe's timeout.
func within(t *testing.T, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}
