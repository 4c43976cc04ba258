// Package dnstest provides a DNS server for tests, on a loopback port by UDP and TCP.
//
// Tests start one, set what it answers for a name and may change that at any time; the server's own goroutines only
// read it. It is written with dnsmessage alone and answers A, AAAA and, if told so, with nonsense; a DNS library would
// behave too well. It knows every name it was told and denies all others.
package dnstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Answer is what the server says about a name. The zero value says that the name does not exist.
type Answer struct {
	Addrs    []netip.Addr  // A and AAAA records, in this order
	Alias    string        // a CNAME record in front of the addresses, which then belong to the alias
	AliasTTL uint32        // of the CNAME record, in seconds
	TTL      uint32        // of the addresses, in seconds
	Delay    time.Duration // before the answer
	Truncate bool          // by UDP send no records and the TC bit
	Garbage  []byte        // by UDP send these bytes instead
	Silent   bool          // say nothing
}

// Server is a running DNS server.
type Server struct {
	// Fixed after Start.
	addr    netip.AddrPort
	udp     *net.UDPConn
	tcp     *net.TCPListener
	stop    chan struct{}
	running sync.WaitGroup

	// Guarded by mu.
	mu      sync.Mutex
	answers map[string]Answer // by name, lower case, with a dot at the end
	queries map[string]int    // by network and name
	conns   map[net.Conn]struct{}
}

// Start starts a server, which stops at the end of the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{
		stop:    make(chan struct{}),
		answers: make(map[string]Answer),
		queries: make(map[string]int),
		conns:   make(map[net.Conn]struct{}),
	}
	if err := s.listen(); err != nil {
		tb.Fatalf("start DNS server: %v", err)
	}
	s.running.Go(s.serveUDP)
	s.running.Go(s.serveTCP)
	tb.Cleanup(s.close)
	return s
}

// listen opens a UDP and a TCP socket on one port, which may take a few tries.
func (s *Server) listen() error {
	var err error
	for range 20 {
		s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			return err
		}
		addr, ok := s.tcp.Addr().(*net.TCPAddr)
		if !ok {
			return fmt.Errorf("address is a %T", s.tcp.Addr())
		}
		s.addr = addr.AddrPort()
		if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.addr)); err == nil {
			return nil
		}
		_ = s.tcp.Close() // nothing came in
	}
	return err
}

// Addr returns the server's address and port, the same by UDP and TCP.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Set makes the server give that answer for a name from now on.
func (s *Server) Set(name string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[fqdn(name)] = a
}

// Forget makes the server deny a name from now on.
func (s *Server) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answers, fqdn(name))
}

// Queries returns how often a name was asked for over "udp" or "tcp". A lookup asks twice: for A and for AAAA.
func (s *Server) Queries(network, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries[network+" "+fqdn(name)]
}

// close stops the server and waits for its goroutines.
func (s *Server) close() {
	close(s.stop)
	_ = s.udp.Close()
	_ = s.tcp.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// serveUDP answers datagrams, each on a goroutine of its own because an answer may have a delay.
func (s *Server) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier answer
		}
		query := append([]byte(nil), buf[:n]...)
		s.running.Go(func() {
			if reply := s.reply("udp", query); reply != nil {
				_, _ = s.udp.WriteToUDPAddrPort(reply, from) // whoever asked may be gone
			}
		})
	}
}

// serveTCP answers connections.
func (s *Server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.running.Go(func() {
			s.serveConn(c)
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// serveConn answers the queries of one connection until it ends.
func (s *Server) serveConn(c net.Conn) {
	defer c.Close()
	select {
	case <-s.stop: // accepted while close went through conns
		return
	default:
	}
	var length [2]byte
	for {
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		reply := s.reply("tcp", query)
		if reply == nil {
			return
		}
		framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)
		// In three pieces, so that whoever reads has to put messages together.
		for _, piece := range [][]byte{framed[:1], framed[1:7], framed[7:]} {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}
}

// reply returns the answer to a query once its delay has passed, or nil for none.
func (s *Server) reply(network string, query []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := fqdn(q.Name.String())
	s.mu.Lock()
	a, known := s.answers[name]
	s.queries[network+" "+name]++
	s.mu.Unlock()
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.stop:
			return nil
		}
	}
	switch {
	case a.Silent:
		return nil
	case a.Garbage != nil && network == "udp":
		return a.Garbage
	default:
		return Message(h.ID, q, a, known, a.Truncate && network == "udp")
	}
}

// Message returns the message that answers a question: with the records of a if the name is known, else that there is
// no such name. If truncated it has the TC bit and no records.
func Message(id uint16, q dnsmessage.Question, a Answer, known, truncated bool) []byte {
	h := dnsmessage.Header{ID: id, Response: true, RecursionAvailable: true, Truncated: truncated}
	if !known {
		h.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	err := errors.Join(b.StartQuestions(), b.Question(q), b.StartAnswers())
	if known && !truncated {
		err = errors.Join(err, records(&b, q, a))
	}
	msg, ferr := b.Finish()
	if err = errors.Join(err, ferr); err != nil {
		panic(fmt.Sprintf("dnstest: build answer for %s: %v", q.Name, err))
	}
	return msg
}

// records adds the records of the type asked for.
func records(b *dnsmessage.Builder, q dnsmessage.Question, a Answer) error {
	owner := q.Name
	if a.Alias != "" {
		alias, err := dnsmessage.NewName(fqdn(a.Alias))
		if err != nil {
			return err
		}
		head := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: a.AliasTTL}
		if err := b.CNAMEResource(head, dnsmessage.CNAMEResource{CNAME: alias}); err != nil {
			return err
		}
		owner = alias
	}
	head := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: a.TTL}
	for _, addr := range a.Addrs {
		var err error
		switch {
		case addr.Is4() && q.Type == dnsmessage.TypeA:
			err = b.AResource(head, dnsmessage.AResource{A: addr.As4()})
		case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
			err = b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: addr.As16()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fqdn returns a name in lower case and with a dot at the end.
func fqdn(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }
