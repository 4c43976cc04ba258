// Package certstore provides the server certificates of the APIs' load balancers, each by its ARN.
//
// `lull certs` and the JSON API import, list and delete on goroutines of their own; whoever compiles load balancers takes a holder
// for an ARN and gives it to the plan, whose handshakes take from it what is in force at that moment.
//
// There is one holder for an ARN as long as the process lives: importing again replaces what is in it, so that listeners have
// the renewed certificate from the next handshake on, without a new plan. A deleted certificate leaves an empty holder behind, and
// one that is imported under its ARN later is in that same holder. A holder for each import would be simpler to
// keep and would need a plan each time, in which nothing else has changed. Who has made something else of what is in a holder, or has gone
// without it, is told of changes by OnChange.
//
// Each certificate is a document of its own in the store: chain and key in PEM as they were parsed, so that what stood around the
// blocks in the file that was imported is not kept. The key is there in the clear; the store's mode 0600 guards it. Nothing that the
// package returns holds it but the holders and Certificate, which prints as its description, and no error has a part of it.
//
// A Store may be used from anywhere. Its lock guards the map of holders and is never held during a commit, nor while Options' functions
// are called: a listener that begins to use a certificate at the moment of its deletion has none then, and its handshakes
// fail until it is imported again. Two imports at once end with that of the higher revision in force, which is also the one in the store.
//
// Limits: Max certificates, certs.BytesMax for chain and key each as given, and a document of the store (1 MiB) for both as parsed.
//
// ARNs follow the IAM and ACM user guides: arn:aws:iam::ACCOUNT:server-certificate/PATH/NAME and
// arn:aws:acm:REGION:ACCOUNT:certificate/ID.
package certstore

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lull/internal/control/fault"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
)

// Max bounds the certificates. Each is parsed when lull starts, an RSA one in half a millisecond.
const Max = 1000

const (
	prefix  = "certificates/"
	version = 1 // of the documents' format
)

// Info is what may be told of a certificate.
type Info struct {
	ARN         string
	Description string   // in a line: subject, key and expiry
	Names       []string // DNS names, in lower case
	KeyKind     certs.KeyKind
	NotAfter    time.Time // when it expires, or its chain if that is sooner
	Imported    time.Time
	Warnings    []string // what is wrong with it or soon will be, though it can be used
}

// document is a certificate in the store.
type document struct {
	Version  int       `json:"version"`
	Chain    string    `json:"chain"` // PEM, leaf first
	Key      string    `json:"key"`   // PEM, PKCS #8
	Imported time.Time `json:"imported"`
}

// Options are what a Store needs besides the store of documents.
type Options struct {
	Account string           // of the ARNs that bare names get: 12 digits
	Now     func() time.Time // the wall clock; required
	// InUse returns who uses a certificate, as in "listener 443 of load balancer web", if anybody does. nil: nobody ever does.
	InUse func(arn string) (by string, used bool)
}

// Store is the certificates. See New.
type Store struct {
	// Fixed after New.
	store *store.Store
	o     Options

	// Guarded by mu.
	mu        sync.RWMutex
	held      map[string]*held // by ARN; those that were deleted, too
	listeners []func(arn string)
}

// held is what is in force under an ARN. The holder is always the same; the rest is guarded by Store.mu.
type held struct {
	holder   *certs.Holder
	cert     *certs.Certificate // nil: deleted
	imported time.Time
	revision store.Revision // of the commit that it is from
}

// New returns the certificates of a store of documents. It refuses one with certificates that it cannot read.
func New(s *store.Store, o Options) (*Store, error) {
	if !accountChars.MatchString(o.Account) {
		return nil, fault.Field("account", "%q: must be 12 digits", fault.Shortened(o.Account))
	}
	if o.InUse == nil {
		o.InUse = func(string) (string, bool) { return "", false }
	}
	c := &Store{store: s, o: o, held: map[string]*held{}}
	entries, _ := s.List(prefix)
	for _, e := range entries {
		cert, imported, err := decode(e)
		if err != nil {
			return nil, err
		}
		c.held[strings.TrimPrefix(e.Key, prefix)] = &held{certs.NewHolder(setOf(cert)), cert, imported, e.Revision}
	}
	return c, nil
}

