package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	pathBytesMax = 107         // sun_path holds 108 with its final zero, unix(7)
	probeLimit   = time.Second // for whoever owns the socket file to take a connection
	lockLimit    = time.Second // for another lull that is just starting
	lockRetry    = 10 * time.Millisecond
)

// A socket listens on a path and owns the file there.
type socket struct {
	net.Listener
	path string
	file fs.FileInfo // to tell our file from one that replaced it
}

// listen makes the socket file, readable and writable by its owner only, and listens on it. A file that a lull left
// behind when it was killed is removed; one on which somebody answers is not.
func listen(path string) (*socket, error) {
	path, err := sanePath(path)
	if err != nil {
		return nil, err
	}
	// Two lulls starting at once could each find the same stale file, and the slower one would remove what the
	// faster has just made.
	unlock := lockDirectory(filepath.Dir(path))
	defer unlock()
	if err = removeStale(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: ownerOnly}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin.socket %s: cannot listen: %w", path, cause(err))
	}
	if unixListener, ok := ln.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false) // remove looks first whose file it is
	}
	file, err := os.Lstat(path)
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("admin.socket %s: was removed as soon as it was made: %w", path, cause(err))
	}
	return &socket{ln, path, file}, nil
}

// remove removes the socket file unless it is somebody else's by now.
func (s *socket) remove() error {
	file, err := os.Lstat(s.path)
	if err != nil || !os.SameFile(file, s.file) {
		return nil
	}
	if err = os.Remove(s.path); err != nil {
		return fmt.Errorf("admin.socket %s: cannot be removed: %w", s.path, cause(err))
	}
	return nil
}

// ownerOnly sets mode 0600 before bind makes the file: Linux gives the file the mode of the socket, less the umask. To
// set it afterwards would leave a moment in which others may connect, and the umask belongs to the whole process.
func ownerOnly(_, _ string, raw syscall.RawConn) error {
	var failed error
	chmod := func(fd uintptr) {
		failed = unix.Fchmod(int(fd), 0o600) //nolint:forbidigo // os has no way to a socket's mode before bind
	}
	if err := raw.Control(chmod); err != nil {
		return err
	}
	return failed
}

// sanePath refuses paths that the kernel would cut off, and keeps a leading @ from meaning the abstract namespace,
// which knows no modes.
func sanePath(path string) (string, error) {
	if path == "" {
		return "", errors.New("admin.socket: is empty; name a path, such as ./lull.sock")
	}
	if strings.HasPrefix(path, "@") {
		path = "./" + path
	}
	if n := len(path); n > pathBytesMax {
		return "", fmt.Errorf("admin.socket %s: is %d bytes long; a socket's path may have 1 to %d", path, n, pathBytesMax)
	}
	return path, nil
}

// removeStale removes a socket file on which nobody answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("admin.socket %s: %w", path, cause(err))
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("admin.socket %s: exists and is not a socket; remove it or name another path", path)
	}
	conn, err := net.DialTimeout("unix", path, probeLimit)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("admin.socket %s: another process answers on it; stop that lull or name another path", path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("admin.socket %s: exists, and whether anybody answers on it cannot be told: %w", path, cause(err))
	}
	if err = os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("admin.socket %s: was left behind and cannot be removed: %w", path, cause(err))
	}
	return nil
}

// lockDirectory keeps other starting lulls out of the directory until the function it returns is called. Somebody
// else's lock on the directory lasts longer than any start of ours, so it is waited for only briefly.
func lockDirectory(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {} // listen will say what is wrong with the directory
	}
	limit := time.NewTimer(lockLimit)
	defer limit.Stop()
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil { //nolint:forbidigo // os has no file locks
		select {
		case <-retry.C:
		case <-limit.C:
			return func() { _ = d.Close() }
		}
	}
	return func() { _ = d.Close() } // which unlocks
}

// nobodyThere reports whether a dial failed because no process listens.
func nobodyThere(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// cause returns the kernel's word, without the operation and path that the message names already.
func cause(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}
