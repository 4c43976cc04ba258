package file

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"lull/internal/clock"
	"lull/internal/control/certfile"
	"lull/internal/dataplane/plan"
)

// aliasNodesMax is how many nodes may be read a second time through aliases. It lets a few thousand load balancers
// share one `timeouts`, and stops a small file from unfolding into a large one.
const aliasNodesMax = 100000

// reader collects the faults of one document while its nodes are read.
type reader struct {
	file     string
	now      time.Time
	faults   Errors
	unsaid   int      // faults beyond faultsMax
	unused   []string // warnings
	budget   int      // nodes that may still be read; below zero nothing is read any more
	sources  []*certfile.Source
	loaded   map[string]*certfile.Source // the same, by what they are
	keyFiles map[plan.SetKey][]string
}

// section is a mapping being read. The zero fields of an absent one make every key take its default.
type section struct {
	r      *reader
	path   string // "load_balancers[0].timeouts"
	schema string // "load_balancers[].timeouts"
	node   *yaml.Node
	fields map[string]*yaml.Node // values of the keys that are known and sound so far
	lines  map[string]int        // where each key was given, known or not
}

// item is one element of a list.
type item struct {
	path string
	node *yaml.Node
}

// newReader prepares for a document with that many nodes.
func newReader(file string, nodes int) *reader {
	return &reader{file: file, now: clock.Wall(clock.Now()), budget: nodes + aliasNodesMax}
}

// countNodes counts the nodes of a tree as written: an alias is one.
func countNodes(n *yaml.Node) int {
	total := 1
	for _, c := range n.Content {
		total += countNodes(c)
	}
	return total
}

// result returns the faults in the order of the file, or nil without any.
func (r *reader) result() Errors {
	r.faults.sort()
	if r.unsaid > 0 {
		r.faults = append(r.faults, Error{
			File: r.file, Message: fmt.Sprintf("%d more faults are not shown: mend these first", r.unsaid),
		})
	}
	return r.faults
}

// fault records a fault at a node. After the alias limit was passed everything looks absent, so nothing else counts.
func (r *reader) fault(path string, at *yaml.Node, value, format string, args ...any) {
	if r.budget < 0 {
		return
	}
	if len(r.faults) >= faultsMax {
		r.unsaid++
		return
	}
	r.faults = append(r.faults, Error{
		File: r.file, Line: at.Line, Column: at.Column, Key: path, Value: value, Message: fmt.Sprintf(format, args...),
	})
}

// spend accounts for one node read; false means stop.
func (r *reader) spend(path string, n *yaml.Node) bool {
	if r.budget < 0 {
		return false
	}
	if r.budget == 0 {
		// The faults so far would crowd it out, and many of them repeat one that stands behind an alias.
		r.faults, r.unsaid = nil, 0
		r.fault(path, n, "", "aliases unfold to more than %d nodes: write fewer of them", aliasNodesMax)
	}
	r.budget--
	return r.budget >= 0
}

// resolve follows an alias to what it stands for. The parser has already refused aliases without an anchor.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// isNull reports whether nothing was written for a key.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// section reads a mapping's keys; ok is false when n is none. Unknown keys, doubled ones and those for later are
// recorded and left out.
func (r *reader) section(path, schema string, n *yaml.Node) (s *section, ok bool) {
	s = &section{
		r: r, path: path, schema: schema, node: n,
		fields: make(map[string]*yaml.Node), lines: make(map[string]int),
	}
	if n.Kind != yaml.MappingNode {
		r.fault(path, n, "", "%s", wrongShape(n, "a mapping of keys ("+strings.Join(children[schema], ", ")+")"))
		return s, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !r.spend(path, n) {
			return s, false
		}
		s.take(resolve(n.Content[i]), resolve(n.Content[i+1]))
	}
	return s, true
}

// take admits one key and its value to the section, or records why not.
func (s *section) take(key, value *yaml.Node) {
	if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
		s.r.fault(s.path, key, "", "%s", wrongShape(key, "a key"))
		return
	}
	k := key.Value
	path := joinPath(s.path, shorten(k))
	if key.ShortTag() == "!!merge" {
		s.r.fault(path, key, "", "merge keys are not supported: write the keys out, or alias the whole mapping")
		return
	}
	if first, twice := s.lines[k]; twice {
		s.r.fault(path, key, "", "is given twice: first in line %d", first)
		return
	}
	s.lines[k] = key.Line
	row := byPath[joinPath(s.schema, k)]
	switch {
	case row == nil:
		s.r.fault(path, key, "", "%s", s.unknown(k))
	default:
		s.fields[k] = value
	}
}

