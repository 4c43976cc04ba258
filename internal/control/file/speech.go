package file

import "lull/internal/dataplane/plan"

// speech is what a listener, a backend set or a probe speaks: one of the words of a protocol key.
type speech struct {
	protocol plan.Protocol // the layer, which decides what goes with what
	tls      bool
}

// String returns the word of lull.yaml.
func (s speech) String() string { return s.protocol.Over(s.tls) }

// a returns the word with its indefinite article.
func (s speech) a() string {
	if s.protocol == plan.TCP && !s.tls {
		return "a " + s.String()
	}
	return "an " + s.String()
}

// speech reads a protocol key; known is false when it was not given, or is at fault, and nothing that depends on it can be
// judged.
func (s *section) speech() (speaks speech, known bool) {
	word := s.word("protocol")
	for _, protocol := range []plan.Protocol{plan.TCP, plan.HTTP} {
		for _, tls := range []bool{false, true} {
			if candidate := (speech{protocol, tls}); candidate.String() == word {
				speaks = candidate
			}
		}
	}
	return speaks, s.has("protocol")
}
