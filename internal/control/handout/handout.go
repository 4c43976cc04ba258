// Package handout provides the directories into which a first start writes what clients need: keys and configurations.
//
// Packages keys and ocikeys call it on the goroutine that starts lull. A file is there whole or not at all, whenever lull or the machine
// ends: it is written under another name, which is always the same, so that a killed process leaves no secret behind that nobody looks
// for. Directories have mode 0700 and files 0600.
//
// A Dir is a name and holds nothing. No limits: what is written is lull's own and small. Follows no specification.
package handout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a directory. It need not exist before something is written.
type Dir string

// Path returns the path of a file.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Replace writes a file, be it there already or not.
func (d Dir) Replace(name, text string) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	path := d.Path(name)
	if err := d.Remove(name + ".new"); err != nil {
		return err
	}
	err := writeNew(path+".new", text)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new")
		return fmt.Errorf("write %s: %w", path, err)
	}
	return d.Sync()
}

// writeNew writes a file that is not there yet, and has the disk take it.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Remove removes a file if it is there.
func (d Dir) Remove(name string) error {
	if err := os.Remove(d.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// MoveAside renames a file if it is there, and returns its new path; "" if there was none. when makes the new name.
func (d Dir) MoveAside(name, when string) (aside string, err error) {
	aside = d.Path(name) + ".before-" + when
	switch err = os.Rename(d.Path(name), aside); {
	case err == nil:
		return aside, d.Sync()
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	default:
		return "", err
	}
}

// Sync has the disk take the names in the directory, and the directory's own in its parent.
func (d Dir) Sync() error {
	for _, path := range []string{string(d), filepath.Dir(string(d))} {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err = errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("sync %s: %w", path, err)
		}
	}
	return nil
}
