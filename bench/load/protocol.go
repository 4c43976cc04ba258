package load

import "fmt"

// protocol is what a client says on its connections, one exchange at a time on each. Connections are known by their
// index; nothing here blocks.
type protocol interface {
	// begin sends the next request.
	begin(fd, at int) error
	// receive takes what has come of the response and leaves nothing behind in the socket: true when it is complete, an
	// error when it is not what it should be.
	receive(fd, at int) (bool, error)
}

// echoes is the protocol of the echo backend: a message, and the same number of bytes back.
type echoes struct {
	message []byte
	reply   []byte
	got     []int // bytes of the reply under way
}

func newEchoes(conns int, bytes int64) *echoes {
	return &echoes{message: make([]byte, bytes), reply: make([]byte, 2*bytes), got: make([]int, conns)}
}

func (e *echoes) begin(fd, at int) error {
	e.got[at] = 0
	return send(fd, e.message)
}

func (e *echoes) receive(fd, at int) (bool, error) {
	n, err := receive(fd, e.reply)
	if err != nil || n == 0 {
		return false, err
	}
	if e.got[at] += n; e.got[at] > len(e.message) {
		return false, fmt.Errorf("%d bytes for a message of %d", e.got[at], len(e.message))
	}
	return e.got[at] == len(e.message), nil
}
