package load

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// server is the HTTP backend. It looks at as little of a request as it can: the path's first letter, whether the
// connection is to be closed, and, on a connection's first request, whether the balancer said for whom it asks. It
// answers with bytes made once. Uploads alone have a body, which is compared with what clients send.
type server struct {
	wire      wire
	secure    *tlsWire // the same, if it is TLS
	forwarded string   // refuse those who do not say for whom they ask, by this scheme; empty = take them too
	size      int64
	plain     reply
	closing   reply
	body      []byte
	conns     perConn[serverConn]
	buf       []byte
}

// reply is a response that is sent again and again: the head and the body's first period in one piece, so that most
// take one call.
type reply struct {
	start []byte
	head  int
}

type serverConn struct {
	part     []byte // of a head that comes in pieces
	upload   int64  // bytes to come of a request's body
	uploaded int64
	sending  bool
	sent     int64 // of the response under way
	last     bool  // the connection ends with that response
	known    bool  // it has shown for whom it asks
	upgraded bool
}

func runServer(o Options, p *parent) error {
	body := newBody()
	first := body[:min(o.Bytes, bodyPeriod)]
	reply := func(fields string) reply {
		head := responseHead(o.Bytes, fields)
		return reply{append([]byte(head), first...), len(head)}
	}
	s := &server{
		wire: bare{}, forwarded: o.Forwarded, size: o.Bytes, body: body, buf: make([]byte, 64<<10),
		plain: reply(""), closing: reply("Connection: close\r\n"),
	}
	if o.TLS != "" {
		var err error
		if s.secure, err = newTLSWire(o); err != nil {
			return err
		}
		s.wire = s.secure
	}
	return serve(o, p, s)
}

func (s *server) opened(fd int) uint32 {
	c := s.conns.at(fd)
	*c = serverConn{part: c.part[:0]}
	if s.secure != nil {
		s.secure.open(fd, fd)
	}
	return unix.EPOLLIN | unix.EPOLLOUT
}

func (s *server) ready(b *backend, fd int) {
	c := s.conns.at(fd)
	if s.secure != nil && s.secure.shaking(fd) && !s.shake(fd) {
		return
	}
	if c.sending && !s.send(fd, c) {
		return
	}
	for {
		n, err := s.wire.receive(fd, fd, s.buf)
		if n == 0 && err == nil {
			return
		}
		if err != nil || !s.take(b, fd, c, s.buf[:n]) {
			unix.Close(fd)
			return
		}
		if c.sending || s.secure == nil && n < len(s.buf) { // a short read has drained the socket
			return
		}
	}
}

// shake goes on with a handshake; true when it has ended well.
func (s *server) shake(fd int) bool {
	ended, err := s.secure.advance(fd)
	if err != nil {
		unix.Close(fd)
	}
	return ended && err == nil
}

// take handles what a read brought; false ends the connection.
func (s *server) take(b *backend, fd int, c *serverConn, data []byte) bool {
	switch {
	case c.upgraded:
		return sendAll(s.wire, fd, fd, data) == nil
	case c.upload > 0:
		return s.takeUpload(fd, c, data)
	}
	head := data
	if len(c.part) > 0 {
		c.part = append(c.part, data...)
		head = c.part
	}
	end := len(head)
	switch {
	case bytes.HasSuffix(head, headEnd):
	case bytes.HasPrefix(head, []byte("POST ")) && bytes.Contains(head, headEnd):
		end = bytes.Index(head, headEnd) + len(headEnd)
	default:
		if len(c.part) == 0 {
			c.part = append(c.part, data...)
		}
		return len(c.part) < headMax
	}
	c.part = c.part[:0]
	b.requests.Add(1)
	return s.answer(fd, c, head[:end]) && (end == len(head) || s.takeUpload(fd, c, head[end:]))
}

// takeUpload takes what has come of a request's body and answers when it is whole; false ends the connection.
func (s *server) takeUpload(fd int, c *serverConn, data []byte) bool {
	n := int64(len(data))
	if n > c.upload || !bytes.Equal(data, s.body[c.uploaded:c.uploaded+n]) {
		return s.refuse(fd)
	}
	c.upload, c.uploaded = c.upload-n, c.uploaded+n
	if c.upload == 0 {
		s.respond(fd, c)
	}
	return true
}

// answer does what a whole request asks for; false ends the connection.
func (s *server) answer(fd int, c *serverConn, head []byte) bool {
	if !c.known {
		if s.forwarded != "" && !saysForWhom(head, s.forwarded) {
			return s.refuse(fd)
		}
		c.known = true
	}
	switch path, _ := bytes.CutPrefix(head, []byte("GET /")); {
	case bytes.HasPrefix(path, []byte("bytes ")):
		c.last = bytes.Contains(head, []byte("onnection: close"))
		s.respond(fd, c)
		return true
	case bytes.HasPrefix(path, []byte("silent ")):
		return true
	case bytes.HasPrefix(path, []byte("upgrade ")) && hasField(head, "upgrade: websocket"):
		c.upgraded = true
		return sendAll(s.wire, fd, fd, switchingResponse) == nil
	case bytes.HasPrefix(head, []byte("POST /upload ")):
		size, err := lengthField(head)
		c.upload, c.uploaded = size, 0
		return err == nil && size > 0 && size <= uploadMax || s.refuse(fd)
	}
	return s.refuse(fd)
}

// respond begins the one response there is.
func (s *server) respond(fd int, c *serverConn) {
	c.sending, c.sent = true, 0
	s.send(fd, c)
}

// refuse tells the client that something is wrong, which makes it give up.
func (s *server) refuse(fd int) bool {
	_ = sendAll(s.wire, fd, fd, refusingResponse) // the connection ends either way
	return false
}

// saysForWhom tells whether a request has the three fields that every balancer is told to add.
func saysForWhom(head []byte, scheme string) bool {
	return hasField(head, "x-forwarded-for: 127.") && hasField(head, "x-forwarded-proto: "+scheme+"\r") &&
		hasField(head, "x-forwarded-port: ")
}

// hasField looks for the beginning of a field's line, in small letters.
func hasField(head []byte, line string) bool {
	return bytes.Contains(bytes.ToLower(head), []byte("\n"+line))
}

// send goes on with the response under way; true when it has been sent and the connection is still there.
func (s *server) send(fd int, c *serverConn) bool {
	r := &s.plain
	if c.last {
		r = &s.closing
	}
	total := int64(r.head) + s.size
	for c.sent < total {
		next := s.next(r, c.sent)
		n, err := s.wire.send(fd, fd, next[:min(int64(len(next)), total-c.sent)])
		if n == 0 && err == nil {
			return false
		}
		if err != nil {
			c.sending = false
			unix.Close(fd)
			return false
		}
		c.sent += int64(n)
	}
	c.sending = false
	if c.last {
		unix.Close(fd)
	}
	return !c.last
}

// next returns the response's bytes from sent on, to the end of a period of its body at most.
func (s *server) next(r *reply, sent int64) []byte {
	if sent < int64(len(r.start)) {
		return r.start[sent:]
	}
	return s.body[(sent-int64(r.head))%bodyPeriod:]
}