// OnChange has a function called after each import and deletion, behind those that were given before, on the goroutine of whoever asked for
// it and before he is answered. It may call the store. Changes at the same moment call it at the same moment.
func (c *Store) OnChange(f func(arn string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners = append(slices.Clone(c.listeners), f) // changed may be reading the old ones
}

func (c *Store) changed(arn string) {
	c.mu.RLock()
	listeners := c.listeners
	c.mu.RUnlock()
	for _, f := range listeners {
		f(arn)
	}
}

// setOf returns the set of one certificate, or of none.
func setOf(cert *certs.Certificate) *certs.Set {
	if cert == nil {
		return certs.NewSet(nil)
	}
	return certs.NewSet([]*certs.Certificate{cert})
}

// Holder returns the holder of a certificate, and whether there is such a certificate. It is the same each time.
func (c *Store) Holder(arn string) (*certs.Holder, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if h := c.held[arn]; h != nil && h.cert != nil {
		return h.holder, true
	}
	return nil, false
}

// Certificate returns the certificate in force under an ARN, for those who have to know its kind of key.
func (c *Store) Certificate(arn string) (*certs.Certificate, bool) {
	h, found := c.Holder(arn)
	if !found {
		return nil, false
	}
	all := h.Set().All()
	if len(all) == 0 { // deleted this moment
		return nil, false
	}
	return all[0], true
}

// Get returns what may be told of a certificate.
func (c *Store) Get(arnOrName string) (Info, error) {
	arn, err := c.ARN(arnOrName)
	if err != nil {
		return Info{}, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if h := c.held[arn]; h != nil && h.cert != nil {
		return h.info(arn, c.o.Now()), nil
	}
	return Info{}, notFound(arn)
}

// List returns what may be told of all certificates, by ARN.
func (c *Store) List() []Info {
	now := c.o.Now()
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := []Info{}
	for arn, h := range c.held {
		if h.cert != nil {
			list = append(list, h.info(arn, now))
		}
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.ARN, b.ARN) })
	return list
}

func (h *held) info(arn string, now time.Time) Info {
	return Info{
		ARN: arn, Description: h.cert.String(), Names: h.cert.Names(), KeyKind: h.cert.KeyKind(), NotAfter: h.cert.ChainNotAfter(),
		Imported: h.imported, Warnings: h.cert.Warnings(now),
	}
}

// Import keeps a certificate under an ARN, or under that of a bare name, and puts it in force where the one that it replaces was. Chain
// and key may be one and the same text.
func (c *Store) Import(ctx context.Context, arnOrName string, chain, key []byte) (Info, error) {
	arn, err := c.ARN(arnOrName)
	if err != nil {
		return Info{}, err
	}
	cert, err := certs.Parse(chain, key)
	if err != nil {
		return Info{}, refusal(err)
	}
	value, imported, err := c.encode(cert)
	if err != nil {
		return Info{}, err
	}
	old, found := c.Certificate(arn)
	if !found && c.full() {
		return Info{}, fault.New(fault.Full, "there are %d certificates, no more are allowed: delete some first", Max)
	}
	revision, err := c.store.Commit(ctx, store.Txn{Puts: []store.Put{{Key: prefix + arn, Value: value}}})
	if err != nil {
		return Info{}, fault.Commit("import certificate "+arn, err)
	}
	next := &held{cert: cert, imported: imported, revision: revision}
	c.take(arn, next)
	c.changed(arn)
	info := next.info(arn, c.o.Now())
	if found && old.KeyKind() != cert.KeyKind() {
		info.Warnings = append(info.Warnings, otherKind(old.KeyKind(), cert.KeyKind()))
	}
	return info, nil
}

