package resolver

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"lull/internal/resolver/dnstest"
)

// question is the one that the tests' queries ask.
func question() dnsmessage.Question {
	return dnsmessage.Question{
		Name: dnsmessage.MustNewName("app.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}
}

// packed returns a message in wire form.
func packed(tb testing.TB, m dnsmessage.Message) []byte {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// testQuery returns the query with that id.
func testQuery(tb testing.TB, id uint16) []byte {
	tb.Helper()
	return packed(tb, dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{question()},
	})
}

// record is a resource record with an opaque body.
func record(typ dnsmessage.Type, class dnsmessage.Class, ttl uint32, body string) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: question().Name, Type: typ, Class: class, TTL: ttl},
		Body:   &dnsmessage.UnknownResource{Type: typ, Data: []byte(body)},
	}
}

// replyWith returns an answer to question 7 with those records, after edit changed it.
func replyWith(tb testing.TB, edit func(*dnsmessage.Message), answers ...dnsmessage.Resource) []byte {
	tb.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, Response: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question()},
		Answers:   answers,
	}
	if edit != nil {
		edit(&m)
	}
	return packed(tb, m)
}

func TestLeastTTL(t *testing.T) {
	t.Parallel()
	const in = dnsmessage.ClassINET
	a := func(ttl uint32) dnsmessage.Resource { return record(dnsmessage.TypeA, in, ttl, "\x0a\x00\x00\x01") }
	whole := replyWith(t, nil, a(60), a(5))
	for _, tc := range []struct {
		name string
		msg  []byte
		want uint32
		ok   bool
	}{
		{"one", replyWith(t, nil, a(60)), 60, true},
		{"least_of_three", replyWith(t, nil, a(60), a(5), a(30)), 5, true},
		{"zero", replyWith(t, nil, a(60), a(0)), 0, true},
		{"aaaa", replyWith(t, nil, record(dnsmessage.TypeAAAA, in, 9, strings.Repeat("x", 16))), 9, true},
		{"alias", replyWith(t, nil, record(dnsmessage.TypeCNAME, in, 3, "\x00"), a(60)), 3, true},
		{"subtree_alias", replyWith(t, nil, record(typeDNAME, in, 2, "\x00"), a(60)), 2, true},
		{"top_bit", replyWith(t, nil, a(60), a(1<<31)), 0, true},
		{"largest", replyWith(t, nil, a(1<<31-1)), 1<<31 - 1, true},
		{"signature", replyWith(t, nil, a(60), record(46, in, 1, "sig")), 60, true},
		{"other_class", replyWith(t, nil, a(60), record(dnsmessage.TypeA, dnsmessage.ClassCHAOS, 1, "abcd")), 60, true},
		{"cut_in_second_record", whole[:len(whole)-2], 60, true},
		{"no_records", replyWith(t, nil), 0, false},
		{"empty", nil, 0, false},
		{"header_only", whole[:12], 0, false},
		{"other_id", replyWith(t, func(m *dnsmessage.Message) { m.ID = 8 }, a(1)), 0, false},
		{"a_query", replyWith(t, func(m *dnsmessage.Message) { m.Response = false }, a(1)), 0, false},
		{"no_such_name", replyWith(t, func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError }, a(1)), 0, false},
		{"no_question", replyWith(t, func(m *dnsmessage.Message) { m.Questions = nil }, a(1)), 0, false},
		{"other_type", replyWith(t, func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAAAA }, a(1)), 0, false},
		{"other_name", replyWith(t, func(m *dnsmessage.Message) {
			m.Questions[0].Name = dnsmessage.MustNewName("evil.test.")
		}, a(1)), 0, false},
		{"other_case", replyWith(t, func(m *dnsmessage.Message) {
			m.Questions[0].Name = dnsmessage.MustNewName("APP.test.")
		}, a(1)), 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := leastTTL(testQuery(t, 7), tc.msg); got != tc.want || ok != tc.ok {
				t.Errorf("leastTTL(%x): got %d, %v, want %d, %v", tc.msg, got, ok, tc.want, tc.ok)
			}
		})
	}
	if _, ok := leastTTL(nil, whole); ok {
		t.Error("leastTTL without a query: got true, want false")
	}
}

func TestTruncatedBit(t *testing.T) {
	t.Parallel()
	answer := dnstest.Answer{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, TTL: 60}
	for _, want := range []bool{false, true} {
		if got := truncated(dnstest.Message(7, question(), answer, true, want)); got != want {
			t.Errorf("truncated: got %v, want %v", got, want)
		}
	}
	if truncated([]byte{0, 0}) {
		t.Error("truncated of two bytes: got true, want false")
	}
}

