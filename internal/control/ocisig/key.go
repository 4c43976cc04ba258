package ocisig

import (
	"crypto/rsa"
)

// Role says what a key is for. It is carried from the key to the caller, who decides what the role may do.
type Role string

// Roles of keys.
const (
	Administrator Role = "administrator" // may read and change everything
	ReadOnly      Role = "read-only"     // may read
)

// Key is an API key. Nothing in it is secret.
type Key struct {
	Tenancy     string // OCID
	User        string // OCID
	Fingerprint string
	Public      *rsa.PublicKey
	Role        Role
	Disabled    bool // known but refused
}

// ID returns the name by which a signature refers to the key.
func (k Key) ID() string { return k.Tenancy + "/" + k.User + "/" + k.Fingerprint }

// String returns the key's name and role.
func (k Key) String() string { return k.ID() + " (" + string(k.Role) + ")" }

// Keys are the API keys in force. Lookup is called for each request, from many goroutines, with a name of at most 640 bytes that
// anybody may have made up, TENANCY/USER/FINGERPRINT if it is honest. The key that it returns, which Verify only reads, is used for
// that request alone, so that a revoked key is refused from then on.
type Keys interface {
	Lookup(keyID string) (key Key, found bool)
}
