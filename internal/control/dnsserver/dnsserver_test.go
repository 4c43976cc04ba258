package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	zone   = "us-east-1.elb.amazonaws.com"
	web    = "web-1234567890." + zone
	many   = "many-1234567890." + zone
	some   = "some-1234567890." + zone
	six    = "six-1234567890." + zone
	empty  = "empty-1234567890." + zone
	patrol = 5 * time.Second // more than any answer takes
)

// names is what the tests' Lookup knows. It fails the test when it is asked in another form than promised.
func names(tb testing.TB) func(string) ([]netip.Addr, bool) {
	known := map[string][]netip.Addr{
		web:   {netip.MustParseAddr("127.0.0.16"), netip.MustParseAddr("127.0.0.17"), netip.MustParseAddr("2001:db8::1")},
		six:   {netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("::ffff:127.0.0.18")},
		empty: {},
	}
	for i := range 200 {
		if i < 40 {
			known[some] = append(known[some], netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		}
		known[many] = append(known[many], netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	return func(name string) ([]netip.Addr, bool) {
		if name != strings.ToLower(name) || strings.HasSuffix(name, ".") || !strings.HasSuffix(name, "."+zone) {
			tb.Errorf("asked for %q", name)
		}
		addrs, ok := known[name]
		return addrs, ok
	}
}

func serve(tb testing.TB) *Server {
	tb.Helper()
	s, err := Serve(Options{Address: "127.0.0.1:0", Zone: zone, Lookup: names(tb), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// exchange sends a packet and returns the answer to it.
func exchange(tb testing.TB, s *Server, network string, packet []byte) []byte {
	tb.Helper()
	conn := dial(tb, s, network)
	send(tb, conn, packet)
	return receive(tb, conn)
}

func dial(tb testing.TB, s *Server, network string) net.Conn {
	tb.Helper()
	conn, err := net.Dial(network, s.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patrol)); err != nil {
		tb.Fatal(err)
	}
	return conn
}

func send(tb testing.TB, conn net.Conn, packet []byte) {
	tb.Helper()
	if conn.RemoteAddr().Network() == "tcp" {
		packet = append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	}
	if _, err := conn.Write(packet); err != nil {
		tb.Fatal(err)
	}
}

func receive(tb testing.TB, conn net.Conn) []byte {
	tb.Helper()
	answer := make([]byte, dns.MaxMsgSize)
	if conn.RemoteAddr().Network() == "udp" {
		n, err := conn.Read(answer)
		if err != nil {
			tb.Fatal(err)
		}
		return answer[:n]
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		tb.Fatal(err)
	}
	answer = answer[:binary.BigEndian.Uint16(size[:])]
	if _, err := io.ReadFull(conn, answer); err != nil {
		tb.Fatal(err)
	}
	return answer
}

// query returns a question in a packet; edit may change it first.
func query(tb testing.TB, name string, qtype uint16, edit func(*dns.Msg)) []byte {
	tb.Helper()
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	if edit != nil {
		edit(m)
	}
	packet, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

// ask asks and reads the answer.
func ask(tb testing.TB, s *Server, network, name string, qtype uint16, edit func(*dns.Msg)) *dns.Msg {
	tb.Helper()
	packet := query(tb, name, qtype, edit)
	m := new(dns.Msg)
	if err := m.Unpack(exchange(tb, s, network, packet)); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	if m.Id != binary.BigEndian.Uint16(packet) || !m.Response {
		tb.Fatalf("%s: not an answer to what was asked: %v", name, m)
	}
	return m
}

// TestGoResolves has the resolver of the standard library find the addresses, by UDP and by TCP.
func TestGoResolves(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, network := range []string{"udp", "tcp"} {
		r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Addr().String())
		}}
		for name, want := range map[string][]string{
			web:                        {"127.0.0.16", "127.0.0.17", "2001:db8::1"},
			strings.ToUpper(web) + ".": {"127.0.0.16", "127.0.0.17", "2001:db8::1"},
			six:                        {"127.0.0.18", "2001:db8::2"},
		} {
			got, err := r.LookupHost(t.Context(), dns.Fqdn(name))
			if slices.Sort(got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s: %v %v, want %v", network, name, got, err, want)
			}
		}
		for _, name := range []string{"nobody-1." + zone, empty} {
			_, err := r.LookupHost(t.Context(), dns.Fqdn(name))
			if dnsErr, ok := errors.AsType[*net.DNSError](err); !ok || !dnsErr.IsNotFound {
				t.Errorf("%s: %s: %v, want not found", network, name, err)
			}
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, tt := range []struct {
		name          string
		domain        string
		qtype         uint16
		edit          func(*dns.Msg)
		rcode         int
		answer        int    // records
		authority     uint32 // TTL of the SOA record in the authority section; 0: none
		authoritative bool
	}{
		{"a", web, dns.TypeA, nil, dns.RcodeSuccess, 2, 0, true},
		{"aaaa", web, dns.TypeAAAA, nil, dns.RcodeSuccess, 1, 0, true},
		{"mixed-case", "WeB-1234567890.US-EAST-1.elb.AmazonAWS.com", dns.TypeA, nil, dns.RcodeSuccess, 2, 0, true},
		{"mapped-is-a", six, dns.TypeA, nil, dns.RcodeSuccess, 1, 0, true},
		{"no-such-family", empty, dns.TypeA, nil, dns.RcodeSuccess, 0, missingTTL, true},
		{"no-such-type", web, dns.TypeMX, nil, dns.RcodeSuccess, 0, missingTTL, true},
		{"unknown-type", web, 65280, nil, dns.RcodeSuccess, 0, missingTTL, true},
		{"any", web, dns.TypeANY, nil, dns.RcodeSuccess, 1, 0, true},
		{"any-of-many", many, dns.TypeANY, nil, dns.RcodeSuccess, 1, 0, true},
		{"apex-soa", zone, dns.TypeSOA, nil, dns.RcodeSuccess, 1, 0, true},
		{"apex-any", zone, dns.TypeANY, nil, dns.RcodeSuccess, 1, 0, true},
		{"apex-a", zone, dns.TypeA, nil, dns.RcodeSuccess, 0, missingTTL, true},
		{"unknown", "nobody-1." + zone, dns.TypeA, nil, dns.RcodeNameError, 0, missingTTL, true},
		{"unknown-any", "nobody-1." + zone, dns.TypeANY, nil, dns.RcodeNameError, 0, missingTTL, true},
		{"below-known", "x." + web, dns.TypeA, nil, dns.RcodeNameError, 0, missingTTL, true},
		{"dot-in-label", `web-1234567890\.us-east-1.` + zone, dns.TypeA, nil, dns.RcodeNameError, 0, missingTTL, true},
		{"above", "elb.amazonaws.com", dns.TypeA, nil, dns.RcodeRefused, 0, 0, false},
		{"elsewhere", "example.com", dns.TypeA, nil, dns.RcodeRefused, 0, 0, false},
		{"ends-alike", "x" + zone, dns.TypeA, nil, dns.RcodeRefused, 0, 0, false},
		{"root", ".", dns.TypeNS, nil, dns.RcodeRefused, 0, 0, false},
		{"chaos", web, dns.TypeTXT, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused, 0, 0, false},
		{"transfer", zone, dns.TypeAXFR, nil, dns.RcodeRefused, 0, 0, false},
		{"ixfr", zone, dns.TypeIXFR, func(m *dns.Msg) { m.Ns = []dns.RR{s.authority(1)} }, dns.RcodeRefused, 0, 0, false},
		{"opt-asked-for", web, dns.TypeOPT, nil, dns.RcodeFormatError, 0, 0, false},
		{"no-type", web, dns.TypeNone, nil, dns.RcodeFormatError, 0, 0, false},
		{"tkey", web, dns.TypeTKEY, nil, dns.RcodeNotImplemented, 0, 0, false},
		{"edns-1", web, dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetVersion(1) }, dns.RcodeBadVers, 0, 0, false},
		{"two-opts", web, dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false).SetEdns0(1232, false) }, dns.RcodeFormatError, 0, 0, false},
		{"opt-with-name", web, dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().Hdr.Name = "a." }, dns.RcodeFormatError, 0, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, network := range []string{"udp", "tcp"} {
				m := ask(t, s, network, tt.domain, tt.qtype, tt.edit)
				if m.Rcode != tt.rcode || len(m.Answer) != tt.answer || m.Authoritative != tt.authoritative || m.RecursionAvailable || m.Truncated {
					t.Errorf("%s: want rcode %d, %d answers, authoritative %t, got\n%v", network, tt.rcode, tt.answer, tt.authoritative, m)
				}
				checkAuthority(t, m, tt.authority)
				for _, rr := range m.Answer {
					if h := rr.Header(); h.Name != m.Question[0].Name || h.Ttl != 60 {
						t.Errorf("%s: %v, want it to be of %s and for 60 s", network, rr, m.Question[0].Name)
					}
				}
			}
		})
	}
}

