// Package certfile provides certificates that live in files: read when a front door compiles its plan, and read again
// whenever they change.
//
// A front door calls Load and LoadRoots on any goroutine while it compiles; the holders that they fill go into the plan. Once
// the plan is in force its owner gives the sources to a Watcher, which has one goroutine. `lull check` loads only, for the
// warnings.
//
// The watcher looks at each file once a second with stat(2) and reads it if its time, size or inode is another one. Inotify
// would tell sooner, but it watches inodes and we mean names: a name may lead through a chain of symbolic links of which any
// directory may be swapped (certbot has one link, Kubernetes two), each of them would want a watch of its own that has to
// follow the swaps, events are lost when the kernel's queue overflows, and network file systems send none. Looking costs
// three microseconds per file and works the same everywhere. Certificates are replaced weeks before they expire, so a second
// is soon enough.
//
// What cannot be used is never put in force: what was in force before stays, pair by pair, so that a broken pair does not hold up
// the others of its listener. Such a state is often a passing one, a certificate whose key is written a moment later; it is
// logged when the files have not changed for one more look, and then once.
//
// A Source belongs to one Watcher. Load, LoadRoots and all methods may be called from anywhere; no lock is held while a file is
// read, except by the one who reads (Source.looking), so that a file system that hangs stops neither Apply nor Status.
//
// Limits: 1 MiB per file (certs.BytesMax), regular files only.
//
// Follows no specification; PEM and everything in it is read by package certs.
package certfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"lull/internal/dataplane/certs"
)

// Pair names the files of a certificate. They may be one and the same.
type Pair struct {
	Certificate string // the chain, leaf first
	Key         string
	// Accept, if there is one, is asked before a certificate is put in force, each time that the files have changed: there may
	// be nobody who can use it, as a listener's policy may have no suite for its kind of key.
	Accept func(*certs.Certificate) error
}

// Fault is what is wrong with a pair, or with a file of something else.
type Fault struct {
	Pair int        // its place in the list; 0 for something else
	Part certs.Part // which of its files, or both
	File string     // the file's name; both names if both are meant
	Err  error
}

// Error returns the file and what is wrong.
func (f *Fault) Error() string { return f.File + ": " + f.Text() }

// Text returns what is wrong without the file, for those who have named it already.
func (f *Fault) Text() string {
	var parse *certs.Error
	var path *fs.PathError
	switch {
	case errors.As(f.Err, &parse):
		return parse.Text
	case errors.As(f.Err, &path):
		return path.Err.Error()
	}
	return f.Err.Error()
}

// Unwrap returns what package certs or the file system has said.
func (f *Fault) Unwrap() error { return f.Err }

// Faults is everything that is wrong with a list of pairs. There is at least one.
type Faults []*Fault

// Error returns all of them.
func (f Faults) Error() string {
	var all []string
	for _, one := range f {
		all = append(all, one.Error())
	}
	return strings.Join(all, "; ")
}

// Unwrap returns each of them.
func (f Faults) Unwrap() []error {
	var all []error
	for _, one := range f {
		all = append(all, one)
	}
	return all
}

// Load reads pairs, of which the first is for clients that name no host. The source has a Holder. An error is Faults, with
// every pair that is wrong, or tells that there is no pair.
func Load(pairs []Pair, now time.Time) (*Source, error) {
	if len(pairs) == 0 {
		return nil, errors.New("no certificate: want at least one")
	}
	s := &Source{}
	var faults Faults
	for i, p := range pairs {
		e := &entry{files: []string{p.Certificate, p.Key}, read: p.read}
		if fault := e.load(now); fault != nil {
			fault.Pair = i
			faults = append(faults, fault)
		}
		s.entries = append(s.entries, e)
	}
	if faults != nil {
		return nil, faults
	}
	s.Holder = certs.NewHolder(s.set())
	return s, nil
}

// LoadRoots reads certificate authorities. The source has Roots. An error is a *Fault.
func LoadRoots(file string, now time.Time) (*Source, error) {
	e := &entry{files: []string{file}, read: func() (content, []version, *Fault) { return readRoots(file) }}
	if fault := e.load(now); fault != nil {
		return nil, fault
	}
	return &Source{Roots: certs.NewRoots(e.state.Load().bundle.Pool), entries: []*entry{e}}, nil
}

