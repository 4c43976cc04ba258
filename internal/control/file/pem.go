package file

import (
	"errors"
	"os"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/tlspolicy"
)

// certificate loads what a pair of keys names; nil, after recording the faults, if it is not sound.
func (s *section) certificate(policy *tlspolicy.Policy) *certs.Certificate {
	chain, chainOK := s.contents("certificate", s.file("certificate"))
	key, keyOK := s.contents("key", s.file("key"))
	if !chainOK || !keyOK {
		return nil
	}
	c, err := certs.Parse(chain, key)
	if err != nil {
		s.refusePair(err)
		return nil
	}
	if leaf := c.Leaf(); !policy.Serves(leaf.PublicKeyAlgorithm) {
		s.fault("certificate", "has an %s key, which no cipher suite of policy %s serves: take another policy or another kind of key", c.KeyKind(), policy.Name)
		return nil
	}
	return c
}

// refusePair records what is wrong with a certificate and its key at the one of the two that it is about.
func (s *section) refusePair(err error) {
	var wrong *certs.Error
	switch {
	case !errors.As(err, &wrong):
		s.fault("certificate", "cannot be used: %v", err)
	case wrong.Part == certs.PartChain:
		s.fault("certificate", "cannot be used: %s", wrong.Text)
	default:
		s.fault("key", "cannot be used: %s", wrong.Text)
	}
}

// contents reads the file that a key names; ok is false, and the fault recorded, when there is none.
func (s *section) contents(key, path string) (data []byte, ok bool) {
	if path == "" {
		return nil, false
	}
	data, err := readRegular(path)
	if err != nil {
		s.fault(key, "cannot be read: %v", err)
	}
	return data, err == nil
}

// readRegular reads a file that is no pipe and no device: those could block, or never end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	var pathErr *os.PathError
	switch {
	case errors.As(err, &pathErr):
		return nil, pathErr.Err // the message names the path
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("no regular file")
	}
	return readBounded(path)
}

// roots loads the authorities that a key names.
func (s *section) roots(key, path string) *certs.Roots {
	data, ok := s.contents(key, path)
	if !ok {
		return nil
	}
	b, err := certs.ParseBundle(data)
	if err != nil {
		s.fault(key, "cannot be used: %v", err)
		return nil
	}
	return certs.NewRoots(b.Pool)
}

// publicKeys loads the keys of which a backend must have one. A list without any would be taken for none wanted, so it is
// refused.
func (s *section) publicKeys() [][]byte {
	const key = "public_keys"
	var out [][]byte
	items := s.texts(key)
	for _, it := range items {
		keys, err := readPublicKeys(s.r.resolvePath(it.text))
		if err != nil {
			s.r.fault(it.path, it.node, written(it.node), "cannot be used: %v", err)
		}
		out = append(out, keys...)
	}
	if n := s.fields[key]; n != nil && len(n.Content) == 0 {
		s.fault(key, "is empty: name a file with a key that backends may have, or leave it out")
	}
	return out
}

func readPublicKeys(path string) ([][]byte, error) {
	data, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	return certs.ParsePublicKeys(data)
}