func checkAuthority(t *testing.T, m *dns.Msg, ttl uint32) {
	t.Helper()
	if ttl == 0 {
		if len(m.Ns) != 0 {
			t.Errorf("authority section %v, want none", m.Ns)
		}
		return
	}
	if len(m.Ns) != 1 {
		t.Fatalf("authority section %v, want an SOA", m.Ns)
	}
	soa, ok := m.Ns[0].(*dns.SOA)
	if !ok || soa.Hdr.Name != zone+"." || soa.Hdr.Ttl != ttl || soa.Minttl != ttl {
		t.Errorf("authority section %v, want the zone's SOA for %d s", m.Ns, ttl)
	}
}

// TestNotQueries sends what is no query, and expects the header that says so.
func TestNotQueries(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const qdcount, flags = 5, 2
	packet := func(edit func([]byte) []byte) []byte { return edit(query(t, web, dns.TypeA, nil)) }
	for _, tt := range []struct {
		name   string
		packet []byte
		rcode  int
	}{
		{"no-question", packet(func(b []byte) []byte { b[qdcount] = 0; return b[:12] }), dns.RcodeFormatError},
		{"header-alone", packet(func(b []byte) []byte { return b[:12] }), dns.RcodeFormatError},
		{"two-questions", query(t, web, dns.TypeA, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), dns.RcodeFormatError},
		{"question-cut-short", packet(func(b []byte) []byte { return b[:len(b)-3] }), dns.RcodeFormatError},
		{"name-points-at-itself", packet(func(b []byte) []byte { return append(b[:12], 0xC0, 12, 0, 1, 0, 1) }), dns.RcodeFormatError},
		{"with-answer", query(t, web, dns.TypeA, func(m *dns.Msg) { m.Answer = []dns.RR{s.authority(1)} }), dns.RcodeFormatError},
		{"three-additional", query(t, web, dns.TypeA, func(m *dns.Msg) { m.Extra = []dns.RR{s.authority(1), s.authority(1), s.authority(1)} }), dns.RcodeFormatError},
		{"notify", query(t, zone, dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented},
		{"update", query(t, zone, dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented},
		{"opcode-15", packet(func(b []byte) []byte { b[flags] |= 0x78; return b }), dns.RcodeNotImplemented},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, network := range []string{"udp", "tcp"} {
				answer := exchange(t, s, network, tt.packet)
				if len(answer) < 12 || answer[0] != tt.packet[0] || answer[1] != tt.packet[1] || int(answer[3]&0xF) != tt.rcode {
					t.Errorf("%s: %x, want rcode %d", network, answer, tt.rcode)
				}
				if len(answer) > len(tt.packet) {
					t.Errorf("%s: an answer of %d bytes to %d", network, len(answer), len(tt.packet))
				}
			}
		})
	}
}