// LoadPublicKeys reads the public keys that a backend may have. They are part of the plan itself and not watched: whom to
// trust without a certificate is no thing that should change behind a configuration's back. An error is a *Fault.
func LoadPublicKeys(file string) ([][]byte, error) {
	data, _, err := readFile(file)
	if err != nil {
		return nil, &Fault{File: file, Err: err}
	}
	keys, err := certs.ParsePublicKeys(data)
	if err != nil {
		return nil, &Fault{File: file, Err: err}
	}
	return keys, nil
}

// content is what files held.
type content struct {
	cert   *certs.Certificate // nil: a bundle
	bundle *certs.Bundle
	loose  string // what is wrong with the permissions of the key
	file   string // which the warnings are about
}

// read reads the files of a pair.
func (p Pair) read() (content, []version, *Fault) {
	seen := make([]version, 2)
	chain, info, err := readFile(p.Certificate)
	if err != nil {
		return content{}, seen, &Fault{Part: certs.PartChain, File: p.Certificate, Err: err}
	}
	seen[0] = versionOf(info)
	key, info, err := readFile(p.Key)
	if err != nil {
		return content{}, seen, &Fault{Part: certs.PartKey, File: p.Key, Err: err}
	}
	seen[1] = versionOf(info)
	c, err := certs.Parse(chain, key)
	if err != nil {
		return content{}, seen, p.fault(err)
	}
	if p.Accept != nil {
		if err := p.Accept(c); err != nil {
			return content{}, seen, &Fault{Part: certs.PartChain, File: p.Certificate, Err: err}
		}
	}
	return content{cert: c, loose: loose(p.Key, info.Mode()), file: p.Certificate}, seen, nil
}

// fault tells which file an error of certs.Parse is about.
func (p Pair) fault(err error) *Fault {
	f := &Fault{Part: certs.PartPair, File: p.Certificate, Err: err}
	if e := (*certs.Error)(nil); errors.As(err, &e) { // which it is
		f.Part = e.Part
	}
	switch f.Part {
	case certs.PartChain:
	case certs.PartKey:
		f.File = p.Key
	case certs.PartPair:
		if p.Key != p.Certificate {
			f.File += " and " + p.Key
		}
	}
	return f
}

// readRoots reads a file of certificate authorities.
func readRoots(file string) (content, []version, *Fault) {
	seen := make([]version, 1)
	data, info, err := readFile(file)
	if err != nil {
		return content{}, seen, &Fault{File: file, Err: err}
	}
	seen[0] = versionOf(info)
	b, err := certs.ParseBundle(data)
	if err != nil {
		return content{}, seen, &Fault{File: file, Err: err}
	}
	return content{bundle: b, file: file}, seen, nil
}

// loose says that others than its owner can read or change a key; "" if they cannot.
func loose(file string, mode fs.FileMode) string {
	const groupOrOthersRead, groupOrOthersWrite = 0o044, 0o022
	can := "readable"
	switch {
	case mode&groupOrOthersRead != 0:
	case mode&groupOrOthersWrite != 0:
		can = "writable"
	default:
		return ""
	}
	return fmt.Sprintf("%s is %s by group or others (mode %04o): chmod 600", file, can, mode.Perm())
}

// warnings says what is wrong with what can be used all the same.
func (c content) warnings(now time.Time) []string {
	var w, texts []string
	if c.loose != "" {
		w = append(w, c.loose)
	}
	if c.cert != nil {
		texts = c.cert.Warnings(now)
	} else {
		texts = c.bundle.Warnings(now)
	}
	for _, text := range texts {
		w = append(w, c.file+": "+text)
	}
	return w
}

// same reports whether two contents are one for a handshake. A key belongs to its certificate, so that need not be compared.
func (c content) same(d content) bool {
	if c.cert == nil || d.cert == nil {
		return c.cert == nil && d.cert == nil && c.bundle.Pool.Equal(d.bundle.Pool)
	}
	return sameChain(c.cert.TLS.Certificate, d.cert.TLS.Certificate)
}

// String describes the content in a line.
func (c content) String() string {
	if c.cert != nil {
		return c.cert.String()
	}
	return c.bundle.String()
}
