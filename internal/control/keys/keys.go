// Package keys provides the access keys of lull's APIs: who may call them, and in which role.
//
// The API servers call Lookup for each request, by way of sigv4.Verifier; `lull keys` and the JSON API create, list and revoke.
// lull calls FirstStart once, before it serves an API.
//
// Each key is a document of its own in the store, its secret included: Signature Version 4 is computed with the secret itself, so
// that a hash of it, as of a password, would verify nothing. The file's mode 0600 guards it, and encrypting the documents would need a
// key that lies beside them. Lookup decodes the document from the store's memory each time, in a microsecond or two, which is little
// beside the verification itself; so a key is in force from the moment that its creation is answered, and no longer
// after its revocation is, without a copy that has to follow.
//
// The last administrator cannot be revoked: a revocation names another administrator in the transaction's conditions, so
// that two at once cannot revoke each other's. A secret leaves the package in three ways: what Create returns, what Lookup
// returns, and the file that FirstStart writes. It is in no error, no log line and no list, and Secret prints as asterisks.
//
// A Keys may be used from anywhere and takes no lock of its own. Limits: Max keys, DescriptionBytesMax.
//
// Ids and secrets have the lengths that AWS gives them (IAM user guide, "Manage access keys for IAM users").
package keys

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lull/internal/control/fault"
	"lull/internal/control/sigv4"
	"lull/internal/control/store"
)

const (
	// Max bounds the keys: one for each person and program that calls the APIs, of which one lull has a handful.
	Max = 1000
	// DescriptionBytesMax bounds a description, which is one line for people.
	DescriptionBytesMax = 256
)

const (
	prefix      = "keys/"
	version     = 1      // of the documents' format
	idPrefix    = "LULL" // in place of AWS's AKIA, so that nobody takes a key for one of AWS
	idBytes     = 10     // random, 16 characters of base32: with the prefix the 20 that AWS's ids have
	secretBytes = 25     // random, 40 characters of base32: as many as AWS's secrets have, without any that a shell or a URL minds
)

// Key is an access key, without its secret.
type Key struct {
	ID          string
	Role        sigv4.Role
	Description string // for people; "" if there is none
	Created     time.Time
	FirstStart  bool // FirstStart made it
}

// Secret is the secret of an access key. It prints as asterisks, in whatever way it is printed or encoded.
type Secret struct{ text string }

const hidden = "****"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// String hides the secret.
func (Secret) String() string { return hidden }

// Format hides it from every verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// MarshalText hides it from JSON and from logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// document is a key in the store.
type document struct {
	Version     int        `json:"version"`
	Secret      string     `json:"secret"`
	Role        sigv4.Role `json:"role"`
	Description string     `json:"description,omitempty"`
	Created     time.Time  `json:"created"`
	FirstStart  bool       `json:"first_start,omitempty"`
}

// Options are what keys need besides a store.
type Options struct {
	Now    func() time.Time // the wall clock; required
	Random io.Reader        // nil: crypto/rand
}

// Keys is the access keys in force. See New.
type Keys struct {
	// Fixed after New.
	store *store.Store
	o     Options
}

