package file

import (
	"errors"
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
		pair := certfile.Pair{Certificate: p.file("certificate"), Key: p.file("key")}
		if pair.Certificate != "" && pair.Key != "" {
			files, whole = append(files, pair), append(whole, p)
		}
	}
	if len(files) == 0 {
		return nil
	}
	source, err := certfile.Load(files, r.now)
	if err != nil {
		refusePairs(whole, files, err)
		return nil
	}
	for i, c := range source.Holder.Set().All() {
		if !policy.Serves(c.Leaf().PublicKeyAlgorithm) {
			whole[i].fault("certificate", "has an %s key, which no cipher suite of policy %s serves: take another policy or another "+
				"kind of key", c.KeyKind(), policy.Name)
		}
	}
	r.sources = append(r.sources, source)
	return source.Holder
}

// refusePairs records what is wrong with certificates and keys, each at the one of the two that it is about. A key that does not
// belong to its certificate is wrong itself.
func refusePairs(pairs []*section, files []certfile.Pair, err error) {
	var faults certfile.Faults
	if !errors.As(err, &faults) {
		pairs[0].fault("certificate", "cannot be used: %v", err)
		return
	}
	for _, f := range faults {
		pair := files[f.Pair]
		key := "key"
		if f.Part == certs.PartChain {
			key = "certificate"
		}
		pairs[f.Pair].refuseFile(key, f.Err, pair.Certificate, pair.Key, pair.Certificate+" and "+pair.Key)
	}
}

// roots loads the authorities that a key names; nil, after recording the fault, if there are none.
func (s *section) roots(key, path string) *certs.Roots {
	source, err := certfile.LoadRoots(path, s.r.now)
	if err != nil {
		s.refuseFile(key, err, path)
		return nil
	}
	s.r.sources = append(s.r.sources, source)
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
			s.r.fault(it.path, it.node, written(it.node), "%s", fileProblem(err, path))
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

// refuseFile records that a file cannot be used.
func (s *section) refuseFile(key string, err error, names ...string) {
	s.fault(key, "%s", fileProblem(err, names...))
}

// fileProblem completes a sentence about a file that the message names already.
func fileProblem(err error, names ...string) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return "cannot be read: " + path.Err.Error()
	}
	text := err.Error()
	for _, name := range names {
		if rest, found := strings.CutPrefix(text, name+": "); found {
			return "cannot be used: " + rest
		}
	}
	return "cannot be used: " + text
}
