package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"lull/internal/control/certfile"
	"lull/internal/dataplane/plan"
)

// fileBytesMax bounds the file: a hundred thousand backends fit, and the parser's memory stays bounded with it.
const fileBytesMax = 4 << 20

// nothingToDo is what a file without content of its own is told.
const nothingToDo = "there must be a load balancer or an api: add load_balancers with at least one item, or api: {}"

// Config is a valid lull.yaml: the plan, and the settings of the process around it.
type Config struct {
	Path           string     // the file's name as it was given
	AdminSocket    string     // path of the control socket, relative to the working directory
	Metrics        string     // "host:port"; empty: not served
	AccessLog      AccessLog  // no path: none is written
	Loops          int        // 0: one per core
	ConnectionsMax int        // 0: what the descriptor limit allows
	HeadMax        int        // bytes of an HTTP head; the plan's listeners have it already
	API            *API       // nil: not served
	Instances      []Instance // each id once
	Plan           *plan.Plan // revision 0: whoever publishes it numbers it

	// Where the plan's certificates and authorities were read from. They are to be watched for as long as the plan is in force.
	Certificates []*certfile.Source
	// The files of the public keys that the backends of a set may have. What they hold is part of the plan.
	PublicKeys map[plan.SetKey][]string

	unused []string // warnings about keys that say nothing where they stand, so that the plan does not have them
}

// AccessLog is where the access log goes and what its lines look like.
type AccessLog struct {
	Path   string
	Format string // "text", "json", "aws", "oci"
}

// Load reads, validates and compiles a file. The error is an Errors.
func Load(path string) (*Config, error) {
	data, err := readBounded(path)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err // the path is already in File
		}
		return nil, Errors{{File: path, Message: "cannot be read: " + err.Error(), Err: err}}
	}
	return Parse(path, data)
}

// readBounded reads a file, and one byte more than the limit of a file that is too large.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, fileBytesMax+1))
}

// Parse validates and compiles the text of a file; name is what messages call it, and its directory is where the files that it
// names are looked for. The error is an Errors.
func Parse(name string, data []byte) (*Config, error) {
	if len(data) > fileBytesMax {
		return nil, Errors{{File: name, Message: fmt.Sprintf("is too large: allowed %d bytes", fileBytesMax)}}
	}
	doc, fault := document(name, data)
	if fault != nil {
		return nil, Errors{*fault}
	}
	r := newReader(name, countNodes(doc))
	c := r.config(doc)
	if faults := r.result(); faults != nil {
		return nil, faults
	}
	return c, nil
}

// document parses YAML and returns the root of its only document.
func document(name string, data []byte) (*yaml.Node, *Error) {
	docs, err := parseYAML(data)
	switch {
	case err != nil:
		return nil, syntaxError(name, data, err)
	case len(docs) > 1:
		return nil, &Error{
			File: name, Line: docs[1].Line, Column: docs[1].Column, Message: "holds more than one YAML document: keep one",
		}
	case len(docs) == 0 || isNull(docs[0].Content[0]):
		return nil, &Error{File: name, Message: "is empty: " + nothingToDo}
	}
	return docs[0].Content[0], nil
}

// parseYAML returns the documents of a file, not more than two of them.
func parseYAML(data []byte) ([]*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*yaml.Node
	for range 2 {
		doc := new(yaml.Node)
		if err := dec.Decode(doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

//nolint:gochecknoglobals // compiled once
var yamlLine = regexp.MustCompile(`^line [0-9]+: `)

// syntaxError turns the parser's own message into an Error.
func syntaxError(name string, data []byte, err error) *Error {
	e := &Error{File: name, Err: err}
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	if len(data) <= searchBytesMax {
		e.Line, e.Column = syntaxLine(data, err), 1
		text = yamlLine.ReplaceAllString(text, "")
	}
	e.Message = "is not valid YAML: " + text
	return e
}

// searchBytesMax bounds the search for a syntax error's line, each step of which parses the file again. In a larger
// file the parser's own line number has to do.
const searchBytesMax = 256 << 10

// syntaxLine finds the line of a syntax error. The parser's own number is often that of the enclosing block, or none;
// but the first lines of a file give the very same message as soon as the faulty one is among them, so a binary search
// for their number finds it.
func syntaxLine(data []byte, err error) int {
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	return 1 + sort.Search(len(ends), func(i int) bool {
		_, e := parseYAML(data[:ends[i]])
		return e != nil && e.Error() == err.Error()
	})
}

// config reads the whole document.
func (r *reader) config(root *yaml.Node) *Config {
	s, ok := r.section("", "", root)
	if !ok {
		return nil
	}
	admin, limits := s.sub("admin"), s.sub("limits")
	c := &Config{
		Path:           r.file,
		AdminSocket:    admin.text("socket"),
		Loops:          s.integer("loops"),
		ConnectionsMax: limits.integer("connections"), HeadMax: limits.integer("head_bytes"),
	}
	ports := newSockets()
	if s.has("metrics") {
		c.Metrics = s.sub("metrics").served(ports, "metrics.address")
	}
	if s.has("access_log") {
		below := s.sub("access_log")
		c.AccessLog = AccessLog{Path: below.text("path"), Format: below.word("format")}
	}
	var zones []string
	if s.has("api") {
		c.API = s.sub("api").api(ports)
		zones = c.API.Zones
	}
	c.Instances = s.instances(zones)
	c.Plan = s.plan(ports, c.HeadMax)
	c.unused, c.Certificates, c.PublicKeys = r.unused, r.sources, r.keyFiles
	return c
}

// plan compiles the load balancers.
func (s *section) plan(ports *sockets, headMax int) *plan.Plan {
	p := &plan.Plan{}
	all := s.sections("load_balancers")
	if s.lines["load_balancers"] == 0 && s.lines["api"] == 0 {
		s.r.fault("", &yaml.Node{}, "", "%s", nothingToDo)
	} else if n := s.fields["load_balancers"]; n != nil && len(n.Content) == 0 && s.lines["api"] == 0 {
		s.fault("load_balancers", "is empty: %s", nothingToDo)
	}
	names := make(taken)
	for _, below := range all {
		p.LoadBalancers = append(p.LoadBalancers, below.loadBalancer(names, ports, headMax))
	}
	return p
}
