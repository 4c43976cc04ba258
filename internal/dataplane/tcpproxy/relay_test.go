package tcpproxy

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"lull/internal/dataplane/buf"
)

// stream is an endless sequence of random bytes that sender and receiver make independently of each other.
type stream struct{ source *rand.ChaCha8 }

func newStream(seed uint64) *stream {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	return &stream{rand.NewChaCha8(key)}
}

// send writes n bytes of the stream in pieces of random sizes, small and large in turns.
func (s *stream) send(c net.Conn, n int, sizes *rand.Rand) error {
	most := [...]int{1, 100, 3000, 20_000, 64 << 10, 300 << 10}
	piece := make([]byte, most[len(most)-1])
	for n > 0 {
		b := piece[:min(n, 1+sizes.IntN(most[sizes.IntN(len(most))]))]
		_, _ = s.source.Read(b)
		if _, err := c.Write(b); err != nil {
			return err
		}
		n -= len(b)
	}
	return nil
}

// expect reads n bytes and compares them with the stream.
func (s *stream) expect(c net.Conn, n int) error {
	got, want := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := 0; at < n; {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		k, err := c.Read(got[:min(len(got), n-at)])
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", at, n, err)
		}
		_, _ = s.source.Read(want[:k])
		if !bytes.Equal(got[:k], want[:k]) {
			return fmt.Errorf("the %d bytes from %d on are not what was sent", k, at)
		}
		at += k
	}
	return nil
}

// TestBackPressure has a peer that does not read: lull holds little for it, and the sender's kernel blocks the sender.
// Then the peer reads on, and every byte comes in order. With and without pipes: spliced and copied.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	for _, pipes := range []int{0, 4} {
		for d, name := range map[int]string{client: "up", server: "down"} {
			t.Run(fmt.Sprintf("%s-%d-pipes", name, pipes), func(t *testing.T) {
				t.Parallel()
				const size = 24 << 20
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				b := newPeer(t)
				r := newRig(t, nil, b.addr)
				r.on(func() { r.p.pool = buf.NewPool(pipes); r.pool = r.p.pool })
				from, to := net.Conn(r.dial(d == server)), net.Conn(b.accept())
				if d == server {
					from, to = to, from
				}
				sent := make(chan error, 1)
				go func() { sent <- newStream(seed).send(from, size, rand.New(rand.NewPCG(seed, 1))) }()
				held := func(v look) int {
					if d == client {
						return v.up
					}
					return v.down
				}
				var last look
				received, read, spliced := newStream(seed), 0, false
				for round := 0; round == 0 || round < 5 && pipes > 0 && !spliced; round++ {
					since := time.Now()
					r.waitFor("back-pressure", func(v look) bool {
						if held(v) > 128<<10 {
							t.Errorf("lull holds %d bytes, want at most 131072", held(v))
						}
						if v != last || held(v) == 0 {
							last, since = v, time.Now()
						}
						return time.Since(since) > 50*time.Millisecond
					})
					spliced = r.spliced(d)
					select {
					case err := <-sent:
						t.Fatalf("the sender was not stopped: %v", err)
					default:
					}
					const some = 1 << 20 // a flow is spliced when its reads have been full for a while
					if err := received.expect(to, some); err != nil {
						t.Fatal(err)
					}
					read += some
				}
				if spliced != (pipes > 0) {
					t.Errorf("what was held was in a pipe: %v, want %v", spliced, pipes > 0)
				}
				if err := received.expect(to, size-read); err != nil {
					t.Error(err)
				}
				if err := <-sent; err != nil {
					t.Errorf("send: %v", err)
				}
			})
		}
	}
}

// spliced says whether what the pair holds of flow d is in a pipe.
func (r *rig) spliced(d int) (yes bool) {
	r.on(func() { r.each(func(c *pair) { yes = c.flows[d].Pipe != nil }) })
	return yes
}

// TestRelayBothWaysAtOnce moves random bytes in pieces of random sizes both ways, with readers that stop now and then,
// so that both directions change between copying, splicing and waiting.
func TestRelayBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	for _, pipes := range []int{0, 1, 4} { // with one, the directions take turns at splicing
		t.Run(fmt.Sprintf("%d-pipes", pipes), func(t *testing.T) {
			t.Parallel()
			const size = 8 << 20
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			b := newPeer(t)
			r := newRig(t, nil, b.addr)
			r.on(func() { r.p.pool = buf.NewPool(pipes); r.pool = r.p.pool })
			ends := [2]net.Conn{r.dial(true), b.accept()}
			errs := make(chan error, 4)
			for d, end := range ends {
				go func() {
					errs <- newStream(seed+uint64(d)).send(end, size, rand.New(rand.NewPCG(seed, uint64(d))))
				}()
				go func() {
					pauses := rand.New(rand.NewPCG(seed, uint64(d)+2))
					s := newStream(seed + uint64(1-d))
					for left := size; left > 0; {
						n := min(left, 1+pauses.IntN(1<<20))
						if err := s.expect(end, n); err != nil {
							errs <- fmt.Errorf("flow %d, with %d left: %w", 1-d, left, err)
							return
						}
						left -= n
						time.Sleep(time.Duration(pauses.IntN(5)) * time.Millisecond) // the reader is busy
					}
					errs <- nil
				}()
			}
			for range cap(errs) {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestSmallAfterBulk: a direction that was spliced carries small messages promptly afterwards, and bulk again.
func TestSmallAfterBulk(t *testing.T) {
	t.Parallel()
	b := newPeer(t)
	r := newRig(t, nil, b.addr)
	c, s := r.dial(false), b.accept()
	go func() { _, _ = io.Copy(s, s) }()
	echo := func(n int) {
		t.Helper()
		seed := rand.Uint64()
		sent := make(chan error, 1)
		go func() { sent <- newStream(seed).send(c, n, rand.New(rand.NewPCG(seed, 0))) }()
		if err := newStream(seed).expect(c, n); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		echo(4 << 20)
		const messages = 50
		late := 0
		for i := range messages {
			start := time.Now()
			echo(1 + i)
			if time.Since(start) > 35*time.Millisecond {
				late++
			}
		}
		// Nagle's algorithm or SPLICE_F_MORE would cost 40 or 200 ms for each; a busy machine now and then does.
		if late > messages/2 {
			t.Errorf("%d of %d small messages after bulk took more than 35 ms", late, messages)
		}
		var bulky [2]bool
		r.on(func() { r.each(func(p *pair) { bulky = [2]bool{p.flows[client].Bulky(), p.flows[server].Bulky()} }) })
		if bulky[client] || bulky[server] {
			t.Errorf("after %d small messages a flow still counts as bulk (client, server): %v", messages, bulky)
		}
	}
	if n := r.look(); n.up != 0 || n.down != 0 {
		t.Errorf("something is held: %+v", n)
	}
}