// otherKind warns of a renewal that a listener may have no use for. It is none to refuse: the usual policies have ciphers for both, and
// whoever wants to change over has to begin with one of the two.
func otherKind(old, next certs.KeyKind) string {
	return fmt.Sprintf("its key is %s, that of the certificate before was %s: clients that only know ciphers for that kind are refused now, "+
		"and so is everybody by a listener whose SSL policy has ciphers for that kind alone", next, old)
}

// full reports whether there are as many certificates as there may be. Several imports at once may take it a few beyond that.
func (c *Store) full() bool {
	entries, _ := c.store.List(prefix)
	return len(entries) >= Max
}

// take puts what a commit has written in force, unless a later one is already.
func (c *Store) take(arn string, next *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.held[arn]
	switch {
	case old == nil:
		next.holder = certs.NewHolder(setOf(next.cert))
	case old.revision > next.revision:
		return
	default:
		next.holder = old.holder
		next.holder.Replace(setOf(next.cert))
	}
	c.held[arn] = next
}

// Delete removes a certificate that no load balancer uses.
func (c *Store) Delete(ctx context.Context, arnOrName string) error {
	arn, err := c.ARN(arnOrName)
	if err != nil {
		return err
	}
	revision, err := fault.Change(ctx, c.store, "delete certificate "+arn, func() (store.Txn, error) {
		e, found := c.store.Get(prefix + arn)
		if !found {
			return store.Txn{}, notFound(arn)
		}
		if by, used := c.o.InUse(arn); used {
			return store.Txn{}, fault.New(fault.InUse, "certificate %s is used by %s: give it another one first", arn, by)
		}
		return store.Txn{
			If:      []store.Condition{{Key: e.Key, Revision: e.Revision}}, // or else it is another certificate by now
			Deletes: []string{e.Key},
		}, nil
	})
	if err == nil {
		c.take(arn, &held{revision: revision})
		c.changed(arn)
	}
	return err
}

func notFound(arn string) error {
	return fault.New(fault.NotFound, "there is no certificate %s", arn)
}

// refusal tells what of a certificate was refused, and why. certs never repeats a part of a key.
func refusal(err error) error {
	var e *certs.Error
	if !errors.As(err, &e) { // which it is
		return fault.Field("chain", "%v", err)
	}
	switch e.Part {
	case certs.PartChain:
		return fault.Field("chain", "%s", e.Text)
	case certs.PartKey:
		return fault.Field("key", "%s", e.Text)
	case certs.PartPair:
	}
	return fault.Field("chain and key", "%s", e.Text)
}

// encode returns the document of a certificate, and the time that is in it.
func (c *Store) encode(cert *certs.Certificate) ([]byte, time.Time, error) {
	var chain strings.Builder
	for _, der := range cert.TLS.Certificate {
		chain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.TLS.PrivateKey)
	if err != nil {
		return nil, time.Time{}, errors.New("key: of a kind that cannot be kept") // which Parse does not let pass
	}
	d := document{version, chain.String(), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), c.o.Now().UTC().Truncate(time.Second)}
	value, err := json.Marshal(d)
	if err != nil {
		return nil, time.Time{}, errors.New("key: cannot be encoded")
	}
	if len(value) > store.ValueBytesMax {
		return nil, time.Time{}, fault.Field("chain", "with the key it takes %d bytes in the store, at most %d are allowed", len(value), store.ValueBytesMax)
	}
	return value, d.Imported, nil
}

// decode reads a document. What JSON finds wrong may be a part of the key, so that its words are not passed on.
func decode(e store.Entry) (*certs.Certificate, time.Time, error) {
	var d document
	if json.Unmarshal(e.Value, &d) != nil {
		return nil, time.Time{}, fmt.Errorf("document %q of the store is not a certificate", e.Key)
	}
	if d.Version != version {
		return nil, time.Time{}, fmt.Errorf("document %q of the store has version %d, this lull knows %d: start the lull that wrote it", e.Key, d.Version, version)
	}
	cert, err := certs.Parse([]byte(d.Chain), []byte(d.Key))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("document %q of the store: %w", e.Key, err)
	}
	return cert, d.Imported, nil
}
