package tlsio

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"

	"lull/internal/clock"
	"lull/internal/dataplane/plan"
)

// Server is the TLS of a listener, for all loops. It keeps no connection: those that are open do not notice when another
// takes its place. Safe for use by any loop.
type Server struct {
	// Fixed after New.
	plan    *plan.ServerTLS
	http    bool
	side    side
	tickets *Tickets
	name    string

	// Atomic.
	current atomic.Pointer[serverConfig]
}

// serverConfig is the configuration in force, and what it was made from.
type serverConfig struct {
	tls   *tls.Config
	roots *x509.CertPool
	epoch uint64 // of the tickets
}

// NewServer returns the TLS of a listener, which has some.
func NewServer(l *plan.Listener, gate *Gate, tickets *Tickets) *Server {
	return &Server{plan: l.TLS, http: l.Protocol == plan.HTTP, side: side{server: true, gate: gate}, tickets: tickets,
		name: l.Key.String()}
}

// New makes the TLS of a client's connection; tell has the loop look at it, and is called on the handshake's goroutine.
func (s *Server) New(area *Area, tell func()) *Conn {
	c := start(&s.side, area, tell)
	c.tls = tls.Server((*wire)(c), s.config(clock.Now()))
	return c
}

// config returns the configuration in force. Ticket keys have their time, and authorities may be replaced; both happen
// rarely, so that a loop which makes one in vain does no harm.
func (s *Server) config(now int64) *tls.Config {
	epoch := s.tickets.Epoch(now)
	roots := s.roots()
	old := s.current.Load()
	if old != nil && old.epoch == epoch && old.roots == roots {
		return old.tls
	}
	c := &serverConfig{roots: roots, epoch: epoch, tls: s.build(roots)}
	if !s.plan.NoResumption {
		c.tls.SetSessionTicketKeys(s.tickets.Keys(s.name, s.plan.ClientAuth, roots))
	}
	s.current.Store(c)
	return c.tls
}

func (s *Server) roots() *x509.CertPool {
	if s.plan.ClientAuth == plan.ClientCertNone || s.plan.ClientRoots == nil {
		return nil
	}
	return s.plan.ClientRoots.Pool()
}

func (s *Server) build(roots *x509.CertPool) *tls.Config {
	p := s.plan
	c := &tls.Config{
		GetCertificate: p.Certificates.For, NextProtos: p.ALPN,
		MinVersion: p.Policy.Min, MaxVersion: p.Policy.Max, CipherSuites: suites(p.Policy.Suites),
		SessionTicketsDisabled: p.NoResumption,
		// Bytes go out in one write however many records they are, so that small first records have nothing to offer.
		DynamicRecordSizingDisabled: true,
	}
	switch p.ClientAuth {
	case plan.ClientCertNone:
	case plan.ClientCertOptional:
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, roots
	case plan.ClientCertRequired:
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, roots
		if s.http { // a client without one is answered with a 400; TCP has no answer but the handshake's
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	if p.ClientAuth != plan.ClientCertNone {
		c.VerifyConnection = verifyDepth(p.VerifyDepth)
	}
	return c
}

// suites returns a list that crypto/tls does not take for its own choice when it is empty.
func suites(ids []uint16) []uint16 {
	if ids == nil {
		return []uint16{}
	}
	return ids
}
