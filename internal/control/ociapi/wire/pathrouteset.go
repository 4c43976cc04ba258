package wire

import "strings"

// PathRouteSet is a named list of rules that choose a backend set by the path.
type PathRouteSet struct {
	Name string `wire:"name,required,notempty" match:"name"`
	PathRouteSetDetails
}

// PathRouteSetDetails is the rules without the name.
type PathRouteSetDetails struct {
	PathRoutes []PathRoute `wire:"pathRoutes,required" range:"0-20"`
}

// PathRoute is one rule. Its path is no pattern.
type PathRoute struct {
	Path           string        `wire:"path,required,notempty" range:"1-2048" match:"visible"`
	PathMatchType  PathMatchType `wire:"pathMatchType,required"`
	BackendSetName string        `wire:"backendSetName,required" range:"1-32" match:"name"`
}

// PathMatchType is how the path of a request must be like that of a rule.
type PathMatchType struct {
	MatchType string `wire:"matchType,required" enum:"EXACT_MATCH FORCE_LONGEST_PREFIX_MATCH PREFIX_MATCH SUFFIX_MATCH"`
}

func (r *PathRoute) check(field string) error {
	if strings.ContainsAny(r.Path, "*?#") {
		field = join(field, "path")
		return invalid(field, "%s '%s' is not allowed: a path has no wildcards, no query and no fragment", field, shown(r.Path))
	}
	return nil
}
