package load

import (
	"bytes"
	"errors"
	"fmt"
)

// compareEvery is for how many pieces of body, of up to bodyPeriod each, one is read and compared with what the backend
// sends. The others are discarded inside the kernel, and only counted, which spares the client the copy. The piece that
// comes in one read with the head has been copied anyway and is always compared.
const compareEvery = 16

// gets is HTTP with one request repeated.
type gets struct {
	wire    wire
	request []byte
	answers []answer
	ended   int64 // responses that came whole
	head    []byte
	body    []byte // as sent
	piece   []byte // as received
}

// answer is how far the response on one connection has come. It is complete, or there is none to come, when got is size.
type answer struct {
	part []byte // of a head that comes in pieces
	size int64  // of the body; -1 before the head is whole
	got  int64  // of the body
}

func newGets(conns int, request []byte, w wire) *gets {
	return &gets{
		wire: w, request: request, answers: make([]answer, conns),
		head: make([]byte, headMax), body: newBody(), piece: make([]byte, bodyPeriod),
	}
}

func (g *gets) begin(fd, at int) error {
	a := &g.answers[at]
	a.part, a.size, a.got = a.part[:0], -1, 0
	return sendAll(g.wire, fd, at, g.request)
}

// receive reads until the response is whole or the socket is empty: the end of a connection that comes with the last bytes
// makes no event of its own.
func (g *gets) receive(fd, at int) (bool, error) {
	a := &g.answers[at]
	if a.got == a.size {
		return false, g.silence(fd, at)
	}
	for {
		take := g.takeBody
		if a.size < 0 {
			take = g.takeHead
		}
		n, err := take(fd, at)
		if err != nil {
			return false, err
		}
		if a.got == a.size {
			g.ended++
			return true, nil
		}
		if n == 0 {
			return false, nil
		}
	}
}

// silence wants nothing to come on a connection that has asked for nothing.
func (g *gets) silence(fd, at int) error {
	if n, err := g.wire.receive(fd, at, g.head); err != nil || n > 0 {
		return fmt.Errorf("between two requests: %d bytes, %w", n, err)
	}
	return nil
}

// takeHead reads once, what comes of the body with the head included.
func (g *gets) takeHead(fd, at int) (int, error) {
	a := &g.answers[at]
	had := copy(g.head, a.part)
	if had == headMax {
		return 0, fmt.Errorf("response head of more than %d bytes", headMax)
	}
	n, err := g.wire.receive(fd, at, g.head[had:])
	if err != nil || n == 0 {
		return 0, err
	}
	text := g.head[:had+n]
	end := bytes.Index(text, headEnd)
	if end < 0 {
		a.part = append(a.part[:0], text...)
		return n, nil
	}
	end += len(headEnd)
	if a.size, err = contentLength(text[:end]); err != nil {
		return 0, err
	}
	begun := text[end:]
	if a.got = int64(len(begun)); a.got > a.size {
		return 0, fmt.Errorf("%d bytes for a body of %d", a.got, a.size)
	}
	return n, g.compare(begun, 0)
}

// takeBody receives once.
func (g *gets) takeBody(fd, at int) (int, error) {
	a := &g.answers[at]
	from := a.got % bodyPeriod
	want := min(bodyPeriod-from, a.size-a.got)
	take, sample := g.wire.discard, (g.ended+a.got/bodyPeriod)%compareEvery == 0
	if sample {
		take = g.wire.receive
	}
	n, err := take(fd, at, g.piece[:want])
	if errors.Is(err, errClosed) {
		return 0, fmt.Errorf("receive: closed after %d of %d bytes", a.got, a.size)
	}
	if err != nil {
		return 0, err
	}
	a.got += int64(n)
	if !sample {
		return n, nil
	}
	return n, g.compare(g.piece[:n], from)
}

// compare wants got to be what the backend sends from at on, which must not reach beyond a period.
func (g *gets) compare(got []byte, at int64) error {
	if !bytes.Equal(got, g.body[at:at+int64(len(got))]) {
		return errors.New("body: other bytes than the backend sends")
	}
	return nil
}

// upgrades is HTTP with one request that turns a connection into a tunnel.
type upgrades struct {
	part [][]byte // of each response, as far as it has come
	buf  []byte
}

func newUpgrades(conns int) *upgrades {
	return &upgrades{part: make([][]byte, conns), buf: make([]byte, headMax)}
}

func (u *upgrades) begin(fd, _ int) error { return send(fd, upgradeRequest) }

func (u *upgrades) receive(fd, at int) (bool, error) {
	for {
		n, err := receive(fd, u.buf)
		if err != nil || n == 0 {
			return false, err
		}
		u.part[at] = append(u.part[at], u.buf[:n]...)
		head, rest, whole := bytes.Cut(u.part[at], headEnd)
		switch {
		case !whole && len(head) < headMax:
			continue
		case !bytes.HasPrefix(head, status101):
			return false, unexpected(head)
		case len(rest) > 0:
			return false, fmt.Errorf("%d bytes in a tunnel that carries nothing yet", len(rest))
		}
		return true, nil
	}
}

// waits is HTTP with one request that the backend never answers: an exchange ends when it has been sent.
type waits struct{}

func (waits) begin(fd, _ int) error { return send(fd, silentRequest) }

func (waits) receive(int, int) (bool, error) { return true, nil }
