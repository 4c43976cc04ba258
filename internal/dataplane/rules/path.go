package rules

import (
	"fmt"
	"slices"
	"strings"
)

// PathMatch is how a path route matches.
type PathMatch uint8

// The ways, in the order in which they are tried; the last two are tried together, in the order of the list.
const (
	PathExact   PathMatch = iota // the whole path
	PathLongest                  // a prefix; of several the longest
	PathPrefix                   // a prefix
	PathSuffix                   // the end
)

// PathRoute leads requests for some paths to a target, whose meaning is the caller's. Letters are the same in both cases.
type PathRoute struct {
	Path   string
	Match  PathMatch
	Target int
}

// pathBytesMax bounds a route's path; no line of a head is longer by default.
const pathBytesMax = 16 << 10

// Paths finds the route of a path.
type Paths struct {
	exact, longest, listed []pathRoute // longest has the longest first
}

type pathRoute struct {
	text   []byte // small letters
	suffix bool
	target int
}

// NewPaths returns the routes in their order of precedence. Of two that are the same, the first counts.
func NewPaths(routes []PathRoute) (*Paths, error) {
	if len(routes) > RulesMax {
		return nil, fmt.Errorf("path routes: %d, at most %d are allowed", len(routes), RulesMax)
	}
	p := &Paths{}
	for i, route := range routes {
		if err := checkPath(route.Path); err != nil {
			return nil, fmt.Errorf("path route %d: %w", i+1, err)
		}
		entry := pathRoute{text: lowered([]byte(route.Path)), suffix: route.Match == PathSuffix, target: route.Target}
		switch route.Match {
		case PathExact:
			p.exact = append(p.exact, entry)
		case PathLongest:
			p.longest = append(p.longest, entry)
		case PathPrefix, PathSuffix:
			p.listed = append(p.listed, entry)
		default:
			return nil, fmt.Errorf("path route %d: match %d is none of the four", i+1, route.Match)
		}
	}
	slices.SortStableFunc(p.longest, func(a, b pathRoute) int { return len(b.text) - len(a.text) })
	return p, nil
}

// checkPath wants what a target's path can hold.
func checkPath(path string) error {
	if path == "" || len(path) > pathBytesMax {
		return fmt.Errorf("path has %d bytes, 1 to %d are allowed", len(path), pathBytesMax)
	}
	if i := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' || r == '#' }); i >= 0 {
		return fmt.Errorf("path %q holds %q, which no path of a request does: write it as an escape, or leave the query out", path, path[i])
	}
	return nil
}

// Find returns the target for a path, which has no query; ok is false if no route matches.
func (p *Paths) Find(path []byte) (target int, ok bool) {
	for i := range p.exact {
		if equalFold(path, p.exact[i].text) {
			return p.exact[i].target, true
		}
	}
	for i := range p.longest {
		if hasPrefixFold(path, p.longest[i].text) {
			return p.longest[i].target, true
		}
	}
	for i := range p.listed {
		if r := &p.listed[i]; r.matches(path) {
			return r.target, true
		}
	}
	return 0, false
}

// matches is for prefixes and suffixes.
func (r *pathRoute) matches(path []byte) bool {
	if r.suffix && len(path) >= len(r.text) {
		path = path[len(path)-len(r.text):]
	}
	return hasPrefixFold(path, r.text)
}
