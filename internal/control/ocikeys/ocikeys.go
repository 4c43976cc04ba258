// Package ocikeys provides the API keys of lull's OCI front door: which RSA key speaks for which user, and in which role.
//
// The API server calls Lookup for each request, by way of ocisig.Verifier; operators create, import, list and revoke. lull calls
// FirstStart once, before it serves the API.
//
// Each key is a document of its own in the store, under its fingerprint, as Oracle names keys; a user is there for as long as he has a
// key, so that there is no second kind of document that has to agree with the first. A document has the public key alone. What Create
// and FirstStart make leaves the package at once, to the caller or into a file, and cannot be had again; so whoever reads the store can
// forge nothing, and FirstStart has to have its file on the disk before the store knows the key. Lookup decodes the document from the
// store's memory each time, which is little beside the verification itself; so a key is in force from the moment that its creation is
// answered, and no longer after its revocation is, without a copy that has to follow.
//
// All users belong to one tenancy, whose OCID is made with the first key and stays. A key may be imported under another tenancy's
// and user's OCID, so that a configuration that works with Oracle's cloud works here with another endpoint.
//
// The last administrator cannot be revoked: a revocation names another administrator in the transaction's conditions, so that two
// at once cannot revoke each other's.
//
// A Keys may be used from anywhere and takes no lock of its own. Limits: Max keys, DescriptionBytesMax, keys of 2048 to 4096 bits.
//
// Follows Oracle's pages "Required Keys and OCIDs" (sizes, fingerprints, the label in the file), "SDK and CLI Configuration File" and
// "Resource Identifiers".
package ocikeys

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lull/internal/control/fault"
	"lull/internal/control/ocid"
	"lull/internal/control/ocisig"
	"lull/internal/control/store"
)

const (
	// Max bounds the keys: one for each person and program that calls the API, of which one lull has a handful.
	Max = 1000
	// DescriptionBytesMax bounds a description, which is one line for people.
	DescriptionBytesMax = 256
)

const (
	prefix      = "ocikeys/"
	tenancyPath = "ocitenancy"
	version     = 1 // of the documents' format
)

// Key is an API key, as it may be shown.
type Key struct {
	Fingerprint string
	Tenancy     string // OCID
	User        string // OCID
	Role        ocisig.Role
	Description string // for people; "" if there is none
	Created     time.Time
	FirstStart  bool // FirstStart made it
}

// Owner says what a new key is to be.
type Owner struct {
	Tenancy     string // OCID; "" means lull's own
	User        string // OCID; "" means a new user
	Role        ocisig.Role
	Description string
}

// document is a key in the store.
type document struct {
	Version     int         `json:"version"`
	Tenancy     string      `json:"tenancy"`
	User        string      `json:"user"`
	Public      []byte      `json:"public"` // SubjectPublicKeyInfo (RFC 5280 §4.1) in DER
	Role        ocisig.Role `json:"role"`
	Description string      `json:"description,omitempty"`
	Created     time.Time   `json:"created"`
	FirstStart  bool        `json:"first_start,omitempty"`
}

// tenancy is lull's own in the store.
type tenancy struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
}

// Options are what keys need besides a store.
type Options struct {
	Now      func() time.Time                // the wall clock; required
	Random   io.Reader                       // for OCIDs; nil: crypto/rand
	Generate func() (*rsa.PrivateKey, error) // a new key; nil: crypto/rsa, 2048 bits
}

// Keys is the API keys in force. See New.
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
	if o.Generate == nil {
		o.Generate = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, ocisig.KeyBitsMin) }
	}
	k := &Keys{store: s, o: o}
	entries, _ := s.List(prefix)
	for _, e := range entries {
		if _, _, err := decode(e); err != nil {
			return nil, err
		}
	}
	if e, found := s.Get(tenancyPath); found {
		if _, err := decodeTenancy(e); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Lookup returns the key with an id, TENANCY/USER/FINGERPRINT, and whether it is in force. It implements ocisig.Keys.
func (k *Keys) Lookup(id string) (ocisig.Key, bool) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return ocisig.Key{}, false
	}
	e, found := k.store.Get(prefix + parts[2])
	if !found {
		return ocisig.Key{}, false
	}
	d, public, err := decode(e)
	if err != nil || d.Tenancy != parts[0] || d.User != parts[1] {
		return ocisig.Key{}, false
	}
	return ocisig.Key{Tenancy: d.Tenancy, User: d.User, Fingerprint: parts[2], Public: public, Role: d.Role}, true
}

