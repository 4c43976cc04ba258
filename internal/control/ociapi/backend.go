package ociapi

import (
	"slices"

	"lull/internal/control/ociapi/wire"
)

//nolint:gochecknoglobals // a table
var backendReads = map[string]read{
	"ListBackends": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, backendSetKind, b.BackendSets, r.Parameters[wire.BackendSetName],
			func(name string, set wire.BackendSetDetails) []wire.Backend {
				return backendSetView(name, set).Backends
			})
	}),
	"GetBackend": ofBalancer(getBackend),
}

//nolint:gochecknoglobals // a table
var backendChanges = map[string]change{
	"CreateBackend": createBackend,
	"UpdateBackend": updateBackend,
	"DeleteBackend": deleteBackend,
}

func getBackend(b *balancer, r *wire.Request) (any, error) {
	set, found := b.BackendSets[r.Parameters[wire.BackendSetName]]
	if !found {
		return nil, wire.NoSuchChild(b.ID, backendSetKind, r.Parameters[wire.BackendSetName])
	}
	name := r.Parameters[wire.BackendName]
	i := backendAt(set.Backends, name)
	if i < 0 {
		return nil, wire.NoSuchChild(b.ID, "backend", name)
	}
	return backendView(&set.Backends[i]), nil
}

// backendAt returns the place of a backend in a list, by its name; -1 if it is not there.
func backendAt(list []wire.BackendDetails, name string) int {
	return slices.IndexFunc(list, func(b wire.BackendDetails) bool { return b.Name() == name })
}

// changeBackendSet puts a changed copy of the set that a request names into the place of the old one. What is below the copy is
// shared and must be replaced, not modified.
func changeBackendSet(d *document, r *wire.Request, f func(set *wire.BackendSetDetails) error) error {
	name := r.Parameters[wire.BackendSetName]
	set, found := d.BackendSets[name]
	if !found {
		return wire.NoSuchChild(d.ID, backendSetKind, name)
	}
	if err := f(&set); err != nil {
		return err
	}
	d.BackendSets[name] = set
	return nil
}

func createBackend(d *document, r *wire.Request) error {
	return changeBackendSet(d, r, func(set *wire.BackendSetDetails) error {
		body := *r.Body.(*wire.BackendDetails)
		if backendAt(set.Backends, body.Name()) >= 0 {
			return refuse(wire.Conflict, "ipAddress", "Backend set '%s' of load balancer %s already has a backend named '%s'",
				r.Parameters[wire.BackendSetName], d.ID, body.Name())
		}
		set.Backends = append(slices.Clip(set.Backends), body)
		return nil
	})
}

// updateBackend replaces all of a backend but its address: maxConnections goes back to the set's when it is left out.
func updateBackend(d *document, r *wire.Request) error {
	return changeBackendSet(d, r, func(set *wire.BackendSetDetails) error {
		name, body := r.Parameters[wire.BackendName], r.Body.(*wire.UpdateBackendDetails)
		i := backendAt(set.Backends, name)
		if i < 0 {
			return wire.NoSuchChild(d.ID, "backend", name)
		}
		set.Backends = slices.Clone(set.Backends)
		b := &set.Backends[i]
		b.Weight, b.Backup, b.Drain, b.Offline, b.MaxConnections = body.Weight, body.Backup, body.Drain, body.Offline, body.MaxConnections
		return nil
	})
}

func deleteBackend(d *document, r *wire.Request) error {
	return changeBackendSet(d, r, func(set *wire.BackendSetDetails) error {
		name := r.Parameters[wire.BackendName]
		i := backendAt(set.Backends, name)
		if i < 0 {
			return &vanished{wire.NoSuchChild(d.ID, "backend", name)}
		}
		set.Backends = slices.Delete(slices.Clone(set.Backends), i, i+1)
		return nil
	})
}

// checkBackups refuses backups in a set whose policy gives each client its backend: that would change with the state of others.
func checkBackups(field string, set *wire.BackendSetDetails) error {
	if set.Policy != "IP_HASH" {
		return nil
	}
	for _, b := range set.Backends {
		if b.Backup {
			field += ".backends." + b.Name() + ".backup"
			return invalid(field, "%s true is not allowed when policy is IP_HASH: allowed is false", field)
		}
	}
	return nil
}
