package logdelivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Directory is a Store on a file system: bucket and key are the path below its root. Directories have mode 0700 and files
// 0600; a bucket comes into being with its first file.
//
// Nothing leads out of the root: names are checked, os.Root holds every step below it, and a directory on the way that is
// a symbolic link is refused even if it leads to a place below the root.
type Directory struct {
	// Fixed after NewDirectory.
	root string
	turn chan struct{} // holds a token while a file is written: the name of the temporary file follows from the key
}

// NewDirectory makes the root if it does not exist.
func NewDirectory(root string) (*Directory, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("directory of access logs %s: %w", root, pathCause(err))
	}
	return &Directory{root: root, turn: make(chan struct{}, 1)}, nil
}

// Put writes a file under another name, has it safe on the disk, and renames it.
func (d *Directory) Put(ctx context.Context, bucket, key string, body *io.SectionReader) error {
	if err := checkPlace(bucket, key); err != nil {
		return err
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("directory %s: another file is still being written: %w", d.root, ctx.Err())
	}
	defer func() { <-d.turn }()
	err := d.put(path.Join(bucket, key), body)
	switch {
	case err == nil:
		return nil
	case refusal(err):
		return &RefusedError{bucket, fmt.Errorf("directory %s: %w", d.root, err)}
	}
	return fmt.Errorf("directory %s: %w", d.root, err)
}

func (d *Directory) put(name string, body *io.SectionReader) error {
	root, err := os.OpenRoot(d.root) // each time: it may have been removed and made again
	if err != nil {
		return err
	}
	defer root.Close()
	dir, base := path.Split(name)
	if err := makeDirs(root, strings.TrimSuffix(dir, "/")); err != nil {
		return err
	}
	part := dir + "." + base + ".part" // no collector of *.log takes it for one
	if err := root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(root, part, body); err != nil {
		_ = root.Remove(part) // it makes room where there was none
		return err
	}
	return root.Rename(part, name)
}

// makeDirs makes the directories of a path, one by one, and refuses what is there already and no directory.
func makeDirs(root *os.Root, dir string) error {
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		if err := root.Mkdir(dir[:i], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err := root.Lstat(dir[:i])
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: dir[:i], Err: syscall.ENOTDIR}
		}
	}
	return nil
}

// write makes a new file. O_EXCL follows no symbolic link.
func write(root *os.Root, name string, body *io.SectionReader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if err == nil {
		err = f.Sync() // before the spool forgets it
	}
	return errors.Join(err, f.Close())
}

// refusal reports whether somebody has to change something about the directory before it takes files.
func refusal(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EISDIR)
}

// pathCause drops the operation and path that a message names already.
func pathCause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
