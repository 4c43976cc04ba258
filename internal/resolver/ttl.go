package resolver

import (
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// typeDNAME is the alias of a whole subtree (RFC 6672), for which dnsmessage has no name.
const typeDNAME dnsmessage.Type = 39

// ttlSeen is the smallest TTL of the answers to one lookup. Package net asks for A and AAAA at once, and may still be
// at it after the lookup was given up, hence the lock.
type ttlSeen struct {
	// Guarded by mu.
	mu   sync.Mutex
	any  bool
	secs uint32
}

// note takes a TTL into account.
func (s *ttlSeen) note(secs uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.any || secs < s.secs {
		s.any, s.secs = true, secs
	}
}

// least returns the smallest TTL, or refreshMax if there was none: the hosts file has no TTLs.
func (s *ttlSeen) least() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.any {
		return refreshMax
	}
	return time.Duration(s.secs) * time.Second
}

// packetConn is a UDP connection to a DNS server that reads along. It has the two methods that make a net.PacketConn,
// although nobody calls them, because that is how package net tells datagrams from a stream.
type packetConn struct {
	attempt

	// Fixed after dial.
	udp  *net.UDPConn
	seen *ttlSeen
	// Owned by the goroutine that asks.
	query []byte
}

// ReadFrom receives a datagram.
func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) { return c.udp.ReadFrom(p) }

// WriteTo sends a datagram.
func (c *packetConn) WriteTo(p []byte, addr net.Addr) (int, error) { return c.udp.WriteTo(p, addr) }

// Write sends a query and remembers it.
func (c *packetConn) Write(p []byte) (int, error) {
	c.query = append(c.query[:0], p...)
	return c.attempt.Write(p)
}

// Read receives a datagram and notes its TTL. A truncated answer is not the answer: package net asks again by TCP.
func (c *packetConn) Read(p []byte) (int, error) {
	n, err := c.attempt.Read(p)
	if n > 0 && !truncated(p[:n]) {
		if secs, ok := leastTTL(c.query, p[:n]); ok {
			c.seen.note(secs)
		}
	}
	return n, err
}

var _ net.PacketConn = (*packetConn)(nil)

// streamConn is a TCP connection to a DNS server that reads along.
type streamConn struct {
	attempt

	// Fixed after dial.
	seen *ttlSeen
	// Owned by the goroutine that asks.
	query  []byte
	framer framer
}

// Write sends a query, which comes with its length in front, and remembers it.
func (c *streamConn) Write(p []byte) (int, error) {
	c.query = c.query[:0]
	if len(p) > 2 {
		c.query = append(c.query, p[2:]...)
	}
	return c.attempt.Write(p)
}

// Read receives some bytes and notes the TTL of each message that they complete.
func (c *streamConn) Read(p []byte) (int, error) {
	n, err := c.attempt.Read(p)
	c.framer.feed(p[:n], func(msg []byte) {
		if secs, ok := leastTTL(c.query, msg); ok {
			c.seen.note(secs)
		}
	})
	return n, err
}

// framer cuts a TCP stream into messages: two bytes of length, then as many of message (RFC 1035 §4.2.2). It holds
// at most one message, so at most 65,537 bytes.
type framer struct{ buf []byte }

// feed takes the stream's next bytes and calls message for each message completed by them. msg is valid until
// message returns.
func (f *framer) feed(p []byte, message func(msg []byte)) {
	for len(p) > 0 {
		want := 2
		if len(f.buf) >= 2 {
			want += int(f.buf[0])<<8 | int(f.buf[1])
		}
		n := min(want-len(f.buf), len(p))
		f.buf = append(f.buf, p[:n]...)
		p = p[n:]
		if len(f.buf) >= 2 && len(f.buf) == 2+(int(f.buf[0])<<8|int(f.buf[1])) {
			message(f.buf[2:])
			f.buf = f.buf[:0]
		}
	}
}

// truncated reports whether a message has its TC bit set.
func truncated(msg []byte) bool { return len(msg) > 2 && msg[2]&0x02 != 0 }

// leastTTL returns the smallest TTL, in seconds, of the addresses and aliases with which msg answers query; false if
// msg is no successful answer to it or has none. Anyone who can guess a port can send us datagrams, therefore msg must
// carry the query's id and question, as package net demands as well. What follows a malformed record is ignored.
func leastTTL(query, msg []byte) (secs uint32, ok bool) {
	var p dnsmessage.Parser
	if !startAnswer(&p, query, msg) {
		return 0, false
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return secs, ok
		}
		if err := p.SkipAnswer(); err != nil {
			return secs, ok
		}
		if !counts(&h) {
			continue
		}
		ttl := h.TTL
		if ttl > 1<<31-1 {
			ttl = 0 // RFC 2181 §8: a TTL with the top bit set is zero
		}
		if !ok || ttl < secs {
			secs, ok = ttl, true
		}
	}
}

// startAnswer puts p before the answers of msg and reports whether they are answers to query.
func startAnswer(p *dnsmessage.Parser, query, msg []byte) bool {
	var asked dnsmessage.Parser
	qh, err := asked.Start(query)
	if err != nil {
		return false
	}
	want, err := asked.Question()
	if err != nil {
		return false
	}
	h, err := p.Start(msg)
	if err != nil || !h.Response || h.ID != qh.ID || h.RCode != dnsmessage.RCodeSuccess {
		return false
	}
	got, err := p.Question()
	if err != nil || got.Type != want.Type || got.Class != want.Class ||
		!strings.EqualFold(got.Name.String(), want.Name.String()) {
		return false
	}
	return p.SkipAllQuestions() == nil
}

// counts reports whether a record of the answer section decides how long the answer holds: an address, or an alias on
// the way to it. Signatures and the like have TTLs of their own, which are not shorter.
func counts(h *dnsmessage.ResourceHeader) bool {
	address := h.Type == dnsmessage.TypeA || h.Type == dnsmessage.TypeAAAA
	alias := h.Type == dnsmessage.TypeCNAME || h.Type == typeDNAME
	return h.Class == dnsmessage.ClassINET && (address || alias)
}
