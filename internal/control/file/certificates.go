package file

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"lull/internal/control/certfile"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// loadCertificates loads what pairs of keys name. It is nil, after recording the faults, if any of them is not sound.
func (r *reader) loadCertificates(pairs []*section, policy *tlspolicy.Policy) *certs.Holder {
	var files []certfile.Pair
	var whole []*section // the pairs that name both files
	for _, p := range pairs {
		pair := certfile.Pair{Certificate: p.file("certificate"), Key: p.file("key"), Accept: servedBy(policy)}
		if pair.Certificate != "" && pair.Key != "" {
			files, whole = append(files, pair), append(whole, p)
		}
	}
	if len(files) == 0 {
		return nil
	}
	source, err := r.source(pairsID(files, policy), func() (*certfile.Source, error) { return certfile.Load(files, r.now) })
	if err != nil {
		refusePairs(whole, err)
		return nil
	}
	return source.Holder
}

// source loads files unless they have been already: a certificate that ten listeners have is read, watched and complained of
// once. The id says which files they are and what is asked of them.
func (r *reader) source(id string, load func() (*certfile.Source, error)) (*certfile.Source, error) {
	if known := r.loaded[id]; known != nil {
		return known, nil
	}
	source, err := load()
	if err != nil {
		return nil, err
	}
	if r.loaded == nil {
		r.loaded = make(map[string]*certfile.Source)
	}
	r.loaded[id] = source
	r.sources = append(r.sources, source)
	return source, nil
}

// pairsID names pairs and the policy that has to serve them. No path has a NUL in it.
func pairsID(files []certfile.Pair, policy *tlspolicy.Policy) string {
	var id strings.Builder
	for _, f := range files {
		id.WriteString(f.Certificate + "\x00" + f.Key + "\x00")
	}
	fmt.Fprintf(&id, "%s %d", policy.Name, policy.Min)
	return id.String()
}

// servedBy returns a test of certificates: one with a kind of key that the policy cannot serve would shut everybody out, and
// must not replace another either.
func servedBy(policy *tlspolicy.Policy) func(*certs.Certificate) error {
	return func(c *certs.Certificate) error {
		if policy.Serves(c.Leaf().PublicKeyAlgorithm) {
			return nil
		}
		return fmt.Errorf("an %s key, which no cipher suite of policy %s serves: take another policy or another kind of key",
			c.KeyKind(), policy.Name)
	}
}

// refusePairs records what is wrong with certificates and keys, each at the one of the two that it is about. A key that does not
// belong to its certificate is wrong itself.
func refusePairs(pairs []*section, err error) {
	var faults certfile.Faults
	if !errors.As(err, &faults) {
		pairs[0].fault("certificate", "cannot be used: %v", err)
		return
	}
	for _, f := range faults {
		key := "key"
		if f.Part == certs.PartChain {
			key = "certificate"
		}
		pairs[f.Pair].fault(key, "%s", fileProblem(f))
	}
}

// roots loads the authorities that a key names; nil, after recording the fault, if there are none.
func (s *section) roots(key, path string) *certs.Roots {
	source, err := s.r.source(path, func() (*certfile.Source, error) { return certfile.LoadRoots(path, s.r.now) })
	if err != nil {
		s.fault(key, "%s", fileProblem(err))
		return nil
	}
	return source.Roots
}

// publicKeys loads the keys of which a backend must have one, and notes their files. A list without any would be taken for
// none wanted, so it is refused.
func (s *section) publicKeys(set plan.SetKey) [][]byte {
	const key = "public_keys"
	var out [][]byte
	for _, it := range s.texts(key) {
		path := s.r.resolvePath(it.text)
		keys, err := certfile.LoadPublicKeys(path)
		if err != nil {
			s.r.fault(it.path, it.node, written(it.node), "%s", fileProblem(err))
			continue
		}
		out = append(out, keys...)
		s.r.noteKeyFile(set, path)
	}
	if n := s.fields[key]; n != nil && len(n.Content) == 0 {
		s.fault(key, "is empty: name a file with a key that backends may have, or leave it out")
	}
	return out
}

func (r *reader) noteKeyFile(set plan.SetKey, path string) {
	if r.keyFiles == nil {
		r.keyFiles = make(map[plan.SetKey][]string)
	}
	r.keyFiles[set] = append(r.keyFiles[set], path)
}

// fileProblem completes a sentence about a file that the message names already.
func fileProblem(err error) string {
	var path *fs.PathError
	var fault *certfile.Fault
	switch {
	case errors.As(err, &path):
		return "cannot be read: " + path.Err.Error()
	case errors.As(err, &fault):
		return "cannot be used: " + fault.Text()
	}
	return "cannot be used: " + err.Error()
}