// Tenancy returns the OCID of lull's own tenancy. There is none before the first key.
func (k *Keys) Tenancy() (string, bool) {
	e, found := k.store.Get(tenancyPath)
	if !found {
		return "", false
	}
	t, err := decodeTenancy(e)
	return t.ID, err == nil
}

// List returns the keys in force, the oldest first.
func (k *Keys) List() []Key {
	entries, _ := k.store.List(prefix)
	list := make([]Key, 0, len(entries))
	for _, e := range entries {
		if d, _, err := decode(e); err == nil { // New has read them all, and none is written that cannot be read
			list = append(list, d.key(e.Key))
		}
	}
	slices.SortFunc(list, func(a, b Key) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list
}

// Create makes a key. Its private half can be had from nobody afterwards.
func (k *Keys) Create(ctx context.Context, owner Owner) (Key, PrivateKey, error) {
	if err := k.check(owner); err != nil {
		return Key{}, PrivateKey{}, err
	}
	private, public, err := k.generate()
	if err != nil {
		return Key{}, PrivateKey{}, err
	}
	key, err := k.add(ctx, owner, public, false)
	if err != nil {
		return Key{}, PrivateKey{}, err
	}
	return key, private, nil
}

// Import puts a key in force that somebody else has made. It takes the public half, in PEM.
func (k *Keys) Import(ctx context.Context, owner Owner, publicPEM []byte) (Key, error) {
	if err := k.check(owner); err != nil {
		return Key{}, err
	}
	public, err := parsePublicKey(publicPEM)
	if err != nil {
		return Key{}, err
	}
	return k.add(ctx, owner, public, false)
}

// check refuses what nobody can be.
func (k *Keys) check(owner Owner) error {
	if owner.Role != ocisig.Administrator && owner.Role != ocisig.ReadOnly {
		return fault.Field("role", "%q: must be %s or %s", fault.Shortened(string(owner.Role)), ocisig.Administrator, ocisig.ReadOnly)
	}
	if owner.Tenancy != "" && !ocid.Is("tenancy", owner.Tenancy) {
		return fault.Field("tenancy", "%q: must be an OCID such as ocid1.tenancy.oc1..aaaa", fault.Shortened(owner.Tenancy))
	}
	if owner.User != "" && !ocid.Is("user", owner.User) {
		return fault.Field("user", "%q: must be an OCID such as ocid1.user.oc1..aaaa", fault.Shortened(owner.User))
	}
	if err := fault.Line("description", owner.Description, DescriptionBytesMax); err != nil {
		return err
	}
	if entries, _ := k.store.List(prefix); len(entries) >= Max {
		return fault.New(fault.Full, "there are %d API keys, no more are allowed: revoke some first", Max)
	}
	return nil
}

// add puts a key in force, and makes the tenancy with the first one. Should two make it at once, the second looks again.
func (k *Keys) add(ctx context.Context, owner Owner, public publicKey, firstStart bool) (Key, error) {
	what := "add API key " + public.fingerprint
	d := document{
		Version: version, Tenancy: owner.Tenancy, User: owner.User, Public: public.der, Role: owner.Role, Description: owner.Description,
		Created: k.o.Now().UTC().Truncate(time.Second), FirstStart: firstStart,
	}
	if d.User == "" {
		var err error
		if d.User, err = ocid.New(k.o.Random, "user", ""); err != nil {
			return Key{}, err
		}
	}
	path := prefix + public.fingerprint
	_, err := fault.Change(ctx, k.store, what, func() (store.Txn, error) {
		if _, found := k.store.Get(path); found {
			return store.Txn{}, fault.New(fault.Conflict, "there is an API key with the fingerprint %s already: revoke it first, or make another", public.fingerprint)
		}
		txn := store.Txn{If: []store.Condition{{Key: path}}}
		if owner.Tenancy == "" {
			var err error
			if d.Tenancy, err = k.ownTenancy(&txn); err != nil {
				return store.Txn{}, err
			}
		}
		value, err := json.Marshal(d)
		if err != nil {
			return store.Txn{}, fmt.Errorf("%s: %w", what, err)
		}
		txn.Puts = append(txn.Puts, store.Put{Key: path, Value: value})
		return txn, nil
	})
	if err != nil {
		return Key{}, err
	}
	return d.key(path), nil
}

// ownTenancy returns lull's tenancy. If there is none, the transaction makes it.
func (k *Keys) ownTenancy(txn *store.Txn) (string, error) {
	if id, found := k.Tenancy(); found {
		return id, nil
	}
	id, err := ocid.New(k.o.Random, "tenancy", "")
	if err != nil {
		return "", err
	}
	value, err := json.Marshal(tenancy{Version: version, ID: id})
	if err != nil {
		return "", fmt.Errorf("make a tenancy: %w", err)
	}
	txn.If = append(txn.If, store.Condition{Key: tenancyPath})
	txn.Puts = append(txn.Puts, store.Put{Key: tenancyPath, Value: value})
	return id, nil
}

// Revoke ends a key: requests that it signs are refused from now on.
func (k *Keys) Revoke(ctx context.Context, fingerprint string) error {
	_, err := fault.Change(ctx, k.store, "revoke API key "+fingerprint, func() (store.Txn, error) { return k.revocation(fingerprint) })
	return err
}

// revocation returns the transaction that ends a key. Another administrator is among the conditions, unless the key is none.
func (k *Keys) revocation(fingerprint string) (store.Txn, error) {
	entries, _ := k.store.List(prefix)
	at := slices.IndexFunc(entries, func(e store.Entry) bool { return e.Key == prefix+fingerprint })
	if at < 0 {
		return store.Txn{}, fault.New(fault.NotFound, "there is no API key %q", fault.Shortened(fingerprint))
	}
	txn := store.Txn{If: []store.Condition{conditionOf(entries[at])}, Deletes: []string{entries[at].Key}}
	if !isAdministrator(entries[at]) {
		return txn, nil
	}
	for i, e := range entries {
		if i != at && isAdministrator(e) {
			txn.If = append(txn.If, conditionOf(e))
			return txn, nil
		}
	}
	return store.Txn{}, fault.New(fault.Conflict, "API key %s is the last administrator's: create another one first", fingerprint)
}

func isAdministrator(e store.Entry) bool {
	d, _, err := decode(e)
	return err == nil && d.Role == ocisig.Administrator
}

func conditionOf(e store.Entry) store.Condition {
	return store.Condition{Key: e.Key, Revision: e.Revision}
}

// ID returns the name by which a signature refers to the key.
func (k Key) ID() string { return k.Tenancy + "/" + k.User + "/" + k.Fingerprint }

// key returns what may be told of a document.
func (d document) key(path string) Key {
	return Key{strings.TrimPrefix(path, prefix), d.Tenancy, d.User, d.Role, d.Description, d.Created, d.FirstStart}
}

// decode reads a document and the key in it.
func decode(e store.Entry) (document, *rsa.PublicKey, error) {
	var d document
	if err := json.Unmarshal(e.Value, &d); err != nil {
		return d, nil, fmt.Errorf("document %q of the store is not an API key: %w", e.Key, err)
	}
	if d.Version != version {
		return d, nil, newerVersion(e, d.Version)
	}
	public, err := decodePublicKey(d.Public)
	if err != nil {
		return d, nil, fmt.Errorf("document %q of the store is not an API key: %w", e.Key, err)
	}
	return d, public, nil
}

func decodeTenancy(e store.Entry) (tenancy, error) {
	var t tenancy
	if err := json.Unmarshal(e.Value, &t); err != nil {
		return t, fmt.Errorf("document %q of the store is not a tenancy: %w", e.Key, err)
	}
	if t.Version != version {
		return t, newerVersion(e, t.Version)
	}
	if !ocid.Is("tenancy", t.ID) {
		return t, fmt.Errorf("document %q of the store is not a tenancy: its OCID is %q", e.Key, fault.Shortened(t.ID))
	}
	return t, nil
}

func newerVersion(e store.Entry, got int) error {
	return fmt.Errorf("document %q of the store has version %d, this lull knows %d: start the lull that wrote it", e.Key, got, version)
}
