package ociapi

//nolint:gochecknoglobals // a table
var backendSetReads = map[string]read{}

//nolint:gochecknoglobals // a table
var backendSetChanges = map[string]change{}
