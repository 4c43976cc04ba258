package ociapi

import (
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/rules"
)

// pathRouteSetKind is Oracle's word.
const pathRouteSetKind = "path route set"

//nolint:gochecknoglobals // a table
var pathRouteSetReads = map[string]read{
	"ListPathRouteSets": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return sorted(b.PathRouteSets, pathRouteSetView), nil }),
	"GetPathRouteSet": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, pathRouteSetKind, b.PathRouteSets, r.Parameters[wire.PathRouteSetName], pathRouteSetView)
	}),
}

//nolint:gochecknoglobals // a table
var pathRouteSetChanges = map[string]change{
	"CreatePathRouteSet": createPathRouteSet,
	"UpdatePathRouteSet": updatePathRouteSet,
	"DeletePathRouteSet": deletePathRouteSet,
}

// pathRouteSetView returns a path route set.
func pathRouteSetView(name string, routes []wire.PathRoute) wire.PathRouteSet {
	return wire.PathRouteSet{Name: name, PathRouteSetDetails: wire.PathRouteSetDetails{PathRoutes: routes}}
}

func createPathRouteSet(d *document, r *wire.Request) error {
	body := r.Body.(*wire.PathRouteSet)
	return add(d, pathRouteSetKind, d.PathRouteSets, body.Name, body.PathRoutes)
}

func updatePathRouteSet(d *document, r *wire.Request) error {
	return replace(d, pathRouteSetKind, d.PathRouteSets, r.Parameters[wire.PathRouteSetName], r.Body.(*wire.PathRouteSetDetails).PathRoutes)
}

func deletePathRouteSet(d *document, r *wire.Request) error {
	name := r.Parameters[wire.PathRouteSetName]
	for listener, l := range ordered(d.Listeners) {
		if l.PathRouteSetName != nil && *l.PathRouteSetName == name {
			return inUse(pathRouteSetKind, name, "listener", listener)
		}
	}
	return drop(d, pathRouteSetKind, d.PathRouteSets, name)
}

// checkPathRouteSets wants paths that a request can have, and backend sets that are there.
func checkPathRouteSets(_ *Service, d *document) error {
	if n := len(d.PathRouteSets); n > pathRouteSetsMax {
		return refuse(wire.LimitExceeded, "pathRouteSets", "Load balancer %s would have %d path route sets, at most %d are allowed", d.ID, n, pathRouteSetsMax)
	}
	for name, routes := range ordered(d.PathRouteSets) {
		for i := range routes {
			set := routes[i].BackendSetName
			if _, found := d.BackendSets[set]; !found {
				return invalid("backendSetName", "PathRouteSet '%s' contains a rule referencing BackendSet '%s' which does not exist in load balancer '%s' (pathRoutes[%d].backendSetName)",
					name, set, d.ID, i)
			}
			if _, err := rules.NewPaths([]rules.PathRoute{pathRoute(&routes[i], 0)}); err != nil {
				return invalid("path", "PathRouteSet '%s', pathRoutes[%d].path '%s': %s", name, i, routes[i].Path, err)
			}
		}
	}
	return nil
}
