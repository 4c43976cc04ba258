package tlsio

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"

	"lull/internal/dataplane/plan"
)

// sessionsKept is how many sessions of a backend are kept for resumption. Each full handshake brings one or two tickets, and
// connections are made one at a time when traffic is steady.
const sessionsKept = 8

var errWrongKey = errors.New("the backend's public key is none of those configured")

// Client is the TLS of connections to the backends of a set, for all loops. Safe for use by any goroutine.
type Client struct {
	// Fixed after New.
	plan *plan.ClientTLS
	side side

	// Guarded by mu.
	mu      sync.Mutex
	configs map[plan.BackendKey]*tls.Config
}

// NewClient returns the TLS of a backend set.
func NewClient(p *plan.ClientTLS, gate *Gate) *Client {
	return &Client{plan: p, side: side{gate: gate}, configs: map[plan.BackendKey]*tls.Config{}}
}

// New makes the TLS of a connection to a backend; see Server.New.
func (c *Client) New(key plan.BackendKey, area *Area, tell func()) *Conn {
	conn := start(&c.side, area, tell)
	conn.tls = tls.Client((*wire)(conn), c.Config(key))
	return conn
}

// Same reports whether a connection that c has made may be used by those who would make theirs by o, after a change of the
// plan perhaps. Nil stands for plain connections.
func (c *Client) Same(o *Client) bool {
	if c == o || c == nil || o == nil {
		return c == o
	}
	return c.plan.Same(o.plan)
}

// Config returns the configuration for a backend, with its sessions. Each has its own: a session is worth something only
// where it was agreed on.
func (c *Client) Config(key plan.BackendKey) *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	var roots *x509.CertPool
	if c.plan.Roots != nil {
		roots = c.plan.Roots.Pool()
	}
	if old := c.configs[key]; old != nil && old.RootCAs == roots {
		return old
	}
	config := ClientConfig(c.plan, key.Host)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(sessionsKept)
	c.configs[key] = config
	return config
}

// ClientConfig returns the configuration for a backend that is configured as host, without a memory of sessions: what health
// checks use.
func ClientConfig(p *plan.ClientTLS, host string) *tls.Config {
	config := &tls.Config{
		ServerName: p.NameFor(host), NextProtos: p.ALPN, InsecureSkipVerify: !p.Verify,
		MinVersion: p.Policy.Min, MaxVersion: p.Policy.Max, CipherSuites: suites(p.Policy.Suites),
		DynamicRecordSizingDisabled: true,
	}
	if p.Roots != nil {
		config.RootCAs = p.Roots.Pool()
	}
	if p.Verify {
		config.VerifyConnection = verifyDepth(p.VerifyDepth)
	}
	if keys := p.PublicKeys; len(keys) > 0 {
		depth := config.VerifyConnection
		config.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !hasKey(keys, s.PeerCertificates[0]) {
				return errWrongKey
			}
			if depth != nil {
				return depth(s)
			}
			return nil
		}
	}
	return config
}

func hasKey(keys [][]byte, c *x509.Certificate) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, c.RawSubjectPublicKeyInfo) })
}