func TestFramer(t *testing.T) {
	t.Parallel()
	var stream []byte
	msgs := []string{"one", "", "three is longer", strings.Repeat("x", 65535), "last"}
	for _, m := range msgs {
		stream = binary.BigEndian.AppendUint16(stream, uint16(len(m)))
		stream = append(stream, m...)
	}
	for _, size := range []int{1, 2, 3, 7, 1000, len(stream)} {
		var f framer
		var got []string
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			f.feed(rest[:n], func(msg []byte) { got = append(got, string(msg)) })
			rest = rest[n:]
		}
		if strings.Join(got, "|") != strings.Join(msgs, "|") || len(got) != len(msgs) {
			t.Errorf("pieces of %d bytes: got %d messages, want %d", size, len(got), len(msgs))
		}
	}
}

// FuzzLeastTTL feeds arbitrary queries and replies, and where dnsmessage's other parser, which takes a message apart as
// a whole, is content with them compares the two. The comparison is on messages packed anew: the other parser believes
// in an address whose record claims to reach beyond the message, leastTTL does not.
func FuzzLeastTTL(f *testing.F) {
	a := record(dnsmessage.TypeA, dnsmessage.ClassINET, 60, "\x0a\x00\x00\x01")
	f.Add(testQuery(f, 7), replyWith(f, nil, a))
	f.Add(testQuery(f, 7), replyWith(f, nil, record(dnsmessage.TypeCNAME, dnsmessage.ClassINET, 3, "\x00"), a))
	f.Add(testQuery(f, 7), replyWith(f, nil, record(dnsmessage.TypeA, dnsmessage.ClassINET, 1<<31, "abcd"), a))
	f.Add(testQuery(f, 7), []byte{})
	f.Fuzz(func(t *testing.T, query, msg []byte) {
		secs, ok := leastTTL(query, msg)
		if secs > 1<<31-1 || (!ok && secs != 0) {
			t.Fatalf("leastTTL(%x, %x): got %d, %v", query, msg, secs, ok)
		}
		var q, m dnsmessage.Message
		if q.Unpack(query) != nil || m.Unpack(msg) != nil {
			return
		}
		query, qerr := q.Pack()
		msg, merr := m.Pack()
		if qerr != nil || merr != nil {
			return
		}
		secs, ok = leastTTL(query, msg)
		want, wantOK := unpackedTTL(&q, &m)
		if secs != want || ok != wantOK {
			t.Errorf("leastTTL(%x, %x): got %d, %v, want %d, %v", query, msg, secs, ok, want, wantOK)
		}
	})
}

// unpackedTTL is leastTTL on messages taken apart.
func unpackedTTL(q, m *dnsmessage.Message) (secs uint32, ok bool) {
	if len(q.Questions) == 0 || len(m.Questions) == 0 || !m.Response || m.ID != q.ID || m.RCode != 0 {
		return 0, false
	}
	asked, got := q.Questions[0], m.Questions[0]
	if asked.Type != got.Type || asked.Class != got.Class || !strings.EqualFold(asked.Name.String(), got.Name.String()) {
		return 0, false
	}
	for i := range m.Answers {
		h := &m.Answers[i].Header
		if h.Class != dnsmessage.ClassINET || !slices.Contains([]dnsmessage.Type{1, 28, 5, 39}, h.Type) {
			continue
		}
		ttl := h.TTL
		if int32(ttl) < 0 {
			ttl = 0
		}
		if !ok || ttl < secs {
			secs, ok = ttl, true
		}
	}
	return secs, ok
}

// FuzzFramer feeds a stream in one piece and in pieces: the messages must be the same, and never longer than they say.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("\x00\x03one\x00\x00\x00\x01x"), uint8(1))
	f.Add([]byte("\xff\xff"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		var whole, pieces [][]byte
		var a, b framer
		a.feed(stream, func(m []byte) { whole = append(whole, bytes.Clone(m)) })
		step := int(size) + 1
		for rest := stream; len(rest) > 0; {
			n := min(step, len(rest))
			b.feed(rest[:n], func(m []byte) { pieces = append(pieces, bytes.Clone(m)) })
			rest = rest[n:]
		}
		if len(whole) != len(pieces) {
			t.Fatalf("messages: got %d in pieces of %d, want %d", len(pieces), step, len(whole))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], pieces[i]) {
				t.Errorf("message %d: got %x in pieces of %d, want %x", i, pieces[i], step, whole[i])
			}
		}
		if len(a.buf) > 65537 || len(b.buf) != len(a.buf) {
			t.Errorf("left over: got %d and %d bytes", len(a.buf), len(b.buf))
		}
	})
}