// New returns the keys of a store. It refuses a store with keys that it cannot read.
func New(s *store.Store, o Options) (*Keys, error) {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	k := &Keys{store: s, o: o}
	entries, _ := s.List(prefix)
	for _, e := range entries {
		if _, err := decode(e); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Lookup returns the key with an id, and whether it is in force. It implements sigv4.Keys.
func (k *Keys) Lookup(id string) (sigv4.Key, bool) {
	e, found := k.store.Get(prefix + id)
	if !found {
		return sigv4.Key{}, false
	}
	d, err := decode(e)
	return sigv4.Key{ID: id, Secret: d.Secret, Role: d.Role}, err == nil
}

// List returns the keys in force, the oldest first.
func (k *Keys) List() []Key {
	entries, _ := k.store.List(prefix)
	list := make([]Key, 0, len(entries))
	for _, e := range entries {
		if d, err := decode(e); err == nil { // New has read them all, and none is written that cannot be read
			list = append(list, d.key(e.Key))
		}
	}
	slices.SortFunc(list, func(a, b Key) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Create makes a key. Its secret can be had from nobody afterwards.
func (k *Keys) Create(ctx context.Context, role sigv4.Role, description string) (Key, Secret, error) {
	if role != sigv4.Administrator && role != sigv4.ReadOnly {
		return Key{}, Secret{}, fault.Field("role", "%q: must be %s or %s", fault.Shortened(string(role)), sigv4.Administrator, sigv4.ReadOnly)
	}
	if err := fault.Line("description", description, DescriptionBytesMax); err != nil {
		return Key{}, Secret{}, err
	}
	if entries, _ := k.store.List(prefix); len(entries) >= Max {
		return Key{}, Secret{}, fault.New(fault.Full, "there are %d access keys, no more are allowed: revoke some first", Max)
	}
	return k.create(ctx, document{Role: role, Description: description})
}

// create makes a key with an id and a secret that nobody else has.
func (k *Keys) create(ctx context.Context, d document) (Key, Secret, error) {
	random := make([]byte, idBytes+secretBytes)
	if _, err := io.ReadFull(k.o.Random, random); err != nil {
		return Key{}, Secret{}, fmt.Errorf("make an access key: %w", err)
	}
	id := idPrefix + base32.StdEncoding.EncodeToString(random[:idBytes])
	d.Version, d.Created = version, k.o.Now().UTC().Truncate(time.Second)
	d.Secret = strings.ToLower(base32.StdEncoding.EncodeToString(random[idBytes:]))
	value, err := json.Marshal(d)
	if err != nil {
		return Key{}, Secret{}, fmt.Errorf("encode access key %s: %w", id, err)
	}
	_, err = k.store.Commit(ctx, store.Txn{
		If:   []store.Condition{{Key: prefix + id}}, // with 80 random bits there is none, unless the randomness is broken
		Puts: []store.Put{{Key: prefix + id, Value: value}},
	})
	if err != nil {
		return Key{}, Secret{}, fault.Commit("create an access key", err)
	}
	return d.key(prefix + id), Secret{d.Secret}, nil
}

// Revoke ends a key: requests that it signs are refused from now on.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	_, err := fault.Change(ctx, k.store, "revoke access key "+id, func() (store.Txn, error) { return k.revocation(id) })
	return err
}

// revocation returns the transaction that ends a key. Another administrator is among the conditions, unless the key is none.
func (k *Keys) revocation(id string) (store.Txn, error) {
	entries, _ := k.store.List(prefix)
	at := slices.IndexFunc(entries, func(e store.Entry) bool { return e.Key == prefix+id })
	if at < 0 {
		return store.Txn{}, fault.New(fault.NotFound, "there is no access key %q", fault.Shortened(id))
	}
	txn := store.Txn{If: []store.Condition{conditionOf(entries[at])}, Deletes: []string{prefix + id}}
	if d, err := decode(entries[at]); err != nil || d.Role != sigv4.Administrator {
		return txn, err
	}
	for i, e := range entries {
		if d, err := decode(e); i != at && err == nil && d.Role == sigv4.Administrator {
			txn.If = append(txn.If, conditionOf(e))
			return txn, nil
		}
	}
	return store.Txn{}, fault.New(fault.Conflict, "access key %s is the last administrator's: create another one first", id)
}

func conditionOf(e store.Entry) store.Condition {
	return store.Condition{Key: e.Key, Revision: e.Revision}
}

// key returns what may be told of a document.
func (d document) key(path string) Key {
	return Key{strings.TrimPrefix(path, prefix), d.Role, d.Description, d.Created, d.FirstStart}
}

// decode reads a document. What JSON finds wrong may be a part of the secret, so that its words are not passed on.
func decode(e store.Entry) (document, error) {
	var d document
	if json.Unmarshal(e.Value, &d) != nil {
		return d, fmt.Errorf("document %q of the store is not an access key", e.Key)
	}
	if d.Version != version {
		return d, fmt.Errorf("document %q of the store has version %d, this lull knows %d: start the lull that wrote it", e.Key, d.Version, version)
	}
	return d, nil
}
