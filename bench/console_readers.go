package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

const (
	// readersNice is how readers yield to whatever is measured, since what a browser costs is no cost of lull's: they get a tenth of what
	// others do. With a hundredth they saw nothing for ten seconds beside 25 other programs.
	readersNice = 10
	// readersLook is how long the readers' thread waits at most before it looks whether it is to end.
	readersLook = 20 * time.Millisecond
	// firstPart is how long a reader may wait for what it is to see first. A live page is made once a second.
	firstPart = 30 * time.Second
)

// readers look at pages that come again and again, all on one thread that others go before.
type readers struct {
	// Fixed after New.
	all  []*reader
	stop chan struct{}
	done chan struct{}

	// Guarded by mu.
	mu   sync.Mutex
	seen seen
	err  error // why the thread has ended before it was told to
}

// seen is what the readers have got so far.
type seen struct {
	least int // parts or pages of the reader who got the fewest
	parts int // of all
	bytes int64
	cpu   time.Duration // of the readers' thread
}

func (s seen) since(before seen) seen {
	return seen{s.least - before.least, s.parts - before.parts, s.bytes - before.bytes, s.cpu - before.cpu}
}

// reader is one of them.
type reader struct {
	conn    net.Conn
	file    int // its descriptor
	request string
	every   time.Duration // after which it asks again; 0 = never, since what it has asked for does not end
	due     int64         // when it asks next
	asked   int
	parser  streamParser
	bytes   int64
}

// got is how many parts, or whole pages, have come.
func (r *reader) got() int { return r.parser.parts + r.parser.pages }

// read has somebody look at each of the paths, and returns once everybody has seen something.
func (b *bench) read(v *visitor, paths []string, every time.Duration) (*readers, error) {
	rs := &readers{stop: make(chan struct{}), done: make(chan struct{})}
	now := clock.Now()
	for i, path := range paths {
		r := &reader{request: v.request(path), every: every, due: now + int64(every)*int64(i)/int64(len(paths))}
		rs.all = append(rs.all, r)
		if err := r.dial(v.at.String()); err != nil {
			return nil, errors.Join(err, rs.closeAll())
		}
	}
	go rs.run()
	var s seen
	err := b.until("see every page", firstPart, func() (seen bool, err error) {
		s, err = rs.look()
		return s.least > 0, err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; %d parts came, %d bytes in all", err, s.parts, s.bytes), rs.finish())
	}
	return rs, nil
}

func (r *reader) dial(at string) error {
	var err error
	if r.conn, err = net.DialTimeout("tcp4", at, askMax); err != nil {
		return err
	}
	raw, err := r.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { r.file = int(fd) }) // Go has made it non-blocking
}

// look returns what has been seen so far.
func (rs *readers) look() (seen, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.seen, rs.err
}

// finish ends the readers.
func (rs *readers) finish() error {
	close(rs.stop)
	<-rs.done
	_, err := rs.look()
	return errors.Join(err, rs.closeAll())
}

func (rs *readers) closeAll() error {
	var errs []error
	for _, r := range rs.all {
		if r.conn != nil {
			errs = append(errs, r.conn.Close())
		}
	}
	return errors.Join(errs...)
}

// run is the readers' thread, which ends with it.
func (rs *readers) run() {
	defer close(rs.done)
	runtime.LockOSThread()
	err := unix.Setpriority(unix.PRIO_PROCESS, 0, readersNice) // of this thread
	files := make([]unix.PollFd, len(rs.all))
	for i, r := range rs.all {
		files[i] = unix.PollFd{Fd: int32(r.file), Events: unix.POLLIN}
	}
	buffer := make([]byte, 256<<10)
	for err == nil {
		select {
		case <-rs.stop:
			return
		default:
		}
		err = rs.turn(files, buffer)
		s := rs.count()
		rs.mu.Lock()
		rs.seen, rs.err = s, err
		rs.mu.Unlock()
	}
	rs.mu.Lock()
	rs.err = err
	rs.mu.Unlock()
}

// turn asks for what is due, and takes what has come.
func (rs *readers) turn(files []unix.PollFd, buffer []byte) error {
	now := clock.Now()
	for _, r := range rs.all {
		if err := r.ask(now); err != nil {
			return err
		}
	}
	if _, err := unix.Poll(files, int(readersLook.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("poll: %w", err)
	}
	for i, r := range rs.all {
		if files[i].Revents != 0 {
			if err := r.take(buffer); err != nil {
				return fmt.Errorf("%.80q: %w", r.request, err)
			}
		}
	}
	return nil
}

// ask sends the request if it is due. Whoever waits for a page still does not ask for the next.
func (r *reader) ask(now int64) error {
	if now < r.due || r.asked > 0 && r.every == 0 || r.asked > r.parser.pages {
		return nil
	}
	r.asked++
	r.due = max(r.due, now-int64(r.every)) + int64(r.every)
	_, err := unix.Write(r.file, []byte(r.request)) // short, and nothing is on its way before it
	return err
}

// take reads what has come.
func (r *reader) take(buffer []byte) error {
	n, err := unix.Read(r.file, buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	r.bytes += int64(n)
	if err = r.parser.feed(buffer[:n]); err == nil && r.parser.faults > 0 {
		err = errors.New("lull tells of a fault")
	}
	return err
}

// count adds up what has been seen; on the readers' thread.
func (rs *readers) count() seen {
	var used unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &used) // it cannot fail for oneself
	s := seen{cpu: time.Duration(used.Utime.Nano() + used.Stime.Nano())}
	for i, r := range rs.all {
		got := r.got()
		if s.parts += got; i == 0 || got < s.least {
			s.least = got
		}
		s.bytes += r.bytes
	}
	return s
}
