package testca

import (
	"os"
	"path/filepath"
)

// Write writes the chain to <name>.pem and the key to <name>.key in a directory, both for the owner alone, and returns
// where they are.
func (i *Issued) Write(dir, name string) (chain, key string, err error) {
	chain, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	if err = write(chain, i.Chain); err == nil {
		err = write(key, i.Key)
	}
	return chain, key, err
}

// Write writes the root to <name>.pem in a directory and returns where it is.
func (a *Authority) Write(dir, name string) (path string, err error) {
	path = filepath.Join(dir, name+".pem")
	return path, write(path, a.PEM())
}

// write replaces a file in one step: lull may be watching it.
func write(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // which is for the owner alone
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
