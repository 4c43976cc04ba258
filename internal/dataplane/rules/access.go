package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"lull/internal/dataplane/http1"
)

// Methods are those that are passed on.
type Methods struct {
	Allowed []string // case-sensitive, as methods are
	Status  int      // answers others: 400 to 599, or 0 for 405
}

// methodSet is Methods made ready.
type methodSet struct {
	allowed []string
	status  int
	allow   string // the value of Allow; only 405 has it (RFC 9110 §15.5.6)
}

// methodsMax is twice what the registry of methods holds.
const methodsMax = 80

func newMethodSet(m *Methods) (*methodSet, error) {
	if len(m.Allowed) == 0 || len(m.Allowed) > methodsMax {
		return nil, fmt.Errorf("methods: %d, 1 to %d are allowed", len(m.Allowed), methodsMax)
	}
	s := &methodSet{status: m.Status}
	for _, method := range m.Allowed {
		if !isToken(method) || len(method) > http1.MethodMax {
			return nil, fmt.Errorf("method %q is no token of at most %d characters (RFC 9110 §5.6.2)", method, http1.MethodMax)
		}
		s.allowed = append(s.allowed, method)
	}
	switch {
	case s.status == 0:
		s.status = 405
	case s.status < 400 || s.status > 599:
		return nil, fmt.Errorf("status %d for other methods, 400 to 599 are allowed", s.status)
	}
	if s.status == 405 {
		s.allow = strings.Join(s.allowed, ", ")
	}
	return s, nil
}

func (s *methodSet) has(method []byte) bool {
	for _, allowed := range s.allowed {
		if string(method) == allowed {
			return true
		}
	}
	return false
}

// HeadForm is what heads may look like. The zero value stands for the default.
type HeadForm struct {
	BufferBytes   int  // 8, 16, 32 or 64 KiB; 0 stands for 8
	AnyCharacters bool // names of fields may hold any token character, not only letters, digits, "-" and "_"
}

// headBuffers is how many buffers a head may fill. A line must fit into one.
const headBuffers = 4

// Limits returns the limits by which a head is read, from a client or from a backend.
func (f HeadForm) Limits() (http1.Limits, error) {
	limits := http1.RequestLimits
	switch f.BufferBytes {
	case 0:
		f.BufferBytes = 8 << 10
	case 8 << 10, 16 << 10, 32 << 10, 64 << 10:
	default:
		return limits, fmt.Errorf("header buffer of %d bytes, 8192, 16384, 32768 and 65536 are allowed", f.BufferBytes)
	}
	limits.Line, limits.Head = f.BufferBytes, headBuffers*f.BufferBytes
	return limits, nil
}

// allows reports whether the names of all fields are of allowed characters.
func (f HeadForm) allows(h *http1.Head, b []byte) bool {
	if f.AnyCharacters {
		return true
	}
	fields := h.Fields()
	for i := range fields {
		if fields[i].ID != http1.Other {
			continue // known names have letters and hyphens
		}
		for _, c := range fields[i].Name(b) {
			if !plainName[c] {
				return false
			}
		}
	}
	return true
}

//nolint:gochecknoglobals // a constant table
var plainName = makePlainName()

func makePlainName() (t [256]bool) {
	for c := range 256 {
		l := lower(byte(c)) //nolint:gosec // below 256
		t[c] = 'a' <= l && l <= 'z' || '0' <= l && l <= '9' || l == '-' || l == '_'
	}
	return t
}

// Caps bounds how many connections one address may have open. Somebody else counts them.
type Caps struct {
	Default int // 0: no bound
	Groups  []CapGroup
}

// CapGroup is another bound for some addresses.
type CapGroup struct {
	Blocks      []netip.Prefix
	Connections int // 1 or more
}

// Check says what is wrong with the caps.
func (c *Caps) Check() error {
	if c.Default < 0 {
		return fmt.Errorf("default of %d connections, 0 (no bound) or more are allowed", c.Default)
	}
	if c.Default == 0 && len(c.Groups) == 0 {
		return errors.New("connections: set the default, an entry for some addresses, or both")
	}
	for i, g := range c.Groups {
		if g.Connections < 1 || len(g.Blocks) == 0 {
			return fmt.Errorf("connections, entry %d: %d connections for %d blocks of addresses, 1 or more of both are wanted", i+1, g.Connections, len(g.Blocks))
		}
	}
	return nil
}

// For returns how many connections the client may have; 0 stands for no bound. Of several blocks that hold its address
// the smallest counts, and of equal ones the first.
func (c *Caps) For(client netip.Addr) int {
	client = client.Unmap()
	limit, bits := c.Default, -1
	for i := range c.Groups {
		for _, block := range c.Groups[i].Blocks {
			if block.Bits() > bits && block.Contains(client) {
				limit, bits = c.Groups[i].Connections, block.Bits()
			}
		}
	}
	return limit
}