// TestIgnored sends what must not be answered, and a query behind it, whose answer is the first one to come.
func TestIgnored(t *testing.T) {
	t.Parallel()
	s := serve(t)
	good := query(t, web, dns.TypeA, nil)
	for name, packet := range map[string][]byte{
		"an-answer": query(t, web, dns.TypeA, func(m *dns.Msg) { m.Response = true }),
		"11-bytes":  good[:11],
		"1-byte":    good[:1],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, network := range []string{"udp", "tcp"} {
				conn := dial(t, s, network)
				send(t, conn, packet)
				send(t, conn, good)
				if answer := receive(t, conn); answer[0] != good[0] || answer[1] != good[1] {
					t.Errorf("%s: %x answered", network, packet)
				}
			}
		})
	}
}

// TestSizes asks for the names with 40 and with 200 addresses, which take some 700 and 3300 bytes.
func TestSizes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, tt := range []struct {
		name   string
		domain string
		edns   uint16 // 0: none
		whole  bool
	}{
		{"no-edns", some, 0, false}, {"small", some, 100, false}, {"too-small", some, 600, false}, {"asked", some, 800, true},
		{"huge", some, 65535, true}, {"too-much", many, 65535, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			packet := query(t, tt.domain, dns.TypeA, func(m *dns.Msg) {
				if tt.edns > 0 {
					m.SetEdns0(tt.edns, true)
				}
			})
			answer := exchange(t, s, "udp", packet)
			m := new(dns.Msg)
			if err := m.Unpack(answer); err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.whole && (m.Truncated || len(m.Answer) != 40 || len(answer) > int(tt.edns)):
				t.Errorf("%d bytes, %d records, truncated %t; want 40 in at most %d", len(answer), len(m.Answer), m.Truncated, tt.edns)
			case !tt.whole && (!m.Truncated || len(m.Answer) != 0 || len(answer) > len(packet)):
				t.Errorf("%d bytes, %d records, truncated %t; want none, and to be told so", len(answer), len(m.Answer), m.Truncated)
			}
			if opt := m.IsEdns0(); (opt != nil) != (tt.edns > 0) || opt != nil && (!opt.Do() || opt.UDPSize() != udpMax) {
				t.Errorf("OPT %v", opt)
			}
		})
	}
	if m := ask(t, s, "tcp", many, dns.TypeA, nil); m.Truncated || len(m.Answer) != 200 {
		t.Errorf("by TCP: %d records, truncated %t; want all", len(m.Answer), m.Truncated)
	}
	if answer := exchange(t, s, "udp", query(t, many, dns.TypeANY, func(m *dns.Msg) { m.SetEdns0(4096, false) })); len(answer) > 150 {
		t.Errorf("%d bytes for ANY, want few", len(answer))
	}
}

