package ociapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
)

// documentVersion is counted up when the meaning of a field changes.
const documentVersion = 1

// balancerPrefix is where the store has the load balancers.
const balancerPrefix = "ociapi/loadbalancers/"

// The states of a load balancer.
const (
	stateCreating = "CREATING"
	stateFailed   = "FAILED"
	stateActive   = "ACTIVE"
	stateDeleting = "DELETING"
)

// document is a load balancer as it is stored. The parts that clients write are kept as they were decoded, in the types of
// package wire, so the names of those fields are a part of the format (TestStoredDocument holds them).
//
// One that is in the state never changes: clone first. A clone shares everything below its maps: put a new value into a map
// instead of changing the one that is there.
type document struct {
	Version   int
	ID        string // OCID
	PlanName  string // in the plan, in commands and in metrics; never changes, unlike DisplayName
	ETag      string
	State     string
	Created   time.Time
	Addresses []netip.Addr // on which all listeners are: one of IPv4, or of IPv6

	CompartmentID           string
	DisplayName             string
	ShapeName               string
	ShapeDetails            *wire.ShapeDetails
	SubnetIDs               []string
	NetworkSecurityGroupIDs []string
	IsPrivate               bool
	DeleteProtection        bool
	RequestIDEnabled        bool
	RequestIDHeader         string
	IPMode                  string
	ReservedIPs             []wire.ReservedIP
	Tags                    wire.Tags

	Listeners       map[string]wire.ListenerDetails
	BackendSets     map[string]wire.BackendSetDetails
	Hostnames       map[string]string // name → host
	Certificates    map[string]wire.CertificateDetails
	CipherSuites    map[string][]string
	PathRouteSets   map[string][]wire.PathRoute
	RoutingPolicies map[string]wire.RoutingPolicy
	RuleSets        map[string][]wire.Rule
}

// newDocument returns an empty load balancer.
func newDocument(id string) *document {
	return &document{
		Version: documentVersion, ID: id, State: stateCreating,
		Listeners: map[string]wire.ListenerDetails{}, BackendSets: map[string]wire.BackendSetDetails{}, Hostnames: map[string]string{},
		Certificates: map[string]wire.CertificateDetails{}, CipherSuites: map[string][]string{},
		PathRouteSets: map[string][]wire.PathRoute{}, RoutingPolicies: map[string]wire.RoutingPolicy{}, RuleSets: map[string][]wire.Rule{},
	}
}

// clone returns a copy whose fields and maps may be changed, but nothing below these.
func (d *document) clone() *document {
	c := *d
	c.Listeners, c.BackendSets, c.Hostnames = maps.Clone(d.Listeners), maps.Clone(d.BackendSets), maps.Clone(d.Hostnames)
	c.Certificates, c.CipherSuites = maps.Clone(d.Certificates), maps.Clone(d.CipherSuites)
	c.PathRouteSets, c.RoutingPolicies, c.RuleSets = maps.Clone(d.PathRouteSets), maps.Clone(d.RoutingPolicies), maps.Clone(d.RuleSets)
	return &c
}

// inState returns a copy in another state of its life.
func (d *document) inState(state string) *document {
	c := *d
	c.State = state
	return &c
}

// encode returns what the store keeps.
func (d *document) encode() ([]byte, error) { return json.Marshal(d) }

// fits refuses a load balancer that the store would not take.
func (d *document) fits() error {
	value, err := d.encode()
	if err == nil && len(value) > documentBytesMax {
		return refuse(wire.LimitExceeded, "", "Load balancer %s would take %d bytes of lull's store, allowed are %d: share certificates, or divide it in two",
			d.ID, len(value), documentBytesMax)
	}
	return err
}

// unmarshal reads JSON with the numbers in tags as they are.
func unmarshal(value []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// decodeDocument reads what encode has written.
func decodeDocument(key string, value []byte) (*document, error) {
	d := newDocument("")
	if err := unmarshal(value, d); err != nil {
		return nil, fmt.Errorf("document %s: %w", key, err)
	}
	if d.Version != documentVersion || balancerPrefix+d.ID != key {
		return nil, fmt.Errorf("document %s: has version %d and id %q; this lull knows version %d", key, d.Version, d.ID, documentVersion)
	}
	return d, nil
}

// decodeDocuments reads documents on all processors: of a start with 500 large ones it is most of the work. The error is that of the
// first one that cannot be read.
func decodeDocuments(entries []store.Entry) ([]*document, error) {
	documents, failures := make([]*document, len(entries)), make([]error, len(entries))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(entries)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(entries)); i = next.Add(1) - 1 {
				documents[i], failures[i] = decodeDocument(entries[i].Key, entries[i].Value)
			}
		})
	}
	all.Wait()
	return documents, cmp.Or(failures...)
}
