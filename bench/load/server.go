package load

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// server is the HTTP backend. It looks at as little of a request as it can: the path's first letter, whether the
// connection is to be closed, and, on a connection's first request, whether the balancer said for whom it asks. It
// answers with bytes made once. Requests have no body.
type server struct {
	forwarded bool // refuse those who do not say for whom they ask
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
	return serve(o, p, &server{
		forwarded: o.Forwarded, size: o.Bytes, body: body, buf: make([]byte, 64<<10),
		plain: reply(""), closing: reply("Connection: close\r\n"),
	})
}

func (s *server) opened(fd int) uint32 {
	c := s.conns.at(fd)
	*c = serverConn{part: c.part[:0]}
	return unix.EPOLLIN | unix.EPOLLOUT
}

func (s *server) ready(b *backend, fd int) {
	c := s.conns.at(fd)
	if c.sending && !s.send(fd, c) {
		return
	}
	for {
		n, errno := read(fd, s.buf)
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 || n == 0 || !s.take(b, fd, c, s.buf[:n]) {
			unix.Close(fd)
			return
		}
		if c.sending || n < len(s.buf) { // a short read has drained the socket
			return
		}
	}
}

// take handles what a read brought; false ends the connection.
func (s *server) take(b *backend, fd int, c *serverConn, data []byte) bool {
	if c.upgraded {
		n, errno := write(fd, data) // messages are far smaller than a socket's buffer
		return errno == 0 && n == len(data)
	}
	head := data
	if len(c.part) > 0 {
		c.part = append(c.part, data...)
		head = c.part
	}
	if !bytes.HasSuffix(head, headEnd) {
		if len(c.part) == 0 {
			c.part = append(c.part, data...)
		}
		return len(c.part) < headMax
	}
	c.part = c.part[:0]
	b.requests.Add(1)
	return s.answer(fd, c, head)
}

// answer does what a whole request asks for; false ends the connection.
func (s *server) answer(fd int, c *serverConn, head []byte) bool {
	if !c.known {
		if s.forwarded && !saysForWhom(head) {
			return refuse(fd)
		}
		c.known = true
	}
	switch path, _ := bytes.CutPrefix(head, []byte("GET /")); {
	case bytes.HasPrefix(path, []byte("bytes ")):
		c.last = bytes.Contains(head, []byte("onnection: close"))
		c.sending, c.sent = true, 0
		s.send(fd, c)
		return true
	case bytes.HasPrefix(path, []byte("silent ")):
		return true
	case bytes.HasPrefix(path, []byte("upgrade ")) && hasField(head, "upgrade: websocket"):
		c.upgraded = true
		return send(fd, switchingResponse) == nil
	}
	return refuse(fd)
}

// refuse tells the client that something is wrong, which makes it give up.
func refuse(fd int) bool {
	_ = send(fd, refusingResponse) // the connection ends either way
	return false
}

// saysForWhom tells whether a request has the three fields that every balancer is told to add.
func saysForWhom(head []byte) bool {
	return hasField(head, "x-forwarded-for: 127.") && hasField(head, "x-forwarded-proto: http\r") && hasField(head, "x-forwarded-port: ")
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
		n, errno := write(fd, next[:min(int64(len(next)), total-c.sent)])
		if errno == unix.EAGAIN {
			return false
		}
		if errno != 0 {
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
