package rules

import (
	"bytes"
	"fmt"
	"strings"
)

// HostName is a name by which clients ask for a target, whose meaning is the caller's: "app.example.com", or with a
// star for one label or more in front or behind, "*.example.com" or "app.example.*".
type HostName struct {
	Name   string
	Target int
}

// hostBytesMax is the longest name of the DNS.
const hostBytesMax = 253

// Hosts finds the target of an authority.
type Hosts struct {
	exact   map[string]int
	leading map[string]int // by what follows the star: ".example.com"
	behind  map[string]int // by what precedes it: "app.example."
}

// NewHosts returns the table of the names, whose order does not matter. Letters are the same in both cases.
func NewHosts(names []HostName) (*Hosts, error) {
	h := &Hosts{exact: map[string]int{}, leading: map[string]int{}, behind: map[string]int{}}
	if len(names) > RulesMax {
		return nil, fmt.Errorf("host names: %d, at most %d are allowed", len(names), RulesMax)
	}
	for _, n := range names {
		name := string(lowered([]byte(n.Name)))
		table, key := h.exact, strings.TrimSuffix(name, ".")
		if rest, ok := strings.CutPrefix(name, "*"); ok {
			table, key = h.leading, strings.TrimSuffix(rest, ".")
		} else if rest, ok := strings.CutSuffix(name, "*"); ok {
			table, key = h.behind, rest
		}
		if err := checkHost(n.Name, key, name); err != nil {
			return nil, err
		}
		if _, ok := table[key]; ok {
			return nil, fmt.Errorf("host name %q is there twice", n.Name)
		}
		table[key] = n.Target
	}
	return h, nil
}

func checkHost(name, key, whole string) error {
	star := strings.HasPrefix(whole, "*") || strings.HasSuffix(whole, "*")
	labels := strings.TrimSuffix(strings.TrimPrefix(key, "."), ".")
	switch {
	case labels == "" || len(name) > hostBytesMax:
		return fmt.Errorf("host name %q has %d bytes, 1 to %d besides a star are allowed", name, len(name), hostBytesMax)
	case star && len(labels) == len(key):
		return fmt.Errorf("host name %q: the star must stand for whole labels, as in *.example.com or app.example.*", name)
	case !star && len(labels) != len(key), strings.Contains("."+labels+".", ".."), star && len(labels) != len(key)-1:
		return fmt.Errorf("host name %q has an empty label", name)
	}
	for i := range len(labels) {
		c := labels[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._[]:", c) >= 0) {
			return fmt.Errorf("host name %q holds %q; letters, digits, hyphens and dots are allowed, and one star at an end", name, c)
		}
	}
	return nil
}

// Find returns the target for an authority, with or without port: that of the name itself, of the longest that begins with a
// star, or of the longest that ends with one. A dot at the end of the host is passed over.
func (h *Hosts) Find(authority []byte) (target int, ok bool) {
	host, _ := splitPort(authority)
	host = bytes.TrimSuffix(host, dot)
	var space [hostBytesMax]byte
	if len(host) == 0 || len(host) > len(space) {
		return 0, false
	}
	name := space[:len(host)]
	for i, c := range host {
		name[i] = lower(c)
	}
	if target, ok = h.exact[string(name)]; ok {
		return target, true
	}
	for i := 1; i < len(name) && len(h.leading) > 0; i++ {
		if name[i] != '.' {
			continue
		}
		if target, ok = h.leading[string(name[i:])]; ok {
			return target, true
		}
	}
	for i := len(name) - 2; i > 0 && len(h.behind) > 0; i-- {
		if name[i] != '.' {
			continue
		}
		if target, ok = h.behind[string(name[:i+1])]; ok {
			return target, true
		}
	}
	return 0, false
}

//nolint:gochecknoglobals // a constant
var dot = []byte(".")
