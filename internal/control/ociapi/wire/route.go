package wire

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BasePath is what every path begins with.
const BasePath = "/20170115"

// pathBytesMax is the length of the longest path. The longest honest one names a load balancer with 255 bytes, a backend
// set with 32 and a backend with 21, each of them escaped to the last byte, and takes a quarter of it.
const pathBytesMax = 4096

// The parameters that paths have. ChildName is that of a hostname and of an SSL cipher suite.
const (
	LoadBalancerID    = "loadBalancerId"
	WorkRequestID     = "workRequestId"
	BackendSetName    = "backendSetName"
	BackendName       = "backendName"
	ListenerName      = "listenerName"
	CertificateName   = "certificateName"
	PathRouteSetName  = "pathRouteSetName"
	RoutingPolicyName = "routingPolicyName"
	RuleSetName       = "ruleSetName"
	ChildName         = "name"
)

// Route is the operation that a method and a path name, with the parameters in the path, decoded.
type Route struct {
	Operation  *Operation
	Parameters map[string]string
}

// branch is a place in the tree of all paths: what can follow after a slash, and the operations of the path that ends
// here, by their methods.
type branch struct {
	words     map[string]*branch
	parameter string
	below     *branch // after the parameter
	methods   map[string]*Operation
}

// tree is the root of all paths, below BasePath.
//
//nolint:gochecknoglobals // made once from a table
var tree = plant(operations)

// plant makes the tree. It panics where two operations are in one place, which the first test to run would see.
func plant(operations []*Operation) *branch {
	root := &branch{}
	for _, o := range operations {
		b := root
		for word := range strings.SplitSeq(strings.TrimPrefix(o.Pattern, "/"), "/") {
			b = b.grow(word)
		}
		if b.methods == nil {
			b.methods = map[string]*Operation{}
		}
		if b.methods[o.Method] != nil {
			panic("wire: " + o.Method + " " + o.Pattern + " is two operations")
		}
		b.methods[o.Method] = o
	}
	return root
}

// grow returns what follows after a word of a pattern, and makes it where it is not there.
func (b *branch) grow(word string) *branch {
	if name, ok := strings.CutPrefix(word, "{"); ok {
		name = strings.TrimSuffix(name, "}")
		if b.below == nil {
			b.parameter, b.below = name, &branch{}
		}
		if b.parameter != name {
			panic("wire: " + name + " and " + b.parameter + " are in one place")
		}
		return b.below
	}
	if b.words == nil {
		b.words = map[string]*branch{}
	}
	if b.words[word] == nil {
		b.words[word] = &branch{}
	}
	return b.words[word]
}

// Find returns the operation of a method and a path, which is as it came, with its escapes: a name may hold what would
// part it otherwise (RFC 3986 §2.2), and is decoded after it was taken out. All errors are of type *Error.
func Find(method, escapedPath string) (Route, error) {
	rest, ok := strings.CutPrefix(escapedPath, BasePath+"/")
	if !ok || len(escapedPath) > pathBytesMax {
		return Route{}, noSuchPath()
	}
	b, parameters := tree, map[string]string{}
	for segment := range strings.SplitSeq(rest, "/") {
		switch {
		case b.words[segment] != nil:
			b = b.words[segment]
		case b.below == nil || segment == "":
			return Route{}, noSuchPath()
		default:
			value, err := parameterOf(b.parameter, segment)
			if err != nil {
				return Route{}, err
			}
			parameters[b.parameter] = value
			b = b.below
		}
	}
	if b.methods == nil {
		return Route{}, noSuchPath()
	}
	o := b.methods[method]
	if o == nil {
		err := refuse(MethodNotAllowed, "", "the method %s is not allowed here", shown(method))
		err.Allow = slices.Sorted(maps.Keys(b.methods))
		return Route{}, err
	}
	return Route{o, parameters}, nil
}

// noSuchPath refuses a path that no operation has. It does not repeat it: paths hold whatever a stranger likes.
func noSuchPath() error {
	return refuse(NotFound, "", "no operation has this path: paths begin with %s", BasePath)
}

// parameterOf decodes a parameter of a path. A plus sign is one: only in queries does it stand for a space.
func parameterOf(name, segment string) (string, error) {
	value, err := url.PathUnescape(segment)
	if err != nil || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		bad := invalid(name, "the %s in the path is wrongly escaped or no text", name)
		bad.Status, bad.Err = NotFound.Status(), err
		return "", bad
	}
	return value, nil
}
