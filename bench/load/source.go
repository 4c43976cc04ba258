package load

import "golang.org/x/sys/unix"

// sourceChunk is the size of the source's writes. It stays in the second-level cache, so that what a write costs is one
// copy into the socket, as with an ordinary server. Sending pages of a file instead (sendfile) would be cheaper here
// but hand the balancer 4 KiB fragments, of which a pipe holds only sixteen: that would measure the sender.
const sourceChunk = 256 << 10

// source writes a fixed number of bytes to each connection as fast as it takes them, then closes it.
type source struct {
	bytes int64
	left  perConn[int64]
	buf   []byte
}

func runSource(o Options, p *parent) error {
	return serve(o, p, &source{bytes: o.Bytes, buf: make([]byte, sourceChunk)})
}

func (s *source) opened(fd int) uint32 {
	*s.left.at(fd) = s.bytes
	return unix.EPOLLOUT
}

func (s *source) ready(_ *backend, fd int) {
	left := s.left.at(fd)
	for *left > 0 {
		n, errno := write(fd, s.buf[:min(*left, sourceChunk)])
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 {
			break
		}
		*left -= int64(n)
	}
	*left = 0
	unix.Close(fd)
}
