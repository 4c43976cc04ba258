package load

import "golang.org/x/sys/unix"

// sourceChunk is the size of the source's writes. It stays in the second-level cache, so that what a write costs is one
// copy into the socket, as with an ordinary server. Sending pages of a file instead (sendfile) would be cheaper here
// but hand the balancer 4 KiB fragments, of which a pipe holds only sixteen: that would measure the sender.
const sourceChunk = 256 << 10

// source writes a fixed number of bytes to each connection as fast as it takes them, once the client has asked for them
// by sending something, and closes it then.
type source struct {
	bytes int64
	conns perConn[sourceConn]
	buf   []byte
}

type sourceConn struct {
	asked bool
	left  int64
}

func runSource(o Options, p *parent) error {
	return serve(o, p, &source{bytes: o.Bytes, buf: make([]byte, sourceChunk)})
}

func (s *source) opened(fd int) uint32 {
	*s.conns.at(fd) = sourceConn{left: s.bytes}
	return unix.EPOLLIN | unix.EPOLLOUT
}

func (s *source) ready(_ *backend, fd int) {
	c := s.conns.at(fd)
	if !c.asked {
		n, errno := read(fd, s.buf[:1])
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			unix.Close(fd)
			return
		}
		c.asked = true
	}
	for c.left > 0 {
		n, errno := write(fd, s.buf[:min(c.left, sourceChunk)])
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 {
			break
		}
		c.left -= int64(n)
	}
	unix.Close(fd)
}
