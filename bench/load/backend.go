package load

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// stopIndex marks the event by which the goroutine that reads standard input ends the backend's loop.
const stopIndex = -1

// handler is what a kind of backend does with its connections: echo, source and server differ in nothing else. Both are called
// on the backend's thread; an event may be stale, so a descriptor with nothing to do is no error.
type handler interface {
	opened(fd int) (events uint32)
	ready(b *backend, fd int)
}

// backend accepts connections on every target and hands them to its handler.
type backend struct {
	// Fixed after New.
	poll      *poller
	listeners map[int]bool
	wake      int // eventfd
	handler   handler

	// Atomic.
	accepted atomic.Int64
	requests atomic.Int64 // HTTP
}

// serve runs a backend until its parent's input ends.
func serve(o Options, p *parent, h handler) error {
	runtime.LockOSThread()
	poll, err := newPoller()
	if err != nil {
		return err
	}
	defer poll.close()
	b := &backend{poll: poll, listeners: map[int]bool{}, handler: h}
	defer b.closeListeners()
	if err := b.open(o.Targets); err != nil {
		return err
	}
	if err := p.tell(Report{Stage: StageReady}); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() { answered <- b.answer(p) }()
	if err := b.loop(); err != nil {
		return err
	}
	return <-answered
}

func (b *backend) open(targets []Address) error {
	var err error
	if b.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("create eventfd: %w", err)
	}
	if err := b.poll.add(b.wake, unix.EPOLLIN, stopIndex); err != nil {
		return err
	}
	for _, t := range targets {
		fd, err := listen(t)
		if err != nil {
			return err
		}
		b.listeners[fd] = true
		if err := b.poll.add(fd, unix.EPOLLIN, fd); err != nil {
			return err
		}
	}
	return nil
}

// closeListeners leaves the connections to the end of the process: they are thousands, and nobody waits for them.
func (b *backend) closeListeners() {
	for fd := range b.listeners {
		unix.Close(fd)
	}
	unix.Close(b.wake)
}

// answer tells the parent how many connections and requests there have been whenever it asks, and stops the loop when it is gone.
// It runs on a goroutine of its own.
func (b *backend) answer(p *parent) error {
	var err error
	for err == nil && p.wait() {
		err = p.tell(Report{Stage: StageCount, Accepted: b.accepted.Load(), Count: b.requests.Load()})
	}
	if _, werr := unix.Write(b.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); werr != nil {
		return fmt.Errorf("wake the backend: %w", werr)
	}
	return err
}

func (b *backend) loop() error {
	for {
		events, err := b.poll.wait(stallMax)
		if err != nil {
			return err
		}
		for i := range events {
			fd := int(events[i].Fd)
			switch {
			case fd == stopIndex:
				return nil
			case b.listeners[fd]:
				if err := b.acceptAll(fd); err != nil {
					return err
				}
			default:
				b.handler.ready(b, fd)
			}
		}
	}
}

func (b *backend) acceptAll(listener int) error {
	for {
		fd, ok, err := accept(listener)
		if err != nil || !ok {
			return err
		}
		b.accepted.Add(1)
		if err := b.poll.add(fd, b.handler.opened(fd), fd); err != nil {
			return err
		}
	}
}

// perConn holds one value for each open descriptor. Descriptors are small and dense, so it is a slice.
type perConn[T any] []T

func (s *perConn[T]) at(fd int) *T {
	for fd >= len(*s) {
		*s = append(*s, *new(T))
	}
	return &(*s)[fd]
}
