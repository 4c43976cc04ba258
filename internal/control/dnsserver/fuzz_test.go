package dnsserver

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/miekg/dns"
)

// FuzzPacket sends any packet over a socket and a good query behind it. Whatever comes before the good answer is an answer
// to the packet: one, well-formed, with its id, and no larger than it may be. That the good answer comes shows that the
// server has survived.
func FuzzPacket(f *testing.F) {
	f.Add(query(f, web, dns.TypeA, nil))
	f.Add(query(f, many, dns.TypeA, func(m *dns.Msg) { m.SetEdns0(4096, true) }))
	f.Add(query(f, zone, dns.TypeIXFR, nil))
	f.Add([]byte{})
	s := serve(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > udpMax {
			return
		}
		conn := dial(t, s, "udp") // a socket of its own: an answer that comes behind the good one is nobody's
		good := query(t, web, dns.TypeA, nil)
		for len(packet) >= 2 && bytes.Equal(good[:2], packet[:2]) {
			good = query(t, web, dns.TypeA, nil)
		}
		send(t, conn, packet)
		send(t, conn, good)
		for answers := 0; ; answers++ {
			answer := receive(t, conn)
			if bytes.Equal(answer[:2], good[:2]) {
				break
			}
			if answers > 0 || len(packet) < 12 {
				t.Fatalf("%x: answer %x, want none", packet, answer)
			}
			check(t, packet, answer)
		}
	})
}

func check(t *testing.T, packet, answer []byte) {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(answer); err != nil {
		t.Fatalf("%x: answer %x: %v", packet, answer, err)
	}
	if m.Id != binary.BigEndian.Uint16(packet) || !m.Response || packet[2]&0x80 != 0 {
		t.Fatalf("%x: answer %v", packet, m)
	}
	most := dns.MinMsgSize
	if q := new(dns.Msg); q.Unpack(packet) == nil {
		most = udpSize(q)
	}
	if len(answer) > most {
		t.Fatalf("%x: an answer of %d bytes, want at most %d", packet, len(answer), most)
	}
	if m.Rcode == dns.RcodeSuccess && !m.Authoritative {
		t.Fatalf("%x: answer %v, want an authoritative one", packet, m)
	}
}
