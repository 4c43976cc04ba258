package ociapi

//nolint:gochecknoglobals // a table
var pathRouteSetReads = map[string]read{}

//nolint:gochecknoglobals // a table
var pathRouteSetChanges = map[string]change{}
