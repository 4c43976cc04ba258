// Package dnsserver provides the DNS responder for the names of load balancers.
//
// `lull serve` calls Serve once if it is configured; the library's goroutines answer, one for each datagram and each TCP
// connection. It is authoritative for one zone, whose names are what Lookup knows, and nothing else: no resolver, no zone
// transfer, no updates, no DNSSEC. Every load balancer is one label below the zone, so that there are no names between.
// The wire is github.com/miekg/dns; the answers are made in answer.go, as a function of the query. The alternative, a zone
// in a DNS server that people run already, would need an account there and an API for each of them.
//
// A Server has no lock: what is fixed after Serve is read only, and the rotation of addresses is atomic. Lookup is called
// from many goroutines at a time and must not block for long.
//
// Limits: TCP connections (connectionsMax), queries on each and the time for them; a UDP answer has at most the size that
// was asked for, and never more than udpMax. Whoever forges an address makes lull send a few addresses to it at most, and
// a query of type ANY, a favourite for that, gets a single short record (RFC 8482).
//
// Follows RFC 1034 and 1035, 2181 §5.2 (one TTL for a set), 2308 (no such name, no such record), 6891 (EDNS), 7766 (TCP).
package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
)

const (
	// TTLDefault is how long answers may be kept: that of the Classic Load Balancer.
	TTLDefault = 60 * time.Second
	// ttlMax is the most that RFC 2181 §8 allows.
	ttlMax = (1<<31 - 1) * time.Second

	connectionsMax = 64  // descriptors that clients may take from the data plane's
	queriesMax     = 100 // on one TCP connection: one that asks more has had its share
	readLimit      = 2 * time.Second
	writeLimit     = 2 * time.Second
	idleLimit      = 5 * time.Second // between queries: a resolver sends them in a row
	closeLimit     = 2 * time.Second

	// udpMax is the largest UDP message either way: one that passes every network whole (DNS Flag Day 2020).
	udpMax = 1232
	// zoneBytes is what a zone's name is made of.
	zoneBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	// portTries bounds the search for a port that is free for UDP and TCP, when any will do.
	portTries = 10
)

// Options is what a Server is started with.
type Options struct {
	// Address is where to listen by UDP and TCP: "host:port". Port 0 takes one that is free for both.
	Address string
	// Zone is the domain answered for, such as us-east-1.elb.amazonaws.com.
	Zone string
	// TTL is how long addresses may be kept, from one second up. 0 stands for TTLDefault.
	TTL time.Duration
	// Lookup returns the addresses of a name of the zone, which it gets in lower case and without the final dot, and whether
	// there is one of that name. It may be called from any goroutine.
	Lookup func(name string) ([]netip.Addr, bool)
	// Logger takes the error that ends the answering, should there be one. nil stands for nobody.
	Logger *slog.Logger
}

// Server answers DNS queries.
type Server struct {
	// Fixed after Serve.
	zone   string // lower case, with the final dot
	ttl    uint32
	soa    dns.SOA
	lookup func(string) ([]netip.Addr, bool)
	log    *slog.Logger
	addr   net.Addr
	udp    *dns.Server
	tcp    *dns.Server
	ends   sync.WaitGroup

	// Atomic.
	turn    atomic.Uint32 // which address comes first
	closing atomic.Bool
}

// Serve begins to answer. The errors name the setting that they are about.
func Serve(o Options) (*Server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	ln, conn, err := listen(o.Address)
	if err != nil {
		return nil, fmt.Errorf("api.dns.address %s: cannot listen: %w", o.Address, cause(err))
	}
	s.addr = ln.Addr()
	s.udp = &dns.Server{PacketConn: conn, Handler: s, MsgAcceptFunc: accept, UDPSize: udpMax}
	s.tcp = &dns.Server{Listener: netutil.LimitListener(patient{ln}, connectionsMax), Handler: s, MsgAcceptFunc: accept,
		MaxTCPQueries: queriesMax, ReadTimeout: readLimit, WriteTimeout: writeLimit,
		IdleTimeout: func() time.Duration { return idleLimit }}
	for _, server := range []*dns.Server{s.udp, s.tcp} {
		begun := make(chan struct{})
		server.NotifyStartedFunc = func() { close(begun) }
		s.ends.Go(func() { s.run(server) })
		<-begun // a server that has not begun cannot be shut down
	}
	return s, nil
}

// newServer checks the options and returns a server that does not listen yet.
func newServer(o Options) (*Server, error) {
	zone := dns.CanonicalName(o.Zone)
	if _, ok := dns.IsDomainName(zone); !ok || zone == "." || strings.Trim(zone, zoneBytes) != "" {
		return nil, fmt.Errorf("zone %q: want a domain name, such as us-east-1.elb.amazonaws.com", o.Zone)
	}
	ttl := o.TTL
	if ttl == 0 {
		ttl = TTLDefault
	}
	if ttl < time.Second || ttl > ttlMax {
		return nil, fmt.Errorf("api.dns.ttl %s: want 1s to %s", o.TTL, ttlMax)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	seconds := uint32(ttl / time.Second)
	return &Server{zone: zone, ttl: seconds, soa: authority(zone, seconds), lookup: o.Lookup, log: o.Logger}, nil
}

// listen binds TCP and UDP to one address.
func listen(address string) (ln net.Listener, conn net.PacketConn, err error) {
	for range portTries {
		if ln, err = net.Listen("tcp", address); err != nil {
			return nil, nil, err
		}
		if conn, err = net.ListenPacket("udp", ln.Addr().String()); err == nil {
			return ln, conn, nil
		}
		ln.Close()
		if _, port, _ := net.SplitHostPort(address); port != "0" {
			break
		}
	}
	return nil, nil, err
}

// run answers until the server is closed.
func (s *Server) run(server *dns.Server) {
	if err := server.ActivateAndServe(); err != nil && !s.closing.Load() {
		s.log.Error("the DNS responder stopped answering", "address", s.addr.String(), "error", err)
	}
}

// Addr returns the address listened on, which is the same for UDP and TCP.
func (s *Server) Addr() net.Addr { return s.addr }

// Close ends the answering. Queries that have been read are answered first, for a moment. It may be called once.
func (s *Server) Close() error {
	s.closing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	var errs []error
	for _, server := range []*dns.Server{s.udp, s.tcp} {
		if err := server.ShutdownContext(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("close the DNS responder on %s: %w", s.addr, errors.Join(errs...))
	}
	s.ends.Wait()
	return nil
}

// patient is a listener that waits a little when there is no descriptor for a connection. The library would ask again at
// once, and the data plane, which may have taken them all, would have to share its processor with that.
type patient struct{ net.Listener }

// descriptorWait is how long it waits.
const descriptorWait = 20 * time.Millisecond

// Accept implements net.Listener.
func (p patient) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		<-time.NewTimer(descriptorWait).C
	}
	return conn, err
}

// cause drops the operation and address that the message names already.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
