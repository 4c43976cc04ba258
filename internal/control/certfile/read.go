package certfile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"lull/internal/dataplane/certs"
)

// version tells one content of a file from another without reading it. The zero value is that of a file which could not be
// read; no file has it, so that reading is tried again at each look: what stood in the way may have been lull's own shortage
// of descriptors.
type version struct {
	device, inode uint64 // another file under the name, also at the end of symbolic links
	size          int64
	modified      int64 // nanoseconds
	changed       int64 // nanoseconds; copies may keep the time of modification, but not this one. A chmod changes it, too
}

// versionOf returns the version that a file has.
func versionOf(info fs.FileInfo) version {
	v := version{size: info.Size(), modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok { //nolint:forbidigo // a plain struct that package os has filled; nothing is called
		v.device, v.inode, v.changed = st.Dev, st.Ino, st.Ctim.Nano()
	}
	return v
}

// current reports whether a file still has the version that was read.
func (v version) current(file string) bool {
	info, err := os.Stat(file)
	return err == nil && versionOf(info) == v
}

// readFile reads a file, with what fstat(2) says of it. That is asked before the first byte is read: a file that is being
// written meanwhile has another version afterwards, and is read again.
func readFile(file string) ([]byte, fs.FileInfo, error) {
	// Without O_NONBLOCK the opening of a named pipe would wait for somebody to write into it.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("no regular file (%s)", info.Mode())
	}
	data, err := io.ReadAll(io.LimitReader(f, certs.BytesMax+1)) // one more, so that what is too long is seen to be
	return data, info, err
}

// sameChain compares chains.
func sameChain(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