// unknown explains that a section does not know a key, and what may have been meant.
func (s *section) unknown(key string) string {
	if near := nearest(s.schema, key); near != "" {
		return "unknown key: did you mean " + near + "?"
	}
	if others := elsewhere(key); len(others) > 0 {
		return "unknown key here: it belongs in " + strings.Join(others, " or ")
	}
	return "unknown key: allowed here are " + strings.Join(children[s.schema], ", ")
}

// wrongShape says what a node is instead of what was wanted.
func wrongShape(n *yaml.Node, wanted string) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "is a mapping, not " + wanted
	case n.Kind == yaml.SequenceNode:
		return "is a list, not " + wanted
	case isNull(n):
		return "is empty: give it " + wanted + ", or leave the key out"
	default:
		return written(n) + " is not " + wanted
	}
}

// row returns a key's row of the table.
func (s *section) row(key string) *setting { return byPath[joinPath(s.schema, key)] }

// has reports whether a key was given and nothing was wrong with it so far.
func (s *section) has(key string) bool { return s.fields[key] != nil }

// at returns the node to name in a fault about a key: its value, or the mapping that lacks it.
func (s *section) at(key string) *yaml.Node {
	if n := s.fields[key]; n != nil {
		return n
	}
	return s.node
}

// fault records that a key's value is wrong, and forgets the value.
func (s *section) fault(key, format string, args ...any) {
	n := s.at(key)
	value := ""
	if n != s.node && n.Kind == yaml.ScalarNode && !isNull(n) {
		value = written(n)
	}
	s.r.fault(joinPath(s.path, key), n, value, format, args...)
	delete(s.fields, key)
}

// sub reads the mapping below a key; an absent one is a section without fields.
func (s *section) sub(key string) *section {
	n := s.fields[key]
	path, schema := joinPath(s.path, key), joinPath(s.schema, key)
	if n == nil {
		return &section{r: s.r, path: path, schema: schema, node: s.node}
	}
	below, _ := s.r.section(path, schema, n)
	return below
}

// items returns the elements of the list below a key. An absent or empty one has none.
func (s *section) items(key string) []item {
	n := s.fields[key]
	if n == nil || isNull(n) {
		return nil
	}
	path := joinPath(s.path, key)
	if n.Kind != yaml.SequenceNode {
		s.r.fault(path, n, "", "%s", wrongShape(n, "a list: begin each item with a dash"))
		delete(s.fields, key)
		return nil
	}
	items := make([]item, 0, len(n.Content))
	for i, c := range n.Content {
		if !s.r.spend(path, n) {
			return nil
		}
		items = append(items, item{path + "[" + strconv.Itoa(i) + "]", resolve(c)})
	}
	return items
}

// sections reads each element of the list below a key as a mapping, leaving out those that are none.
func (s *section) sections(key string) []*section {
	return s.sectionsOf(key, joinPath(s.schema, key)+"[]")
}

// sectionsOf does so where the mappings have their rows elsewhere in the table.
func (s *section) sectionsOf(key, schema string) []*section {
	items := s.items(key)
	all := make([]*section, 0, len(items))
	for _, it := range items {
		if below, ok := s.r.section(it.path, schema, it.node); ok {
			all = append(all, below)
		}
	}
	return all
}

// written returns a scalar as it stands in the file: 60 and "60" are not the same.
func written(n *yaml.Node) string {
	v := shorten(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && v[0] != '"' {
		return `"` + v + `"`
	}
	return v
}

// shorten makes a piece of the file fit for a message: on one line, printable and not long.
func shorten(v string) string {
	const longest = 80
	if v == "" {
		return `""`
	}
	if len(v) > longest {
		v = strings.ToValidUTF8(v[:longest], "") + "…"
	}
	if quoted := strconv.Quote(v); quoted != `"`+v+`"` {
		return quoted
	}
	return v
}
