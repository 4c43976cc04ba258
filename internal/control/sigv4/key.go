package sigv4

import "log/slog"

// Role says what a key is for. It is carried from the key to the caller, who decides what the role may do.
type Role string

// Roles of keys.
const (
	Administrator Role = "administrator" // may read and change everything
	ReadOnly      Role = "read-only"     // may read
)

// Key is an access key. Printed or logged, it shows no secret.
type Key struct {
	ID       string
	Secret   string
	Role     Role
	Disabled bool // known but refused
}

// String returns the key's name and role.
func (k Key) String() string { return k.ID + " (" + string(k.Role) + ")" }

// GoString does the same for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue does the same for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Keys are the access keys in force. Lookup is called for each request, from many goroutines, with a name of at most 128
// bytes that anybody may have made up; a key that it returns is used for that request only, so that a revoked key is refused
// from then on.
type Keys interface {
	Lookup(accessKeyID string) (key Key, found bool)
}