// TestRotation: over as many queries as there are addresses, each comes first once.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := serve(t)
	conn := dial(t, s, "tcp")
	packet := query(t, some, dns.TypeA, nil)
	first := map[string]bool{}
	for range 40 {
		send(t, conn, packet)
		m := new(dns.Msg)
		if err := m.Unpack(receive(t, conn)); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, rr := range m.Answer {
			seen[rr.(*dns.A).A.String()] = true
		}
		if len(seen) != 40 {
			t.Fatalf("%d addresses, want 40", len(seen))
		}
		first[m.Answer[0].(*dns.A).A.String()] = true
	}
	if len(first) != 40 {
		t.Errorf("%d addresses came first, want 40", len(first))
	}
}

// TestTCPLimits: a connection has its share of queries, and one that stays silent is closed.
func TestTCPLimits(t *testing.T) {
	t.Parallel()
	s := serve(t)
	packet := query(t, web, dns.TypeA, nil)
	busy, silent, slow := dial(t, s, "tcp"), dial(t, s, "tcp"), dial(t, s, "tcp")
	if _, err := slow.Write([]byte{0, 100, 1}); err != nil { // 99 bytes of the message never come
		t.Fatal(err)
	}
	for range queriesMax {
		send(t, busy, packet)
		receive(t, busy)
	}
	for name, conn := range map[string]net.Conn{"busy": busy, "silent": silent, "slow": slow} {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes, %v, want the end", name, n, err)
		}
	}
}

// TestConnectionLimit: beyond connectionsMax a client waits, and has its turn when another has gone.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s := serve(t)
	packet := query(t, web, dns.TypeA, nil)
	conns := make([]net.Conn, connectionsMax)
	for i := range conns {
		conns[i] = dial(t, s, "tcp")
		send(t, conns[i], packet)
		receive(t, conns[i])
	}
	late := dial(t, s, "tcp")
	send(t, late, packet)
	if err := late.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Read(make([]byte, 2)); err == nil {
		t.Fatal("answered, want it to wait")
	}
	conns[0].Close()
	if err := late.SetReadDeadline(time.Now().Add(patrol)); err != nil {
		t.Fatal(err)
	}
	receive(t, late)
}

