package ocikeys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes a file of mode 0600 so that there is all of it or nothing, whenever lull or the machine ends. It is written under a
// name that is always the same, so that a killed process leaves no secret behind that nobody looks for.
func (w *files) replace(name, text string) error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(w.dir, name)
	if err := w.remove(name + ".new"); err != nil {
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
	return w.sync()
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

// remove removes a file if it is there.
func (w *files) remove(name string) error {
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// moveAside renames a file if it is there.
func (w *files) moveAside(name, when string) error {
	path := filepath.Join(w.dir, name)
	aside := path + ".before-" + when
	switch err := os.Rename(path, aside); {
	case err == nil:
		w.first.Aside = append(w.first.Aside, aside)
		return w.sync()
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// sync has the disk take the names in the directory, and the directory's own in its parent.
func (w *files) sync() error {
	for _, path := range []string{w.dir, filepath.Dir(w.dir)} {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		if err = errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("sync %s: %w", path, err)
		}
	}
	return nil
}
