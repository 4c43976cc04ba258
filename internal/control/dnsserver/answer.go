package dnsserver

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// missingTTL is how long "no such name" may be kept at most: somebody may ask for a load balancer a moment before it is
// made, and would not find it for so long.
const missingTTL = uint32(5 * time.Second / time.Second)

// accept decides by a message's header whether to read the rest. An answer is never answered: two servers could keep each
// other busy for ever. Of operations there is the query; one question is in each, as everywhere (RFC 9619).
func accept(h dns.Header) dns.MsgAcceptAction {
	const response, opcodeShift, opcodeMask = 1 << 15, 11, 0xF
	switch {
	case h.Bits&response != 0:
		return dns.MsgIgnore
	case h.Bits>>opcodeShift&opcodeMask != dns.OpcodeQuery:
		return dns.MsgRejectNotImplemented
	case h.Qdcount != 1, h.Ancount > 0, h.Nscount > 1, h.Arcount > 2: // IXFR has an SOA there; OPT and TSIG come last
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	size := dns.MaxMsgSize
	if w.RemoteAddr().Network() == "udp" {
		size = udpSize(query)
	}
	m := s.answer(query)
	if m.Truncate(size); m.Truncated {
		m.Answer = nil // whoever asked does so again by TCP; whoever was made to look as if gets no heap of records
	}
	m.Compress = true
	_ = w.WriteMsg(m) // whoever does not get it asks again
}

// udpSize returns how large an answer by UDP may be (RFC 6891 §6.2.5).
func udpSize(query *dns.Msg) int {
	opt := query.IsEdns0()
	if opt == nil {
		return dns.MinMsgSize
	}
	return min(max(int(opt.UDPSize()), dns.MinMsgSize), udpMax)
}

// answer returns what to say to a query that accept has let through.
func (s *Server) answer(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	if len(query.Question) != 1 { // the library lets a header pass that announces a question and ends there
		m.Rcode = dns.RcodeFormatError
		return m
	}
	if rcode := s.extend(m, query); rcode != dns.RcodeSuccess {
		m.Rcode = rcode
		return m
	}
	q := query.Question[0]
	if q.Qclass != dns.ClassINET || !dns.IsSubDomain(s.zone, q.Name) {
		m.Rcode = dns.RcodeRefused // it is no resolver
		return m
	}
	switch {
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused
	case q.Qtype == dns.TypeOPT || q.Qtype == dns.TypeNone:
		m.Rcode = dns.RcodeFormatError // RFC 6895 §3.1: no types to ask for
	case q.Qtype >= dns.TypeTKEY && q.Qtype < dns.TypeANY:
		m.Rcode = dns.RcodeNotImplemented // questions about other things than records
	default:
		m.Authoritative = true
		s.find(m, q)
	}
	return m
}

// extend answers a query's OPT record with one (RFC 6891 §6.1.1 and 6.1.3), and returns what is wrong with it.
func (s *Server) extend(m, query *dns.Msg) (rcode int) {
	opts := 0
	for _, rr := range query.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			if opts++; rr.Header().Name != "." {
				return dns.RcodeFormatError
			}
		}
	}
	if opts == 0 {
		return dns.RcodeSuccess
	}
	opt := query.IsEdns0()
	m.SetEdns0(udpMax, opt.Do()) // DO is given back as it came (RFC 3225 §3)
	switch {
	case opts > 1:
		return dns.RcodeFormatError
	case opt.Version() != 0:
		return dns.RcodeBadVers
	}
	return dns.RcodeSuccess
}

// find puts what is known about a name of the zone into m.
func (s *Server) find(m *dns.Msg, q dns.Question) {
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	if len(q.Name) == len(s.zone) {
		if q.Qtype == dns.TypeSOA || q.Qtype == dns.TypeANY {
			m.Answer = []dns.RR{s.authority(s.ttl)}
			return
		}
		m.Ns = []dns.RR{s.authority(s.soa.Minttl)}
		return
	}
	addrs, known := s.lookup(name)
	switch {
	case !known:
		m.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA:
		m.Answer = s.addresses(q, addrs)
	case q.Qtype == dns.TypeANY:
		m.Answer = []dns.RR{&dns.HINFO{Hdr: header(q.Name, dns.TypeHINFO, s.ttl), Cpu: "RFC8482"}}
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{s.authority(s.soa.Minttl)} // RFC 2308 §2: it says for how long that is so
	}
}

// addresses returns the records of the family that q asks for. Each query finds another one first, and clients that take
// the first one are spread over the zones.
func (s *Server) addresses(q dns.Question, addrs []netip.Addr) []dns.RR {
	var list []dns.RR
	for _, a := range addrs {
		switch a = a.Unmap().WithZone(""); {
		case !a.IsValid():
		case a.Is4() && q.Qtype == dns.TypeA:
			list = append(list, &dns.A{Hdr: header(q.Name, dns.TypeA, s.ttl), A: net.IP(a.AsSlice())})
		case a.Is6() && q.Qtype == dns.TypeAAAA:
			list = append(list, &dns.AAAA{Hdr: header(q.Name, dns.TypeAAAA, s.ttl), AAAA: net.IP(a.AsSlice())})
		}
	}
	if len(list) < 2 {
		return list
	}
	first := int(s.turn.Add(1) % uint32(len(list)))
	return append(list[first:len(list):len(list)], list[:first]...)
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// authority returns the zone's SOA record as an answer or as the reason for having none (RFC 2308 §3).
func (s *Server) authority(ttl uint32) *dns.SOA {
	soa := s.soa
	soa.Hdr.Ttl = ttl
	return &soa
}

// authority makes the SOA record of a zone. Nobody takes copies of the zone, so that the serial and most of the times are
// for the form.
func authority(zone string, ttl uint32) dns.SOA {
	const refresh, retry, expire = 7200, 900, 1209600
	return dns.SOA{Hdr: header(zone, dns.TypeSOA, ttl), Ns: zone, Mbox: "hostmaster." + zone, Serial: 1,
		Refresh: refresh, Retry: retry, Expire: expire, Minttl: min(ttl, missingTTL)}
}