// TestEveryAddress: bound to all addresses, it answers from the one that was asked. A connected socket takes no other answer.
func TestEveryAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			s, err := Serve(Options{Address: address, Zone: zone, Lookup: names(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			for _, host := range []string{"127.0.0.1", "127.0.0.77"} {
				conn, err := net.Dial("udp", net.JoinHostPort(host, strconv.Itoa(s.Addr().(*net.TCPAddr).Port)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if err := conn.SetDeadline(time.Now().Add(patrol)); err != nil {
					t.Fatal(err)
				}
				send(t, conn, query(t, web, dns.TypeA, nil))
				receive(t, conn)
			}
		})
	}
}

// TestClose: connections that are open do not keep it, and the address is free afterwards.
func TestClose(t *testing.T) {
	t.Parallel()
	s, err := Serve(Options{Address: "127.0.0.1:0", Zone: zone, Lookup: names(t)})
	if err != nil {
		t.Fatal(err)
	}
	used, fresh := dial(t, s, "tcp"), dial(t, s, "tcp")
	send(t, used, query(t, web, dns.TypeA, nil))
	receive(t, used)
	began := time.Now()
	if err := s.Close(); err != nil || time.Since(began) > closeLimit {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	for name, conn := range map[string]net.Conn{"used": used, "fresh": fresh} {
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v, want the end", name, err)
		}
	}
	again, err := Serve(Options{Address: s.Addr().String(), Zone: zone, Lookup: names(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// broken is a listener that has no descriptors.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, syscall.EMFILE }

// TestNoDescriptors: accepting does not become a busy loop.
func TestNoDescriptors(t *testing.T) {
	t.Parallel()
	began := time.Now()
	if _, err := (patient{broken{}}).Accept(); !errors.Is(err, syscall.EMFILE) || time.Since(began) < descriptorWait {
		t.Errorf("%v after %v, want %v and some time before", err, time.Since(began), syscall.EMFILE)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for _, tt := range []struct {
		name    string
		options Options
		want    string
	}{
		{"no-zone", Options{Address: "127.0.0.1:0"}, `zone "": want a domain name`},
		{"root-zone", Options{Address: "127.0.0.1:0", Zone: "."}, `zone ".": want a domain name`},
		{"bad-zone", Options{Address: "127.0.0.1:0", Zone: "a..b"}, `zone "a..b": want a domain name`},
		{"spaced-zone", Options{Address: "127.0.0.1:0", Zone: "a b.c"}, `zone "a b.c": want a domain name`},
		{"short-ttl", Options{Address: "127.0.0.1:0", Zone: zone, TTL: time.Millisecond}, "api.dns.ttl 1ms: want 1s to "},
		{"negative-ttl", Options{Address: "127.0.0.1:0", Zone: zone, TTL: -time.Second}, "api.dns.ttl -1s: want 1s to "},
		{"long-ttl", Options{Address: "127.0.0.1:0", Zone: zone, TTL: ttlMax + time.Second}, "api.dns.ttl "},
		{"no-port", Options{Address: "127.0.0.1", Zone: zone}, "api.dns.address 127.0.0.1: cannot listen: "},
		{"udp-taken", Options{Address: taken.LocalAddr().String(), Zone: zone}, "api.dns.address " + taken.LocalAddr().String() + ": cannot listen: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Serve(tt.options)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%q, want it to begin with %q", err, tt.want)
			}
		})
	}
}

// TestTTL: the TTL that was asked for is that of the answers; what is not there is remembered for no longer.
func TestTTL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ttl           time.Duration
		want, missing uint32
	}{{0, 60, 5}, {time.Second, 1, 1}, {90 * time.Second, 90, 5}} {
		s, err := newServer(Options{Zone: "US-East-1.elb.amazonaws.com.", TTL: tt.ttl, Lookup: names(t)})
		if err != nil {
			t.Fatal(err)
		}
		found := s.answer(new(dns.Msg).SetQuestion(web+".", dns.TypeA))
		missing := s.answer(new(dns.Msg).SetQuestion("x."+zone+".", dns.TypeA))
		if got := found.Answer[0].Header().Ttl; got != tt.want {
			t.Errorf("%s: TTL %d, want %d", tt.ttl, got, tt.want)
		}
		checkAuthority(t, missing, tt.missing)
	}
}
